import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { test } from "node:test";
import {
  FrameDecoder,
  type FrameDecoderOptions,
  FrameDecoderStream,
} from "../../src/codec/frame_decoder.ts";
import { MessageDecoder } from "../../src/codec/message_decoder.ts";
import { fuse } from "../../src/codec/stage.ts";
import type { Frame, Role } from "../../src/frame.ts";
import {
  concatBytes,
  frameBytes,
  fromHex,
  type RawFrame,
  toHex,
} from "../support/frames.ts";
import { seededRandom } from "../support/seeded_random.ts";
import {
  assertRefusal,
  assertSameOutcome,
  assertTruncated,
  cutAt,
  cutEvery,
  describeError,
  everyCut,
  joinParts,
  type Outcome,
  plainFrame,
  runStageSync,
  runStream,
} from "./run_stage.ts";

const key = [0x37, 0xfa, 0x21, 0x3d];
const roles: readonly Role[] = ["server", "client"];
const dataOpcodes = [0x0, 0x1, 0x2];
const controlOpcodes = [0x8, 0x9, 0xa];

/** A frame as the peer of `role` sends it. */
function from(role: Role, frame: RawFrame): Uint8Array<ArrayBuffer> {
  return frameBytes(role === "server" ? { key, ...frame } : frame);
}

/** Decodes as a bare stage and as a stream, which must agree. */
async function decode(
  chunks: readonly Uint8Array[],
  options: FrameDecoderOptions = {},
): Promise<Outcome<Frame>> {
  const copies = () => chunks.map((chunk) => new Uint8Array(chunk));
  const bare = runStageSync(new FrameDecoder(options), copies());
  assertSameOutcome(
    await runStream(new FrameDecoderStream(options), copies()),
    bare,
  );
  return bare;
}

/** Some bytes that are not all alike. */
function payloadOf(length: number): Uint8Array<ArrayBuffer> {
  return Uint8Array.from({ length }, (_, index) => (index * 31 + 7) & 0xff);
}

test("FrameDecoder: the examples of RFC 6455 section 5.7", async () => {
  const hello = toHex(new TextEncoder().encode("Hello"));
  const examples: [string, Role, string, object[]][] = [
    ["a single-frame unmasked text message", "client", "81 05 48 65 6c 6c 6f", [
      { opcode: 1, fin: true, payload: hello },
    ]],
    [
      "a single-frame masked text message",
      "server",
      "81 85 37 fa 21 3d 7f 9f 4d 51 58",
      [{ opcode: 1, fin: true, payload: hello }],
    ],
    [
      "a fragmented unmasked text message",
      "client",
      "01 03 48 65 6c 80 02 6c 6f",
      [
        { opcode: 1, fin: false, payload: "48656c" },
        { opcode: 0, fin: true, payload: "6c6f" },
      ],
    ],
    ["an unmasked ping", "client", "89 05 48 65 6c 6c 6f", [
      { opcode: 9, fin: true, payload: hello },
    ]],
    ["a masked pong", "server", "8a 85 37 fa 21 3d 7f 9f 4d 51 58", [
      { opcode: 10, fin: true, payload: hello },
    ]],
  ];
  for (const [name, role, digits, expected] of examples) {
    const { output, error } = await decode([fromHex(digits)], { role });
    assert.equal(error, null, name);
    assert.deepEqual(
      output.map(plainFrame),
      expected.map((frame) => ({ rsv1: false, remaining: 0, ...frame })),
      name,
    );
  }
  const binary256 = concatBytes([fromHex("82 7e 01 00"), payloadOf(256)]);
  const binary65536 = concatBytes([
    fromHex("82 7f 00 00 00 00 00 01 00 00"),
    payloadOf(65536),
  ]);
  for (const bytes of [binary256, binary65536]) {
    const { output, error } = await decode([bytes], { role: "client" });
    assert.equal(error, null);
    const length = bytes === binary256 ? 256 : 65536;
    assert.deepEqual(output.map(plainFrame), [{
      opcode: 2,
      fin: true,
      rsv1: false,
      payload: toHex(payloadOf(length)),
      remaining: 0,
    }]);
  }
});

