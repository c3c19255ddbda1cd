// What is encoded, and compressed, once.

import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { randomBytes } from "node:crypto";
import { test } from "node:test";
import { inflateRawSync } from "node:zlib";
import { FrameEncoder } from "../../src/codec/frame_encoder.ts";
import { FrameLog, SharedFrame } from "../../src/codec/shared_frame.ts";
import type { DeflateStage } from "../../src/deflate/deflate_stage.ts";
import type { DeflateParameters } from "../../src/deflate/negotiation/agreement.ts";
import {
  type DeflateOptions,
  resolveDeflateOptions,
} from "../../src/deflate/options.ts";
import {
  createDeflateStages,
  prepareDeflate,
} from "../../src/deflate/permessage_deflate.ts";
import { SharedMessage } from "../../src/deflate/shared_message.ts";
import { Opcode, type OutgoingFrame } from "../../src/frame.ts";
import { concatBytes } from "../support/frames.ts";
import { seededRandom } from "../support/seeded_random.ts";

await prepareDeflate();

const text = "all work and no play makes Jack a dull boy. ".repeat(100);

function sharedFrame(
  log: FrameLog,
  payload: string | Uint8Array,
): SharedFrame {
  const opcode = typeof payload === "string" ? Opcode.Text : Opcode.Binary;
  return new SharedFrame(log.append(opcode, false, payload));
}

/** A stage as a server's connection has it, and what left it. */
class Stage {
  readonly stage: DeflateStage;
  readonly frames: OutgoingFrame[] = [];

  constructor(
    parameters: Partial<DeflateParameters>,
    options: DeflateOptions = {},
  ) {
    this.stage = createDeflateStages(
      {
        backend: options.backend === "zlib" ? "zlib" : "standard",
        parameters: {
          serverNoContextTakeover: true,
          clientNoContextTakeover: true,
          serverMaxWindowBits: 15,
          clientMaxWindowBits: 15,
          ...parameters,
        },
      },
      "server",
      resolveDeflateOptions(options)!,
    ).deflate;
  }

  take(frame: OutgoingFrame): void {
    this.stage.transform(frame, {
      enqueue: (frame) => this.frames.push(frame),
      error: (reason) => {
        throw reason;
      },
    });
  }

  async settled(): Promise<OutgoingFrame[]> {
    await this.stage.settled;
    return this.frames;
  }
}

function inflate(payload: OutgoingFrame["payload"]): string {
  const bytes = concatBytes([
    payload as Uint8Array,
    new Uint8Array([0, 0, 0xff, 0xff, 1, 0, 0, 0xff, 0xff]),
  ]);
  return new TextDecoder().decode(inflateRawSync(bytes));
}

test("shared frames are the bytes of ordinary ones, among those and alone", () => {
  const random = seededRandom("shared frames");
  for (let round = 0; round < 200; round++) {
    const log = new FrameLog();
    const other = new FrameLog();
    const encoder = new FrameEncoder();
    const plain = new FrameEncoder();
    const given: Uint8Array[] = [];
    const expected: Uint8Array[] = [];
    for (let count = random.integer(60); count >= 0; count--) {
      const size = random.pick([0, 5, 125, 126, 3000, 17_000, 70_000]);
      const payload = random.integer(2) === 0
        ? random.text("ab\u00fc\u20ac", random.integer(size + 1))
        : new Uint8Array(randomBytes(random.integer(size + 1)));
      const frame: OutgoingFrame = {
        opcode: typeof payload === "string" ? Opcode.Text : Opcode.Binary,
        fin: true,
        rsv1: false,
        payload,
      };
      plain.append(frame);
      encoder.append(
        random.integer(4) === 0
          ? frame
          : sharedFrame(random.integer(4) === 0 ? other : log, payload),
      );
      assert.equal(encoder.length, plain.length);
      if (random.integer(20) === 0) {
        given.push(...encoder.take());
        expected.push(...plain.take());
      }
    }
    given.push(...encoder.take());
    expected.push(...plain.take());
    assert.equal(
      Buffer.compare(concatBytes(given), concatBytes(expected)),
      0,
      `round ${round}`,
    );
  }
});

test("frames published one after the other are one chunk, the same for all", () => {
  const log = new FrameLog();
  const encoders = [1, 2, 3].map(() => new FrameEncoder());
  const frames = Array.from(
    { length: 50 },
    (_, index) => sharedFrame(log, `message ${index}`),
  );
  for (const encoder of encoders) {
    for (const frame of frames) encoder.append(frame);
  }
  const [first, ...others] = encoders.map((encoder) => encoder.take());
  assert.equal(first.length, 1);
  assert.equal(first[0].buffer, frames[0].block.bytes.buffer, "not a copy");
  for (const chunks of others) {
    assert.equal(chunks.length, 1);
    assert.equal(chunks[0], first[0], "the same object");
  }
});

