// ping(), and the peer's pings: RFC 6455 sections 5.5.2 and 5.5.3.

import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { after, test } from "node:test";
import { WebSocketError } from "../../src/error.ts";
import { opcodes, textOf } from "../support/raw_peer.ts";
import {
  connect,
  disconnectAll,
  isPending,
  pattern,
  rejectionOf,
  settled,
  until,
  within,
} from "./harness.ts";

after(disconnectAll);

test("ping() resolves with the round trip in milliseconds", async () => {
  const { socket, peer } = connect();
  const begin = performance.now();
  const ping = socket.ping();
  const frame = await peer.readFrame();
  assert.equal(frame?.opcode, opcodes.ping);
  await settled();
  assert.equal(await isPending(ping), true);
  const waited = performance.now() - begin;
  await peer.send(opcodes.pong, frame.payload);
  const roundTrip = await within(ping, "the pong");
  assert.ok(roundTrip >= waited - 5, `${roundTrip} ms of at least ${waited}`);
  assert.ok(roundTrip <= performance.now() - begin);
});

test("ping() sends the payload it is given, text or bytes, as it is then", async () => {
  const { socket, peer } = connect();
  const payloads = [
    "",
    "gr\u00fc\u00dfe",
    pattern(125),
    Buffer.from("a Node Buffer"),
    new Uint8Array(0),
  ];
  for (const payload of payloads) {
    const expected = typeof payload === "string"
      ? new TextEncoder().encode(payload)
      : new Uint8Array(payload);
    const ping = socket.ping(payload);
    if (typeof payload !== "string") payload.fill(0xee);
    const frame = await peer.readFrame();
    assert.deepEqual(frame?.payload, expected);
    await peer.send(opcodes.pong, expected);
    await within(ping, "the pong");
  }
});

test("ping() takes at most 125 bytes", async () => {
  const { socket, peer } = connect();
  for (const payload of [pattern(126), "a".repeat(126), "\u20ac".repeat(42)]) {
    assert.throws(
      () => socket.ping(payload),
      (error) => error instanceof RangeError && error.message.includes("126"),
    );
  }
  await peer.fence();
});

test("ping() takes a string or bytes, and nothing else", async () => {
  const { socket, peer } = connect();
  for (const payload of [5, 1e12, null, {}, [1, 2], new ArrayBuffer(2)]) {
    assert.throws(
      () => socket.ping(payload as unknown as string),
      (error) =>
        error instanceof TypeError && /ping\(\) takes/.test(error.message),
    );
  }
  await peer.fence();
});

test("pings of one connection differ, and each pong answers its own", async () => {
  const { socket, peer } = connect();
  const pings = [socket.ping(), socket.ping(), socket.ping()];
  const payloads: Uint8Array[] = [];
  for (let index = 0; index < 3; index++) {
    payloads.push((await peer.readFrame())!.payload);
  }
  assert.equal(new Set(payloads.map(String)).size, 3);
  await peer.send(opcodes.pong, payloads[0]);
  await within(pings[0], "the first pong");
  await peer.fence();
  assert.equal(await isPending(pings[1]), true);
  await peer.send(opcodes.pong, payloads[1]);
  await within(pings[1], "the second pong");
  await peer.fence();
  assert.equal(await isPending(pings[2]), true);
});

test("a pong that answers only the last of several pings answers them all", async () => {
  const { socket, peer } = connect();
  const pings = [socket.ping(), socket.ping("mine"), socket.ping()];
  let last = new Uint8Array(0);
  for (let index = 0; index < 3; index++) {
    last = (await peer.readFrame())!.payload as Uint8Array<ArrayBuffer>;
  }
  await peer.send(opcodes.pong, last);
  const times = await within(Promise.all(pings), "all three");
  assert.equal(times.length, 3);
});

test("a pong that nobody asked for answers nothing", async () => {
  const { socket, peer } = connect();
  await peer.send(opcodes.pong, "unasked");
  await peer.send(opcodes.pong);
  const ping = socket.ping();
  const { payload } = (await peer.readFrame())!;
  await peer.send(opcodes.pong, "another");
  await peer.send(opcodes.pong);
  await peer.fence();
  assert.equal(await isPending(ping), true);
  await peer.send(opcodes.pong, payload);
  await within(ping, "the pong");
});

