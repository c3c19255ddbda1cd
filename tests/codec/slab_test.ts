import assert from "node:assert/strict";
import { test } from "node:test";
import { FrameEncoder } from "../../src/codec/frame_encoder.ts";
import {
  giveBackToSlab,
  type Slab,
  slabLength,
  slabWithRoom,
} from "../../src/codec/slab.ts";
import { concatBytes, toHex } from "../support/frames.ts";
import { seededRandom } from "../support/seeded_random.ts";
import { outgoing } from "./run_stage.ts";

/** Takes bytes as an encoder does. */
function take(length: number): Uint8Array {
  const slab: Slab = slabWithRoom(length);
  const start = slab.used;
  slab.used += length;
  return slab.bytes.subarray(start, slab.used);
}

test("slabs: memory that was given back is used again, other memory never", () => {
  const random = seededRandom("slabs");
  const held = new Map<Uint8Array, number>();
  const buffers = new Set<ArrayBufferLike>();
  for (let turn = 0; turn < 2000; turn++) {
    for (let count = random.integer(20); count > 0; count--) {
      const bytes = take(1 + random.integer(8000));
      buffers.add(bytes.buffer);
      const mark = random.integer(256);
      bytes.fill(mark);
      held.set(bytes, mark);
    }
    for (const [bytes, mark] of held) {
      assert.ok(bytes.every((byte) => byte === mark), "taken by two");
      giveBackToSlab(bytes);
    }
    held.clear();
  }
  assert.ok(buffers.size <= 8, `${buffers.size} pieces of memory were made`);
});

test("slabs: what is kept by who does not give it back stays as it is", () => {
  const kept = Array.from({ length: 100 }, (_, index) => {
    const bytes = take(slabLength / 2);
    bytes.fill(index);
    return bytes;
  });
  for (let turn = 0; turn < 500; turn++) {
    const bytes = take(1000);
    bytes.fill(0xff);
    giveBackToSlab(bytes);
  }
  kept.forEach((bytes, index) => {
    assert.ok(bytes.every((byte) => byte === index), `piece ${index}`);
  });
});

test("slabs: memory that is not theirs is not theirs when it is given back either", () => {
  const before = take(10);
  giveBackToSlab(new Uint8Array(1_000_000));
  const after = take(10);
  before.fill(1);
  after.fill(2);
  assert.ok(before.every((byte) => byte === 1));
  giveBackToSlab(before);
  giveBackToSlab(after);
});

test("FrameEncoder: encoders that write in between each other, some at once given back and some kept, keep their bytes", () => {
  const random = seededRandom("FrameEncoder: shared memory");
  const encoders = Array.from({ length: 12 }, () => ({
    encoder: new FrameEncoder(),
    alone: "",
  }));
  const kept: { chunks: Uint8Array[]; expected: string }[] = [];
  for (let step = 0; step < 20_000; step++) {
    const one = random.pick(encoders);
    if (random.integer(4) > 0) {
      const length = random.integer(random.integer(10) === 0 ? 20_000 : 200);
      const frame = outgoing(
        0x02,
        new Uint8Array(length).fill(random.integer(256)),
      );
      one.encoder.append(frame);
      const reference = new FrameEncoder();
      reference.append(frame);
      one.alone += toHex(concatBytes(reference.take()));
      continue;
    }
    const chunks = one.encoder.take();
    assert.equal(toHex(concatBytes(chunks)), one.alone);
    if (random.integer(5) > 0) one.encoder.recycle(chunks);
    else kept.push({ chunks, expected: one.alone });
    one.alone = "";
    if (kept.length < 40) continue;
    const { chunks: old, expected } = kept.shift()!;
    assert.equal(toHex(concatBytes(old)), expected, "kept");
  }
});
