import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import process from "node:process";
import { test } from "node:test";
import {
  FrameDecoder,
  FrameDecoderStream,
} from "../../src/codec/frame_decoder.ts";
import type { Message, MessageFragment } from "../../src/codec/message.ts";
import {
  type DecodedMessage,
  defaultMaxMessageSize,
  MessageDecoder,
  type MessageDecoderOptions,
  MessageDecoderStream,
} from "../../src/codec/message_decoder.ts";
import { fuse } from "../../src/codec/stage.ts";
import { type Frame, Opcode, type Role } from "../../src/frame.ts";
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
  cutEvery,
  describeError,
  everyCut,
  type Outcome,
  runStageSync,
  runStream,
} from "./run_stage.ts";

const key = [0xa5, 0x00, 0xff, 0x5a];

/** A frame, or with `remaining` a part of one. */
function frame(
  opcode: number,
  payload: Uint8Array<ArrayBuffer> | string = "",
  fin = true,
  remaining = 0,
): Frame {
  return {
    opcode: opcode as Frame["opcode"],
    fin,
    rsv1: false,
    payload: typeof payload === "string"
      ? new TextEncoder().encode(payload)
      : payload,
    remaining,
  };
}

/** Decodes as a bare stage and as a stream, which must agree. */
async function decode(
  frames: readonly Frame[],
  options: MessageDecoderOptions = {},
): Promise<Outcome<DecodedMessage>> {
  const bare = runStageSync(new MessageDecoder(options), frames);
  assertSameOutcome(
    await runStream(new MessageDecoderStream(options), frames),
    bare,
  );
  return bare;
}

/** Bytes to messages: both decoders, fused as a connection has them. */
function decodeBytes(
  chunks: Iterable<Uint8Array<ArrayBuffer>>,
  { role = "client", rsv1, ...options }:
    & MessageDecoderOptions
    & { role?: Role; rsv1?: boolean } = {},
): Outcome<DecodedMessage> {
  const frames = new FrameDecoder({ role, rsv1 });
  const messages = new MessageDecoder(options);
  return runStageSync({
    transform(chunk: Uint8Array<ArrayBuffer>, controller) {
      frames.transform(chunk, fuse(messages, controller));
    },
    flush() {
      frames.flush();
      messages.flush();
    },
  }, chunks);
}

const isText = (message: DecodedMessage) => typeof message === "string";

test("MessageDecoder: text comes out as strings, binary as Uint8Arrays, control frames as objects", async () => {
  const { output, error } = await decode([
    frame(1, "Größe 𝄞"),
    frame(1),
    frame(2, fromHex("00 ff 80")),
    frame(2),
    frame(9, "ping"),
    frame(10, "pong"),
    frame(9),
    frame(8, fromHex("0f a1 67 72 c3 bc c3 9f 65")),
  ]);
  assert.equal(error, null);
  assert.deepEqual(output, [
    "Größe 𝄞",
    "",
    fromHex("00 ff 80"),
    new Uint8Array(0),
    { type: "ping", payload: new TextEncoder().encode("ping") },
    { type: "pong", payload: new TextEncoder().encode("pong") },
    { type: "ping", payload: new Uint8Array(0) },
    { type: "close", closeCode: 4001, reason: "grüße" },
  ]);
});

test("MessageDecoder: an empty Close frame has code 1005, a bad one is refused", async () => {
  assert.deepEqual((await decode([frame(8)])).output, [
    { type: "close", closeCode: 1005, reason: "" },
  ]);
  const refused: [string, number][] = [
    ["03", 1002],
    ["03 ed", 1002],
    ["00 00", 1002],
    ["03 e8 ed a0 80", 1007],
  ];
  for (const [digits, closeCode] of refused) {
    const { error } = await decode([frame(8, fromHex(digits))]);
    assertRefusal(error, closeCode, /./, digits);
  }
});

