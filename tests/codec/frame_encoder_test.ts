import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { test } from "node:test";
import {
  FrameEncoder,
  type FrameEncoderOptions,
  FrameEncoderStream,
} from "../../src/codec/frame_encoder.ts";
import type { OutgoingFrame } from "../../src/frame.ts";
import { concatBytes, frameBytes, fromHex, toHex } from "../support/frames.ts";
import { seededRandom } from "../support/seeded_random.ts";
import { outgoing, runStageSync, runStream } from "./run_stage.ts";

/** A frame that was encoded, read with nothing of `src/`. */
interface ReadFrame {
  opcode: number;
  fin: boolean;
  rsv: number;
  key: number[] | null;
  payload: Uint8Array;
}

/** Reads frames as RFC 6455 section 5.2 has them, in shortest form only. */
function readFrames(bytes: Uint8Array): ReadFrame[] {
  const frames: ReadFrame[] = [];
  let at = 0;
  while (at < bytes.length) {
    const [first, second] = [bytes[at], bytes[at + 1]];
    at += 2;
    const field = second & 0x7f;
    let length = field;
    if (field > 125) {
      const end = at + (field === 126 ? 2 : 8);
      length = 0;
      while (at < end) length = length * 256 + bytes[at++];
      assert.ok(length > (field === 126 ? 125 : 65535), "shortest encoding");
    }
    let key: number[] | null = null;
    if (second >= 0x80) {
      key = [...bytes.subarray(at, at + 4)];
      at += 4;
    }
    const payload = new Uint8Array(bytes.subarray(at, at + length));
    assert.equal(payload.length, length, "the payload is whole");
    if (key !== null) {
      for (let index = 0; index < length; index++) {
        payload[index] ^= key[index % 4];
      }
    }
    at += length;
    frames.push({
      opcode: first & 0x0f,
      fin: first >= 0x80,
      rsv: (first >> 4) & 7,
      key,
      payload,
    });
  }
  return frames;
}

/** Encodes bare, by append() and take(), and as a stream: all must agree. */
async function encode(
  frames: readonly OutgoingFrame[],
  options: FrameEncoderOptions = {},
): Promise<Uint8Array> {
  const bare = runStageSync(new FrameEncoder(options), frames);
  assert.equal(bare.error, null);
  const streamed = await runStream(new FrameEncoderStream(options), frames);
  assert.equal(streamed.error, null);
  const encoder = new FrameEncoder(options);
  for (const frame of frames) encoder.append(frame);
  const bytes = concatBytes(bare.output);
  assert.equal(encoder.length, bytes.length);
  const others = [
    concatBytes(streamed.output),
    concatBytes(encoder.take()),
  ];
  for (const other of others) {
    if (options.role === "client") {
      // Every frame has another key.
      assert.deepEqual(
        readFrames(other).map((frame) => ({ ...frame, key: null })),
        readFrames(bytes).map((frame) => ({ ...frame, key: null })),
      );
    } else {
      assert.ok(toHex(other) === toHex(bytes), "the same bytes");
    }
  }
  return bytes;
}

function payloadOf(length: number): Uint8Array<ArrayBuffer> {
  return Uint8Array.from({ length }, (_, index) => (index * 31 + 7) & 0xff);
}

test("FrameEncoder: the examples of RFC 6455 section 5.7", async () => {
  const examples: [string, OutgoingFrame[]][] = [
    ["81 05 48 65 6c 6c 6f", [outgoing(1, "Hello")]],
    ["81 05 48 65 6c 6c 6f", [outgoing(1, fromHex("48 65 6c 6c 6f"))]],
    ["01 03 48 65 6c 80 02 6c 6f", [
      outgoing(1, "Hel", { fin: false }),
      outgoing(0, "lo"),
    ]],
    ["89 05 48 65 6c 6c 6f", [outgoing(9, "Hello")]],
    ["8a 00", [outgoing(10)]],
    ["88 02 03 e8", [outgoing(8, fromHex("03 e8"))]],
    ["c1 01 61", [outgoing(1, "a", { rsv1: true })]],
    ["42 00", [outgoing(2, "", { rsv1: true, fin: false })]],
  ];
  for (const [digits, frames] of examples) {
    assert.equal(toHex(await encode(frames)), toHex(fromHex(digits)));
  }
  const lengths: [number, string][] = [
    [256, "82 7e 01 00"],
    [65536, "82 7f 00 00 00 00 00 01 00 00"],
  ];
  for (const [length, header] of lengths) {
    const payload = payloadOf(length);
    assert.ok(
      toHex(await encode([outgoing(2, payload)])) ===
        toHex(concatBytes([fromHex(header), payload])),
    );
  }
});

