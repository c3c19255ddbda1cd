import assert from "node:assert/strict";
import { test } from "node:test";
import { MessageBuffer } from "../../src/codec/message_buffer.ts";
import { concatBytes } from "../support/frames.ts";
import { seededRandom } from "../support/seeded_random.ts";
import { allocatedBy } from "./allocations.ts";

const none = new Uint8Array(0);
const sizes = [0, 1, 50, 1023, 4095, 4096, 4097, 20_000, 65_536];

function filled(length: number, value: number): Uint8Array<ArrayBuffer> {
  return new Uint8Array(length).map((_, index) => value + index * 7);
}

test("what is appended comes out in order, whatever is kept and whatever copied", () => {
  const random = seededRandom("MessageBuffer");
  for (let round = 0; round < 300; round++) {
    const buffer = new MessageBuffer();
    const expected: Uint8Array[] = [];
    const given: ArrayBuffer[] = [];
    const parts = random.integer(8);
    for (let index = 0; index < parts; index++) {
      const length = random.pick(sizes);
      const before = random.pick([0, 0, 10, 40_000]);
      const behind = random.pick([0, 0, 0, 10]);
      const chunk = filled(before + length + behind, random.integer(256));
      const part = chunk.subarray(before, before + length);
      expected.push(part.slice());
      const lent = random.integer(3) === 0;
      const alone = !lent && random.integer(2) === 0;
      buffer.append(part, random.pick([0, 10, 100_000]), lent, alone);
      if (lent) chunk.fill(0);
      if (alone) given.push(chunk.buffer);
    }
    const last = filled(random.pick(sizes), random.integer(256));
    expected.push(last.slice());
    const lent = random.integer(2) === 0;
    const taken = buffer.take(last, lent);
    if (lent) last.fill(0);
    assert.deepEqual(taken, concatBytes(expected));
    assert.ok(!given.includes(taken.buffer));
  }
});

test("the memory of what was given is given back, once it is copied, and of nothing else", () => {
  const detached = (
    given: boolean,
    behind: number,
    length = 20_000,
  ): boolean => {
    const buffer = new MessageBuffer();
    const chunk = filled(14 + length + behind, 1);
    const part = chunk.subarray(14, 14 + length);
    const expected = concatBytes([part, filled(9, 2)]);
    buffer.append(part, 9, false, given);
    assert.ok(!chunk.buffer.detached, "not before all has arrived");
    assert.deepEqual(buffer.take(filled(9, 2), false, given), expected);
    return chunk.buffer.detached;
  };
  assert.equal(detached(true, 0), true);
  assert.equal(detached(false, 0), false, "others may have it");
  assert.equal(detached(true, 1), false, "there is more behind the part");
  assert.equal(detached(true, 0, 100), false, "a short one costs nothing");
});

test("the memory of a part that is copied at once is given back, unless one that is kept stands before it", () => {
  for (const before of [0, 20_000]) {
    const chunk = filled(before + 10_000 + (before === 0 ? 30_000 : 0), 1);
    const end = chunk.length;
    const last = chunk.subarray(end - 10_000);
    const expected = [last.slice()];
    const buffer = new MessageBuffer();
    if (before > 0) {
      const first = chunk.subarray(0, before);
      expected.unshift(first.slice());
      buffer.append(first, 0, false, true);
    }
    buffer.append(last, 0, false, true);
    assert.equal(chunk.buffer.detached, before === 0);
    assert.deepEqual(buffer.take(none, false), concatBytes(expected));
  }
});

test("the message has a buffer of its own", () => {
  for (const lengths of [[5000], [5000, 0], [5000, 10], [10, 5000, 6000]]) {
    const buffer = new MessageBuffer();
    const parts = lengths.map((length) => filled(length, 1));
    for (const part of parts.slice(0, -1)) buffer.append(part, 0, false);
    const taken = buffer.take(parts.at(-1)!, false);
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
    for (let left = 15; left > 0; left--) {
      buffer.append(part, left * part.length, false);
    }
    assert.equal(buffer.take(part, false).length, 1024 * 1024);
  });
  assert.equal(largest, 1024 * 1024);
  assert.ok(total < 1024 * 1024 + 4096, `${total} bytes`);
});

test("of what is lent each byte is copied once, where half of it comes at once, and twice in a large message", () => {
  const chunk = filled(128 * 1024, 5);
  const half = allocatedBy(() => {
    const buffer = new MessageBuffer();
    buffer.append(chunk.subarray(0, 40_000), 25_536, true);
    buffer.append(chunk.subarray(0, 100), 25_436, true);
    const message = buffer.take(chunk.subarray(0, 25_436), true);
    assert.equal(message.buffer.byteLength, 65_536);
  });
  assert.equal(half.total, 65_536);
  const less = allocatedBy(() => {
    const buffer = new MessageBuffer();
    buffer.append(chunk.subarray(0, 20_000), 45_536, true);
    const message = buffer.take(chunk.subarray(0, 45_536), true);
    assert.equal(message.buffer.byteLength, 65_536);
  });
  assert.equal(less.total, 20_000 + 65_536, "only what came first, twice");
  const large = allocatedBy(() => {
    const buffer = new MessageBuffer();
    for (let left = 15; left > 0; left--) {
      const part = chunk.subarray(left, left + 64 * 1024);
      buffer.append(part, left * part.length, true);
    }
    const last = chunk.subarray(0, 64 * 1024);
    assert.equal(buffer.take(last, true).length, 1024 * 1024);
  });
  assert.equal(large.largest, 1024 * 1024);
  assert.ok(large.total < 2 * 1024 * 1024 + 4096, `${large.total} bytes`);
});

test("what holds a buffer that is mostly not its own is copied", () => {
  const chunk = filled(64 * 1024, 5);
  const part = chunk.subarray(0, 30 * 1024);
  const expected = part.slice();
  const buffer = new MessageBuffer();
  buffer.append(part, 0, false);
  // Nothing but the copy is there any more.
  chunk.fill(0);
  assert.deepEqual(buffer.take(none, false), expected);
});