test("MessageDecoder: fragments are joined, control frames between them come out at once", async () => {
  const { output, error } = await decode([
    frame(1, "a", false),
    frame(9, "1"),
    frame(0, "", false),
    frame(10, "2"),
    frame(0, "b", false),
    frame(9, "3"),
    frame(0, "c"),
    frame(2, fromHex("01"), false),
    frame(8, fromHex("03 e8")),
    frame(0, fromHex("02")),
  ]);
  assert.equal(error, null);
  assert.deepEqual(
    output.map((message) =>
      typeof message === "string"
        ? message
        : message instanceof Uint8Array
        ? toHex(message)
        : message.type
    ),
    ["ping", "pong", "ping", "abc", "close", "0102"],
  );
});

test("MessageDecoder: a continuation needs a message, a message must end before the next", async () => {
  for (const fin of [true, false]) {
    for (const payload of ["", "x"]) {
      const nothing = await decode([frame(0, payload, fin)]);
      assertRefusal(nothing.error, 1002, /no message to continue/);
      const after = await decode([frame(1, "whole"), frame(0, payload, fin)]);
      assertRefusal(after.error, 1002, /no message to continue/);
      const ended = await decode([
        frame(2, "", false),
        frame(0),
        frame(9),
        frame(0, payload, fin),
      ]);
      assertRefusal(ended.error, 1002, /no message to continue/);
      for (const first of [1, 2]) {
        for (const second of [1, 2]) {
          const { error, output } = await decode([
            frame(first, "", false),
            frame(9),
            frame(second, payload, fin),
          ]);
          assertRefusal(error, 1002, /before the last one has ended/);
          assert.equal(output.length, 1);
        }
      }
    }
  }
});

test("MessageDecoder: input that ends inside a message gives 1006", async () => {
  for (const opcode of [1, 2]) {
    assertTruncated((await decode([frame(opcode, "", false)])).error);
    assertTruncated(
      (await decode([frame(opcode, "a", false), frame(0, "b", false)])).error,
    );
    assertTruncated((await decode([frame(opcode, "a", false, 5)])).error);
    assert.equal(
      (await decode([frame(opcode, "a", false), frame(0)])).error,
      null,
    );
  }
  assert.equal((await decode([])).error, null);
});

/**
 * Invalid UTF-8, and the index of the first byte that no valid text can have
 * there (RFC 3629, table 3-7 of the Unicode standard).
 */
const invalidText: [string, number][] = [
  ["80", 0],
  ["bf", 0],
  ["bf 80 bf 80", 0],
  ["c0 80", 0],
  ["c0 af", 0],
  ["c1 bf", 0],
  ["c2 00", 1],
  ["c2 41", 1],
  ["c2 c2 80", 1],
  ["df c0", 1],
  ["e0 80 80", 1],
  ["e0 80 af", 1],
  ["e0 9f bf", 1],
  ["e1 41", 1],
  ["e1 80 41", 2],
  ["e1 80 c2 80", 2],
  ["ed a0 80", 1],
  ["ed ad bf", 1],
  ["ed ae 80", 1],
  ["ed af bf", 1],
  ["ed b0 80", 1],
  ["ed be 80", 1],
  ["ed bf bf", 1],
  ["ed a0 80 ed b0 80", 1],
  ["ef bf c0", 2],
  ["f0 80 80 80", 1],
  ["f0 80 80 af", 1],
  ["f0 8f bf bf", 1],
  ["f1 80 80 41", 3],
  ["f1 80 f1 80 80 80", 2],
  ["f4 8f bf c0", 3],
  ["f4 90 80 80", 1],
  ["f4 bf bf bf", 1],
  ["f5 80 80 80", 0],
  ["f7 bf bf bf", 0],
  ["f8 88 80 80 80", 0],
  ["fb bf bf bf bf", 0],
  ["fc 84 80 80 80 80", 0],
  ["fd bf bf bf bf bf", 0],
  ["fe", 0],
  ["fe fe ff ff", 0],
  ["ff", 0],
];

/** Text that is cut off within a character: wrong only when it ends there. */
const truncatedText = [
  "c2",
  "df",
  "e0",
  "e0 a0",
  "e1 80",
  "ed 9f",
  "ef bf",
  "f0",
  "f0 90",
  "f0 90 80",
  "f4 8f bf",
];

/** What valid text may stand before it. */
const prefixes = ["", "κόσμε", "a".repeat(3000), "\ufffd\ufeff"];

