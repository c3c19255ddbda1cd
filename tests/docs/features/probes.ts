/**
 * What a WebSocket server can do, each asked over the wire: a peer's program of
 * `peers/` is the server, and what decides is what it sends back.
 */

import assert from "node:assert/strict";
import type { Buffer } from "node:buffer";
import { connect as connectHttp2 } from "node:http2";
import { constants, deflateRawSync } from "node:zlib";
import {
  closeFrame,
  frame as maskedFrame,
  type HandshakeDetails,
  opcodes,
  RawClient,
  type RawFrame,
} from "../../support/raw_client.ts";
import { burst, messageLimit, sleep } from "./peers/control.ts";

/**
 * Asks a server that listens on a port, and waits so many milliseconds for an
 * answer; rejects if it can't do something.
 */
export type Probe = (port: number, patience: number) => Promise<void>;

/** What is asked, by the name of the table's row. */
export const probes: Readonly<Record<string, Probe>> = {
  "Text and binary messages": async (port) => {
    const client = await open(port, "/echo");
    client.send(opcodes.text, "grüße");
    assert.equal(await client.text(), "grüße");
    client.send(opcodes.binary, new Uint8Array([1, 2, 3]));
    assert.deepEqual([...(await client.frame()).payload], [1, 2, 3]);
  },
  "Fragmented messages, with a ping between the fragments": async (port) => {
    const client = await open(port, "/echo");
    client.send(opcodes.text, "one ", { fin: false });
    client.send(opcodes.ping, "!");
    client.send(opcodes.continuation, "two");
    const pong = await client.frame();
    assert.equal(pong.opcode, opcodes.pong);
    assert.equal(pong.payload.toString(), "!");
    assert.equal(await client.text(), "one two");
  },
  "Closing handshake, with code and reason": async (port) => {
    const client = await open(port, "/close");
    client.send(opcodes.text, "close, please");
    assert.deepEqual(await client.close(), { closeCode: 4001, reason: "bye" });
    const other = await open(port, "/echo");
    other.write(closeFrame(4002, "enough"));
    assert.equal((await other.close()).closeCode, 4002);
    await other.untilEnded();
  },
  "An unmasked frame fails the connection": async (port, patience) => {
    const client = await open(port, "/echo");
    client.send(opcodes.text, "bare", { masked: false });
    await assertEnds(client, patience);
  },
  "Invalid UTF-8 fails the connection": async (port, patience) => {
    const client = await open(port, "/echo");
    client.send(opcodes.text, new Uint8Array([0xc3, 0x28]));
    await assertEnds(client, patience);
  },
  "… at the invalid byte, before the frame is whole": async (
    port,
    patience,
  ) => {
    const client = await open(port, "/echo");
    client.send(opcodes.text, new Uint8Array([0xf4, 0x90, 0x80, 0x80]), {
      length: 1000n,
    });
    await assertEnds(client, patience);
  },
  "A limit for the size of a message, that can be set": async (
    port,
    patience,
  ) => {
    const client = await open(port, "/echo");
    client.send(opcodes.binary, new Uint8Array(2 * messageLimit));
    await assertEnds(client, patience);
  },
  "Pings, sent by the application": async (port, patience) => {
    const client = await open(port, "/ping");
    const { opcode, payload } = await frame(client, patience);
    assert.equal(opcode, opcodes.ping);
    assert.equal(payload.toString(), "are you there");
  },
  "permessage-deflate (RFC 7692)": async (port) => {
    const client = await open(port, "/echo", "permessage-deflate");
    client.send(opcodes.text, compressed("a".repeat(3000)), { reserved: 4 });
    const { reserved, payload } = await client.frame();
    assert.equal(reserved, 4);
    assert.ok(payload.length < 300);
  },
  "… with context takeover": async (port) => {
    const client = await open(port, "/echo", "permessage-deflate");
    const text = Array.from({ length: 500 }, (_, number) => number * number)
      .join();
    const sizes: number[] = [];
    for (let round = 0; round < 2; round++) {
      client.send(opcodes.text, text);
      const { reserved, payload } = await client.frame();
      assert.equal(reserved, 4);
      sizes.push(payload.length);
    }
    assert.ok(sizes[1] < sizes[0] / 5, sizes.join());
  },
  "… with a smaller window, if the client asks for one": async (port) => {
    const client = await RawClient.connect({ port });
    const { header } = await client.upgrade(
      deflating("/echo", "permessage-deflate; server_max_window_bits=10"),
    );
    assert.match(
      header("sec-websocket-extensions") ?? "",
      /server_max_window_bits="?10/,
    );
  },
  "… and the limit holds for the inflated message": async (port, patience) => {
    const client = await open(port, "/echo", "permessage-deflate");
    const bomb = compressed("\0".repeat(16 * messageLimit));
    assert.ok(bomb.length < messageLimit);
    client.send(opcodes.text, bomb, { reserved: 4 });
    await assertEnds(client, patience);
  },
  "Pages of other origins are refused by default": async (port) => {
    const client = await RawClient.connect({ port });
    await assert.rejects(
      client.upgrade({
        path: "/echo",
        headers: { origin: "https://elsewhere.example" },
      }),
      /"status":403/,
    );
  },
  "A handshake can be refused with an HTTP response": async (port) => {
    const client = await RawClient.connect({ port });
    await assert.rejects(client.upgrade({ path: "/refused" }), /"status":401/);
  },
  "An async message handler: one message after the other": async (port) => {
    const client = await open(port, "/serial");
    client.send(opcodes.text, "a");
    client.send(opcodes.text, "b");
    const answers: string[] = [];
    while (answers.length < 4) answers.push(await client.text());
    assert.deepEqual(answers, ["start a", "end a", "start b", "end b"]);
  },
  "A handler that is not done holds the sender back": async (port) => {
    const client = await open(port, "/stuck");
    const message = maskedFrame(opcodes.binary, new Uint8Array(64 * 1024));
    // Far more than the buffers of the kernel and of the server.
    for (let sent = 0; sent < 1000; sent++) {
      client.write(message);
      if (client.socket.writableLength > 512 * 1024) await sleep(1);
    }
    let left = client.socket.writableLength;
    for (let quiet = 0; quiet < 10 && left > 0; quiet++) {
      await sleep(100);
      if (client.socket.writableLength < left) quiet = 0;
      left = client.socket.writableLength;
    }
    const stalled = left > 0;
    assert.ok(stalled, "all was read");
    assert.ok(!client.ended && !client.closed, "the connection ended");
  },
  "What waits for a client that does not read is bounded": async (port) => {
    const { received, ended } = await readOnce(port);
    assert.ok(ended || received.length < burst.messages);
  },
  "No message is left out of an open connection": async (port) => {
    const { received, ended } = await readOnce(port);
    assert.ok(ended || received.length === burst.messages);
    assert.ok(received.every((number, index) => number === index));
  },
  "A message can be read while it arrives": async (port, patience) => {
    const client = await open(port, "/first");
    client.send(opcodes.text, "some", { fin: false });
    assert.equal(
      (await frame(client, patience)).payload.toString(),
      "got some",
    );
  },
  "A message can be sent in parts": async (port, patience) => {
    const client = await open(port, "/parts");
    const first = await frame(client, patience);
    assert.deepEqual([first.fin, first.payload.toString()], [false, "one"]);
  },
  "Publish and subscribe": async (port, patience) => {
    const sender = await open(port, "/topic");
    const receiver = await open(port, "/topic");
    sender.send(opcodes.text, "news");
    assert.equal((await frame(receiver, patience)).payload.toString(), "news");
  },
  "WebSocket over HTTP/2 (RFC 8441)": async (port, patience) => {
    const session = connectHttp2(`http://127.0.0.1:${port}`);
    try {
      const settings = await new Promise<{ enableConnectProtocol?: boolean }>(
        (resolve, reject) => {
          session.once("remoteSettings", resolve);
          session.once("error", reject);
          session.once("close", () => reject(new Error("no HTTP/2")));
          setTimeout(() => reject(new Error("no settings")), patience);
        },
      );
      assert.equal(settings.enableConnectProtocol, true);
    } finally {
      session.destroy();
    }
  },
};