test("FrameDecoder: the default role is the server", async () => {
  assert.equal((await decode([frameBytes({ opcode: 2, key })])).error, null);
  assertRefusal((await decode([frameBytes({ opcode: 2 })])).error, 1002);
});

test("FrameDecoder: every opcode, final or not, at both ends", async () => {
  for (const role of roles) {
    for (const opcode of [...dataOpcodes, ...controlOpcodes]) {
      for (const fin of opcode < 8 ? [true, false] : [true]) {
        for (const payload of ["", "x", "payload"]) {
          const bytes = from(role, { opcode, fin, payload });
          const { output, error } = await decode([bytes], { role });
          assert.equal(error, null);
          assert.deepEqual(output.map(plainFrame), [{
            opcode,
            fin,
            rsv1: false,
            payload: toHex(new TextEncoder().encode(payload)),
            remaining: 0,
          }]);
        }
      }
    }
  }
});

test("FrameDecoder: payload lengths at the borders of the three encodings", async () => {
  const headerLengths: [number, number][] = [
    [0, 2],
    [1, 2],
    [125, 2],
    [126, 4],
    [127, 4],
    [128, 4],
    [65535, 4],
    [65536, 10],
    [65537, 10],
  ];
  for (const role of roles) {
    for (const [length, headerLength] of headerLengths) {
      const payload = payloadOf(length);
      const next = from(role, { opcode: 9, payload: "after" });
      const bytes = concatBytes([from(role, { opcode: 2, payload }), next]);
      assert.equal(
        bytes.length - next.length - length,
        headerLength + (role === "server" ? 4 : 0),
        "the header is what the test says",
      );
      for (const chunks of [[bytes], cutEvery(bytes, 1021)]) {
        const { output, error } = await decode(chunks, { role });
        assert.equal(error, null);
        const [frame, ping] = joinParts(output);
        assert.equal(frame.payload, toHex(payload), `${length} bytes`);
        assert.equal(frame.fin, true);
        assert.equal(ping.opcode, 9, "the next frame starts in its place");
        assert.equal(ping.payload, toHex(new TextEncoder().encode("after")));
      }
    }
  }
});

test("FrameDecoder: control frames of every length up to 125 bytes", async () => {
  for (const role of roles) {
    const parts: Uint8Array[] = [];
    for (let length = 0; length <= 125; length++) {
      parts.push(from(role, { opcode: 9, payload: payloadOf(length) }));
    }
    const bytes = concatBytes(parts);
    for (const chunks of [[bytes], cutEvery(bytes, 1), cutEvery(bytes, 64)]) {
      const { output, error } = await decode(chunks, { role });
      assert.equal(error, null);
      assert.deepEqual(
        output.map((frame) => toHex(frame.payload)),
        parts.map((_, length) => toHex(payloadOf(length))),
      );
    }
  }
});

/** What is refused. The last byte is the first that shows what is wrong. */
interface Refusal {
  name: string;
  role: Role;
  bytes: Uint8Array<ArrayBuffer>;
  closeCode: number;
  message: RegExp;
  options?: FrameDecoderOptions;
}