test("MessageDecoder: invalid UTF-8 in a whole frame gives 1007", async () => {
  for (const prefix of prefixes) {
    const start = new TextEncoder().encode(prefix);
    for (
      const digits of [...invalidText.map(([row]) => row), ...truncatedText]
    ) {
      for (const suffix of ["", "after"]) {
        const payload = concatBytes([
          start,
          fromHex(digits),
          new TextEncoder().encode(suffix),
        ]);
        const { error, output } = await decode([frame(1, payload)]);
        assertRefusal(error, 1007, /UTF-8/, `${digits} and "${suffix}"`);
        assert.deepEqual(output, []);
        assert.equal((await decode([frame(2, payload)])).error, null);
      }
    }
  }
});

test("MessageDecoder: invalid UTF-8 is refused at the earliest byte, across fragments", async () => {
  for (const prefix of prefixes) {
    const start = new TextEncoder().encode(prefix);
    for (const [digits, index] of invalidText) {
      const frames = [
        frame(1, start, false),
        ...cutEvery(fromHex(digits), 1).map((byte) => frame(0, byte, false)),
        frame(0),
      ];
      const { error, taken } = await decode(frames);
      assertRefusal(error, 1007, /UTF-8/, digits);
      assert.equal(taken, 1 + index, digits);
    }
    for (const digits of truncatedText) {
      const parts = cutEvery(fromHex(digits), 1);
      const frames = [
        frame(1, start, false),
        ...parts.map((byte) => frame(0, byte, false)),
      ];
      assertTruncated((await decode(frames)).error, digits);
      // Only its end shows what is wrong, with an empty last fragment too.
      for (const last of ["", "a"]) {
        const { error, taken } = await decode([...frames, frame(0, last)]);
        assertRefusal(error, 1007, /UTF-8/, digits);
        assert.equal(taken, frames.length, digits);
      }
    }
  }
});

test("MessageDecoder: invalid UTF-8 is refused at the earliest byte of a frame that has partly arrived", () => {
  for (const role of ["server", "client"] as const) {
    for (const fin of [true, false]) {
      for (const prefix of prefixes) {
        const start = new TextEncoder().encode(prefix);
        for (const [digits, index] of invalidText) {
          const bytes = frameBytes({
            opcode: 1,
            fin,
            payload: concatBytes([start, fromHex(digits)]),
            announced: 20_000n,
            key: role === "server" ? key : undefined,
          });
          const before = bytes.length - fromHex(digits).length;
          const chunks = [
            bytes.slice(0, before),
            ...cutEvery(bytes.slice(before), 1),
          ];
          const { error, taken } = decodeBytes(chunks, { role });
          assertRefusal(error, 1007, /UTF-8/, digits);
          assert.equal(taken, 1 + index, digits);
          // The same in one chunk, of which more is missing.
          assertRefusal(decodeBytes([bytes], { role }).error, 1007);
        }
      }
    }
  }
});

test("MessageDecoder: text that was refused leaves nothing behind for another decoder", async () => {
  assertRefusal((await decode([frame(1, fromHex("e1 80"))])).error, 1007);
  assert.deepEqual((await decode([frame(1, "ok")])).output, ["ok"]);
  // A message that ended within a character is not continued by the next one.
  const { error, output } = await decode([
    frame(1, fromHex("e2 82"), false),
    frame(0, fromHex("ac")),
    frame(1, "a", false),
    frame(0, fromHex("c3 bc")),
  ]);
  assert.equal(error, null);
  assert.deepEqual(output, ["€", "aü"]);
});

test("MessageDecoder: every border of the Unicode scalar values, whole and byte by byte", async () => {
  const borders = [
    0x0,
    0x7f,
    0x80,
    0x7ff,
    0x800,
    0xfff,
    0x1000,
    0xcfff,
    0xd000,
    0xd7ff,
    0xe000,
    0xfdd0,
    0xfeff,
    0xfffd,
    0xfffe,
    0xffff,
    0x10000,
    0x3ffff,
    0x40000,
    0xfffff,
    0x100000,
    0x10fffe,
    0x10ffff,
  ];
  for (const scalar of borders) {
    const character = String.fromCodePoint(scalar);
    for (
      const text of [character, `${character}${character}x`, `x${character}`]
    ) {
      const bytes = new TextEncoder().encode(text);
      assert.deepEqual((await decode([frame(1, bytes)])).output, [text]);
      const fragments = cutEvery(bytes, 1).map((byte, index, all) =>
        frame(index === 0 ? 1 : 0, byte, index === all.length - 1)
      );
      const { output, error } = await decode(fragments);
      assert.equal(error, null, scalar.toString(16));
      assert.deepEqual(output, [text], scalar.toString(16));
    }
  }
});

