import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { test } from "node:test";
import type { MessageFragment } from "../../src/codec/message.ts";
import {
  type EncodableMessage,
  isBinary,
  MessageEncoder,
  MessageEncoderStream,
  toBytes,
} from "../../src/codec/message_encoder.ts";
import type { OutgoingFrame } from "../../src/frame.ts";
import { fromHex, toHex } from "../support/frames.ts";
import { type Outcome, runStage, runStream } from "./run_stage.ts";

/** A frame in a form to compare: binary as hexadecimal digits. */
function plain({ payload, ...rest }: OutgoingFrame): object {
  return {
    ...rest,
    payload: typeof payload === "string" ? payload : toHex(payload),
  };
}

/** Encodes as a bare stage and as a stream, which must agree. */
async function encode(
  messages: readonly unknown[],
): Promise<Outcome<OutgoingFrame>> {
  const bare = await runStage(
    new MessageEncoder(),
    messages as EncodableMessage[],
  );
  const streamed = await runStream(
    new MessageEncoderStream(),
    messages as EncodableMessage[],
  );
  assert.equal(String(streamed.error), String(bare.error));
  const expected = bare.output.map(plain);
  assert.deepEqual(
    streamed.output.map(plain),
    bare.error === null ? expected : expected.slice(0, streamed.output.length),
  );
  return bare;
}

/** What a frame has unless a test says otherwise. */
const whole = { fin: true, rsv1: false };

test("MessageEncoder: a string is a text message", async () => {
  const texts = [
    "",
    "Hello",
    "Größe 𝄞",
    "\ufeff",
    "\ud800",
    "a".repeat(70_000),
  ];
  const { output, error } = await encode(texts);
  assert.equal(error, null);
  assert.deepEqual(
    output,
    texts.map((payload) => ({ ...whole, opcode: 1, payload })),
  );
});

test("MessageEncoder: an ArrayBuffer, every kind of view, and a Blob are binary messages", async () => {
  const buffer = fromHex("00 01 02 03 04 05 06 07 08 09 0a 0b 0c 0d 0e 0f")
    .buffer;
  const all = "000102030405060708090a0b0c0d0e0f";
  const at8 = "08090a0b0c0d0e0f";
  const cases: [unknown, string][] = [
    [buffer, all],
    [new ArrayBuffer(0), ""],
    [new Uint8Array(buffer), all],
    [new Uint8Array(buffer, 3, 2), "0304"],
    [new Uint8Array(0), ""],
    [new Int8Array(buffer, 3, 2), "0304"],
    [new Uint8ClampedArray(buffer, 3, 2), "0304"],
    [new Int16Array(buffer, 2, 2), "02030405"],
    [new Uint16Array(buffer, 2, 2), "02030405"],
    [new Int32Array(buffer, 4, 1), "04050607"],
    [new Uint32Array(buffer, 4, 1), "04050607"],
    [new Float32Array(buffer, 4, 1), "04050607"],
    [new Float64Array(buffer, 8, 1), at8],
    [new BigInt64Array(buffer, 8, 1), at8],
    [new BigUint64Array(buffer, 8, 1), at8],
    [new DataView(buffer), all],
    [new DataView(buffer, 5, 3), "050607"],
    [new DataView(buffer, 16), ""],
    [Buffer.from("abc"), "616263"],
    [Buffer.from(buffer, 3, 2), "0304"],
    [new Blob([new Uint8Array(buffer), "é"]), `${all}c3a9`],
    [new Blob([]), ""],
    [new Blob(["abcdef"]).slice(2, 4), "6364"],
    [new File(["file"], "name.txt"), "66696c65"],
  ];
  const { output, error } = await encode(cases.map(([message]) => message));
  assert.equal(error, null);
  assert.deepEqual(
    output.map(plain),
    cases.map(([, payload]) => ({ ...whole, opcode: 2, payload })),
  );
});

test("MessageEncoder: only a Blob makes it wait, and what follows stays behind it", async () => {
  const frames: OutgoingFrame[] = [];
  const controller = {
    enqueue: (frame: OutgoingFrame) => void frames.push(frame),
    error: assert.fail,
  };
  const encoder = new MessageEncoder();
  for (
    const message of ["a", new ArrayBuffer(1), new DataView(new ArrayBuffer(1))]
  ) {
    assert.equal(encoder.transform(message, controller), undefined);
  }
  assert.equal(frames.length, 3);
  const promise = encoder.transform(new Blob(["blob"]), controller);
  assert.ok(promise instanceof Promise);
  assert.equal(frames.length, 3);
  await promise;
  assert.equal(frames.length, 4);

  const { output } = await encode([new Blob(["a".repeat(100_000)]), "after"]);
  assert.deepEqual(output.map(({ opcode }) => opcode), [2, 1]);
});