function refusals(): Refusal[] {
  const list: Refusal[] = [];
  const both = (
    name: string,
    bytes: (mask: number) => number[],
    closeCode: number,
    message: RegExp,
    options?: FrameDecoderOptions,
  ) => {
    for (const role of roles) {
      list.push({
        name: `${name}, ${role}`,
        role,
        bytes: Uint8Array.from(bytes(role === "server" ? 0x80 : 0)),
        closeCode,
        message,
        options,
      });
    }
  };
  const hex = (value: number) => `0x${value.toString(16)}`;
  const length64 = (length: bigint) =>
    Array.from(
      { length: 8 },
      (_, index) => Number((length >> BigInt(56 - 8 * index)) & 0xffn),
    );

  for (const opcode of [3, 4, 5, 6, 7, 0xb, 0xc, 0xd, 0xe, 0xf]) {
    const message = new RegExp(`opcode ${hex(opcode)} is reserved`);
    both(`opcode ${hex(opcode)}`, () => [0x80 | opcode], 1002, message);
    both(`opcode ${hex(opcode)} no fin`, () => [opcode], 1002, message);
  }
  for (const opcode of [...dataOpcodes, ...controlOpcodes]) {
    const first = 0x80 | opcode;
    both(`RSV1 on ${hex(opcode)}`, () => [first | 0x40], 1002, /RSV1/);
    for (const rsv1 of [false, true]) {
      const name = `on ${hex(opcode)}, rsv1 ${rsv1}`;
      both(`RSV2 ${name}`, () => [first | 0x20], 1002, /RSV2/, { rsv1 });
      both(`RSV3 ${name}`, () => [first | 0x10], 1002, /RSV3/, { rsv1 });
      both(`all RSV ${name}`, () => [first | 0x70], 1002, /RSV/, { rsv1 });
    }
    if (opcode !== 1 && opcode !== 2) {
      both(
        `RSV1 negotiated, on ${hex(opcode)}`,
        () => [first | 0x40],
        1002,
        new RegExp(`RSV1.*${hex(opcode)}`),
        { rsv1: true },
      );
    }
    list.push(
      {
        name: `${hex(opcode)} not masked`,
        role: "server",
        bytes: Uint8Array.from([first, 5]),
        closeCode: 1002,
        message: /client's frame is not masked/,
      },
      {
        name: `${hex(opcode)} masked`,
        role: "client",
        bytes: Uint8Array.from([first, 0x85]),
        closeCode: 1002,
        message: /server's frame is masked/,
      },
    );
  }
  for (const opcode of controlOpcodes) {
    const first = 0x80 | opcode;
    const message = new RegExp(`control frame \\(${hex(opcode)}\\)`);
    both(`${hex(opcode)} fragmented`, () => [opcode], 1002, message);
    for (const field of [126, 127]) {
      both(
        `${hex(opcode)} with length field ${field}`,
        (mask) => [first, mask | field],
        1002,
        message,
      );
    }
  }
  for (const opcode of dataOpcodes) {
    const first = 0x80 | opcode;
    for (const length of [0, 1, 124, 125]) {
      both(
        `${hex(opcode)} of ${length} bytes in 16 bits`,
        (mask) => [first, mask | 126, 0, length],
        1002,
        new RegExp(`length ${length} is not in its shortest`),
      );
    }
    for (const length of [0, 1, 125, 126, 127, 65534, 65535]) {
      both(
        `${hex(opcode)} of ${length} bytes in 64 bits`,
        (mask) => [first, mask | 127, ...length64(BigInt(length))],
        1002,
        new RegExp(`length ${length} is not in its shortest`),
      );
    }
    for (const length of [2n ** 53n, 2n ** 53n + 1n, 2n ** 63n - 1n]) {
      both(
        `${hex(opcode)} of ${length} bytes`,
        (mask) => [first, mask | 127, ...length64(length)],
        1009,
        /beyond 2\^53 - 1/,
      );
    }
  }
  return list;
}

test("FrameDecoder: what is wrong is refused as early as the bytes allow", async () => {
  const list = refusals();
  assert.ok(list.length > 150);
  for (const { name, role, bytes, closeCode, message, options } of list) {
    const before = runStageSync(
      new FrameDecoder({ role, ...options }),
      cutEvery(bytes.subarray(0, -1), 1),
    );
    if (bytes.length === 1) assert.equal(before.error, null, name);
    else assertTruncated(before.error, `${name}, but its last byte`);
    assert.equal(before.taken, Math.max(1, bytes.length - 1), name);

    for (const chunks of [[bytes], cutEvery(bytes, 1)]) {
      const outcome = await decode(chunks, { role, ...options });
      assertRefusal(outcome.error, closeCode, message, name);
      assert.equal(outcome.taken, chunks.length - 1, name);
      assert.deepEqual(outcome.output, [], name);
    }
    // The first fault counts, whatever follows.
    const more = concatBytes([bytes, new Uint8Array(40).fill(0xff)]);
    const { error } = runStageSync(
      new FrameDecoder({ role, ...options }),
      [more],
    );
    assertRefusal(error, closeCode, message, `${name} and more`);
  }
});