test("MessageDecoder: all 1,112,064 Unicode scalar values pass, in short, long and fragmented messages", () => {
  const texts: string[] = [];
  let text = "";
  for (let scalar = 0; scalar <= 0x10ffff; scalar++) {
    if (scalar === 0xd800) scalar = 0xe000;
    text += String.fromCodePoint(scalar);
    if (text.length >= 500) {
      texts.push(text);
      text = "";
    }
  }
  texts.push(text);
  const { output, error } = runStageSync(
    new MessageDecoder(),
    texts.map((each) => frame(1, each)),
  );
  assert.equal(error, null);
  assert.ok(output.every((message, index) => message === texts[index]));

  const whole = texts.join("");
  const bytes = new TextEncoder().encode(whole);
  const long = runStageSync(new MessageDecoder(), [frame(1, bytes)]);
  assert.ok(long.output[0] === whole, "in one frame");
  const fragments = cutEvery(bytes, 1013).map((part, index, all) =>
    frame(index === 0 ? 1 : 0, part, index === all.length - 1)
  );
  const fragmented = runStageSync(new MessageDecoder(), fragments);
  assert.ok(fragmented.output[0] === whole, "in many fragments");
});

test("MessageDecoder: U+FEFF and U+FFFD are characters like others", async () => {
  for (
    const text of [
      "\ufeff",
      "\ufeffa",
      "\ufeff\ufeff",
      "a\ufeff",
      "\ufffd",
      "a\ufffdb",
      "\ufeff" + "long".repeat(2000),
      "\ufffd" + "long".repeat(2000),
    ]
  ) {
    assert.deepEqual((await decode([frame(1, text)])).output, [text]);
    const parts = cutEvery(new TextEncoder().encode(text), 2);
    const fragments = parts.map((part, index) =>
      frame(index === 0 ? 1 : 0, part, index === parts.length - 1)
    );
    assert.deepEqual((await decode(fragments)).output, [text]);
  }
});

test("MessageDecoder: maxMessageSize counts all of a message's fragments and nothing else", async () => {
  const bytes = (length: number) => new Uint8Array(length);
  const good: Frame[][] = [
    [frame(2, bytes(10))],
    [frame(2, bytes(10)), frame(2, bytes(10)), frame(1, "0123456789")],
    [frame(2, bytes(4), false), frame(0, bytes(6))],
    [frame(2, bytes(10), false), frame(0), frame(2, bytes(10))],
    [frame(2, bytes(1), false, 9), frame(0, bytes(9))],
    [
      frame(2, bytes(5), false),
      frame(9, bytes(125)),
      frame(8, fromHex("03 e8")),
      frame(0, bytes(5)),
    ],
  ];
  for (const frames of good) {
    const { error } = await decode(frames, { maxMessageSize: 10 });
    assert.equal(error, null);
  }
  /** The last frame is the one that is refused. */
  const bad: Frame[][] = [
    [frame(2, bytes(11))],
    [frame(1, "01234567890")],
    [frame(2, bytes(0), false, 11)],
    [frame(2, bytes(1), false, 10)],
    [frame(2, bytes(4), false), frame(0, bytes(7))],
    [frame(2, bytes(4), false), frame(0, bytes(7), false)],
    [frame(2, bytes(10), false), frame(0, bytes(1), false)],
    [frame(2, bytes(4), false), frame(0, bytes(1), false, 6)],
    [frame(2, bytes(10)), frame(2, bytes(6), false), frame(0, bytes(5))],
    [
      frame(2, bytes(1), false, 3),
      frame(0, bytes(3), false),
      frame(0, bytes(0), false, 7),
    ],
  ];
  for (const frames of bad) {
    const { error, taken } = await decode(frames, { maxMessageSize: 10 });
    assertRefusal(error, 1009, /11 bytes or more is over the limit of 10/);
    assert.equal(taken, frames.length - 1);
  }
  assert.deepEqual((await decode([frame(1)], { maxMessageSize: 0 })).output, [
    "",
  ]);
  assertRefusal(
    (await decode([frame(1, "a")], { maxMessageSize: 0 })).error,
    1009,
  );
});