test("FrameEncoder: lengths are encoded in their shortest form, at every border, both roles", async () => {
  for (const role of ["server", "client"] as const) {
    for (const opcode of [0, 1, 2]) {
      for (
        const length of [
          0,
          1,
          124,
          125,
          126,
          127,
          4095,
          4096,
          4097,
          65535,
          65536,
          65537,
          200_000,
        ]
      ) {
        const payload = payloadOf(length);
        const text = "a".repeat(length);
        for (const given of [payload, text]) {
          const bytes = await encode([outgoing(opcode, given)], { role });
          const header = length < 126 ? 2 : length < 65536 ? 4 : 10;
          assert.equal(
            bytes.length,
            header + (role === "client" ? 4 : 0) + length,
          );
          const frames = readFrames(bytes);
          assert.equal(frames.length, 1);
          assert.equal(frames[0].opcode, opcode);
          assert.equal(frames[0].key === null, role === "server");
          assert.ok(
            toHex(frames[0].payload) ===
              toHex(given === text ? new TextEncoder().encode(text) : payload),
          );
        }
      }
    }
  }
});

test("FrameEncoder: text is measured in UTF-8, not in UTF-16", async () => {
  const characters = ["a", "é", "€", "𝄞", "\ud800", "\ufeff"];
  const around = [123, 124, 125, 126, 127, 128, 4094, 4095, 4096, 4097, 4098];
  const borders = [...around, 65534, 65535, 65536, 65537];
  for (const role of ["server", "client"] as const) {
    const frames: OutgoingFrame[] = [];
    for (const character of characters) {
      const size = new TextEncoder().encode(character).length;
      for (const border of borders) {
        // By UTF-8 length and by UTF-16 length about the border.
        const byBytes = character.repeat(Math.floor(border / size));
        const filled = byBytes + "a".repeat(border % size);
        const byUnits = character.repeat(Math.floor(border / character.length));
        frames.push(outgoing(1, filled), outgoing(1, "b" + byUnits));
        frames.push(outgoing(1, "a".repeat(border - 1) + character));
      }
    }
    const read = readFrames(await encode(frames, { role }));
    assert.equal(read.length, frames.length);
    read.forEach(({ payload }, index) => {
      const expected = new TextEncoder().encode(
        frames[index].payload as string,
      );
      assert.ok(toHex(payload) === toHex(expected), `frame ${index}`);
    });
  }
});

test("FrameEncoder: lone surrogates become U+FFFD", async () => {
  const texts = ["\ud800", "\udc00", "a\ud83db", "\udc00\ud800", "\ud83d"];
  for (const text of [...texts, ...texts.map((each) => each.repeat(5000))]) {
    const [{ payload }] = readFrames(await encode([outgoing(1, text)]));
    assert.ok(
      new TextDecoder("utf-8", { fatal: true, ignoreBOM: true })
        .decode(payload) === text.replace(/[\ud800-\udfff]/gu, "\ufffd"),
    );
  }
});

test("FrameEncoder: a client masks every frame with another key", async () => {
  const frames = Array.from(
    { length: 1000 },
    (_, index) => outgoing(index % 2 === 0 ? 1 : 9, `payload ${index % 3}`),
  );
  const read = readFrames(await encode(frames, { role: "client" }));
  const keys = read.map(({ key }) => toHex(Uint8Array.from(key!)));
  assert.ok(new Set(keys).size >= 998, "keys repeat by chance at most");
  assert.ok(new Set(keys.map((digits) => digits.slice(0, 2))).size > 200);
  assert.ok(new Set(keys.map((digits) => digits.slice(6))).size > 200);
  read.forEach(({ payload }, index) =>
    assert.equal(new TextDecoder().decode(payload), `payload ${index % 3}`)
  );
});

