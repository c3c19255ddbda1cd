import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { test } from "node:test";
import { inflateRawSync } from "node:zlib";
import { History, maxWindowLength } from "../../src/deflate/history.ts";
import { inflateWithStandard } from "../../src/deflate/standard.ts";
import { concatBytes, fromHex, toHex } from "../support/frames.ts";
import { seededRandom } from "../support/seeded_random.ts";
import { randomBytes, utf8 } from "./backends.ts";

test("the window holds the last bytes, like a naive model", () => {
  const random = seededRandom("History");
  for (const windowBits of [8, 9, 11, 15]) {
    const length = 1 << windowBits;
    for (let round = 0; round < 8; round++) {
      const history = new History(1 << windowBits);
      let model = Buffer.alloc(0);
      const most = random.pick([3, 50, length / 2, length + 5, 3 * length]);
      for (let step = 0; step < 60; step++) {
        const added = randomBytes(random, random.integer(most + 1));
        history.append(added);
        model = Buffer.concat([model, added]).subarray(-length);
        added.fill(0); // it is a copy
        assert.equal(history.length, model.length);
        assert.ok(model.equals(history.bytes), `step ${step}`);
        if (random.integer(3) === 0) {
          const block = history.storedBlock;
          assert.equal(block.length, model.length === 0 ? 0 : model.length + 5);
          assert.ok(model.equals(block.subarray(block.length && 5)));
          assert.ok(model.equals(history.bytes), "the header spoils nothing");
        }
      }
    }
  }
});

test("the window at its exact edges", () => {
  for (const windowBits of [8, 15]) {
    const length = 1 << windowBits;
    for (
      const lengths of [
        [length],
        [length - 1, 1],
        [length - 1, 2],
        [length, 1],
        [1, length],
        [length + 1],
        [length, length],
        [length - 1, 0, 1, 0],
        [length, length - 1, 1, length],
      ]
    ) {
      const history = new History(1 << windowBits);
      let all = Buffer.alloc(0);
      for (const [index, size] of lengths.entries()) {
        const added = new Uint8Array(size).map((_, at) => at * 31 + index);
        history.append(added);
        all = Buffer.concat([all, added]);
      }
      assert.ok(all.subarray(-length).equals(history.bytes), `${lengths}`);
    }
  }
});

test("the stored block has its bytes", () => {
  const history = new History();
  assert.equal(toHex(history.storedBlock), "");
  history.append(utf8("Hello"));
  assert.equal(
    toHex(history.storedBlock),
    "00" + "0500" + "faff" + "48656c6c6f",
  );
  assert.equal(maxWindowLength, 32768);
  history.append(new Uint8Array(maxWindowLength));
  assert.equal(toHex(history.storedBlock.subarray(0, 7)), "000080ff7f0000");
});

test("the stored block gives an inflater the window", async () => {
  // RFC 7692 section 7.2.3.2: "Hello", as a match five bytes back.
  const back = fromHex("f2 00 11 00 00 00 00 ff ff 03 00");
  for (const before of [0, 1, 300, maxWindowLength - 5, maxWindowLength]) {
    const history = new History();
    history.append(new Uint8Array(before));
    history.append(utf8("Hello"));
    const input = concatBytes([history.storedBlock, back]);
    const expected = concatBytes([history.bytes, utf8("Hello")]);
    assert.ok(inflateRawSync(input).equals(expected), "zlib");
    const standard = await inflateWithStandard(input, 1 << 20);
    assert.ok(typeof standard !== "string");
    assert.ok(Buffer.from(expected).equals(standard), "DecompressionStream");
  }
});

test("the farthest match of 32 KiB reaches the window's first byte", async () => {
  const history = new History();
  const window = new Uint8Array(maxWindowLength).map((_, at) => (at * at) >> 5);
  history.append(window);
  // A fixed block with a match of length 3, distance 32768, and BFINAL set:
  // 1 10 | 0000001 | 11101 1111111111111 | 0000000, each code from its first bit.
  const bits = "110" + "0000001" + "11101" + "1111111111111" + "0000000";
  // BFINAL 1, then BTYPE 01 with its lower bit first.
  assert.equal(bits.slice(0, 3), "110");
  const block = new Uint8Array(Math.ceil(bits.length / 8));
  for (const [index, bit] of [...bits].entries()) {
    if (bit === "1") block[index >> 3] |= 1 << (index & 7);
  }
  const input = concatBytes([history.storedBlock, block]);
  const expected = concatBytes([window, window.subarray(0, 3)]);
  assert.ok(inflateRawSync(input).equals(expected), "zlib");
  const standard = await inflateWithStandard(input, 1 << 20);
  assert.ok(typeof standard !== "string");
  assert.ok(Buffer.from(expected).equals(standard), "DecompressionStream");
});