test("MessageDecoder: the default limit is 16 MiB", async () => {
  assert.equal(defaultMaxMessageSize, 16_777_216);
  const limit = new Uint8Array(defaultMaxMessageSize);
  const { output, error } = await decode([frame(2, limit)]);
  assert.equal(error, null);
  assert.equal((output[0] as Uint8Array).length, defaultMaxMessageSize);
  const over = await decode([frame(2, "", false, defaultMaxMessageSize + 1)]);
  assertRefusal(over.error, 1009, /16777217 bytes or more/);
});

test("MessageDecoder: a length over the limit is refused when its header is there", () => {
  for (const role of ["server", "client"] as const) {
    for (const announced of [2n ** 40n, 2n ** 53n - 1n, 2n ** 53n, 16777217n]) {
      for (const opcode of [1, 2]) {
        const header = frameBytes({
          opcode,
          announced,
          key: role === "server" ? key : undefined,
        });
        for (const chunks of [[header], cutEvery(header, 1)]) {
          const { error, output } = decodeBytes(chunks, { role });
          assertRefusal(error, 1009);
          assert.deepEqual(output, []);
        }
        const first = frameBytes({
          opcode,
          fin: false,
          payload: "a",
          key: role === "server" ? key : undefined,
        });
        const next = new Uint8Array(header);
        next[0] = 0x80;
        assertRefusal(decodeBytes([first, next], { role }).error, 1009);
      }
    }
  }
});

test("MessageDecoder: with `fragments`, messages come out in parts as they arrive", () => {
  const decoder = new MessageDecoder({ maxMessageSize: 3 });
  decoder.fragments = true;
  const seen: string[] = [];
  const feed = (next: Frame): string[] => {
    decoder.transform(next, {
      enqueue(message) {
        if (typeof message === "string" || message instanceof Uint8Array) {
          seen.push("whole");
        } else if ("first" in message) {
          const { type, first, fin, payload } = message;
          seen.push(
            `${type}${first ? " first" : ""}${fin ? " fin" : ""} ${
              toHex(payload)
            }`,
          );
        } else seen.push(message.type);
      },
      error: assert.fail,
    });
    return seen.splice(0);
  };
  assert.deepEqual(feed(frame(1, "ab")), ["text first fin 6162"]);
  assert.deepEqual(feed(frame(1)), ["text first fin "]);
  assert.deepEqual(feed(frame(2, "", false, 9)), ["binary first "]);
  assert.deepEqual(feed(frame(0, "abcd", false, 5)), ["binary 61626364"]);
  assert.deepEqual(feed(frame(9)), ["ping"]);
  assert.deepEqual(feed(frame(0, "efghi", false)), ["binary 6566676869"]);
  assert.deepEqual(feed(frame(0, "", false)), [], "nothing new");
  assert.deepEqual(feed(frame(0)), ["binary fin "]);
  // Text is checked as it arrives, characters may be split.
  assert.deepEqual(feed(frame(1, fromHex("e2 82"), false)), [
    "text first e282",
  ]);
  assert.deepEqual(feed(frame(0, fromHex("ac"), false)), ["text ac"]);
  assert.throws(() => feed(frame(0, fromHex("ff"), false)), {
    closeCode: 1007,
  });
});

test("MessageDecoder: a change of `fragments` takes effect with the next message", () => {
  const decoder = new MessageDecoder({ maxMessageSize: 4 });
  const output: DecodedMessage[] = [];
  const controller = {
    enqueue: (message: DecodedMessage) => void output.push(message),
    error: assert.fail,
  };
  const feed = (...frames: Frame[]) =>
    frames.forEach((next) => decoder.transform(next, controller));
  feed(frame(1, "a", false));
  decoder.fragments = true;
  feed(frame(0, "b"));
  assert.deepEqual(output.splice(0), ["ab"]);
  feed(frame(2, "c", false));
  decoder.fragments = false;
  feed(frame(0, "defghi"));
  assert.deepEqual(
    output.splice(0).map((part) =>
      typeof part === "object" && "first" in part &&
      [part.first, part.fin, toHex(part.payload)]
    ),
    [[true, false, "63"], [false, true, "646566676869"]],
  );
  feed(frame(1, "whole"[0]), frame(1, "ab", false), frame(0, "cd"));
  assert.deepEqual(output.splice(0), ["w", "abcd"]);
  assert.throws(() => feed(frame(1, "abcde")), { closeCode: 1009 });
});

