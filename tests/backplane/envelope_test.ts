// The envelope that messages travel in.

import assert from "node:assert/strict";
import { test } from "node:test";
import {
  createOrigin,
  type Entry,
  EnvelopeWriter,
  readEnvelope,
} from "../../src/backplane/envelope.ts";
import { seededRandom } from "../support/seeded_random.ts";

const origin = createOrigin();
const reader = createOrigin();

function write(entries: readonly Entry[], base = 0, number = 0) {
  const writer = new EnvelopeWriter();
  for (const entry of entries) writer.add(entry);
  return writer.finish(origin, base, number);
}

function entry(message: string | Uint8Array, rest: Partial<Entry> = {}): Entry {
  return { message, compress: undefined, lossy: false, ...rest };
}

test("messages come out as they went in", () => {
  const entries = [
    entry(""),
    entry("grüße \u0000 \u{1F600}"),
    entry("€".repeat(5000)),
    entry("é".repeat(1000), { compress: true }),
    entry(new Uint8Array(0), { compress: false, lossy: true }),
    entry(Uint8Array.from({ length: 70_000 }, (_, index) => index), {
      lossy: true,
    }),
    entry("\ufeffbyte order mark"),
  ];
  const [base, number] = [2 ** 31 + 5, Number.MAX_SAFE_INTEGER - 7];
  assert.deepEqual(readEnvelope(write(entries, base, number), reader), {
    origin,
    base,
    number,
    entries,
  });
});

test("an envelope of texts is text", () => {
  const payload = write([entry("grüße"), entry("x".repeat(300))], 200, 2 ** 40);
  const text = new TextDecoder("utf-8", { fatal: true }).decode(payload);
  assert.deepEqual(new TextEncoder().encode(text), payload);
});

test("the own envelopes are told apart", () => {
  assert.equal(readEnvelope(write([entry("x")]), origin), null);
});

test("lone surrogates become U+FFFD, as everywhere in UTF-8", () => {
  const envelope = readEnvelope(write([entry("a\ud800b")]), reader);
  assert.equal(envelope?.entries[0].message, "a\ufffdb");
});

test("what is not an envelope is refused, and it is said why", () => {
  const good = write([entry("one"), entry(Uint8Array.of(1, 2, 3))], 1, 2);
  const changed = (index: number, value: number) => {
    const copy = good.slice();
    copy[index] = value;
    return copy;
  };
  const cases: [unknown, RegExp][] = [
    ["a string", /of the type string/],
    [new Uint8Array(0), /0 bytes, too few/],
    [good.subarray(0, 34), /header of message 0/],
    [good.subarray(0, 38), /header of message 0/],
    [good.subarray(0, 45), /header of message 1/],
    [good.subarray(0, -1), /message 1 has 3 bytes, of which 2/],
    [changed(0, 0x58), /bytes 88 and 1/],
    [changed(1, 2), /bytes 87 and 2/],
    [changed(25, 9), /number 2 is below 9/],
    [changed(19, 200), /byte 19 is no digit/],
    [changed(34, 6), /flags of a message are 6/],
    [changed(34, 16), /flags of a message are 16/],
    [changed(36, 128), /byte 36 is no digit/],
    [changed(41, 0xff), /not valid UTF-8/],
    [write([entry("x")], 0, Number.MAX_SAFE_INTEGER), /is too high/],
  ];
  for (const [payload, message] of cases) {
    assert.throws(() => readEnvelope(payload as Uint8Array, reader), {
      message,
    });
  }
});

test("damaged envelopes are refused or are read, and nothing else", () => {
  const random = seededRandom("damaged envelopes");
  const good = write(
    [entry("one"), entry(Uint8Array.of(255, 2)), entry("drei")],
    5,
    7,
  );
  let refused = 0;
  for (let round = 0; round < 5000; round++) {
    const payload = good.slice(0, random.integer(good.length + 1));
    for (let change = random.integer(4); change > 0; change--) {
      payload[random.integer(payload.length)] = random.integer(256);
    }
    try {
      const envelope = readEnvelope(payload, reader);
      assert.ok(envelope !== null && envelope.entries.length > 0);
    } catch (error) {
      assert.ok(error instanceof Error && !("generatedMessage" in error));
      refused++;
    }
  }
  assert.ok(refused > 2000, `${refused}`);
});
