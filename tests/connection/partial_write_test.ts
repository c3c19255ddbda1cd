// The system takes a part of what is written: the memory of what it did not take
// is needed, and the promise of send() waits. On every runtime, with scripted
// sockets of those whose system says how much it took.

import assert from "node:assert/strict";
import { test } from "node:test";
import { WebSocketError } from "../../src/error.ts";
import { concatBytes, frameBytes } from "../support/frames.ts";
import { seededRandom } from "../support/seeded_random.ts";
import { type Script, scripts } from "../transport/scripted_sockets.ts";
import { startSession } from "./bare_session.ts";
import { isPending, settled, within } from "./harness.ts";

const size = 100_000;

/** Messages went out that each repeat one byte. */
function assertSent(socket: Script, ...bytes: number[]): void {
  const expected = concatBytes(
    bytes.map((byte) =>
      frameBytes({ opcode: 2, payload: new Uint8Array(size).fill(byte) })
    ),
  );
  const { sent } = socket;
  // Not deepEqual(), whose report on so many bytes takes minutes.
  assert.equal(sent.findIndex((byte, at) => byte !== expected[at]), -1);
  assert.equal(sent.length, expected.length);
}

for (const [runtime, script] of Object.entries(scripts)) {
  test(`${runtime}: send() waits until the system has taken all of a large message`, async () => {
    const socket = script();
    const session = startSession(socket.transport);
    socket.capacity = size - 10_000;
    const buffer = new Uint8Array(size).fill(1);
    const sent = session.outbound.send(buffer, {});
    await settled();
    assert.equal(socket.sent.length, size - 10_000);
    assert.equal(await isPending(sent), true, "the rest waits");
    await socket.drain(5000);
    assert.equal(await isPending(sent), true, "and some of it still does");
    await socket.drain(Infinity);
    await within(sent, "the send");
    buffer.fill(2);
    assertSent(socket, 1);
    session.terminate(new WebSocketError());
  });

  test(`${runtime}: that an earlier message was taken does not resolve a later one's promise`, async () => {
    const socket = script();
    const session = startSession(socket.transport);
    socket.capacity = 2 * size - 10_000;
    const first = session.outbound.send(new Uint8Array(size).fill(1), {});
    const buffer = new Uint8Array(size).fill(2);
    const second = session.outbound.send(buffer, {});
    await settled();
    assert.equal(await isPending(second), true);
    await socket.drain(Infinity);
    await within(Promise.all([first, second]), "both sends");
    buffer.fill(3);
    assertSent(socket, 1, 2);
    session.terminate(new WebSocketError());
  });

  test(`${runtime}: a buffer that is used again for each message, however much the system takes`, async () => {
    const random = seededRandom(`${runtime}: partial writes`);
    const socket = script();
    const session = startSession(socket.transport);
    const messages = [1, 2, 3, 4, 5, 6, 7, 8];
    let sending = true;
    const sent = (async () => {
      const buffer = new Uint8Array(size);
      for (const message of messages) {
        buffer.fill(message);
        await session.outbound.send(buffer, {});
      }
      buffer.fill(99);
      sending = false;
    })();
    socket.capacity = 0;
    while (sending) await socket.drain(1 + random.integer(2 * size));
    await within(sent, "the sends");
    assertSent(socket, ...messages);
    session.terminate(new WebSocketError());
  });
}
