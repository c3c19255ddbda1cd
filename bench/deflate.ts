/**
 * What compression costs on the runtime that this file is run with: microseconds
 * a message and backend, and memory of the server for each idle connection.
 *
 *     deno run -A bench/deflate.ts     bun bench/deflate.ts     node bench/deflate.ts
 */
import { spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { readFileSync } from "node:fs";
import { connect, type Socket } from "node:net";
import process from "node:process";
import { deflateRawSync } from "node:zlib";
import type { Bytes } from "../src/deflate/backend.ts";
import { resolveDeflateOptions } from "../src/deflate/options.ts";
import {
  createDeflateStages,
  prepareDeflate,
} from "../src/deflate/permessage_deflate.ts";
import type { Frame, OutgoingFrame } from "../src/frame.ts";
import { Opcode } from "../src/frame.ts";

const connections = 500;
const rounds = 7;

await prepareDeflate();
console.log(
  `\n${runtimeName()}: microseconds a message (median of ${rounds})\n`,
);
console.log("| backend | context | message | compress | inflate |");
console.log("| --- | --- | --- | --- | --- |");
for (const backend of ["standard", "zlib"] as const) {
  for (const alone of [true, false]) {
    for (const size of [512, 16 * 1024]) {
      const [compress, inflate] = await timesOf(backend, alone, size);
      console.log(
        `| ${backend} | ${alone ? "no" : "yes"} | ${size} B JSON | ` +
          `${compress.toFixed(0)} | ${inflate.toFixed(0)} |`,
      );
    }
  }
}

console.log(
  `\n${runtimeName()}: KiB for each of ${connections} idle connections\n`,
);
console.log("| --deflate | after one message of 2 KiB | after 64 KiB |");
console.log("| --- | --- | --- |");
for (const deflate of ["off", "standard", "auto", "zlib"]) {
  const small = await memoryOf(deflate, 2 * 1024);
  const large = await memoryOf(deflate, 64 * 1024);
  console.log(`| ${deflate} | ${small.toFixed(0)} | ${large.toFixed(0)} |`);
}
process.exit(0);

/** Microseconds to compress and to inflate a message, each message another. */
async function timesOf(
  backend: "standard" | "zlib",
  alone: boolean,
  size: number,
): Promise<[number, number]> {
  const { deflate, inflate } = createDeflateStages(
    {
      backend,
      parameters: {
        serverNoContextTakeover: alone,
        clientNoContextTakeover: alone,
        serverMaxWindowBits: 15,
        clientMaxWindowBits: 15,
      },
    },
    "server",
    resolveDeflateOptions({ threshold: 0, backend })!,
  );
  let frames: OutgoingFrame[] = [];
  let inflated = 0;
  const toWire = {
    enqueue: (frame: OutgoingFrame) => void frames.push(frame),
    error: fail,
  };
  const toApplication = {
    enqueue: (frame: Frame) => void (inflated += frame.payload.length),
    error: fail,
  };
  const count = size > 1024 ? 100 : 400;
  const compressTimes: number[] = [];
  const inflateTimes: number[] = [];
  for (let round = 0; round < rounds; round++) {
    frames = [];
    inflated = 0;
    const messages = Array.from({ length: count }, () => json(size));
    let started = performance.now();
    for (const payload of messages) {
      const frame = { opcode: Opcode.Text, fin: true, rsv1: false, payload };
      await deflate.transform(frame, toWire);
    }
    await deflate.settled;
    compressTimes.push((performance.now() - started) * 1000 / count);
    started = performance.now();
    for (const { opcode, fin, rsv1, payload } of frames) {
      const bytes = payload as Bytes;
      await inflate.transform(
        { opcode, fin, rsv1, payload: bytes, remaining: 0 },
        toApplication,
      );
    }
    await inflate.settled;
    inflateTimes.push((performance.now() - started) * 1000 / count);
    if (inflated !== count * size) throw new Error("not all was inflated");
  }
  deflate.close();
  inflate.close();
  return [median(compressTimes), median(inflateTimes)];
}

/** KiB of the server's memory for each connection, after one message each way. */
async function memoryOf(deflate: string, size: number): Promise<number> {
  const server = spawn(process.execPath, [
    ...("Deno" in globalThis ? ["run", "-A"] : []),
    new URL("../server.ts", import.meta.url).pathname,
    "--port=0",
    `--deflate=${deflate}`,
  ]);
  const sockets: Socket[] = [];
  try {
    const port = await new Promise<number>((resolve) => {
      server.stdout.on("data", (text) => {
        const found = /127\.0\.0\.1:(\d+)/.exec(String(text));
        if (found !== null) resolve(Number(found[1]));
      });
    });
    // What the first connections warm up is not the others' cost.
    for (let index = 0; index < 100; index++) {
      (await converse(port, size)).destroy();
    }
    const before = memory(server.pid!);
    for (let index = 0; index < connections; index++) {
      sockets.push(await converse(port, size));
    }
    await new Promise((resolve) => setTimeout(resolve, 1000));
    return (memory(server.pid!) - before) / connections;
  } finally {
    for (const socket of sockets) socket.destroy();
    server.kill("SIGKILL");
  }
}

/** Opens a WebSocket, sends a message, compressed if that was agreed, and waits for its echo. */
function converse(port: number, size: number): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, "127.0.0.1");
    let agreed = false;
    let received = 0;
    let awaited = Infinity;
    socket.on("error", reject);
    socket.on("data", (chunk) => {
      if (awaited === Infinity) {
        agreed = chunk.includes("permessage-deflate");
        const payload = agreed ? compressed(json(size)) : json(size);
        socket.write(maskedFrame(agreed ? 0xc1 : 0x81, payload));
        // The echo is at least a tenth as long, compressed or not.
        awaited = payload.length / 10;
        return;
      }
      received += chunk.length;
      if (received >= awaited) resolve(socket);
    });
    socket.write(
      "GET /echo HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\n" +
        "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n" +
        `Sec-WebSocket-Key: ${randomBytes(16).toString("base64")}\r\n` +
        "Sec-WebSocket-Extensions: permessage-deflate\r\n\r\n",
    );
  });
}

