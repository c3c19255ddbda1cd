import assert from "node:assert/strict";
import { test } from "node:test";
import {
  decodeUtf8,
  encodeUtf8,
  utf8Length,
  Utf8Validator,
  writeAscii,
  writeUtf8,
} from "../../src/codec/utf8.ts";
import { concatBytes, fromHex, toHex } from "../support/frames.ts";
import { seededRandom } from "../support/seeded_random.ts";
import { assertRefusal } from "./run_stage.ts";

/** What a function throws. */
function thrownBy(run: () => unknown): unknown {
  try {
    run();
  } catch (error) {
    return error;
  }
  return null;
}

/** Lengths about those at which another decoder takes over. */
const lengths = [
  0,
  1,
  2,
  7,
  100,
  253,
  254,
  255,
  256,
  257,
  2045,
  2046,
  2047,
  2048,
  2049,
  2050,
  5000,
];

const invalid = [
  "80",
  "c0 80",
  "e0 80 80",
  "ed a0 80",
  "ed b0 80",
  "f0 80 80 80",
  "f4 90 80 80",
  "f8 88 80 80 80",
  "fe",
  "ff",
  "c2",
  "e2 82",
  "f0 9d 84",
];

test("decodeUtf8: valid text of any length, U+FEFF and U+FFFD kept", () => {
  for (const length of lengths) {
    for (const end of ["", "é", "€", "𝄞", "\ufffd", "\u0000"]) {
      for (const start of ["", "\ufeff", "\ufffd", "\u0000", "𝄞"]) {
        const text = start + "a".repeat(length) + end;
        const bytes = new TextEncoder().encode(text);
        assert.equal(decodeUtf8(bytes), text);
        // A view in the middle of others' bytes.
        const around = concatBytes([[0xff, 0xc2], bytes, [0x80, 0xff]]);
        assert.equal(decodeUtf8(around.subarray(2, 2 + bytes.length)), text);
      }
    }
  }
});

test("decodeUtf8: invalid text of any length gives 1007, a U+FFFD beside it or not", () => {
  for (const length of lengths) {
    for (const digits of invalid) {
      for (const start of ["", "\ufffd", "é"]) {
        const filler = new TextEncoder().encode(start + "a".repeat(length));
        for (
          const bytes of [
            concatBytes([filler, fromHex(digits)]),
            concatBytes([fromHex(digits), filler]),
          ]
        ) {
          assertRefusal(
            thrownBy(() => decodeUtf8(bytes)),
            1007,
            /UTF-8/,
            `${digits} beside ${filler.length} bytes`,
          );
        }
      }
    }
  }
});

test("decodeUtf8: the same text wherever in its buffer it stands, which keeps its bytes", () => {
  const random = seededRandom("decodeUtf8 offsets");
  for (const length of [255, 2047, 2048, 5000, 65_536, 65_537, 200_000]) {
    for (const offset of [0, 1, 8, 14, 15, 16, 1032, 4095, 4096, 4104]) {
      const bytes = new Uint8Array(offset + length + 20).fill(0x80);
      const text = bytes.subarray(offset, offset + length);
      text.forEach((_, index) => text[index] = 0x20 + random.integer(0x5f));
      const before = bytes.slice();
      assert.equal(decodeUtf8(text), new TextDecoder().decode(text.slice()));
      text.set([0xc3, 0xa9], length - 2);
      assert.ok(decodeUtf8(text).endsWith("\u00e9"));
      text.set(
        before.subarray(offset + length - 2, offset + length),
        length - 2,
      );
      assert.deepEqual(bytes, before);
    }
  }
});

test("decodeUtf8: agrees with a decoder written down from RFC 3629, on random bytes", () => {
  const random = seededRandom("decodeUtf8 random bytes");
  const likely = fromHex(
    "00 41 7f 80 8f 90 9f a0 bf c0 c1 c2 df e0 e1 ec ed ee ef f0 f1 f3 f4 f5 ff",
  );
  let valid = 0;
  for (let round = 0; round < 8_000; round++) {
    const bytes = Uint8Array.from(
      { length: 1 + random.integer(6) },
      () => random.pick(likely),
    );
    const expected = referenceDecode(bytes);
    if (expected === null) {
      assertRefusal(thrownBy(() => decodeUtf8(bytes)), 1007, /./, toHex(bytes));
    } else {
      valid++;
      assert.equal(decodeUtf8(bytes), expected, toHex(bytes));
    }
    assert.equal(
      thrownBy(() => new Utf8Validator().validate(bytes, true)) === null,
      expected !== null,
      toHex(bytes),
    );
  }
  assert.ok(valid > 100, "the random bytes were valid at times");
});

test("Utf8Validator: takes the next text after the last part of one", () => {
  const validator = new Utf8Validator();
  validator.validate(fromHex("e2"), false);
  validator.validate(fromHex("82"), false);
  validator.validate(new Uint8Array(0), false);
  validator.validate(fromHex("ac"), true);
  validator.validate(new Uint8Array(0), true);
  validator.validate(fromHex("ef bb bf"), false);
  validator.validate(fromHex("ef bb"), false);
  assertRefusal(
    thrownBy(() => validator.validate(new Uint8Array(0), true)),
    1007,
  );
});