test("pings that wait are rejected when the connection ends, later ones at once", async () => {
  const closed = connect();
  const clean = closed.socket.ping();
  await closed.peer.readFrame();
  await closed.peer.close(1000);
  await closed.peer.answerClose();
  assert.ok(await rejectionOf(clean) instanceof WebSocketError);
  assert.ok(await rejectionOf(closed.socket.ping()) instanceof WebSocketError);

  const lost = connect();
  const pending = lost.socket.ping();
  lost.peer.destroy();
  const error = await rejectionOf(pending);
  assert.equal(error, await rejectionOf(lost.socket.closed));
  assert.equal(await rejectionOf(lost.socket.ping()), error);
  assert.equal(await rejectionOf(lost.socket.send("x")), error);

  const broken = connect();
  await broken.peer.send(3, "a reserved opcode");
  await settled();
  const failure = await rejectionOf(broken.socket.ping()) as WebSocketError;
  assert.equal(failure.closeCode, 1002);
  assert.equal(await rejectionOf(broken.socket.send("x")), failure);

  const closing = connect();
  closing.socket.close();
  assert.ok(await rejectionOf(closing.socket.ping()) instanceof WebSocketError);
});

test("the peer's pings are answered with their payload, in order", async () => {
  const { peer } = connect();
  const payloads = ["", "a", "gr\u00fc\u00dfe", "x".repeat(125)];
  await peer.sendBytes(
    ...payloads.map((payload) => peer.frame(opcodes.ping, payload)),
  );
  for (const payload of payloads) {
    const frame = await peer.readFrame();
    assert.deepEqual(
      [frame?.opcode, frame?.fin, textOf(frame!)],
      [opcodes.pong, true, payload],
    );
  }
});

test("pings are answered between messages, and in the middle of one", async () => {
  const { peer } = connect({ message: (socket, data) => socket.send(data) });
  await peer.sendBytes(
    peer.frame(opcodes.text, "one"),
    peer.frame(opcodes.ping, "p1"),
    peer.frame(opcodes.text, "two, ", { fin: false }),
    peer.frame(opcodes.ping, "p2"),
    peer.frame(opcodes.continuation, "whole"),
  );
  assert.equal(await peer.readText(), "one");
  for (const payload of ["p1", "p2"]) {
    const frame = await peer.readFrame();
    assert.deepEqual([frame?.opcode, textOf(frame!)], [opcodes.pong, payload]);
  }
  assert.equal(await peer.readText(), "two, whole");
});

test("a ping behind our Close frame is not answered", async () => {
  const { socket, peer } = connect();
  socket.close();
  assert.equal((await peer.readClose()).closeCode, 1000);
  await peer.send(opcodes.ping, "too late");
  await peer.close(1000);
  await peer.expectEnd();
  await peer.end();
  await within(socket.closed, "closed");
});

test("a flood of pings from a peer that does not read stays bounded; the last is answered", async () => {
  const { socket, peer, duplex } = connect();
  const perChunk = 100;
  const chunks = 400;
  let most = 0;
  for (let chunk = 0; chunk < chunks; chunk++) {
    await peer.sendBytes(
      ...Array.from(
        { length: perChunk },
        (_, index) =>
          peer.frame(
            opcodes.ping,
            `${chunk * perChunk + index}`.padEnd(125, "."),
          ),
      ),
    );
    most = Math.max(most, socket.bufferedAmount);
  }
  await until(
    () => duplex.bytesRead === perChunk * chunks * 131,
    "the reading of all pings",
  );
  most = Math.max(most, socket.bufferedAmount);
  assert.ok(most < 300_000, `${most} bytes of pongs were kept`);
  assert.ok(most > 0, "some had to wait");
  let last = "";
  let pongs = 0;
  while (last !== `${perChunk * chunks - 1}`) {
    const frame = await within(peer.readFrame(), "a pong");
    assert.equal(frame?.opcode, opcodes.pong);
    const text = textOf(frame).replaceAll(".", "");
    assert.ok(Number(text) > Number(last || -1), "in order");
    last = text;
    pongs++;
  }
  assert.ok(pongs < perChunk * chunks, "most were not answered");
  await peer.fence();
});

test("a pong that waited for the peer goes out before the Close frame", async () => {
  const { socket, peer } = connect(undefined, {
    writableHighWaterMark: 1000,
    duplex: { capacity: 1000 },
  });
  socket.send(new Uint8Array(5000));
  await settled();
  await peer.send(opcodes.ping, "are you there?");
  await settled();
  socket.close();
  assert.equal((await peer.readMessage()).payload.length, 5000);
  const frame = await within(peer.readFrame(), "a pong");
  assert.deepEqual([frame?.opcode, textOf(frame!)], [
    opcodes.pong,
    "are you there?",
  ]);
  await peer.answerClose();
});
