import assert from "node:assert/strict";
import { test } from "node:test";
import { latin1, toLatin1 } from "../../src/handshake/head_lines.ts";

const everyByte = Uint8Array.from({ length: 256 }, (_, byte) => byte);

test("latin1(): one character for each byte, whatever stands around them", () => {
  const around = new Uint8Array(300).fill(0x41);
  around.set(everyByte, 20);
  const text = latin1(around.subarray(20, 276));
  assert.deepEqual(
    Array.from(text, (character) => character.charCodeAt(0)),
    [...everyByte],
  );
});

test("toLatin1(): one byte for each character, ASCII or not", () => {
  for (const length of [0, 1, 128, 129, 256]) {
    const text = String.fromCharCode(...everyByte.subarray(0, length));
    assert.deepEqual([...toLatin1(text)], [...everyByte.subarray(0, length)]);
  }
});
