import assert from "node:assert/strict";
import { test } from "node:test";
import {
  applyMask,
  copyUnmasked,
  randomMaskingKey,
  shortCopy,
} from "../src/mask.ts";
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

/** Masks a copy both ways and compares all of it, what is around as well. */
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
