// What is Deno's alone: the memory that is read into, which is lent. The rest is
// in native_socket_test.ts. Runs on every runtime.

import assert from "node:assert/strict";
import { test } from "node:test";
import { seededRandom } from "../support/seeded_random.ts";
import {
  Recorder,
  ScriptedDenoConnection,
  settled,
  someBytes,
} from "./scripted_sockets.ts";

function started(): { socket: ScriptedDenoConnection; receiver: Recorder } {
  const socket = new ScriptedDenoConnection();
  const receiver = new Recorder();
  socket.transport.start(receiver);
  return { socket, receiver };
}

/** What a waiting read holds. */
function held(socket: ScriptedDenoConnection): number {
  return socket.pendingRead!.memory.length;
}

test("deno: it lends, and reads nothing before it is started", async () => {
  const socket = new ScriptedDenoConnection();
  await socket.deliver(someBytes(10));
  assert.equal(socket.pendingRead, null);
  assert.equal(socket.unread, 10);
  const receiver = new Recorder();
  socket.transport.start(receiver);
  await settled();
  assert.equal(socket.unread, 0);
  assert.deepEqual(receiver.lent, [true]);
});

test("deno: an idle connection holds 512 bytes", async () => {
  const { socket } = started();
  assert.equal(held(socket), 512);
  for (const length of [1, 6, 7, 8, 9, 100, 511]) {
    await socket.deliver(someBytes(length));
    assert.equal(held(socket), 512, `after ${length} bytes`);
  }
});

test("deno: the memory grows with what fills it, up to 256 KiB", async () => {
  const { socket, receiver } = started();
  await socket.deliver(someBytes(2_000_000));
  assert.deepEqual(socket.readLengths.slice(0, 6), [
    512,
    4096,
    32768,
    262144,
    262144,
    262144,
  ]);
  assert.equal(Math.max(...socket.readLengths), 262144);
  assert.deepEqual(receiver.bytes, someBytes(2_000_000));
});

test("deno: the memory shrinks to 512 bytes again with a few short reads", async () => {
  const { socket, receiver } = started();
  await socket.deliver(someBytes(1_000_000));
  assert.equal(held(socket), 262144);
  const lengths: number[] = [];
  for (let round = 0; round < 6; round++) {
    // As long as an empty pong.
    await socket.deliver(someBytes(6));
    lengths.push(held(socket));
  }
  assert.deepEqual(lengths, [32768, 4096, 512, 512, 512, 512]);
  assert.equal(receiver.bytes.length, 1_000_036);
});

test("deno: what is lent is not read into before receive() has returned", async () => {
  const { socket, receiver } = started();
  let calls = 0;
  receiver.within = (event, chunk) => {
    if (event !== "receive") return;
    calls++;
    const before = new Uint8Array(chunk);
    assert.equal(socket.pendingRead, null);
    socket.transport.pause();
    socket.transport.resume();
    socket.transport.resume();
    socket.transport.start(receiver);
    assert.equal(socket.pendingRead, null, "no read within receive()");
    assert.deepEqual(new Uint8Array(chunk), before);
  };
  const reads = socket.readLengths.length;
  await socket.deliver(someBytes(5000));
  assert.deepEqual(receiver.bytes, someBytes(5000));
  assert.equal(socket.readLengths.length, reads + calls, "one read a chunk");
  assert.ok(calls >= 3);
});

test("deno: paused within receive(), it reads nothing until it is resumed", async () => {
  const { socket, receiver } = started();
  receiver.within = () => socket.transport.pause();
  await socket.deliver(someBytes(3000));
  assert.equal(receiver.bytes.length, 512);
  assert.equal(socket.pendingRead, null);
  assert.equal(socket.unread, 3000 - 512);
  socket.transport.resume();
  await settled();
  assert.equal(receiver.bytes.length, 3000, "4096 bytes were asked for");
  await socket.deliver(someBytes(100_000));
  assert.equal(receiver.bytes.length, 3000);
});

test("deno: paused while it waits, only that read is delivered", async () => {
  const { socket, receiver } = started();
  socket.transport.pause();
  await socket.deliver(someBytes(3000));
  assert.ok(receiver.bytes.length <= 512);
  assert.equal(socket.pendingRead, null);
  const before = receiver.bytes.length;
  await socket.deliver(someBytes(3000));
  assert.equal(receiver.bytes.length, before);
  socket.transport.resume();
  await settled();
  assert.equal(receiver.bytes.length, 6000);
});

test("deno: destroyed within receive(), it reads no more", async () => {
  const { socket, receiver } = started();
  receiver.within = (event) => {
    if (event === "receive") socket.transport.destroy();
  };
  await socket.deliver(someBytes(3000));
  assert.deepEqual(receiver.events, ["receive", "closed"]);
  assert.equal(socket.pendingRead, null);
});

test("deno: random chunks, pauses and resumes lose and repeat nothing", async () => {
  const random = seededRandom("deno reads");
  for (let round = 0; round < 5; round++) {
    const { socket, receiver } = started();
    receiver.within = () => {
      if (random.integer(4) === 0) socket.transport.pause();
      if (random.integer(6) === 0) socket.transport.resume();
    };
    let length = 0;
    for (let step = 0; step < 40; step++) {
      const more = random.pick([1, 7, 100, 512, 4096, 40_000]);
      await socket.deliver(someBytes(more, length * 7));
      length += more;
      if (random.integer(3) === 0) socket.transport.resume();
    }
    while (receiver.bytes.length < length) {
      socket.transport.resume();
      await settled();
    }
    assert.deepEqual(receiver.bytes, someBytes(length));
    assert.ok(Math.min(...socket.readLengths) >= 512);
  }
});

test("deno: a failing closeWrite() closes, as the peer is gone", async () => {
  const { socket, receiver } = started();
  socket.closeWriteError = new Error("not connected");
  socket.transport.end();
  await settled();
  assert.deepEqual(receiver.events, ["closed"]);
  assert.equal(receiver.error, null);
  assert.equal(socket.dropped, true);
});

test("deno: the end of TCP without a close_notify is an end, and no failure", async () => {
  const { socket, receiver } = started();
  await socket.deliver(someBytes(10));
  const error = new Error("peer closed connection");
  error.name = "UnexpectedEof";
  await socket.fail(error);
  assert.deepEqual(receiver.events, ["receive", "end"]);
  assert.equal(socket.dropped, false);
  socket.transport.end();
  await settled();
  assert.deepEqual(receiver.events, ["receive", "end", "closed"]);
  assert.equal(receiver.error, null);
  assert.equal(socket.dropped, true);
});
