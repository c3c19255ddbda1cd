import assert from "node:assert/strict";
import { test } from "node:test";
import {
  applyMask,
  copyUnmasked,
  randomMaskingKey,
  shortCopy,
} from "../src/mask.ts";
import { blockMemory, blockMemoryOf } from "../src/simd_mask.ts";
import { fromHex, toHex } from "./support/frames.ts";
import { seededRandom } from "./support/seeded_random.ts";

/** RFC 6455 section 5.3, word by word. */
function naiveMask(
  bytes: Uint8Array,
  start: number,
  end: number,
  key: number,
  position: number,
): void {
  for (let index = start; index < end; index++) {
    const octet = (position + index - start) % 4;
    bytes[index] ^= (key >>> (24 - 8 * octet)) & 0xff;
  }
}

/** Where masking takes another way than in memory of one's own. */
const inBlocks = new Uint8Array(blockMemoryOf(70_000));

/**
 * Masks copies in every way there is and compares all of each, what is around as
 * well.
 */
function assertMasks(
  buffer: ArrayBuffer,
  byteOffset: number,
  start: number,
  end: number,
  key: number,
  position: number,
): void {
  const expected = new Uint8Array(buffer.slice(0));
  naiveMask(expected.subarray(byteOffset), start, end, key, position);
  for (const viewed of [false, true]) {
    const actual = buffer.slice(0);
    const bytes = new Uint8Array(actual, byteOffset);
    const view = viewed ? new DataView(actual, byteOffset) : null;
    applyMask(bytes, start, end, key, position, view);
    const same = new Uint8Array(actual).every((byte, index) =>
      byte === expected[index]
    );
    if (same) continue;
    assert.equal(
      toHex(new Uint8Array(actual)),
      toHex(expected),
      `offset ${byteOffset}, ${start} to ${end}, key ${key}, position ${position}, ${
        viewed ? "with" : "without"
      } a view`,
    );
  }
  const actual = inBlocks.subarray(0, buffer.byteLength);
  actual.set(new Uint8Array(buffer));
  applyMask(actual.subarray(byteOffset), start, end, key, position);
  if (actual.every((byte, index) => byte === expected[index])) return;
  assert.equal(
    toHex(actual),
    toHex(expected),
    `in blocks: offset ${byteOffset}, ${start} to ${end}, key ${key}, position ${position}`,
  );
}

test("applyMask: the example of RFC 6455 section 5.7", () => {
  const bytes = fromHex("7f 9f 4d 51 58");
  applyMask(bytes, 0, 5, 0x37fa213d);
  assert.equal(new TextDecoder().decode(bytes), "Hello");
  applyMask(bytes, 0, 5, 0x37fa213d);
  assert.equal(toHex(bytes), "7f9f4d5158");
});

test("applyMask: every alignment, length up to 300 and position agrees with a loop over bytes", () => {
  const random = seededRandom("applyMask");
  const buffer = new ArrayBuffer(320);
  const bytes = new Uint8Array(buffer);
  for (let index = 0; index < bytes.length; index++) {
    bytes[index] = random.integer(256);
  }
  for (let alignment = 0; alignment < 8; alignment++) {
    for (let length = 0; length <= 300; length++) {
      const byteOffset = random.integer(alignment + 1);
      const start = alignment - byteOffset;
      for (let position = 0; position < 4; position++) {
        assertMasks(
          buffer,
          byteOffset,
          start,
          start + length,
          random.integer(0x100000000) | 0,
          position,
        );
      }
    }
  }
});

test("applyMask: keys with the highest bit set, and positions far into a frame", () => {
  const random = seededRandom("applyMask far positions");
  const buffer = new ArrayBuffer(600);
  for (
    const key of [0, -1, 1, 0x7fffffff, -0x80000000, 0x80000000, 0xffffffff]
  ) {
    for (
      const position of [0, 1, 2, 3, 4, 5, 0xffff, 2 ** 31 - 1, 2 ** 31 + 1]
    ) {
      for (const length of [0, 1, 5, 95, 96, 97, 500]) {
        const start = random.integer(9);
        assertMasks(buffer, 3, start, start + length, key, position);
      }
    }
  }
});

test("applyMask: positions of a frame beyond 4 GiB", () => {
  for (const position of [2 ** 32, 2 ** 40 + 1, 2 ** 53 - 1000 + 2]) {
    for (const length of [9, 200]) {
      assertMasks(new ArrayBuffer(210), 1, 2, 2 + length, 0x01020304, position);
    }
  }
});