test("FrameDecoder: a 64-bit length with its top bit set is refused before the masking key", async () => {
  for (const role of roles) {
    const mask = role === "server" ? 0x80 : 0;
    for (const rest of ["00 00 00 00 00 00 05", "ff ff ff ff ff ff ff"]) {
      const bytes = concatBytes([[0x82, mask | 127, 0x80], fromHex(rest)]);
      for (const chunks of [[bytes], cutEvery(bytes, 1)]) {
        const { error, output } = await decode(chunks, { role });
        assertRefusal(error, 1002, /top bit/);
        assert.deepEqual(output, []);
      }
    }
  }
});

test("FrameDecoder: the longest length that a number can hold is passed on", async () => {
  for (const role of roles) {
    const header = from(role, { opcode: 2, announced: 2n ** 53n - 1n });
    const { output, error } = await decode([header], { role });
    assert.deepEqual(output.map(plainFrame), [{
      opcode: 2,
      fin: false,
      rsv1: false,
      payload: "",
      remaining: Number.MAX_SAFE_INTEGER,
    }]);
    assertTruncated(error);
  }
});

test("FrameDecoder: RSV1 is handed on where it was negotiated, with a message's first frame", async () => {
  for (const role of roles) {
    const bytes = concatBytes([
      from(role, { opcode: 1, rsv: 4, fin: false, payload: "one" }),
      from(role, { opcode: 9, payload: "ping" }),
      from(role, { opcode: 0, payload: "two" }),
      from(role, { opcode: 2, rsv: 4, payload: "three" }),
      from(role, { opcode: 2, payload: "four" }),
      from(role, { opcode: 2, rsv: 4 }),
    ]);
    for (const chunks of [[bytes], cutEvery(bytes, 1)]) {
      const { output, error } = await decode(chunks, { role, rsv1: true });
      assert.equal(error, null);
      assert.deepEqual(
        joinParts(output).map(({ opcode, rsv1 }) => [opcode, rsv1]),
        [[1, true], [9, false], [0, false], [2, true], [2, false], [2, true]],
      );
    }
  }
});

test("FrameDecoder: frames before a refused one come out", () => {
  const chunk = concatBytes([
    frameBytes({ opcode: 1, payload: "good", key }),
    frameBytes({ opcode: 9, payload: "ping", key }),
    [0x83],
  ]);
  const { output, error } = runStageSync(new FrameDecoder(), [chunk]);
  assert.deepEqual(output.map((frame) => frame.opcode), [1, 9]);
  assertRefusal(error, 1002, /opcode 0x3/);
});

/** Streams of frames, good and bad, that are cut at every position. */
function corpus(role: Role): [string, Uint8Array, FrameDecoderOptions][] {
  const all = (frames: RawFrame[], end: ArrayLike<number> = []) =>
    concatBytes([...frames.map((frame) => from(role, frame)), end]);
  const text = (payload: string): RawFrame => ({ opcode: 1, payload });
  const streams: [string, Uint8Array, FrameDecoderOptions][] = [
    ["one message", all([text("Hello")]), {}],
    [
      "fragments with control frames between them",
      all([
        { opcode: 1, fin: false, payload: "Größe: " },
        { opcode: 9, payload: "ping" },
        { opcode: 0, fin: false, payload: "" },
        { opcode: 10, payload: "" },
        { opcode: 0, payload: "𝄞 und mehr" },
        { opcode: 8, payload: fromHex("03 e8 6f 6b") },
      ]),
      {},
    ],
    [
      "empty frames",
      all([
        text(""),
        { opcode: 2 },
        { opcode: 9 },
        { opcode: 1, fin: false },
        { opcode: 0, fin: false },
        { opcode: 0 },
        { opcode: 8 },
      ]),
      {},
    ],
    [
      "lengths of 16 bits",
      all([
        { opcode: 2, payload: payloadOf(126) },
        text("a"),
        { opcode: 2, payload: payloadOf(257) },
      ]),
      {},
    ],
    [
      "compressed messages",
      all([
        { opcode: 1, rsv: 4, fin: false, payload: "abc" },
        { opcode: 0, payload: "def" },
        { opcode: 2, rsv: 4, payload: "ghi" },
      ]),
      { rsv1: true },
    ],
    [
      "bytes after a Close frame",
      all([text("last"), { opcode: 8 }], fromHex("ff ff 83 00 81")),
      {},
    ],
    ["half a header", all([text("Hello")], [0x82]), {}],
    [
      "half a payload",
      all([text("Hello"), { opcode: 2, payload: "abc", announced: 9n }]),
      {},
    ],
    [
      "half a ping",
      all([text("Hello"), { opcode: 9, payload: "abc", announced: 9n }]),
      {},
    ],
    [
      "a header of 2^40 bytes",
      all([{ opcode: 2, announced: 2n ** 40n, payload: "abc" }]),
      {},
    ],
  ];
  const wrong = refusals().filter((refusal) => refusal.role === role);
  for (let index = 0; index < wrong.length; index += 7) {
    const { name, bytes, options } = wrong[index];
    streams.push([name, all([text("Hello")], bytes), options ?? {}]);
  }
  return streams;
}

