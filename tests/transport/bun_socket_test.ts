// What is Bun's alone: its events, which come within the calls that cause them
// or later. The rest is in native_socket_test.ts. Runs on every runtime.

import assert from "node:assert/strict";
import { test } from "node:test";
import { concatBytes } from "../support/frames.ts";
import { seededRandom } from "../support/seeded_random.ts";
import {
  Recorder,
  ScriptedBunSocket,
  settled,
  someBytes,
} from "./scripted_sockets.ts";

test("bun: short chunks are lent, long ones belong to the receiver", async () => {
  const socket = new ScriptedBunSocket();
  const receiver = new Recorder();
  socket.transport.start(receiver);
  const lengths = [1, 70, 16_384, 16_385, 100_000];
  for (const length of lengths) await socket.deliver(someBytes(length));
  assert.deepEqual(receiver.chunks, lengths.map((length) => someBytes(length)));
  assert.deepEqual(receiver.lent, [true, true, true, false, false]);
  assert.deepEqual(socket.calls, ["setNoDelay true"]);
});

test("bun: what is lent is not written over by another socket's bytes", async () => {
  const [outer, inner] = [new ScriptedBunSocket(), new ScriptedBunSocket()];
  const [first, second] = [new Recorder(), new Recorder()];
  let seen: number[] = [];
  first.within = (_event, chunk) => {
    inner.data.received(someBytes(20, 100));
    seen = [...chunk];
  };
  outer.transport.start(first);
  inner.transport.start(second);
  await outer.deliver(someBytes(10));
  assert.deepEqual(seen, [...someBytes(10)]);
  assert.deepEqual(second.lent, [false]);
  await inner.deliver(someBytes(30));
  assert.deepEqual(second.lent, [false, true]);
});

for (const closesAtOnce of [true, false]) {
  const when = closesAtOnce ? "at once" : "later";
  test(`bun: a dropped socket that closes ${when} tells of it once`, async () => {
    const socket = new ScriptedBunSocket({ closesAtOnce });
    const receiver = new Recorder();
    socket.transport.start(receiver);
    socket.transport.destroy();
    socket.transport.destroy();
    await settled();
    socket.data.closed(new Error("later"));
    assert.deepEqual(receiver.events, ["closed"]);
    assert.equal(receiver.error, null);
  });

  test(`bun: both directions end, and the socket closes ${when}`, async () => {
    const socket = new ScriptedBunSocket({ closesAtOnce });
    const receiver = new Recorder();
    socket.transport.start(receiver);
    socket.transport.end();
    await socket.deliverEnd();
    assert.deepEqual(receiver.events, ["end", "closed"]);
    assert.deepEqual(socket.calls, ["setNoDelay true", "shutdown", "end"]);
  });
}

test("bun: pause() and resume() reach the socket once each", () => {
  const socket = new ScriptedBunSocket();
  const { transport } = socket;
  transport.resume();
  transport.pause();
  transport.pause();
  transport.resume();
  transport.resume();
  assert.deepEqual(socket.calls, ["setNoDelay true", "pause", "resume"]);
});

test("bun: a socket that takes nothing any more is written to no more", async () => {
  const socket = new ScriptedBunSocket();
  const receiver = new Recorder();
  socket.transport.start(receiver);
  // As after the peer has reset: -1 for each write, until it closes.
  socket.write = () => -1;
  socket.transport.write([someBytes(5)], () => assert.fail("written"));
  assert.equal(socket.transport.bufferedAmount, 5);
  await settled();
  await socket.fail(new Error("reset"));
  assert.deepEqual(receiver.events, ["closed"]);
  assert.equal(receiver.error?.message, "reset");
  assert.equal(socket.transport.bufferedAmount, 0);
});

test("bun: the first of several errors is the one that is told", async () => {
  const socket = new ScriptedBunSocket();
  const receiver = new Recorder();
  socket.transport.start(receiver);
  socket.data.failed(new Error("first"));
  socket.data.failed(new Error("second"));
  assert.deepEqual(receiver.events, [], "it closes next");
  socket.data.closed(new Error("third"));
  await settled();
  assert.equal(receiver.error?.message, "first");
});

test("bun: a frame's header is written together with its payload", () => {
  const payload = someBytes(64 * 1024);
  for (
    const [chunks, writes] of [
      [[someBytes(10), payload], [65_546]],
      [[payload], [65_536]],
      [[payload, someBytes(10)], [65_536, 10]],
      [[someBytes(10), someBytes(200), someBytes(30)], [240]],
      [[someBytes(10), someBytes(200_000)], [66_560, 133_450]],
      [[someBytes(10), payload, someBytes(10), payload], [66_560, 64_532]],
    ] as const
  ) {
    const socket = new ScriptedBunSocket();
    let written = 0;
    socket.transport.write(chunks, () => written++);
    assert.deepEqual(socket.writes, writes);
    assert.deepEqual(socket.sent, concatBytes([...chunks]));
    assert.equal(socket.transport.bufferedAmount, 0);
  }
});

test("bun: what was written together and is not taken is not written over by another socket's bytes", async () => {
  const random = seededRandom("bun: written together");
  const sockets = Array.from({ length: 3 }, () => new ScriptedBunSocket());
  const expected = sockets.map((): Uint8Array[] => []);
  let written = 0;
  let writes = 0;
  for (let step = 0; step < 60; step++) {
    const index = random.integer(sockets.length);
    const chunks = Array.from(
      { length: 1 + random.integer(4) },
      () =>
        someBytes(
          random.pick([0, 4, 10, 3000, 16_384, 65_536, 100_000]),
          random.integer(256),
        ),
    );
    expected[index].push(...chunks);
    writes++;
    sockets[index].transport.write(chunks, () => written++);
    const sent = sockets[index].sent.length;
    assert.equal(
      sockets[index].transport.bufferedAmount,
      concatBytes(expected[index]).length - sent,
    );
    await sockets[random.integer(sockets.length)].drain(
      random.integer(200_000),
    );
  }
  for (const [index, socket] of sockets.entries()) {
    await socket.drain(Infinity);
    assert.deepEqual(socket.sent, concatBytes(expected[index]));
    assert.equal(socket.transport.bufferedAmount, 0);
  }
  assert.equal(written, writes);
});