/** The row that is asked of a server with `--keep-alive`. */
export const keepAliveProbe =
  "A silent client is pinged, and dropped if it does not answer";

/** Whether a client that says nothing is pinged, and then dropped. */
export async function probeKeepAlive(port: number): Promise<void> {
  const client = await open(port, "/echo");
  await client.until(() => client.length > 0, "a frame", 15_000);
  assert.equal((await client.frame()).opcode, opcodes.ping);
  await client.until(() => client.ended || client.closed, "the end", 15_000);
}

/** What a server does when it is shut down, which is asked last. */
export const shutdownProbe =
  "Shutting down closes every connection, with a Close frame";

/** Whether a client gets a Close frame when `shutDown` is called. */
export async function probeShutdown(
  port: number,
  patience: number,
  shutDown: () => void,
): Promise<void> {
  const client = await open(port, "/echo");
  client.send(opcodes.text, "here");
  await client.text();
  shutDown();
  assert.equal((await frame(client, patience)).opcode, opcodes.close);
}

async function open(
  port: number,
  path: string,
  extensions?: string,
): Promise<RawClient> {
  const client = await RawClient.connect({ port });
  const { header } = await client.upgrade(deflating(path, extensions));
  if (extensions !== undefined) {
    assert.match(
      header("sec-websocket-extensions") ?? "",
      /permessage-deflate/,
    );
  }
  return client;
}