test("FrameDecoder: the same frames or the same error, wherever the bytes are cut", async () => {
  const random = seededRandom("FrameDecoder cut everywhere");
  for (const role of roles) {
    for (const [name, bytes, options] of corpus(role)) {
      let streams = 0;
      const whole = runStageSync(
        new FrameDecoder({ role, ...options }),
        [new Uint8Array(bytes)],
      );
      const expected = {
        frames: joinParts(whole.output),
        error: describeError(whole.error),
      };
      const assertSame = ({ output, error }: Outcome<Frame>) =>
        assert.deepEqual(
          { frames: joinParts(output), error: describeError(error) },
          expected,
          `${name}, ${role}`,
        );
      for (const chunks of everyCut(bytes, random)) {
        const kept = chunks.map((chunk) => new Uint8Array(chunk));
        const bare = runStageSync(
          new FrameDecoder({ role, ...options }),
          chunks,
        );
        assertSame(bare);
        assert.deepEqual(chunks, kept, "the chunks are as they were");
        assertSame(runStageSync(
          new FrameDecoder({ role, ...options, unmaskInPlace: true }),
          kept,
        ));
        if (streams++ % 5 !== 0) continue;
        assertSameOutcome(
          await runStream(
            new FrameDecoderStream({ role, ...options }),
            chunks,
          ),
          bare,
        );
      }
    }
  }
});

test("FrameDecoder: long frames cut at random come out the same", () => {
  const random = seededRandom("FrameDecoder long frames");
  for (const role of roles) {
    const frames: RawFrame[] = [125, 126, 5000, 65535, 65536, 100_000].map(
      (length) => ({
        opcode: 2,
        payload: payloadOf(length),
        key: role === "server"
          ? [random.integer(256), 0, random.integer(256), 0xff]
          : undefined,
      }),
    );
    const bytes = concatBytes(frames.map(frameBytes));
    for (const limit of [40, 1000, 20_000, 70_000]) {
      for (const unmaskInPlace of [false, true]) {
        const positions: number[] = [];
        for (let at = 0; at < bytes.length; at += random.integer(limit)) {
          positions.push(at);
        }
        const { output, error } = runStageSync(
          new FrameDecoder({ role, unmaskInPlace }),
          cutAt(bytes, positions),
        );
        assert.equal(error, null);
        assert.deepEqual(
          joinParts(output).map((frame) => frame.payload),
          frames.map((frame) => toHex(frame.payload as Uint8Array)),
        );
      }
    }
  }
});

