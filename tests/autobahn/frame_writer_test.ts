import { test } from "node:test";
import assert from "node:assert/strict";
import {
  mask,
  writeFrame,
  writeFrameHeader,
} from "../../autobahn/peer/frame_writer.ts";
import {
  hexadecimal,
  octetsOf,
  octetsOfHexadecimal,
  repeat,
} from "../../autobahn/peer/octets.ts";

const key = octetsOfHexadecimal("37fa213d");

test("frame_writer: the examples of RFC 6455, section 5.7", () => {
  const hello = octetsOf("Hello");
  assert.equal(
    hexadecimal(writeFrame({ opcode: 1, payload: hello })),
    "810548656c6c6f",
  );
  assert.equal(
    hexadecimal(writeFrame({ opcode: 1, payload: hello, maskingKey: key })),
    "818537fa213d7f9f4d5158",
  );
  assert.equal(
    hexadecimal(writeFrame({ opcode: 9, payload: hello })),
    "890548656c6c6f",
  );
  assert.equal(
    hexadecimal(
      writeFrame({ opcode: 1, fin: false, payload: octetsOf("Hel") }),
    ),
    "010348656c",
  );
});

test("frame_writer: the length takes the octets it needs", () => {
  const headerOf = (length: number) =>
    hexadecimal(writeFrameHeader({ opcode: 2 }, length));
  assert.equal(headerOf(0), "8200");
  assert.equal(headerOf(125), "827d");
  assert.equal(headerOf(126), "827e007e");
  assert.equal(headerOf(65_535), "827effff");
  assert.equal(headerOf(65_536), "827f0000000000010000");
});

test("frame_writer: writes what RFC 6455 forbids", () => {
  assert.equal(
    hexadecimal(writeFrame({ opcode: 15, fin: false, rsv: 7 })),
    "7f00",
  );
  const ping = writeFrame({ opcode: 9, payload: repeat(key, 126) });
  assert.equal(hexadecimal(ping.subarray(0, 4)), "897e007e");
  assert.equal(ping.length, 130);
});

test("frame_writer: masking in pieces is masking as a whole", () => {
  const whole = octetsOf("a text of some length");
  const pieces = whole.slice();
  mask(whole, key, 0);
  mask(pieces.subarray(0, 5), key, 0);
  mask(pieces.subarray(5), key, 5);
  assert.deepEqual(pieces, whole);
});
