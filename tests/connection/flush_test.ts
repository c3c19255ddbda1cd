// When answers go out: together, at the end of the turn, or at once.

import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { setImmediate } from "node:timers/promises";
import { test } from "node:test";
import type { Message } from "../../src/codec/message.ts";
import type { Session } from "../../src/connection/session.ts";
import { WebSocketError } from "../../src/error.ts";
import { frame } from "../support/raw_client.ts";
import { RecordingTransport } from "../support/recording_transport.ts";
import { startSession } from "./bare_session.ts";

/** A connection that echoes. */
function echo(): { transport: RecordingTransport; session: Session } {
  const transport = new RecordingTransport();
  const session = startSession(transport);
  session.inbound.deliverTo({
    takeMessage: (message: Message) => session.outbound.send(message, {}),
  });
  return { transport, session };
}

/** What a client sends: frames of text. */
function bytesOf(...texts: string[]): Uint8Array<ArrayBuffer> {
  return new Uint8Array(
    Buffer.concat(texts.map((text) => frame(1, text))),
  );
}

/** What the server answers. */
function textsIn(bytes: Uint8Array): string[] {
  const texts: string[] = [];
  for (let at = 0; at < bytes.length; at += 2 + bytes[at + 1]) {
    assert.equal(bytes[at], 0x81);
    const end = at + 2 + bytes[at + 1];
    texts.push(new TextDecoder().decode(bytes.subarray(at + 2, end)));
  }
  return texts;
}

for (const count of [1, 64, 2000]) {
  test(`${count} connections: each writes once in a turn, what it was asked for`, async () => {
    const connections = Array.from({ length: count }, echo);
    let atOnce = 0;
    for (const [index, { session, transport }] of connections.entries()) {
      session.receive(bytesOf(`first ${index}`, `second ${index}`), false);
      atOnce += transport.writes.length;
    }
    await setImmediate();
    // What so many wait for does not stay in the processor's cache.
    assert.equal(atOnce > 0, count === 2000, `${atOnce} wrote at once`);
    assert.ok(atOnce < count, "the first of them wait for each other");
    for (const [index, { session, transport }] of connections.entries()) {
      assert.equal(transport.writes.length, 1);
      assert.deepEqual(textsIn(transport.writes[0]), [
        `first ${index}`,
        `second ${index}`,
      ]);
      session.terminate(new WebSocketError());
    }
  });
}

test("what is sent to many others in a turn goes out once, however many they are", async () => {
  const connections = Array.from({ length: 2000 }, echo);
  for (let round = 0; round < 3; round++) {
    for (const { session } of connections) {
      session.outbound.send(`round ${round}`, {});
    }
    connections[round].session.receive(bytesOf(`asked ${round}`), false);
  }
  await setImmediate();
  for (const [index, { session, transport }] of connections.entries()) {
    assert.equal(transport.writes.length, 1);
    const texts = textsIn(transport.writes[0]);
    assert.deepEqual(
      texts.filter((text) => text.startsWith("round")),
      ["round 0", "round 1", "round 2"],
    );
    assert.equal(texts.length, index < 3 ? 4 : 3);
    session.terminate(new WebSocketError());
  }
});