test("FrameDecoder: a data frame is passed on as it arrives, a control frame when it is whole", () => {
  for (const role of roles) {
    const decoder = new FrameDecoder({ role });
    const seen: string[] = [];
    const controller = {
      enqueue: ({ opcode, payload, remaining, fin }: Frame) =>
        seen.push(`${opcode}:${toHex(payload)}+${remaining}${fin ? "." : ""}`),
      error: assert.fail,
    };
    const feed = (chunk: Uint8Array<ArrayBuffer>): string[] => {
      decoder.transform(chunk, controller);
      return seen.splice(0);
    };
    const data = from(role, { opcode: 1, payload: "abcd" });
    const dataHeader = data.length - 4;
    assert.deepEqual(feed(data.slice(0, dataHeader - 1)), []);
    assert.deepEqual(feed(data.slice(dataHeader - 1, dataHeader)), ["1:+4"]);
    assert.deepEqual(feed(new Uint8Array(0)), []);
    assert.deepEqual(feed(data.slice(dataHeader, dataHeader + 1)), ["0:61+3"]);
    assert.deepEqual(
      feed(data.slice(dataHeader + 1, dataHeader + 3)),
      ["0:6263+1"],
    );
    assert.deepEqual(feed(data.slice(dataHeader + 3)), ["0:64+0."]);

    const ping = from(role, { opcode: 9, payload: "abcd" });
    for (const byte of ping.subarray(0, -1)) {
      assert.deepEqual(feed(Uint8Array.of(byte)), []);
    }
    assert.deepEqual(feed(ping.slice(-1)), ["9:61626364+0."]);
  }
});

test("FrameDecoder: no payload shares its memory with those of others, not even an empty one", () => {
  for (const role of roles) {
    for (let round = 0; round < 2; round++) {
      const bytes = concatBytes([
        from(role, { opcode: 1, fin: false, payload: "" }),
        from(role, { opcode: 9, payload: "" }),
        from(role, { opcode: 0, payload: "abcd" }),
      ]);
      // The last frame's header comes alone.
      const { output } = runStageSync(
        new FrameDecoder({ role }),
        cutAt(bytes, [bytes.length - 4]),
      );
      assert.deepEqual(
        output.map(({ payload }) => toHex(payload)),
        ["", "", "", "61626364"],
      );
      for (const { payload } of output) {
        assert.equal(payload.buffer.detached, false);
        payload.buffer.transfer();
      }
    }
  }
});

test("FrameDecoder: chunks are left as they were unless unmaskInPlace is set", () => {
  const bytes = concatBytes([
    frameBytes({ opcode: 2, payload: payloadOf(1000), key }),
    frameBytes({ opcode: 9, payload: payloadOf(100), key }),
    frameBytes({ opcode: 1, fin: false, payload: "abc", key }),
    frameBytes({ opcode: 0, payload: "def", key }),
  ]);
  for (const chunks of [[bytes], cutEvery(bytes, 9), cutEvery(bytes, 100)]) {
    const given = chunks.map((chunk) => new Uint8Array(chunk));
    const { error } = runStageSync(new FrameDecoder(), given);
    assert.equal(error, null);
    assert.deepEqual(given, chunks);
  }
  const chunk = new Uint8Array(bytes);
  const [frame, ping] = runStageSync(
    new FrameDecoder({ unmaskInPlace: true }),
    [chunk],
  ).output;
  assert.equal(frame.payload.buffer, chunk.buffer, "a view, not a copy");
  assert.equal(toHex(frame.payload), toHex(payloadOf(1000)));
  assert.equal(toHex(ping.payload), toHex(payloadOf(100)));
});

test("FrameDecoder: a Node Buffer as a chunk is left as it was too, and gives plain Uint8Arrays", () => {
  for (const role of roles) {
    for (const unmaskInPlace of [false, true]) {
      const frame = from(role, { opcode: 2, payload: "payload" });
      // A view in the middle of a larger buffer, as sockets give.
      const large = Buffer.alloc(100, 0xee);
      const chunk = large.subarray(11, 11 + frame.length);
      chunk.set(frame);
      const { output, error } = runStageSync(
        new FrameDecoder({ role, unmaskInPlace }),
        [chunk],
      );
      assert.equal(error, null);
      const { payload } = output[0];
      assert.equal(new TextDecoder().decode(payload), "payload");
      if (!unmaskInPlace) assert.equal(toHex(chunk), toHex(frame));
      assert.equal(payload.constructor.name, "Uint8Array");
      assert.equal(toHex(large.subarray(0, 11)), "ee".repeat(11));
      assert.equal(large[11 + frame.length], 0xee);
    }
  }
});

