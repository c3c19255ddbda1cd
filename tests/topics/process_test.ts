// Memory: of subscriptions that have ended, and of receivers that read nothing.

import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import type { Socket } from "node:net";
import { connect as connectTcp } from "node:net";
import process from "node:process";
import { createInterface } from "node:readline";
import { test } from "node:test";
import { connect as connectTls } from "node:tls";
import { fileURLToPath } from "node:url";
import { WebSocketStream } from "../../mod.ts";
import { asJavaScript } from "../memory/as_javascript.ts";
import { type Relay, startRelay } from "../memory/relay.ts";
import { certificate } from "../support/certificate.ts";
import { type Runtime, runtime, scriptCommand } from "../support/runtime.ts";
import { within } from "../support/serve_on.ts";

const collecting: Record<Runtime, string[]> = {
  deno: ["--v8-flags=--expose-gc"],
  bun: [],
  node: ["--expose-gc"],
};

/** Starts a program of this folder. */
function start(
  name: string,
  runtimeArguments: string[],
  ...programArguments: string[]
): ChildProcess {
  const path = `tests/topics/programs/${name}`;
  // Node's compiler of TypeScript would take a part of the memory.
  const script = runtime === "node"
    ? asJavaScript(path)
    : fileURLToPath(new URL(`../../${path}`, import.meta.url));
  const command = scriptCommand(script);
  const [first, ...rest] = command.arguments;
  const before = runtime === "deno"
    ? [first, ...runtimeArguments, ...rest]
    : [...runtimeArguments, ...command.arguments];
  return spawn(command.program, [...before, ...programArguments], {
    stdio: ["pipe", "pipe", "inherit"],
  });
}

test("100,000 subscribe and unsubscribe rounds leave memory where it was", async () => {
  const child = start("churn.ts", collecting[runtime]);
  try {
    const lines = createInterface({ input: child.stdout! });
    const [line] = await within(once(lines, "line"), "the program", 60_000);
    const { before, after, left } = JSON.parse(line);
    console.log(`churn | ${runtime} | ${before} | ${after}`);
    assert.equal(left, 0);
    assert.ok(
      after - before < 1_000_000,
      `${after - before} bytes more after 100,000 rounds`,
    );
  } finally {
    child.kill("SIGKILL");
  }
});

const subscribers = 1000;
const readingNothing = 10;

for (const scheme of ["ws", "wss"] as const) {
  test(`1,000 subscribers over ${scheme} of which 10 read nothing: the others get everything`, async () => {
    const child = start("feed.ts", [], scheme);
    const relays: Relay[] = [];
    const clients: Client[] = [];
    const connect = async (url: string) => {
      clients.push(await Client.connect(url));
    };
    try {
      const lines = createInterface({ input: child.stdout! });
      const [url] = await within(once(lines, "line"), "the server", 30_000);
      // Over TLS, Deno's own sockets can't be kept from reading.
      for (let count = 0; count < readingNothing; count++) {
        relays.push(await startRelay(url));
        await connect(new URL("/idle", relays[count].url).href);
      }
      while (clients.length < subscribers) {
        await Promise.all(Array.from({ length: 45 }, () => connect(url)));
      }
      for (const relay of relays) relay.hold();
      const reading = clients.slice(readingNothing);
      const asking = await new WebSocketStream(url, {
        caCerts: [certificate],
        deflate: false,
      }).opened;
      const [count, size] = [200, 4000];
      asking.send(`${count} ${size}`);
      const started = performance.now();
      let answer = "";
      for await (const message of asking.readable) {
        if (typeof message === "string" && message.startsWith("{")) {
          answer = message;
          break;
        }
      }
      const all = count * (size + 4);
      await within(
        Promise.all(reading.map((client) => client.received(all))),
        "all messages",
        90_000,
      );
      const seconds = (performance.now() - started) / 1000;
      const { longest, fewest } = JSON.parse(answer);
      for (const client of reading) assert.equal(client.bytes, all);
      const peak = memoryOf(child.pid!);
      console.log(
        `feed | ${runtime} | ${scheme} | peak ${
          (peak / 1e6).toFixed(0)
        } MB | longest publish ${longest.toFixed(1)} ms | ${
          seconds.toFixed(1)
        } s`,
      );
      assert.equal(clients.length, subscribers);
      assert.ok(fewest >= subscribers - readingNothing, `${fewest}`);
      // They were sent 28 MB each, of which 16 MiB may wait in the process.
      assert.ok(fewest < subscribers, "those that read nothing were closed");
      assert.ok(peak < 250_000_000, `${peak} bytes of memory`);
    } finally {
      for (const { socket } of clients) socket.destroy();
      for (const relay of relays) await relay.end();
      child.kill("SIGKILL");
    }
  });
}

test("the slow ones' publishes are in order, none missing", async () => {
  const child = start("feed.ts", [], "ws");
  try {
    const lines = createInterface({ input: child.stdout! });
    const [url] = await within(once(lines, "line"), "the server", 30_000);
    const slow = await new WebSocketStream(url, { deflate: false }).opened;
    const asking = await new WebSocketStream(url, { deflate: false }).opened;
    asking.send("300 30000");
    for await (const message of asking.readable) {
      if (String(message).startsWith("{")) break;
    }
    let next = 0;
    for await (const message of slow.readable) {
      assert.equal(message, `${next} `.padEnd(30_000, "x"));
      if (++next === 300) break;
    }
    assert.equal(next, 300);
  } finally {
    child.kill("SIGKILL");
  }
});

/** A subscriber that counts and checks the bytes of frames as they are. */
class Client {
  readonly socket: Socket;
  /** How many bytes of frames have come. */
  bytes = 0;
  #wake: () => void = () => {};

  constructor(socket: Socket) {
    this.socket = socket;
  }

  static async connect(url: string): Promise<Client> {
    const { protocol, hostname, port, pathname } = new URL(url);
    const address = { host: hostname, port: Number(port) };
    const socket = protocol === "wss:"
      ? connectTls({ ...address, servername: "localhost", ca: certificate })
      : connectTcp(address);
    const client = new Client(socket);
    socket.on("error", () => {});
    const opened = Promise.withResolvers<void>();
    socket.on("close", () => opened.reject(new Error("no handshake")));
    let head = "";
    socket.on("data", (chunk: Uint8Array) => {
      if (head.endsWith("\r\n\r\n")) {
        client.bytes += chunk.length;
        client.#wake();
        return;
      }
      head += new TextDecoder("latin1").decode(chunk);
      if (head.endsWith("\r\n\r\n")) opened.resolve();
    });
    socket.write(
      `GET ${pathname} HTTP/1.1\r\nHost: ${hostname}:${port}\r\n` +
        "Upgrade: websocket\r\nConnection: Upgrade\r\n" +
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n" +
        "Sec-WebSocket-Version: 13\r\n\r\n",
    );
    await within(opened.promise, "the handshake", 30_000);
    return client;
  }

  /** Waits until so many bytes have come. */
  async received(bytes: number): Promise<void> {
    while (this.bytes < bytes) {
      await new Promise<void>((resolve) => this.#wake = resolve);
    }
  }
}

/** The most resident memory that a process had, where Linux tells. */
function memoryOf(pid: number): number {
  if (process.platform !== "linux") return 0;
  const status = readFileSync(`/proc/${pid}/status`, "utf8");
  return Number(/^VmHWM:\s+(\d+) kB$/m.exec(status)![1]) * 1024;
}