test("MessageDecoder: with `fragments`, what RFC 6455 forbids is refused as well", () => {
  const wrong: [Frame[], number][] = [
    [[frame(0, "a")], 1002],
    [[frame(1, "a", false), frame(1, "b")], 1002],
    [[frame(1, "a"), frame(0, "b")], 1002],
    [[frame(1, fromHex("e2 82"))], 1007],
    [[frame(1, fromHex("e2"), false), frame(0)], 1007],
    [[frame(1, fromHex("ed a0"), false)], 1007],
    [[frame(8, fromHex("03"))], 1002],
  ];
  for (const [frames, closeCode] of wrong) {
    const decoder = new MessageDecoder();
    decoder.fragments = true;
    const { error, taken } = runStageSync(decoder, frames);
    assertRefusal(error, closeCode);
    assert.equal(taken, frames.length - 1);
  }
});

test("MessageDecoder: a message's bytes stay as they are while later messages arrive", () => {
  const random = seededRandom("MessageDecoder messages stay");
  const payloads = Array.from(
    { length: 200 },
    () =>
      Uint8Array.from(
        { length: random.integer(300) },
        () => random.integer(256),
      ),
  );
  const bytes = concatBytes(payloads.flatMap((payload) => [
    frameBytes({ opcode: 2, fin: false, payload: payload.slice(0, 9), key }),
    frameBytes({ opcode: 0, payload: payload.slice(9), key }),
    frameBytes({ opcode: 2, payload, key }),
  ]));
  const { output, error } = decodeBytes(cutEvery(bytes, 77), {
    role: "server",
  });
  assert.equal(error, null);
  assert.deepEqual(
    output.map((message) => toHex(message as Uint8Array)),
    payloads.flatMap((payload) => [toHex(payload), toHex(payload)]),
  );
});

test("MessageDecoder: what is not a frame's own is copied, also out of a Node Buffer", () => {
  for (const fragments of [false, true]) {
    const payload = Buffer.alloc(3, 7);
    const decoder = new MessageDecoder();
    decoder.fragments = fragments;
    const { output } = runStageSync(decoder, [{
      opcode: Opcode.Binary,
      fin: true,
      rsv1: false,
      payload,
      remaining: 0,
      own: false,
    }]);
    payload.fill(9);
    const [message] = output as [Uint8Array | MessageFragment];
    const bytes = message instanceof Uint8Array ? message : message.payload;
    assert.deepEqual(bytes, Uint8Array.of(7, 7, 7));
    assert.equal(bytes.constructor, Uint8Array);
  }
});

test("MessageDecoder: a chunk that is given is given back as soon as its last message is copied", () => {
  const lengths = [5000, 9000, 4000];
  const payloads = lengths.map((length, index) =>
    new Uint8Array(length).map((_, at) => index + at * 3)
  );
  const decodeGiven = (given: boolean, behind: number) => {
    const chunk = concatBytes([
      ...payloads.map((payload) =>
        frameBytes({ fin: true, opcode: 2, key, payload })
      ),
      new Uint8Array(behind),
    ]);
    const messages: DecodedMessage[] = [];
    const decoder = new MessageDecoder();
    decoder.given = given;
    const frames = fuse(decoder, {
      enqueue: (message) => void messages.push(message),
      error: (reason) => assert.fail(String(reason)),
    });
    new FrameDecoder({ unmaskInPlace: true })
      .transform(chunk.subarray(0, chunk.length - behind), frames);
    assert.deepEqual(messages, payloads);
    return chunk.buffer.detached;
  };
  assert.equal(decodeGiven(true, 0), true);
  assert.equal(decodeGiven(false, 0), false, "others may have it");
  assert.equal(decodeGiven(true, 1), false, "there is more in it");
});