test("applyMask: a frame masked in parts is masked as a whole", () => {
  const random = seededRandom("applyMask in parts");
  for (let round = 0; round < 200; round++) {
    const length = random.integer(2000);
    const key = random.integer(0x100000000) | 0;
    const whole = Uint8Array.from({ length }, () => random.integer(256));
    const parts = new Uint8Array(whole);
    naiveMask(whole, 0, length, key, 0);
    for (let at = 0; at < length;) {
      const end = Math.min(length, at + random.integer(400));
      applyMask(parts, at, end, key, at);
      at = end;
    }
    assert.equal(toHex(parts), toHex(whole));
  }
});

test("applyMask: 64 KiB that end where the memory ends, in blocks", () => {
  const random = seededRandom("applyMask in blocks");
  assert.equal(inBlocks.buffer, blockMemory, "the platform can do it");
  const bytes = Uint8Array.from(inBlocks, () => random.integer(256));
  for (let round = 0; round < 20; round++) {
    const start = bytes.length - 65_536 + random.integer(200);
    const key = random.integer(0x100000000) | 0;
    const expected = new Uint8Array(bytes);
    naiveMask(expected, start, bytes.length, key, round);
    inBlocks.set(bytes);
    applyMask(inBlocks, start, bytes.length, key, round);
    assert.ok(inBlocks.every((byte, index) => byte === expected[index]));
  }
});

test("applyMask: in memory that there was before more was asked for", () => {
  const before = new Uint8Array(blockMemoryOf(1));
  assert.equal(before.buffer, inBlocks.buffer, "long enough already");
  const after = new Uint8Array(blockMemoryOf(before.length + 1));
  assert.equal(after.buffer, blockMemory);
  for (const bytes of [before, after]) {
    bytes.fill(0);
    applyMask(bytes, 10, 210, 0x01020304);
    const masked = "01020304".repeat(50);
    assert.equal(toHex(bytes.subarray(8, 212)), `0000${masked}0000`);
  }
});

test("blockMemoryOf: there is other memory where WebAssembly is switched off", async () => {
  const platform = globalThis as { WebAssembly?: unknown };
  const { WebAssembly } = platform;
  const path = "../src/simd_mask.ts?without-webassembly";
  const without = await import(path) as typeof import("../src/simd_mask.ts");
  try {
    delete platform.WebAssembly;
    assert.equal(without.blockMemoryOf(70_000).byteLength, 70_000);
  } finally {
    Object.defineProperty(platform, "WebAssembly", {
      value: WebAssembly,
      configurable: true,
      writable: true,
    });
  }
  assert.equal(without.blockMemory, null);
});

test("copyUnmasked: every length, alignment and position gives what applyMask makes of a copy, and leaves the rest", () => {
  const random = seededRandom("copyUnmasked");
  const bytes = Uint8Array.from({ length: 150 }, () => random.integer(256));
  const before = toHex(bytes);
  for (let byteOffset = 0; byteOffset < 4; byteOffset++) {
    const view = new DataView(bytes.buffer, byteOffset);
    for (let length = 0; length <= shortCopy + 5; length++) {
      for (const position of [0, 1, 2, 3, 7, 2 ** 32 + 1]) {
        const start = random.integer(60);
        const key = random.integer(0x100000000) | 0;
        const from = byteOffset + start;
        const expected = bytes.slice(from, from + length);
        naiveMask(expected, 0, length, key, position);
        const copy = copyUnmasked(view, start, length, key, position);
        assert.equal(toHex(copy), toHex(expected), `${length} at ${from}`);
        assert.equal(copy.buffer.byteLength, length, "a buffer of its own");
      }
    }
  }
  assert.equal(toHex(bytes), before);
});

test("randomMaskingKey: keys do not repeat, and every bit is as often set as not", () => {
  const count = 20_000;
  const keys = Array.from({ length: count }, randomMaskingKey);
  assert.ok(keys.every(Number.isInteger));
  // By chance two of them are alike once in twenty runs, five never.
  assert.ok(new Set(keys).size > count - 5);
  for (let bit = 0; bit < 32; bit++) {
    const set = keys.filter((key) => (key >>> bit) & 1).length;
    // Seven standard deviations are 495.
    assert.ok(Math.abs(set - count / 2) < 500, `bit ${bit}: ${set}`);
  }
});