test("FrameDecoder: a control frame's payload has a buffer of its own", () => {
  for (const role of roles) {
    for (const unmaskInPlace of [false, true]) {
      const chunk = from(role, { opcode: 9, payload: "ping" });
      const { output } = runStageSync(
        new FrameDecoder({ role, unmaskInPlace }),
        [chunk],
      );
      chunk.fill(0);
      assert.equal(new TextDecoder().decode(output[0].payload), "ping");
      assert.equal(output[0].payload.buffer.byteLength, 4);
    }
  }
});

test("FrameDecoder: bytes after a Close frame are ignored", async () => {
  for (const role of roles) {
    for (const payload of [fromHex(""), fromHex("03 e8"), payloadOf(125)]) {
      const close = from(role, { opcode: 8, payload });
      for (
        const rest of [
          fromHex("ff ff ff ff"),
          from(role, { opcode: 1, payload: "more" }),
          from(role, { opcode: 8 }),
          Uint8Array.of(0x81),
          from(role, { opcode: 2, announced: 1000n, payload: "part" }),
        ]
      ) {
        const bytes = concatBytes([close, rest]);
        for (const chunks of [[bytes], [close, rest], cutEvery(bytes, 1)]) {
          const { output, error } = await decode(chunks, { role });
          assert.equal(error, null);
          assert.deepEqual(output.map(plainFrame), [{
            opcode: 8,
            fin: true,
            rsv1: false,
            payload: toHex(payload),
            remaining: 0,
          }]);
        }
      }
    }
  }
});

test("FrameDecoder: input that ends inside a frame gives 1006, between two of them nothing", async () => {
  for (const role of roles) {
    for (
      const frame of [
        from(role, { opcode: 1, payload: "Hello" }),
        from(role, { opcode: 2, payload: payloadOf(130) }),
        from(role, { opcode: 9, payload: "ping" }),
        from(role, { opcode: 8, payload: fromHex("03 e8") }),
      ]
    ) {
      const start = from(role, { opcode: 2, payload: "whole" });
      for (let length = 0; length <= frame.length; length++) {
        const bytes = concatBytes([start, frame.subarray(0, length)]);
        const { error } = await decode([bytes], { role });
        if (length === 0 || length === frame.length) {
          assert.equal(error, null);
        } else {
          assertTruncated(error, `${length} of ${frame.length} bytes`);
        }
      }
    }
  }
  assert.equal((await decode([])).error, null);
  const header = await decode([fromHex("81")]);
  assert.match(describeError(header.error), /in the header of a frame/);
  const payload = await decode([fromHex("81 85 00 00 00 00 41")]);
  assert.match(describeError(payload.error), /4 bytes are missing/);
});

/** Runs `use` with each chunk in the same memory, overwritten after each. */
function lend(
  bytes: Uint8Array,
  length: number,
  use: (chunk: Uint8Array<ArrayBuffer>) => void,
  memory = new Uint8Array(length),
): void {
  for (let at = 0; at < bytes.length; at += length) {
    const part = bytes.subarray(at, at + length);
    memory.set(part);
    use(memory.subarray(0, part.length));
    memory.fill(0x55);
  }
}