function deflating(path: string, extensions?: string): HandshakeDetails {
  return {
    path,
    headers: extensions === undefined
      ? {}
      : { "Sec-WebSocket-Extensions": extensions },
  };
}

/** A frame, if one comes in time. */
async function frame(
  client: RawClient,
  patience: number,
): Promise<RawFrame> {
  await client.until(
    () => client.length > 0 || client.ended || client.closed,
    "a frame",
    patience,
  );
  return await client.frame();
}

/** Asserts that the server fails the connection, and echoes nothing before. */
async function assertEnds(
  client: RawClient,
  patience: number,
): Promise<void> {
  await client.until(
    () => client.length > 0 || client.ended || client.closed,
    "the end",
    patience,
  );
  if (client.length > 0) {
    assert.equal((await frame(client, patience)).opcode, opcodes.close);
  }
}

const bursts = new Map<number, ReturnType<typeof readLate>>();

/** {@linkcode readLate}, of which each server is asked once. */
function readOnce(port: number): ReturnType<typeof readLate> {
  let burst = bursts.get(port);
  if (burst === undefined) bursts.set(port, burst = readLate(port));
  return burst;
}

/** Reads a burst when all of it was sent: the numbers of the messages. */
async function readLate(
  port: number,
): Promise<{ received: number[]; ended: boolean }> {
  const client = await open(port, "/burst");
  client.socket.pause();
  await sleep(1000);
  client.socket.resume();
  // A server that leaves messages out may do so with the answer as well.
  const asking = setInterval(() => client.send(opcodes.text, "all?"), 100);
  const received: number[] = [];
  try {
    for (;;) {
      const { opcode, payload } = await client.frame();
      if (opcode === opcodes.text) break;
      if (opcode === opcodes.binary) received.push(payload.readUInt32BE(0));
    }
  } catch (error) {
    if (!client.ended && !client.closed) throw error;
  } finally {
    clearInterval(asking);
  }
  const ended = client.ended || client.closed;
  client.destroy();
  return { received, ended };
}

function compressed(text: string): Buffer {
  const whole = deflateRawSync(text, { finishFlush: constants.Z_SYNC_FLUSH });
  return whole.subarray(0, whole.length - 4);
}
