// What waits stays bounded, in both directions, however the other side behaves.

import assert from "node:assert/strict";
import { after, test } from "node:test";
import type { WebSocketConnection } from "../../src/connection/connection.ts";
import { opcodes } from "../support/raw_peer.ts";
import {
  connect,
  disconnectAll,
  gate,
  type HarnessOptions,
  isPending,
  pattern,
  settled,
  until,
  within,
} from "./harness.ts";

after(disconnectAll);

const highWaterMark = 65536;
const chunk = 65536;

/** Waits until a number has stopped growing. */
async function standstill(value: () => number): Promise<number> {
  let last = -1;
  while (value() !== last) {
    last = value();
    await settled();
    await settled();
  }
  return last;
}

type Handler = Parameters<typeof connect>[0];

/** Floods a connection with small messages and expects that few are taken. */
async function expectHeldBack(
  handler: Handler,
  options: HarnessOptions = {},
  limit = highWaterMark + chunk,
): Promise<ReturnType<typeof connect> & { total: number }> {
  const harness = connect(handler, options);
  const { peer, duplex } = harness;
  const frame = peer.frame(opcodes.binary, pattern(1000));
  const count = 2000;
  peer.sendBytes(...Array.from({ length: count }, () => frame));
  const taken = await standstill(() => duplex.bytesRead);
  assert.ok(taken > 0);
  assert.ok(taken <= limit, `${taken} of at most ${limit} bytes were taken`);
  return { ...harness, total: count * frame.length };
}

test("nobody asks for the messages: the peer is held back", async () => {
  const { socket, duplex, total } = await expectHeldBack(undefined);
  let count = 0;
  const reader = socket.readable.getReader();
  while (count < 2000) {
    assert.equal(
      (await within(reader.read(), "a message")).value?.length,
      1000,
    );
    count++;
    assert.ok(
      duplex.bytesRead - count * 1008 <= highWaterMark + chunk,
      "also while it reads",
    );
  }
  assert.equal(duplex.bytesRead, total);
});

test("readable is not read: the peer is held back", async () => {
  await expectHeldBack((socket) => {
    socket.readable.getReader();
  });
});

test("a message hook is pending: the peer is held back", async () => {
  const hook = gate();
  let count = 0;
  const { duplex, total } = await expectHeldBack({
    message: () => {
      count++;
      return hook.opened;
    },
  });
  assert.equal(count, 1);
  hook.open();
  await until(() => count === 2000, "all messages");
  assert.equal(duplex.bytesRead, total);
});

test("an open hook is pending: the peer is held back", async () => {
  const hook = gate();
  let count = 0;
  await expectHeldBack({ open: () => hook.opened, message: () => count++ });
  assert.equal(count, 0);
  hook.open();
  await until(() => count === 2000, "all messages");
});

test("readableHighWaterMark is how much may wait", async () => {
  await expectHeldBack(undefined, {
    readableHighWaterMark: 10_000,
    duplex: { chunkLength: 2000 },
  }, 12_000);
  const { duplex } = await expectHeldBack(undefined, {
    readableHighWaterMark: 500_000,
  }, 500_000 + chunk);
  assert.ok(duplex.bytesRead > 400_000);
});

test("empty messages count as well", async () => {
  const { peer, duplex } = connect();
  const frame = peer.frame(opcodes.text);
  const many = new Uint8Array(frame.length * 10_000);
  for (let at = 0; at < many.length; at += frame.length) many.set(frame, at);
  for (let index = 0; index < 30; index++) peer.sendBytes(many);
  const taken = await standstill(() => duplex.bytesRead);
  assert.ok(taken <= highWaterMark + chunk, `${taken} bytes were taken`);
});

test("one message larger than the high-water mark is taken whole", async () => {
  const { socket, peer } = connect();
  await within(peer.binary(pattern(1_000_000)), "the message to be taken");
  const { value } = await socket.readable.getReader().read();
  assert.equal(value?.length, 1_000_000);
});

const echoes: [name: string, handler: Handler][] = [
  ["for await and await send()", async (socket: WebSocketConnection) => {
    for await (const message of socket.readable) await socket.send(message);
  }],
  [
    "pipeTo",
    ({ readable, writable }: WebSocketConnection) => readable.pipeTo(writable),
  ],
  ["a hook that returns send()", {
    message: (socket: WebSocketConnection, message: string | Uint8Array) =>
      socket.send(message),
  }],
  ["incoming and send(body)", async (socket: WebSocketConnection) => {
    for await (const { body } of socket.incoming) await socket.send(body);
  }],
];

for (const [name, handler] of echoes) {
  test(`an echo with ${name}: a peer that does not read is not read either`, async () => {
    // What the echo has sent, the duplex has under way, and both marks.
    const limit = 2 * (highWaterMark + chunk) + chunk;
    const { socket, peer } = await expectHeldBack(handler, {}, limit);
    // Up to the mark in the duplex, and up to it, with the message that reaches
    // it, on the way there.
    assert.ok(socket.bufferedAmount <= 2 * (highWaterMark + 1008));
    for (let index = 0; index < 2000; index++) {
      assert.equal((await peer.readMessage()).payload.length, 1000);
    }
    await peer.fence();
  });
}

test("a peer that does not read: send() waits, and little is kept", async () => {
  const { socket, peer, duplex } = connect();
  let count = 0;
  const sending = (async () => {
    while (count < 2000) {
      await socket.send(pattern(1000, count));
      count++;
    }
  })();
  const sent = await standstill(() => count);
  assert.ok(sent * 1004 <= duplex.bytesWritten + highWaterMark + 1004);
  assert.ok(socket.bufferedAmount <= highWaterMark + 1004);
  assert.equal(await isPending(sending), true);
  for (let index = 0; index < 2000; index++) {
    assert.deepEqual((await peer.readMessage()).payload, pattern(1000, index));
  }
  await within(sending, "the sends");
});

test("a peer that does not read: writable's desiredSize and ready follow", async () => {
  const { socket, peer } = connect();
  const writer = socket.writable.getWriter();
  let written = 0;
  const writing = (async () => {
    for (; written < 500; written++) {
      await writer.ready;
      writer.write(pattern(1000));
    }
  })();
  const sent = await standstill(() => written);
  assert.ok(sent < 200, `${sent} were written`);
  assert.ok(writer.desiredSize! <= 0);
  for (let index = 0; index < 500; index++) await peer.readMessage();
  await within(writing, "the writes");
});

test("the transport is read again while the connection closes", async () => {
  const { socket, peer, total, duplex } = await expectHeldBack(undefined);
  socket.close();
  assert.equal((await peer.readClose()).closeCode, 1000);
  await peer.close(1000);
  await peer.expectEnd();
  await peer.end();
  assert.equal((await within(socket.closed, "closed")).closeCode, 1000);
  assert.ok(duplex.bytesRead > total, "what was in the way was discarded");
});
