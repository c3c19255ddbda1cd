import assert from "node:assert/strict";
import { test } from "node:test";
import { MessageBuffer } from "../../src/codec/message_buffer.ts";
import { concatBytes } from "../support/frames.ts";
import { seededRandom } from "../support/seeded_random.ts";
import { allocatedBy } from "./allocations.ts";

const sizes = [0, 1, 50, 1023, 4095, 4096, 4097, 20_000, 65_536];

function filled(length: number, value: number): Uint8Array<ArrayBuffer> {
  return new Uint8Array(length).map((_, index) => value + index * 7);
}

test("what is appended comes out in order, whatever is kept and whatever copied", () => {
  const random = seededRandom("MessageBuffer");
  for (let round = 0; round < 300; round++) {
    const buffer = new MessageBuffer();
    const expected: Uint8Array[] = [];
    const parts = random.integer(8);
    for (let index = 0; index < parts; index++) {
      const length = random.pick(sizes);
      const before = random.pick([0, 0, 10, 40_000]);
      const chunk = filled(before + length, random.integer(256));
      const part = chunk.subarray(before);
      expected.push(part.slice());
      const lent = random.integer(3) === 0;
      buffer.append(part, random.pick([0, 10, 100_000]), lent);
      if (lent) chunk.fill(0);
    }
    const taken = buffer.take();
    assert.deepEqual(taken, concatBytes(expected));
  }
});

test("the message has a buffer of its own", () => {
  for (const lengths of [[5000], [5000, 0], [5000, 10], [10, 5000, 6000]]) {
    const buffer = new MessageBuffer();
    const parts = lengths.map((length) => filled(length, 1));
    for (const part of parts) buffer.append(part, 0, false);
    const taken = buffer.take();
    const before = taken.slice();
    for (const part of parts) part.fill(0);
    assert.deepEqual(taken, before);
    assert.ok(taken.buffer.byteLength <= taken.length * 2);
  }
});

test("each byte of a large message is copied once", () => {
  const part = filled(64 * 1024, 3);
  const { total, largest } = allocatedBy(() => {
    const buffer = new MessageBuffer();
    for (let left = 15; left >= 0; left--) {
      buffer.append(part, left * part.length, false);
    }
    assert.equal(buffer.take().length, 1024 * 1024);
  });
  assert.equal(largest, 1024 * 1024);
  assert.ok(total < 1024 * 1024 + 4096, `${total} bytes`);
});

test("what holds a buffer that is mostly not its own is copied", () => {
  const chunk = filled(64 * 1024, 5);
  const part = chunk.subarray(0, 30 * 1024);
  const expected = part.slice();
  const buffer = new MessageBuffer();
  buffer.append(part, 0, false);
  // Nothing but the copy is there any more.
  chunk.fill(0);
  assert.deepEqual(buffer.take(), expected);
});