test("MessageDecoder: empty messages have buffers of their own, so that each may be transferred", () => {
  const frames = [
    frameBytes({ opcode: 2 }),
    frameBytes({ opcode: 2 }),
    frameBytes({ opcode: 9 }),
    frameBytes({ opcode: 2, fin: false }),
    frameBytes({ opcode: 0 }),
  ];
  const { output } = decodeBytes([concatBytes(frames)]);
  const payloads = output.map((message) =>
    message instanceof Uint8Array
      ? message
      : (message as { payload: Uint8Array<ArrayBuffer> }).payload
  );
  assert.equal(payloads.length, 4);
  assert.equal(new Set(payloads.map(({ buffer }) => buffer)).size, 4);
  for (const { buffer } of payloads) {
    assert.equal(structuredClone(buffer, { transfer: [buffer] }).byteLength, 0);
  }
});

/** Streams of bytes whose messages must not depend on how they are cut. */
function corpus(): [string, RawFrame[], Uint8Array?][] {
  return [
    ["text and binary", [
      { opcode: 1, payload: "Hello" },
      { opcode: 2, payload: fromHex("00 01 02") },
      { opcode: 1, payload: "\ufeffGröße 𝄞" },
      { opcode: 1 },
      { opcode: 2 },
    ]],
    ["fragments, cut inside characters", [
      { opcode: 1, fin: false, payload: fromHex("f0 9d") },
      { opcode: 9, payload: "ping" },
      { opcode: 0, fin: false },
      { opcode: 0, fin: false, payload: fromHex("84") },
      { opcode: 10 },
      { opcode: 0, payload: fromHex("9e 61") },
      { opcode: 2, fin: false },
      { opcode: 0, payload: new Uint8Array(130).fill(7) },
      { opcode: 8, payload: fromHex("03 e8 6f 6b") },
    ], fromHex("81 01 ff")],
    ["a message cut off", [
      { opcode: 1, payload: "whole" },
      { opcode: 2, fin: false, payload: "part" },
    ]],
    ["a continuation of nothing", [
      { opcode: 1, payload: "whole" },
      { opcode: 0, payload: "more" },
      { opcode: 1, payload: fromHex("ff") },
    ]],
    ["a message in a message", [
      { opcode: 1, fin: false, payload: "one" },
      { opcode: 9 },
      { opcode: 2, payload: "two" },
    ]],
    ["invalid text in a whole frame", [
      { opcode: 1, payload: "good" },
      { opcode: 1, payload: fromHex("61 ed a0 80 62 63") },
    ]],
    ["text that ends inside a character", [
      { opcode: 1, fin: false, payload: fromHex("61 e2") },
      { opcode: 0, payload: fromHex("82") },
      { opcode: 0, payload: "" },
    ]],
    ["invalid text in a frame cut off", [
      { opcode: 1, payload: fromHex("61 f4 90 62 63"), announced: 80n },
    ]],
    ["a message over the limit", [
      { opcode: 2, payload: new Uint8Array(150) },
      { opcode: 2, payload: new Uint8Array(151) },
    ]],
    ["fragments over the limit", [
      { opcode: 2, fin: false, payload: new Uint8Array(100) },
      { opcode: 9, payload: "ping" },
      { opcode: 0, fin: false, payload: new Uint8Array(50) },
      { opcode: 0, payload: new Uint8Array(1) },
    ]],
    ["a length of 2^40", [
      { opcode: 1, payload: "good" },
      { opcode: 2, announced: 2n ** 40n },
    ]],
    ["a close frame of one byte", [
      { opcode: 1, payload: "good" },
      { opcode: 8, payload: fromHex("03") },
    ]],
    ["a close code that must not be sent", [
      { opcode: 8, payload: fromHex("03 ee") },
    ]],
    ["a reserved opcode inside a message", [
      { opcode: 1, fin: false, payload: "one" },
      { opcode: 0xb },
    ]],
  ];
}