test("FrameDecoder: lent: a payload in the chunk's memory is marked as not own", () => {
  for (const role of roles) {
    for (const unmaskInPlace of [false, true]) {
      for (const length of [0, 1, 125, 512, 513, 5000]) {
        for (const opcode of [0x1, 0x2]) {
          for (const fin of [true, false]) {
            const payload = payloadOf(length);
            const frame = from(role, { opcode, fin, payload });
            for (const chunkLength of [7, frame.length, frame.length * 2]) {
              const decoder = new FrameDecoder({ role, unmaskInPlace });
              decoder.lent = true;
              const parts: Uint8Array[] = [];
              lend(
                concatBytes([frame, frame]),
                chunkLength,
                (chunk) =>
                  decoder.transform(
                    chunk,
                    {
                      enqueue(part: Frame) {
                        const shares = part.payload.length > 0 &&
                          part.payload.buffer === chunk.buffer;
                        if (shares) assert.equal(part.own, false);
                        else assert.notEqual(part.own, false);
                        if (part.own === true) {
                          assert.equal(
                            part.payload.buffer.byteLength,
                            part.payload.length,
                          );
                        }
                        parts.push(part.payload.slice());
                      },
                    } as Parameters<typeof decoder.transform>[1],
                  ),
              );
              assert.equal(
                toHex(concatBytes(parts)),
                toHex(concatBytes([payload, payload])),
              );
            }
          }
        }
      }
    }
  }
});

test("FrameDecoder: lent: control frames never share the chunk", () => {
  for (const role of roles) {
    const frames = [9, 10, 8].map((opcode) =>
      from(role, { opcode, payload: fromHex("03 e8 41 42") })
    );
    const decoder = new FrameDecoder({ role, unmaskInPlace: true });
    decoder.lent = true;
    const kept: Uint8Array[] = [];
    lend(concatBytes(frames), 1000, (chunk) =>
      decoder.transform(
        chunk,
        {
          enqueue: (frame: Frame) => void kept.push(frame.payload),
        } as Parameters<typeof decoder.transform>[1],
      ));
    assert.deepEqual(kept.map(toHex), Array(3).fill("03e84142"));
  }
});

test("lent memory that is overwritten reaches no message, whole or in fragments", () => {
  const random = seededRandom("lent memory");
  const lengths = [0, 1, 6, 64, 65, 125, 126, 400, 512, 513, 3000];
  for (const role of roles) {
    for (const fragments of [false, true]) {
      for (let round = 0; round < 80; round++) {
        const expected: string[] = [];
        const frames: Uint8Array[] = [];
        for (let count = random.pick([1, 1, 4, 12]); count > 0; count--) {
          const length = random.pick(lengths);
          const text = random.integer(3) === 0;
          const payload = text
            ? new TextEncoder().encode("\u00e9".repeat(length))
            : payloadOf(length);
          expected.push(toHex(payload));
          const cut = random.integer(2) * random.integer(payload.length + 1);
          const opcode = text ? 1 : 2;
          if (cut === 0) frames.push(from(role, { opcode, payload }));
          else {
            frames.push(
              from(role, {
                opcode,
                fin: false,
                payload: payload.subarray(0, cut),
              }),
              from(role, { opcode: 9, payload: "ping" }),
              from(role, { opcode: 0, payload: payload.subarray(cut) }),
            );
          }
        }
        const decoder = new FrameDecoder({ role, unmaskInPlace: true });
        decoder.lent = true;
        const messages = new MessageDecoder();
        messages.fragments = fragments;
        const kept: Uint8Array[][] = [];
        const sink = fuse(messages, {
          enqueue(message) {
            if (typeof message === "string") {
              kept.push([new TextEncoder().encode(message)]);
            } else if (message instanceof Uint8Array) kept.push([message]);
            else if (message.type === "text" || message.type === "binary") {
              if (message.first) kept.push([]);
              kept.at(-1)!.push(message.payload);
            }
          },
          error: (reason) => assert.fail(String(reason)),
        });
        const length = random.pick([1, 13, 512, 4096, 100_000]);
        const start = random.integer(9);
        const memory = new ArrayBuffer(start + length);
        lend(
          concatBytes(frames),
          length,
          (chunk) => decoder.transform(chunk, sink),
          round % 2 === 0
            ? new Uint8Array(memory, start)
            : Buffer.from(memory, start),
        );
        assert.deepEqual(
          kept.map((parts) => toHex(concatBytes(parts))),
          expected,
        );
        // And each may be transferred without another being lost.
        const buffers = kept.flat().filter(({ length }) => length > 0)
          .map(({ buffer }) => buffer);
        assert.equal(new Set(buffers).size, buffers.length);
      }
    }
  }
});