function compressed(payload: Bytes): Uint8Array {
  return deflateRawSync(payload, { finishFlush: 2 }).subarray(0, -4);
}

/** A frame with the masking key 0. */
function maskedFrame(first: number, payload: Uint8Array): Uint8Array {
  const header = payload.length < 126
    ? [first, 0x80 | payload.length]
    : payload.length < 65536
    ? [first, 0xfe, payload.length >> 8, payload.length & 255]
    : [
      ...[first, 0xff, 0, 0, 0, 0, 0],
      ...[payload.length >> 16, payload.length >> 8 & 255],
      payload.length & 255,
    ];
  return new Uint8Array([...header, 0, 0, 0, 0, ...payload]);
}

/** Records of varying content, as an application might send them. */
function json(size: number): Bytes {
  let text = "[";
  while (text.length < size) {
    const id = Math.floor(Math.random() * 1e6);
    text += `{"id":${id},"name":"user ${id % 97}","price":${
      (Math.random() * 100).toFixed(2)
    },"tags":["a","b"],"active":${id % 2 === 0}},`;
  }
  return new TextEncoder().encode(text.slice(0, size));
}

/** The resident memory of a process in KiB. */
function memory(pid: number): number {
  const status = readFileSync(`/proc/${pid}/status`, "utf8");
  return Number(/VmRSS:\s+(\d+)/.exec(status)![1]);
}

function median(numbers: number[]): number {
  return numbers.sort((one, other) => one - other)[numbers.length >> 1];
}

function runtimeName(): string {
  const { versions } = process;
  return versions.deno !== undefined
    ? `Deno ${versions.deno}`
    : versions.bun !== undefined
    ? `Bun ${versions.bun}`
    : `Node ${versions.node}`;
}

function fail(reason: unknown): never {
  throw reason;
}
