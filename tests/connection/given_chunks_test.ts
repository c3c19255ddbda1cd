// The memory of chunks that nobody else has is given back as soon as a message was
// copied out of them. Whatever the cuts, nothing that is still of use is lost.

import assert from "node:assert/strict";
import { test } from "node:test";
import type { DecodedMessage } from "../../src/codec/message_decoder.ts";
import { ReceivingStages } from "../../src/connection/receiving_stages.ts";
import { concatBytes, frameBytes } from "../support/frames.ts";
import { type SeededRandom, seededRandom } from "../support/seeded_random.ts";

const key = [0x37, 0xfa, 0x21, 0x3d];

interface Traffic {
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** The messages and the payloads of pings, in the order of their ends. */
  readonly expected: (string | Uint8Array)[];
}

function traffic(random: SeededRandom): Traffic {
  const frames: Uint8Array[] = [];
  const expected: (string | Uint8Array)[] = [];
  for (let count = 2 + random.integer(6); count > 0; count--) {
    const length = random.pick([
      0,
      5,
      126,
      4095,
      9000,
      65_522,
      65_536,
      200_000,
    ]);
    const payload = new Uint8Array(length)
      .map((_, index) => 0x20 + (index * 7 + count) % 90);
    const text = random.integer(2) === 0;
    const opcode = text ? 1 : 2;
    const cut = random.integer(2) * random.integer(length + 1);
    if (cut === 0) {
      frames.push(frameBytes({ opcode, payload, key }));
    } else {
      const [head, tail] = [payload.subarray(0, cut), payload.subarray(cut)];
      frames.push(
        frameBytes({ opcode, fin: false, payload: head, key }),
        frameBytes({ opcode: 9, payload: `ping ${count}`, key }),
        frameBytes({ opcode: 0, payload: tail, key }),
      );
      expected.push(new TextEncoder().encode(`ping ${count}`));
    }
    expected.push(text ? new TextDecoder().decode(payload) : payload);
  }
  return { bytes: concatBytes(frames), expected };
}

/** Runs bytes through the stages; how many chunks were detached, and what came out. */
function run(
  bytes: Uint8Array<ArrayBuffer>,
  gives: boolean,
  nextChunk: (rest: Uint8Array<ArrayBuffer>) => Uint8Array<ArrayBuffer>,
): { detached: number; messages: (string | Uint8Array)[] } {
  const messages: (string | Uint8Array)[] = [];
  const stages = new ReceivingStages(
    {
      role: "server",
      maxMessageSize: 1e6,
      fragments: false,
      gives,
      shares: false,
    },
    null,
    {
      enqueue(message: DecodedMessage) {
        if (typeof message === "string" || message instanceof Uint8Array) {
          messages.push(message);
        } else if ("payload" in message) {
          messages.push(message.payload);
        }
      },
      error: (reason) => assert.fail(String(reason)),
    },
  );
  const chunks: Uint8Array[] = [];
  for (let offset = 0; offset < bytes.length;) {
    const chunk = nextChunk(bytes.subarray(offset));
    offset += chunk.length;
    chunks.push(chunk);
    stages.receive(chunk, false);
  }
  const detached = chunks.filter((chunk) =>
    (chunk.buffer as ArrayBuffer).detached
  );
  return { detached: detached.length, messages };
}

test("given or not, every cut gives the same messages, and all of them stay", () => {
  const random = seededRandom("given chunks");
  let detached = 0;
  for (let round = 0; round < 60; round++) {
    const { bytes, expected } = traffic(random);
    const most = random.pick([14, 5000, 16_384, 65_536, 300_000]);
    const outcome = run(
      bytes,
      true,
      (rest) => rest.slice(0, most - random.integer(Math.min(most, 40))),
    );
    assert.equal(outcome.messages.length, expected.length);
    outcome.messages.forEach((message, index) => {
      assert.deepEqual(message, expected[index]);
    });
    detached += outcome.detached;
  }
  assert.ok(detached > 20, `${detached} chunks were given back`);
});

test("what others may have is not touched: a shared chunk, and a part of a larger buffer", () => {
  const payload = new Uint8Array(100_000).fill(7);
  const bytes = frameBytes({ opcode: 2, payload, key });
  const inPlace = bytes.slice();
  for (
    const [gives, nextChunk] of [
      [false, (rest: Uint8Array<ArrayBuffer>) => rest.slice(0, 50_000)],
      [true, (rest: Uint8Array<ArrayBuffer>) => rest.subarray(0, 50_000)],
    ] as const
  ) {
    const { detached, messages } = run(inPlace.slice(), gives, nextChunk);
    assert.equal(detached, 0);
    assert.deepEqual(messages, [payload]);
  }
  const { detached } = run(inPlace, true, (rest) => rest.slice(0, 50_000));
  assert.equal(detached, 2);
});
