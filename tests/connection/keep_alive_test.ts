// keepAlive: pings for a peer that is silent.

import assert from "node:assert/strict";
import { after, test } from "node:test";
import {
  KeepAlive,
  type KeepAliveMember,
} from "../../src/connection/keep_alive.ts";
import { WebSocketError } from "../../src/error.ts";
import { opcodes } from "../support/raw_peer.ts";
import { seededRandom } from "../support/seeded_random.ts";
import {
  connect,
  disconnectAll,
  gate,
  isPending,
  pattern,
  rejectionOf,
  settled,
  until,
  within,
} from "./harness.ts";

after(disconnectAll);

/** Longer than a machine that is busy may take to answer. */
const patient = { interval: 30, timeout: 5000 };
const quick = { interval: 40, timeout: 40 };

test("a silent peer is pinged after interval, again and again while it answers", async () => {
  const begin = performance.now();
  const { socket, peer } = connect(undefined, { keepAlive: patient });
  for (let round = 1; round <= 5; round++) {
    const frame = await within(peer.readFrame(), "a ping");
    assert.equal(frame?.opcode, opcodes.ping);
    assert.ok(
      performance.now() - begin > round * patient.interval * 0.5,
      "not before its time",
    );
    await peer.send(opcodes.pong, frame.payload);
  }
  assert.equal(await isPending(socket.closed), true);
});

test("a peer that does not answer gets a Close with 1011, and closed rejects", async () => {
  const begin = performance.now();
  const { socket, peer } = connect(undefined, {
    keepAlive: quick,
    closeTimeout: 50,
  });
  assert.equal((await within(peer.readFrame(), "a ping"))?.opcode, 9);
  assert.deepEqual(await within(peer.readClose(), "the Close frame"), {
    closeCode: 1011,
    reason: "keepalive timeout",
  });
  await peer.expectEnd();
  const error = await rejectionOf(socket.closed);
  assert.ok(performance.now() - begin >= 75);
  assert.ok(error instanceof WebSocketError);
  assert.equal(error.closeCode, 1011);
  assert.match(error.message, /silent for 40 ms .* within 40 ms/);
});

test("any frame keeps the connection alive, and holds the ping back", async () => {
  const { socket, peer } = connect(undefined, {
    keepAlive: { interval: 1000, timeout: 50 },
  });
  const frame = peer.readFrame();
  const end = performance.now() + 1500;
  while (performance.now() < end) {
    await peer.send(opcodes.pong);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  assert.equal(await isPending(frame), true, "no ping was sent");
  assert.equal(await isPending(socket.closed), true);
});

test("an application that does not read is not the peer's fault", async () => {
  const { socket, peer } = connect(undefined, { keepAlive: quick });
  const frame = peer.frame(opcodes.binary, pattern(1000));
  const sent = peer.sendBytes(...Array.from({ length: 500 }, () => frame));
  // The peer can't be heard while nothing is read: many periods go by.
  const begin = performance.now();
  while (performance.now() - begin < 400) await settled();
  assert.equal(await isPending(sent), true, "the transport is paused");
  assert.equal(await isPending(socket.closed), true, "and it was not closed");
  const reader = socket.readable.getReader();
  for (let index = 0; index < 500; index++) {
    const { value } = await within(reader.read(), "a message");
    assert.equal(value?.length, 1000);
  }
  await sent;
});

test("a message hook that takes long does not close the connection", async () => {
  const hook = gate();
  const { socket, peer } = connect({ message: () => hook.opened }, {
    keepAlive: patient,
  });
  await peer.text("takes long");
  for (let round = 0; round < 5; round++) {
    const frame = await within(peer.readFrame(), "a ping");
    await peer.send(opcodes.pong, frame!.payload);
  }
  hook.open();
  assert.equal(await isPending(socket.closed), true);
});

test("keepAlive: false sends no pings", async () => {
  const { socket, peer } = connect(undefined, { keepAlive: false });
  const watched = connect(undefined, { keepAlive: patient });
  const frame = peer.readFrame();
  for (let round = 0; round < 5; round++) {
    const ping = await within(watched.peer.readFrame(), "a ping of the other");
    await watched.peer.send(opcodes.pong, ping!.payload);
  }
  assert.equal(await isPending(frame), true);
  assert.equal(await isPending(socket.closed), true);
});

test("a connection that closes is not pinged any more", async () => {
  const { socket, peer } = connect(undefined, {
    keepAlive: quick,
    closeTimeout: 300,
  });
  socket.close();
  assert.equal((await peer.readClose()).closeCode, 1000);
  const next = peer.readFrame();
  const error = await rejectionOf(socket.closed);
  assert.ok(error instanceof WebSocketError);
  assert.equal(error.closeCode, 1006);
  assert.match(error.message, /closeTimeout/);
  await rejectionOf(next);
});

test("pings of keepAlive do not disturb those of ping()", async () => {
  const { socket, peer } = connect(undefined, { keepAlive: patient });
  const ping = socket.ping("mine");
  assert.equal((await peer.readFrame())?.payload.length, 4);
  const keepAlive = await within(peer.readFrame(), "a ping of keepAlive");
  assert.equal(keepAlive?.opcode, opcodes.ping);
  await peer.send(opcodes.pong, keepAlive.payload);
  await peer.fence();
  assert.equal(await isPending(ping), true);
  await peer.send(opcodes.pong, "mine");
  await within(ping, "the pong");
});

/** Stands for a connection: it answers each ping at once. */
class Member implements KeepAliveMember {
  quietTicks = 0;
  keepAliveIndex = -1;
  pings = 0;
  onPing: () => void = () => {};

  keepAliveExcused(): boolean {
    return false;
  }

  keepAliveQuiet(): void {}

  keepAlivePing(): void {
    this.pings++;
    this.quietTicks = 0;
    this.onPing();
  }

  keepAliveTimedOut(): void {
    assert.fail("it was pinged, and has answered");
  }
}

test("members leave in any order, also while others are pinged", async () => {
  const random = seededRandom("keep alive");
  let emptied = 0;
  const keepAlive = new KeepAlive(16, 5000, () => emptied++);
  const members = Array.from({ length: 40 }, () => new Member());
  for (const member of members) keepAlive.add(member);
  const order = members.map((member) => ({ member, at: random.integer(1e9) }))
    .sort((one, other) => one.at - other.at).map(({ member }) => member);
  const left = order.splice(0, 15);
  for (const member of left) {
    keepAlive.delete(member);
    keepAlive.delete(member);
  }
  // Each of these takes itself and another away, within the same tick.
  const leaving = order.splice(0, 10);
  leaving.forEach((member, index) => {
    member.onPing = () => {
      keepAlive.delete(member);
      keepAlive.delete(leaving[(index + 1) % leaving.length]);
    };
  });
  const newcomer = new Member();
  order[0].onPing = () => {
    if (order[0].pings === 1) keepAlive.add(newcomer);
  };
  order.push(newcomer);
  await until(() => order.every(({ pings }) => pings >= 3), "three pings each");
  assert.ok(left.every(({ pings }) => pings === 0));
  assert.ok(leaving.every(({ pings }) => pings <= 1));
  assert.equal(emptied, 0);
  for (const member of order) keepAlive.delete(member);
  assert.equal(emptied, 1);
  const before = order.map(({ pings }) => pings);
  await new Promise((resolve) => setTimeout(resolve, 60));
  assert.deepEqual(order.map(({ pings }) => pings), before);
});