test("what waits long keeps little of the memory that it is a part of", () => {
  // One encoder's frames are a hundredth of all.
  const log = new FrameLog();
  for (const shared of [false, true]) {
    const slow = new FrameEncoder();
    const busy = new FrameEncoder();
    let bytes = 0;
    for (let count = 0; count < 1000; count++) {
      const payload = `message ${count}`.padEnd(100);
      const frame = { opcode: Opcode.Text, fin: true, rsv1: false, payload };
      slow.append(shared ? sharedFrame(log, payload) : frame);
      bytes += payload.length + 2;
      for (let other = 0; other < 10; other++) {
        const filler = "x".repeat(1000);
        if (shared) sharedFrame(log, filler);
        else busy.append({ ...frame, payload: filler });
      }
      busy.take();
    }
    assert.equal(slow.length, bytes);
    const buffers = new Set(slow.take().map(({ buffer }) => buffer));
    let kept = 0;
    for (const buffer of buffers) kept += buffer.byteLength;
    assert.ok(kept < 4_000_000, `${bytes} bytes keep ${kept}`);
  }
});

test("a message is compressed once for all with the same settings", () => {
  for (const backend of ["auto", "zlib"] as const) {
    const stages = [
      new Stage({}, { backend }),
      new Stage({ clientMaxWindowBits: 9 }, { backend, threshold: 10 }),
      new Stage({ serverMaxWindowBits: 10 }, { backend: "zlib" }),
      new Stage({}, { backend, level: 9 }),
    ];
    const message = new SharedMessage(text, undefined);
    for (const stage of stages) stage.take(message);
    const frames = stages.map(({ frames }) => frames[0]);
    for (const frame of frames) {
      assert.equal(frame.rsv1, true);
      assert.equal(inflate(frame.payload), text);
    }
    assert.equal(frames[1], frames[0]);
    assert.equal(new Set(frames).size, 3);
  }
});

test("with context takeover each connection compresses for itself", async () => {
  const stages = [1, 2].map(() =>
    new Stage({ serverNoContextTakeover: false }, { backend: "zlib" })
  );
  const lengths: number[] = [];
  const hardly = randomBytes(2000).toString("hex");
  for (const stage of stages) {
    stage.take(new SharedMessage(hardly, undefined));
    stage.take(new SharedMessage(hardly, undefined));
    const frames = await stage.settled();
    assert.equal(inflate(frames[0].payload), hardly);
    lengths.push(...frames.map(({ payload }) => payload.length));
    stage.stage.close();
  }
  assert.ok(lengths[1] < lengths[0] / 2, "refers back");
  assert.deepEqual(lengths.slice(2), lengths.slice(0, 2));
});

test("order is kept while a message is being compressed", async () => {
  // More than what is compressed in the same call.
  const large = text.repeat(30);
  for (const backend of ["auto", "standard", "zlib"] as const) {
    const stages = [
      new Stage({}, { backend }),
      new Stage({}, { backend }),
      new Stage({}, { backend, threshold: Infinity }),
    ];
    const messages = [large, "small", large, text, "small again"]
      .map((message) => new SharedMessage(message, undefined));
    for (const message of messages) {
      for (const stage of stages) stage.take(message);
    }
    const [first, second, plain] = await Promise.all(
      stages.map((stage) => stage.settled()),
    );
    assert.deepEqual(plain, messages);
    assert.deepEqual(first.map(({ rsv1 }) => rsv1), [
      true,
      false,
      true,
      true,
      false,
    ]);
    for (const [index, frame] of first.entries()) {
      assert.equal(second[index], frame, "the same");
      const { payload } = messages[index];
      assert.equal(
        frame.rsv1
          ? inflate(frame.payload)
          : new TextDecoder().decode(frame.payload as Uint8Array),
        new TextDecoder().decode(payload),
      );
    }
  }
});

test("what does not become shorter goes as it is, unless compression is asked for", () => {
  const random = new Uint8Array(randomBytes(2000));
  const stage = new Stage({});
  stage.take(new SharedMessage(random, undefined));
  stage.take(new SharedMessage(random, true));
  stage.take(new SharedMessage(text, false));
  stage.take(new SharedMessage("short", undefined));
  stage.take(new SharedMessage("short", true));
  assert.deepEqual(stage.frames.map(({ rsv1 }) => rsv1), [
    false,
    true,
    false,
    false,
    true,
  ]);
});
