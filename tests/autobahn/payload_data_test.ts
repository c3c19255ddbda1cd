import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { test } from "node:test";
import { deflateRawSync } from "node:zlib";
import {
  payloadData,
  type PayloadName,
} from "../../autobahn/cases/payload_data.ts";

/** What the reference suite's files are, and the digests of ours. */
const expected: Record<
  PayloadName,
  { size: number; length: number; ratio: number; digest: string }
> = {
  json: {
    size: 194056,
    length: 194056,
    ratio: 0.044,
    digest: "7263786f3f11e630",
  },
  bitmap: {
    size: 263222,
    length: 263222,
    ratio: 0.866,
    digest: "f19bd63a3f13a64d",
  },
  verse: {
    size: 222218,
    length: 222218,
    ratio: 0.385,
    digest: "6975c6b11283d62d",
  },
  html: {
    size: 263647,
    length: 263620,
    ratio: 0.055,
    digest: "77f260896083b5e8",
  },
  document: {
    size: 1042328,
    length: 1042328,
    ratio: 0.759,
    digest: "3e4d96f8fb118aa0",
  },
};

const names = Object.keys(expected) as PayloadName[];

function wholeOf(name: PayloadName): Uint8Array {
  return payloadData[name].slice(0, payloadData[name].length);
}

for (const name of names) {
  const { size, length, ratio, digest } = expected[name];

  test(`payload data: ${name} is as large as the reference's`, () => {
    assert.equal(payloadData[name].size, size);
    assert.equal(payloadData[name].length, length);
    assert.equal(wholeOf(name).byteLength, size);
  });

  test(`payload data: ${name} is about as compressible`, () => {
    const ours = deflateRawSync(wholeOf(name)).byteLength / size;
    assert.ok(
      Math.abs(ours / ratio - 1) < 0.15,
      `${ours.toFixed(3)}, not about ${ratio}`,
    );
  });

  test(`payload data: ${name} is the same everywhere`, () => {
    assert.equal(
      createHash("sha256").update(wholeOf(name)).digest("hex").slice(0, 16),
      digest,
    );
  });

  test(`payload data: ${name} goes on at its beginning`, () => {
    const payload = payloadData[name];
    const wrapped = payload.slice(payload.length - 10, 20);
    assert.deepEqual(
      [...wrapped],
      [
        ...payload.slice(payload.length - 10, payload.length),
        ...payload.slice(0, 20),
      ],
    );
    assert.equal(wrapped.byteLength, 30);
  });
}

test("payload data: the JSON is JSON, all ASCII", () => {
  const octets = wholeOf("json");
  assert.ok(octets.every((octet) => octet < 0x80));
  const rivers = JSON.parse(new TextDecoder().decode(octets));
  assert.ok(Object.keys(rivers).length > 2);
});

test("payload data: text is cut between characters", () => {
  const payload = payloadData.html;
  const whole = new TextDecoder().decode(wholeOf("html"));
  const first = whole.search(/[^\0-\x7f]/);
  assert.ok(first > 0);
  assert.equal(payload.slice(first, first + 1).byteLength, 2);
  assert.equal(
    new TextDecoder("utf-8", { fatal: true }).decode(
      payload.slice(first - 3, first + 3),
    ),
    whole.slice(first - 3, first + 3),
  );
});

test("payload data: which are text", () => {
  assert.deepEqual(
    names.filter((name) => !payloadData[name].isBinary),
    ["json", "html"],
  );
});

test("payload data: a slice is a copy", () => {
  for (const name of names) {
    const before = [...payloadData[name].slice(0, 16)];
    payloadData[name].slice(0, 16).fill(0);
    assert.deepEqual([...payloadData[name].slice(0, 16)], before);
  }
});