test("FrameEncoder: the payload that was given is left as it was", async () => {
  for (const role of ["server", "client"] as const) {
    for (const length of [3, 5000, 100_000]) {
      const payload = payloadOf(length);
      await encode([outgoing(2, payload)], { role });
      assert.ok(toHex(payload) === toHex(payloadOf(length)));
    }
  }
});

test("FrameEncoder: frames appended one after the other come out as one chunk", () => {
  for (const role of ["server", "client"] as const) {
    const encoder = new FrameEncoder({ role });
    assert.equal(encoder.length, 0);
    assert.deepEqual(encoder.take(), []);
    const frames = [
      outgoing(1, "one"),
      outgoing(2, payloadOf(200)),
      outgoing(9, "ping"),
      outgoing(1, "€".repeat(100)),
    ];
    // The memory that frames are written into is not at an end in two rounds.
    let chunks: Uint8Array[] = [];
    for (let round = 0; round < 2 && chunks.length !== 1; round++) {
      for (const frame of frames) encoder.append(frame);
      const length: number = encoder.length;
      chunks = encoder.take();
      assert.equal(concatBytes(chunks).length, length);
      assert.equal(encoder.length, 0);
    }
    assert.equal(chunks.length, 1);
    assert.deepEqual(
      readFrames(chunks[0]).map(({ opcode }) => opcode),
      [1, 2, 9, 1],
    );
  }
});

test("FrameEncoder: a thousand small frames come out in a few chunks", () => {
  const encoder = new FrameEncoder();
  for (let count = 0; count < 1000; count++) {
    encoder.append(outgoing(2, payloadOf(100)));
  }
  const chunks = encoder.take();
  assert.ok(chunks.length <= 3, `${chunks.length} chunks`);
  assert.equal(readFrames(concatBytes(chunks)).length, 1000);
});

test("FrameEncoder: a large payload of a server is put out without a copy, from copyBelow on", () => {
  const options: [FrameEncoderOptions, number][] = [
    [{}, 65536],
    [{ copyBelow: 1000 }, 1000],
    [{ copyBelow: 0 }, 0],
  ];
  for (const [option, from] of options) {
    for (const length of [from - 1, from, from + 1, 100_000]) {
      if (length < 0) continue;
      const payload = payloadOf(length);
      const encoder = new FrameEncoder(option);
      encoder.append(outgoing(1, "before"));
      encoder.append(outgoing(2, payload));
      encoder.append(outgoing(1, "after"));
      const announced = encoder.length;
      const chunks = encoder.take();
      const shared = chunks.some(({ buffer }) => buffer === payload.buffer);
      assert.equal(shared, length >= from && length > 0, `${length} bytes`);
      const bytes = concatBytes(chunks);
      assert.equal(bytes.length, announced);
      assert.ok(
        toHex(bytes) === toHex(concatBytes([
          frameBytes({ opcode: 1, payload: "before" }),
          frameBytes({ opcode: 2, payload }),
          frameBytes({ opcode: 1, payload: "after" }),
        ])),
      );
    }
  }
});

test("FrameEncoder: a client copies every payload, for it masks it", () => {
  const payload = payloadOf(100_000);
  const encoder = new FrameEncoder({ role: "client", copyBelow: 10 });
  encoder.append(outgoing(2, payload));
  const chunks = encoder.take();
  assert.ok(chunks.every(({ buffer }) => buffer !== payload.buffer));
  assert.ok(
    toHex(readFrames(concatBytes(chunks))[0].payload) === toHex(payload),
  );
});

test("FrameEncoder: encoded frames can be appended between others", () => {
  const encoder = new FrameEncoder();
  const shared = frameBytes({ opcode: 1, payload: "shared" });
  encoder.appendEncoded(shared);
  encoder.append(outgoing(1, "one"));
  encoder.appendEncoded(new Uint8Array(0));
  encoder.appendEncoded(shared);
  encoder.append(outgoing(1, "two"));
  assert.equal(encoder.length, 8 + 5 + 8 + 5);
  assert.equal(
    toHex(concatBytes(encoder.take())),
    toHex(concatBytes([
      shared,
      frameBytes({ opcode: 1, payload: "one" }),
      shared,
      frameBytes({ opcode: 1, payload: "two" }),
    ])),
  );
  assert.equal(encoder.length, 0);
});

