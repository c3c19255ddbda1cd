import assert from "node:assert/strict";
import { test } from "node:test";
import { ByteBuffer, joinBytes } from "../../src/codec/byte_buffer.ts";
import { concatBytes, fromHex, toHex } from "../support/frames.ts";
import { seededRandom } from "../support/seeded_random.ts";
import { allocatedBy } from "./allocations.ts";

test("ByteBuffer: what is appended comes out in order", () => {
  const buffer = new ByteBuffer();
  assert.equal(buffer.length, 0);
  assert.equal(buffer.take().length, 0);
  const parts = ["01", "", "02 03", "04 05 06 07 08 09", ""];
  for (const part of parts) buffer.append(fromHex(part));
  assert.equal(buffer.length, 9);
  assert.equal(toHex(buffer.take()), "010203040506070809");
});

test("ByteBuffer: it is empty after take(), and what was taken stays as it is", () => {
  const buffer = new ByteBuffer();
  const taken: Uint8Array[] = [];
  for (let round = 1; round <= 20; round++) {
    for (let part = 0; part < round; part++) {
      buffer.append(Uint8Array.of(round, part));
    }
    assert.equal(buffer.length, 2 * round);
    taken.push(buffer.take());
    assert.equal(buffer.length, 0);
  }
  taken.forEach((bytes, index) => {
    const expected = Array.from(
      { length: index + 1 },
      (_, part) => [index + 1, part],
    );
    assert.deepEqual([...bytes], expected.flat());
  });
});

test("ByteBuffer: parts are copied", () => {
  const buffer = new ByteBuffer();
  const part = fromHex("01 02 03");
  buffer.append(part);
  part.fill(0xff);
  buffer.append(part.subarray(0, 1));
  assert.equal(toHex(buffer.take()), "010203ff");
});

test("ByteBuffer: random parts with random announcements come out in order", () => {
  const random = seededRandom("ByteBuffer random parts");
  for (let round = 0; round < 300; round++) {
    const buffer = new ByteBuffer();
    const parts = Array.from(
      { length: random.integer(30) },
      () =>
        Uint8Array.from(
          { length: random.integer(random.pick([2, 30, 3000])) },
          () => random.integer(256),
        ),
    );
    for (const part of parts) {
      buffer.append(part, random.pick([0, 0, 1, 500, 100_000]));
    }
    const expected = concatBytes(parts);
    assert.equal(buffer.length, expected.length);
    const taken = buffer.take();
    assert.equal(toHex(taken), toHex(expected));
    assert.ok(
      taken.buffer.byteLength <= 2 * taken.length,
      "at most half of what is handed out is waste",
    );
  }
});

test("ByteBuffer: once half has arrived of what is announced, there is room for all", () => {
  const part = new Uint8Array(5000).fill(7);
  for (const [remaining, total] of [[5000, 10_000], [10, 5010], [0, 5000]]) {
    const buffer = new ByteBuffer();
    assert.equal(buffer.room, 0);
    const allocated = allocatedBy(() => {
      buffer.append(part, remaining);
      assert.equal(buffer.room, remaining);
      buffer.append(part.subarray(0, remaining));
    });
    assert.equal(allocated.total, total);
    assert.equal(buffer.take().buffer.byteLength, total);
  }
  const buffer = new ByteBuffer();
  buffer.append(part, 2 ** 40);
  assert.equal(buffer.room, 0, "so little of the rest does not help");
});

test("ByteBuffer: bytes that are only announced cost nothing", () => {
  const { total } = allocatedBy(() => {
    const buffer = new ByteBuffer();
    buffer.append(new Uint8Array(0), 2 ** 40);
    buffer.append(new Uint8Array(0), 2 ** 40);
    assert.equal(buffer.length, 0);
  });
  assert.equal(total, 0);
  const { largest } = allocatedBy(() => {
    const buffer = new ByteBuffer();
    for (let part = 0; part < 100; part++) {
      buffer.append(new Uint8Array(100), 2 ** 40);
    }
  });
  assert.ok(largest <= 20_000, `${largest} bytes for 10,000 that arrived`);
});

test("ByteBuffer: many small parts cost a small multiple of their bytes", () => {
  const part = new Uint8Array(1);
  const { total } = allocatedBy(() => {
    const buffer = new ByteBuffer();
    for (let count = 0; count < 100_000; count++) buffer.append(part);
    assert.equal(buffer.length, 100_000);
    buffer.take();
  });
  assert.ok(total <= 500_000, `${total} bytes allocated`);
});

test("ByteBuffer: a frame of known length that arrives in parts costs a small multiple of its bytes", () => {
  const part = new Uint8Array(1000);
  const { total, largest } = allocatedBy(() => {
    const buffer = new ByteBuffer();
    for (let remaining = 999_000; remaining >= 0; remaining -= 1000) {
      buffer.append(part, remaining);
    }
    assert.equal(buffer.take().length, 1_000_000);
  });
  assert.ok(largest <= 2_000_000, `${largest} bytes at once`);
  assert.ok(total <= 5_000_000, `${total} bytes allocated`);
});

test("ByteBuffer: many short frames that each arrive in two parts cost a small multiple of their bytes", () => {
  const part = new Uint8Array(1);
  const { total } = allocatedBy(() => {
    const buffer = new ByteBuffer();
    for (let count = 0; count < 10_000; count++) {
      buffer.append(part, 1);
      buffer.append(part, 0);
    }
    assert.equal(buffer.take().length, 20_000);
  });
  assert.ok(total <= 200_000, `${total} bytes allocated for 20,000`);
});

test("chunks are joined in order, and one alone is not copied", () => {
  const one = fromHex("01 02");
  assert.equal(joinBytes([one]), one);
  assert.equal(toHex(joinBytes([])), "");
  assert.equal(toHex(joinBytes([one, fromHex(""), fromHex("03")])), "010203");
});