test("encodeUtf8, utf8Length and writeUtf8: the same bytes, lone surrogates as U+FFFD", () => {
  const texts = [
    "",
    "a",
    "Größe € 𝄞",
    "\ufeff\u0000\ufffd",
    "\ud800",
    "\udc00",
    "a\ud800b",
    "\udc00\ud800",
    "\ud800\ud800\udc00",
    "end\ud83d",
    "x".repeat(5000),
    "€".repeat(5000),
    "𝄞".repeat(2500),
    "\ud834".repeat(3000),
  ];
  for (const text of texts) {
    const expected = referenceEncode(text);
    assert.equal(toHex(encodeUtf8(text)), toHex(expected));
    assert.equal(utf8Length(text), expected.length);
    for (const offset of [0, 1, 13]) {
      const bytes = new Uint8Array(offset + 3 * text.length + 5).fill(0xee);
      const written = writeUtf8(text, bytes, offset);
      assert.equal(written, expected.length);
      assert.equal(
        toHex(bytes.subarray(offset, offset + written)),
        toHex(expected),
      );
      assert.ok(bytes.subarray(0, offset).every((byte) => byte === 0xee));
      assert.ok(
        bytes.subarray(offset + written).every((byte) => byte === 0xee),
      );
    }
  }
});

test("writeUtf8: writes into a view where the view begins", () => {
  const all = new Uint8Array(40).fill(0xee);
  const view = all.subarray(10, 30);
  assert.equal(writeUtf8("é€", view, 2), 5);
  assert.equal(toHex(all.subarray(10, 18)), "eeeec3a9e282acee");
  assert.ok(all.subarray(0, 12).every((byte) => byte === 0xee));
});

test("writeAscii: writes ASCII where it belongs, and says of anything else that it is none", () => {
  for (const length of [0, 1, 15, 16, 17, 500, 5000]) {
    const text = "x~\u0000\u007f".repeat(length).slice(0, length);
    const all = new Uint8Array(length + 30).fill(0xee);
    const view = all.subarray(10, length + 20);
    assert.equal(writeAscii(text, view, 3), true);
    const expected = concatBytes([
      new Uint8Array(13).fill(0xee),
      referenceEncode(text),
      new Uint8Array(17).fill(0xee),
    ]);
    assert.equal(toHex(all), toHex(expected));
    for (const other of ["\u0080", "é", "€", "𝄞", "\ud800", "\udc00"]) {
      for (let at = 0; at <= length; at += Math.max(1, length >> 4)) {
        const mixed = text.slice(0, at) + other + text.slice(at);
        const bytes = new Uint8Array(mixed.length + 8).fill(0xee);
        assert.equal(writeAscii(mixed, bytes, 4), false);
        const around = [...bytes.slice(0, 4), ...bytes.slice(-4)];
        assert.ok(around.every((byte) => byte === 0xee), "not beyond the room");
      }
    }
  }
});

/** RFC 3629 section 4, or `null` for what it does not allow. */
function referenceDecode(bytes: Uint8Array): string | null {
  let text = "";
  let index = 0;
  while (index < bytes.length) {
    const first = bytes[index++];
    const tails = first < 0x80
      ? 0
      : first >= 0xc2 && first <= 0xdf
      ? 1
      : first >= 0xe0 && first <= 0xef
      ? 2
      : first >= 0xf0 && first <= 0xf4
      ? 3
      : -1;
    if (tails < 0) return null;
    let scalar = tails === 0 ? first : first & (0x3f >> tails);
    for (let tail = 0; tail < tails; tail++) {
      if (index === bytes.length || (bytes[index] & 0xc0) !== 0x80) return null;
      scalar = scalar * 64 + (bytes[index++] & 0x3f);
    }
    if (scalar < [0, 0x80, 0x800, 0x10000][tails]) return null;
    if (scalar > 0x10ffff || (scalar >= 0xd800 && scalar <= 0xdfff)) {
      return null;
    }
    text += String.fromCodePoint(scalar);
  }
  return text;
}

/** RFC 3629 section 3, a lone surrogate as U+FFFD. */
function referenceEncode(text: string): Uint8Array {
  const bytes: number[] = [];
  for (const character of text) {
    let scalar = character.codePointAt(0)!;
    if (scalar >= 0xd800 && scalar <= 0xdfff) scalar = 0xfffd;
    if (scalar < 0x80) {
      bytes.push(scalar);
      continue;
    }
    const tails = scalar < 0x800 ? 1 : scalar < 0x10000 ? 2 : 3;
    bytes.push([0, 0xc0, 0xe0, 0xf0][tails] | (scalar >> (6 * tails)));
    for (let tail = tails - 1; tail >= 0; tail--) {
      bytes.push(0x80 | ((scalar >> (6 * tail)) & 0x3f));
    }
  }
  return Uint8Array.from(bytes);
}
