// Close frames that all connections share.

import assert from "node:assert/strict";
import { test } from "node:test";
import { encodeCloseBody } from "../../src/close.ts";
import { closeFrameOf } from "../../src/connection/close_frame.ts";

test("each code has its frame, and keeps it", () => {
  for (const closeCode of [1000, 1001, 1005, 1011, 3000, 4999, 1000]) {
    const frame = closeFrameOf(closeCode);
    assert.deepEqual(frame, {
      opcode: 8,
      fin: true,
      rsv1: false,
      payload: encodeCloseBody(closeCode),
    });
    assert.equal(closeFrameOf(closeCode), frame);
  }
});

test("a code that must not be sent is refused, each time", () => {
  for (const closeCode of [1004, 1006, 1015, 2999, 5000, 1004]) {
    assert.throws(() => closeFrameOf(closeCode), RangeError);
  }
});