test("FrameEncoder: encoders that take turns do not disturb each other, and chunks stay as they are", () => {
  const random = seededRandom("FrameEncoder turns");
  const encoders = (["server", "client", "server"] as const).map((role) => ({
    encoder: new FrameEncoder({ role }),
    chunks: [] as { chunk: Uint8Array; digits: string }[],
    expected: [] as string[],
  }));
  for (let step = 0; step < 3000; step++) {
    const each = random.pick(encoders);
    if (random.integer(8) === 0) {
      for (const chunk of each.encoder.take()) {
        each.chunks.push({ chunk, digits: toHex(chunk) });
      }
      continue;
    }
    const length = random.integer(random.pick([5, 130, 5000, 40_000]));
    if (random.integer(2) === 0) {
      const payload = payloadOf(length).fill(step, 0, 2);
      each.encoder.append(outgoing(2, payload));
      each.expected.push(toHex(payload));
    } else {
      const text = random.text("aé€\u{1d11e}", 3) + "x".repeat(length % 5000);
      each.encoder.append(outgoing(1, text));
      each.expected.push(toHex(new TextEncoder().encode(text)));
    }
  }
  for (const { encoder, chunks, expected } of encoders) {
    const rest = encoder.take();
    for (const { chunk, digits } of chunks) {
      assert.ok(toHex(chunk) === digits, "a chunk changed after take()");
    }
    const frames = readFrames(
      concatBytes([...chunks.map(({ chunk }) => chunk), ...rest]),
    );
    assert.equal(frames.length, expected.length);
    frames.forEach(({ payload }, index) =>
      assert.ok(toHex(payload) === expected[index], `frame ${index}`)
    );
  }
});

test("FrameEncoderStream: each chunk owns its buffer, so that it may be transferred", async () => {
  for (const role of ["server", "client"] as const) {
    const large = concatBytes([fromHex("ee"), payloadOf(70_000)]).subarray(1);
    const frames = [
      outgoing(1, "one"),
      outgoing(1, "two"),
      outgoing(2, payloadOf(10)),
      outgoing(2, large),
      outgoing(2),
      outgoing(1, "€".repeat(3000)),
      outgoing(1, "last"),
    ];
    const { output, error } = await runStream(
      new FrameEncoderStream({ role }),
      frames,
    );
    assert.equal(error, null);
    const parts: Uint8Array[] = [];
    for (const chunk of output) {
      assert.equal(chunk.buffer.byteLength, chunk.length);
      parts.push(structuredClone(chunk, { transfer: [chunk.buffer] }));
      assert.equal(chunk.length, 0, "it was transferred");
    }
    // What was transferred is whole, and encoding goes on.
    const next = await runStream(new FrameEncoderStream({ role }), frames);
    for (const chunks of [parts, next.output]) {
      assert.deepEqual(
        readFrames(concatBytes(chunks)).map(({ payload }) => payload.length),
        [3, 3, 10, 70_000, 0, 9000, 4],
      );
    }
    assert.equal(large.length, 70_000, "the payload is still the caller's");
  }
});

test("FrameEncoderStream: a Node Buffer within a larger one comes out in a buffer of its own", async () => {
  for (const role of ["server", "client"] as const) {
    for (const length of [10, 70_000]) {
      const around = Buffer.alloc(length + 100, 0xee);
      const payload = around.subarray(50, 50 + length);
      payload.set(payloadOf(length));
      const { output } = await runStream(
        new FrameEncoderStream({ role }),
        [outgoing(2, payload)],
      );
      for (const chunk of output) {
        assert.equal(chunk.buffer.byteLength, chunk.length, `${length} bytes`);
      }
      assert.ok(
        toHex(readFrames(concatBytes(output))[0].payload) ===
          toHex(payloadOf(length)),
      );
    }
  }
});
