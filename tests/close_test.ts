import assert from "node:assert/strict";
import { test } from "node:test";
import {
  CloseCode,
  decodeCloseBody,
  encodeCloseBody,
  isSendableCloseCode,
  maxReasonLength,
  truncateReason,
} from "../src/close.ts";
import { ProtocolError, WebSocketError } from "../src/error.ts";
import { concatBytes, fromHex, toHex } from "./support/frames.ts";

/** RFC 6455 section 7.4 and the IANA registry, written down. */
const sendable = new Set([
  1000,
  1001,
  1002,
  1003,
  1007,
  1008,
  1009,
  1010,
  1011,
  1012,
  1013,
  1014,
  ...Array.from({ length: 2000 }, (_, index) => 3000 + index),
]);

const codes = [
  ...Array.from({ length: 5006 }, (_, code) => code),
  9999,
  32768,
  65534,
  65535,
];

function body(code: number, reason: ArrayLike<number> = []): Uint8Array {
  return concatBytes([[code >> 8, code & 0xff], reason]);
}

test("close codes: what may stand in a Close frame, for every code", () => {
  for (const code of codes) {
    const allowed = sendable.has(code);
    assert.equal(isSendableCloseCode(code), allowed, String(code));
    if (allowed) {
      assert.deepEqual(decodeCloseBody(body(code)), {
        closeCode: code,
        reason: "",
      });
      assert.equal(toHex(encodeCloseBody(code)), toHex(body(code)));
      continue;
    }
    assert.throws(
      () => decodeCloseBody(body(code)),
      (error) =>
        error instanceof ProtocolError && error.closeCode === 1002 &&
        error.message.includes(String(code)),
      String(code),
    );
    if (code === 1005) continue;
    assert.throws(
      () => encodeCloseBody(code),
      (error) =>
        error instanceof RangeError && error.message.includes(String(code)),
      String(code),
    );
  }
});

test("close codes: numbers that are no codes", () => {
  for (
    const code of [NaN, Infinity, -1, -1000, 1000.5, 65536 + 1000, 2 ** 32]
  ) {
    assert.equal(isSendableCloseCode(code), false);
    assert.throws(() => encodeCloseBody(code), RangeError);
  }
});

test("CloseCode: the names of RFC 6455 and the registry", () => {
  assert.deepEqual({ ...CloseCode }, {
    NormalClosure: 1000,
    GoingAway: 1001,
    ProtocolError: 1002,
    UnsupportedData: 1003,
    NoStatusReceived: 1005,
    AbnormalClosure: 1006,
    InvalidPayload: 1007,
    PolicyViolation: 1008,
    MessageTooBig: 1009,
    MandatoryExtension: 1010,
    InternalError: 1011,
    ServiceRestart: 1012,
    TryAgainLater: 1013,
    BadGateway: 1014,
    TlsHandshake: 1015,
  });
});

test("close body: empty stands for 1005, both ways", () => {
  assert.deepEqual(decodeCloseBody(new Uint8Array(0)), {
    closeCode: 1005,
    reason: "",
  });
  assert.equal(encodeCloseBody(1005).length, 0);
  assert.throws(() => encodeCloseBody(1005, "why"), RangeError);
});

test("close body: one byte is refused, whichever", () => {
  for (let byte = 0; byte < 256; byte++) {
    assert.throws(
      () => decodeCloseBody(Uint8Array.of(byte)),
      (error) => error instanceof ProtocolError && error.closeCode === 1002,
    );
  }
});

test("close body: the reason is UTF-8, U+FEFF and U+0000 included", () => {
  for (
    const reason of ["bye", "Grüße €𝄞", "\ufeff", "\ufeffa", "\u0000", "\ufffd"]
  ) {
    const bytes = body(4000, new TextEncoder().encode(reason));
    assert.deepEqual(decodeCloseBody(bytes), { closeCode: 4000, reason });
    assert.equal(toHex(encodeCloseBody(4000, reason)), toHex(bytes));
  }
  for (
    const digits of ["ff", "80", "c0 80", "ed a0 80", "f4 90 80 80", "61 e2 82"]
  ) {
    assert.throws(
      () => decodeCloseBody(body(1000, fromHex(digits))),
      (error) => error instanceof ProtocolError && error.closeCode === 1007,
      digits,
    );
  }
  // The code is looked at first.
  assert.throws(
    () => decodeCloseBody(body(1006, fromHex("ff"))),
    (error) => error instanceof ProtocolError && error.closeCode === 1002,
  );
  // A lone surrogate can't be sent as such.
  assert.equal(toHex(encodeCloseBody(1000, "\ud800")), "03e8efbfbd");
});

test("close body: a reason has at most 123 bytes", () => {
  assert.equal(maxReasonLength, 123);
  for (
    const reason of ["a".repeat(123), "€".repeat(41), "é".repeat(61) + "a"]
  ) {
    const bytes = encodeCloseBody(1000, reason);
    assert.equal(bytes.length, 125);
    assert.deepEqual(decodeCloseBody(bytes), { closeCode: 1000, reason });
  }
  for (
    const reason of [
      "a".repeat(124),
      "€".repeat(41) + "a",
      "é".repeat(62),
      "𝄞".repeat(31),
      "a".repeat(100_000),
    ]
  ) {
    const { length } = new TextEncoder().encode(reason);
    assert.throws(
      () => encodeCloseBody(1000, reason),
      (error) =>
        error instanceof RangeError && error.message.includes(String(length)) &&
        error.message.length < 300,
    );
  }
});

test("truncateReason: leaves what fits, cuts the rest at a character's border", () => {
  for (const reason of ["", "a", "a".repeat(123), "€".repeat(41)]) {
    assert.equal(truncateReason(reason), reason);
  }
  for (const character of ["a", "é", "€", "𝄞", "\ufeff"]) {
    const size = new TextEncoder().encode(character).length;
    for (let shift = 0; shift <= 8; shift++) {
      const start = "-".repeat(shift);
      const fitting = Math.floor((123 - shift) / size);
      assert.equal(
        truncateReason(start + character.repeat(200)),
        start + character.repeat(fitting),
      );
      // With as much as fits, and with one more.
      const exact = start + character.repeat(fitting);
      assert.equal(truncateReason(exact), exact);
      assert.equal(truncateReason(exact + character), exact);
    }
  }
  const whole = truncateReason("\ud800".repeat(200));
  assert.equal(whole, "\ufffd".repeat(41));
  encodeCloseBody(1000, truncateReason("𝄞".repeat(200)));
});

test("WebSocketError: code and reason as the WebSocketStream proposal has them", () => {
  const plain = new WebSocketError("lost");
  assert.ok(plain instanceof DOMException && plain instanceof Error);
  assert.equal(plain.name, "WebSocketError");
  assert.equal(plain.message, "lost");
  assert.equal(plain.closeCode, null);
  assert.equal(plain.reason, "");
  assert.equal(new WebSocketError("", { reason: "why" }).closeCode, 1000);
  const full = new WebSocketError("kicked", {
    closeCode: 4001,
    reason: "spam",
  });
  assert.deepEqual([full.closeCode, full.reason], [4001, "spam"]);
  assert.equal(new WebSocketError("", { closeCode: 4001 }).reason, "");
  assert.equal(new WebSocketError().message, "");

  const refusal = new ProtocolError(1002, "RSV2 is set");
  assert.ok(refusal instanceof WebSocketError);
  assert.equal(refusal.name, "WebSocketError");
  assert.deepEqual(
    [refusal.closeCode, refusal.message, refusal.reason],
    [1002, "RSV2 is set", "RSV2 is set"],
  );
});