test("MessageDecoder: the same messages or the same error, wherever the bytes are cut", async () => {
  const random = seededRandom("MessageDecoder cut everywhere");
  const maxMessageSize = 150;
  for (const role of ["server", "client"] as const) {
    for (const [name, frames, end = new Uint8Array(0)] of corpus()) {
      const bytes = concatBytes([
        ...frames.map((raw) =>
          frameBytes(role === "server" ? { key, ...raw } : raw)
        ),
        end,
      ]);
      const expected = decodeBytes([bytes], { role, maxMessageSize });
      let streams = 0;
      for (const chunks of everyCut(bytes, random)) {
        const actual = decodeBytes(chunks, { role, maxMessageSize });
        assert.deepEqual(actual.output, expected.output, `${name}, ${role}`);
        // How many bytes are missing may be told of the frame or the message.
        assert.equal(
          describeError(actual.error).replace(/1006.*/, "1006"),
          describeError(expected.error).replace(/1006.*/, "1006"),
          `${name}, ${role}`,
        );
        if (streams++ % 5 !== 0) continue;
        const frameStream = new FrameDecoderStream({ role });
        assertSameOutcome(
          await runStream({
            writable: frameStream.writable,
            readable: frameStream.readable.pipeThrough(
              new MessageDecoderStream({ maxMessageSize }),
            ),
          }, chunks),
          actual,
        );
      }
    }
  }
});

test("MessageDecoder: of two faults in one chunk, the first one counts", () => {
  const text = frameBytes({ opcode: 1, payload: fromHex("ff") });
  const reserved = frameBytes({ opcode: 3 });
  const large = frameBytes({ opcode: 2, announced: 2n ** 40n });
  const order: [Uint8Array[], number][] = [
    [[text, reserved], 1007],
    [[reserved, text], 1002],
    [[large, text], 1009],
    [[text, large], 1007],
  ];
  for (const [frames, closeCode] of order) {
    assertRefusal(decodeBytes([concatBytes(frames)]).error, closeCode);
  }
});

/** Bun's collector falls behind a loop that never waits; what counts is what is kept. */
function collectGarbage(): void {
  const { Bun } = globalThis as { Bun?: { gc(synchronously: boolean): void } };
  Bun?.gc(true);
}

/** Runs a flood of fragments; returns its message and how much RSS grew. */
function flood(
  opcode: number,
  fragment: Uint8Array,
): { message: DecodedMessage; grown: number } {
  const count = 2_000_000;
  const perChunk = 50_000;
  const chunk = concatBytes(Array.from({ length: perChunk }, () => fragment));
  const frames = new FrameDecoder({ role: "client" });
  const messages = new MessageDecoder();
  const output: DecodedMessage[] = [];
  const controller = fuse(messages, {
    enqueue: (message) => void output.push(message),
    error: assert.fail,
  });
  const started = performance.now();
  const before = process.memoryUsage().rss;
  let highest = before;
  frames.transform(frameBytes({ opcode, fin: false }), controller);
  for (let sent = 0; sent < count; sent += perChunk) {
    frames.transform(new Uint8Array(chunk), controller);
    collectGarbage();
    highest = Math.max(highest, process.memoryUsage().rss);
    assert.ok(performance.now() - started < 20_000, "it takes too long");
  }
  assert.equal(output.length, 0);
  frames.transform(frameBytes({ opcode: 0 }), controller);
  assert.equal(output.length, 1);
  return { message: output[0], grown: highest - before };
}

test("MessageDecoder: 2 million empty fragments cost neither memory nor much time", () => {
  for (const opcode of [1, 2]) {
    const { message, grown } = flood(
      opcode,
      frameBytes({ opcode: 0, fin: false }),
    );
    assert.equal(
      message.valueOf().constructor.name,
      isText(message) ? "String" : "Uint8Array",
    );
    assert.equal((message as Message).length, 0);
    assert.ok(grown < 128e6, `memory grew by ${grown} bytes`);
  }
});

test("MessageDecoder: 2 million fragments of one byte cost little more than their bytes", () => {
  for (const opcode of [1, 2]) {
    const { message, grown } = flood(
      opcode,
      frameBytes({ opcode: 0, fin: false, payload: "a" }),
    );
    assert.equal((message as Message).length, 2_000_000);
    if (isText(message)) assert.ok(message === "a".repeat(2_000_000));
    assert.ok(grown < 128e6, `memory grew by ${grown} bytes`);
  }
});