test("MessageEncoder: control frames", async () => {
  const { output, error } = await encode([
    { type: "ping", payload: new Uint8Array(0) },
    { type: "pong", payload: fromHex("01 02") },
    { type: "ping", payload: new Uint8Array(125) },
    { type: "close", closeCode: 1005, reason: "" },
    { type: "close", closeCode: 1000, reason: "" },
    { type: "close", closeCode: 4321, reason: "é" },
  ]);
  assert.equal(error, null);
  assert.deepEqual(output.map(plain), [
    { ...whole, opcode: 9, payload: "" },
    { ...whole, opcode: 10, payload: "0102" },
    { ...whole, opcode: 9, payload: "00".repeat(125) },
    { ...whole, opcode: 8, payload: "" },
    { ...whole, opcode: 8, payload: "03e8" },
    { ...whole, opcode: 8, payload: "10e1c3a9" },
  ]);
});

test("MessageEncoder: control frames that RFC 6455 does not allow are a RangeError", async () => {
  const wrong: [object, RegExp][] = [
    [{ type: "ping", payload: new Uint8Array(126) }, /a ping has .*125.*126/],
    [{ type: "pong", payload: new Uint8Array(126) }, /a pong has .*125.*126/],
    [{ type: "close", closeCode: 1006, reason: "" }, /1006/],
    [{ type: "close", closeCode: 1005, reason: "why" }, /1005/],
    [{ type: "close", closeCode: 999, reason: "" }, /999/],
    [{ type: "close", closeCode: 5000, reason: "" }, /5000/],
    [{ type: "close", closeCode: 1000, reason: "é".repeat(62) }, /123.*124/],
  ];
  for (const [message, text] of wrong) {
    const { error, output } = await encode([message]);
    assert.ok(error instanceof RangeError, String(error));
    assert.match(error.message, text);
    assert.deepEqual(output, []);
  }
});

test("MessageEncoder: fragments as a MessageDecoder puts them out", async () => {
  const payload = fromHex("e2 82");
  const fragments: [Partial<MessageFragment>, number, boolean][] = [
    [{ type: "text", first: true, fin: false }, 1, false],
    [{ type: "text", first: false, fin: false }, 0, false],
    [{ type: "text", first: false, fin: true }, 0, true],
    [{ type: "binary", first: true, fin: false }, 2, false],
    [{ type: "binary", first: false, fin: false }, 0, false],
    [{ type: "binary", first: false, fin: true }, 0, true],
    [{ type: "text", first: true, fin: true }, 1, true],
    [{ type: "binary", first: true, fin: true }, 2, true],
  ];
  const { output, error } = await encode(
    fragments.map(([fragment]) => ({ ...fragment, payload })),
  );
  assert.equal(error, null);
  assert.deepEqual(
    output.map(plain),
    fragments.map(([, opcode, fin]) => ({
      opcode,
      fin,
      rsv1: false,
      payload: "e282",
    })),
  );
});

test("MessageEncoder: anything else is a TypeError that says what it was and what to do", async () => {
  class Order {}
  const cases: [unknown, string][] = [
    [undefined, "not undefined"],
    [null, "not null"],
    [42, "not 42"],
    [true, "not true"],
    [10n, "not 10"],
    [Symbol("sign"), "not Symbol(sign)"],
    [{}, "an object of type Object"],
    [{ type: "data" }, "an object of type Object"],
    [["a"], "an object of type Array"],
    [new Order(), "an object of type Order"],
    [Object.create(null), "an object of type null"],
    [new Date(0), "an object of type Date"],
    [Promise.resolve("text"), "an object of type Promise"],
  ];
  for (const [message, what] of cases) {
    const { error, output } = await encode([message]);
    assert.ok(error instanceof TypeError, String(error));
    assert.ok(error.message.includes(what), error.message);
    assert.match(
      error.message,
      /string, an ArrayBuffer, a view on one or a Blob/,
    );
    assert.match(error.message, /JSON\.stringify/);
    assert.deepEqual(output, []);
  }
});

test("isBinary and toBytes: views are not copied", () => {
  const buffer = new ArrayBuffer(8);
  for (const binary of [buffer, new DataView(buffer, 2), Buffer.from("a")]) {
    assert.equal(isBinary(binary), true);
  }
  for (const other of ["text", null, undefined, 8, {}, [], new Blob([])]) {
    assert.equal(isBinary(other), false);
  }
  const bytes = toBytes(new DataView(buffer, 2, 4));
  assert.equal(bytes.buffer, buffer);
  assert.deepEqual([bytes.byteOffset, bytes.length], [2, 4]);
  assert.equal(toBytes(buffer).buffer, buffer);
  assert.equal(toBytes(buffer).length, 8);
});
