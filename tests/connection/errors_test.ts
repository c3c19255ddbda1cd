// What breaks the protocol or a limit: a Close frame on the wire, an error here.

import assert from "node:assert/strict";
import { after, test } from "node:test";
import { ProtocolError, WebSocketError } from "../../src/error.ts";
import {
  closeBody,
  frameBytes,
  type FrameOptions,
  opcodes,
} from "../support/raw_peer.ts";
import {
  connect,
  disconnectAll,
  type HarnessOptions,
  isPending,
  pattern,
  rejectionOf,
  settled,
  until,
  within,
} from "./harness.ts";

after(disconnectAll);

/** Sends bytes and expects the Close frame, the end and the error that they cause. */
async function expectFailure(
  bytes: readonly Uint8Array[],
  closeCode: number,
  reason: RegExp,
  options: HarnessOptions = {},
): Promise<void> {
  const { socket, peer, errors } = connect(async (socket) => {
    for await (const message of socket.readable) await socket.send(message);
  }, options);
  await peer.sendBytes(...bytes);
  const close = await peer.readClose();
  assert.equal(close.closeCode, closeCode, close.reason);
  assert.match(close.reason, reason);
  await peer.expectEnd();
  await peer.sendBytes(pattern(1000));
  await peer.end();
  const error = await rejectionOf(socket.closed);
  assert.ok(error instanceof ProtocolError);
  assert.ok(error instanceof WebSocketError);
  assert.ok(error instanceof DOMException);
  assert.equal(error.name, "WebSocketError");
  assert.equal(error.closeCode, closeCode);
  assert.ok(error.reason.startsWith(close.reason));
  await settled();
  assert.deepEqual(errors, []);
}

const refused: [
  name: string,
  bytes: Uint8Array[],
  closeCode: number,
  reason: RegExp,
][] = [
  frame("an unmasked frame", opcodes.text, "x", { masked: false }, /mask/),
  frame("RSV1", opcodes.text, "x", { reserved: 0x40 }, /RSV1/),
  frame("RSV2", opcodes.text, "x", { reserved: 0x20 }, /RSV2/),
  frame("RSV3", opcodes.text, "x", { reserved: 0x10 }, /RSV3/),
  frame("a reserved data opcode", 0x3, "x", {}, /0x3/),
  frame("a reserved control opcode", 0xb, "", {}, /0xb/),
  frame("a fragmented ping", opcodes.ping, "x", { fin: false }, /fragmented/),
  frame("a ping of 126 bytes", opcodes.ping, pattern(126), {}, /125/),
  frame("a continuation of nothing", opcodes.continuation, "x", {}, /contin/),
  [
    "a message inside another",
    [
      frameBytes(opcodes.text, "a", { fin: false }),
      frameBytes(opcodes.text, "b"),
    ],
    1002,
    /before the last one has ended/,
  ],
  frame("a Close of one byte", opcodes.close, "x", {}, /one byte/),
  frame("a Close with 1005", opcodes.close, closeBody(1005), {}, /1005/),
  frame("a Close with 999", opcodes.close, closeBody(999), {}, /999/),
  frame("a Close with 2000", opcodes.close, closeBody(2000), {}, /2000/),
  [
    "a Close whose reason is not UTF-8",
    [frameBytes(opcodes.close, Uint8Array.of(0x03, 0xe8, 0xff))],
    1007,
    /UTF-8/,
  ],
  [
    "text that is not UTF-8",
    [frameBytes(opcodes.text, Uint8Array.of(0x61, 0xff))],
    1007,
    /UTF-8/,
  ],
  [
    "text that is not UTF-8, seen before its frame is whole",
    [
      frameBytes(opcodes.text, Uint8Array.of(0x61, 0xff, 0x61, 0x61))
        .slice(0, 8),
    ],
    1007,
    /UTF-8/,
  ],
  [
    "text that ends inside a character",
    [
      frameBytes(opcodes.text, Uint8Array.of(0xe2, 0x82), { fin: false }),
      frameBytes(opcodes.continuation, ""),
    ],
    1007,
    /UTF-8/,
  ],
  [
    "a length that is not in its shortest encoding",
    [Uint8Array.of(0x82, 0xfe, 0x00, 0x05, 1, 2, 3, 4)],
    1002,
    /shortest/,
  ],
];

function frame(
  name: string,
  opcode: number,
  payload: Uint8Array | string,
  options: FrameOptions,
  reason: RegExp,
): (typeof refused)[number] {
  return [name, [frameBytes(opcode, payload, options)], 1002, reason];
}

for (const [name, bytes, closeCode, reason] of refused) {
  test(`${name}: ${closeCode}`, async () => {
    await expectFailure(bytes, closeCode, reason);
  });
}

test("a client refuses a masked frame: 1002", async () => {
  const { socket, peer } = connect(undefined, { role: "client" });
  await peer.send(opcodes.text, "x", { masked: true });
  const { closeCode, reason } = await peer.readClose();
  assert.equal(closeCode, 1002);
  assert.match(reason, /mask/);
  await peer.end();
  await rejectionOf(socket.closed);
});

test("a message over maxMessageSize: 1009, as soon as its header is there", async () => {
  const whole = frameBytes(opcodes.binary, pattern(1001));
  await expectFailure([whole], 1009, /1001 .*1000/, { maxMessageSize: 1000 });
  await expectFailure([whole.slice(0, 8)], 1009, /1001 .*1000/, {
    maxMessageSize: 1000,
  });
  const huge = Uint8Array.of(0x82, 0xff, 0, 0, 1, 0, 0, 0, 0, 0, 1, 2, 3, 4);
  await expectFailure([huge], 1009, /1099511627776/);
});

test("fragments that together are over maxMessageSize: 1009", async () => {
  await expectFailure(
    [
      frameBytes(opcodes.text, "a".repeat(600), { fin: false }),
      frameBytes(opcodes.continuation, "a".repeat(400), { fin: false }),
      frameBytes(opcodes.continuation, "a"),
    ],
    1009,
    /1001 .*1000/,
    { maxMessageSize: 1000 },
  );
});

test("a message of exactly maxMessageSize is taken", async () => {
  const { peer } = connect({ message: (socket, data) => socket.send(data) }, {
    maxMessageSize: 1000,
  });
  await peer.binary(pattern(1000));
  assert.deepEqual((await peer.readMessage()).payload, pattern(1000));
  await peer.send(opcodes.binary, pattern(500), { fin: false });
  await peer.send(opcodes.continuation, pattern(500));
  assert.equal((await peer.readMessage()).payload.length, 1000);
});

test("answers to messages before the error go out before the Close frame", async () => {
  const { peer } = connect({ message: (socket, data) => socket.send(data) });
  await peer.sendBytes(
    peer.frame(opcodes.text, "fine"),
    peer.frame(0x5, "not fine"),
    peer.frame(opcodes.text, "never seen"),
  );
  assert.equal(await peer.readText(), "fine");
  assert.equal((await peer.readClose()).closeCode, 1002);
  await peer.expectEnd();
});

test("a protocol error rejects pending sends and pings, and errors readable", async () => {
  const { socket, peer } = connect();
  const reading = socket.readable.getReader().read();
  const ping = socket.ping();
  const source = new ReadableStream<string>({
    start: (controller) => controller.enqueue("unfinished"),
  });
  const sent = socket.send(source);
  const queued = socket.send("behind it");
  await settled();
  await peer.send(0x7);
  await peer.end();
  const error = await rejectionOf(socket.closed);
  for (const promise of [reading, ping, sent, queued, socket.send("x")]) {
    assert.equal(await rejectionOf(promise), error);
  }
});

test("a protocol error in answer to our own Close", async () => {
  const { socket, peer } = connect();
  socket.close();
  assert.equal((await peer.readClose()).closeCode, 1000);
  await peer.send(0x7);
  await peer.expectEnd();
  await peer.end();
  const error = await rejectionOf(socket.closed);
  assert.ok(error instanceof ProtocolError);
  assert.equal(error.closeCode, 1002);
});

test("a peer that keeps sending after its error is read, then dropped after closeTimeout", async () => {
  const { socket, peer, duplex } = connect(undefined, { closeTimeout: 200 });
  await peer.send(0x7);
  assert.equal((await peer.readClose()).closeCode, 1002);
  const before = duplex.bytesRead;
  peer.sendBytes(pattern(1_000_000));
  await until(
    () => duplex.bytesRead === before + 1_000_000,
    "the reading of what is discarded",
  );
  assert.equal(await isPending(socket.closed), true);
  const error = await rejectionOf(socket.closed);
  assert.ok(error instanceof WebSocketError);
  assert.equal(error.closeCode, 1002);
});

test("an error while the peer does not read is over after closeTimeout", async () => {
  const { socket, peer } = connect(undefined, { closeTimeout: 60 });
  socket.send(pattern(1_000_000));
  await settled();
  await peer.send(0x7);
  const error = await rejectionOf(socket.closed);
  assert.ok(error instanceof WebSocketError);
  assert.equal(error.closeCode, 1002);
});

test("a million empty fragments are one message and no burden", async () => {
  const { socket, peer } = connect();
  const reader = socket.readable.getReader();
  const read = reader.read();
  const empty = frameBytes(opcodes.continuation, "", { fin: false });
  const many = new Uint8Array(empty.length * 10_000);
  for (let at = 0; at < many.length; at += empty.length) many.set(empty, at);
  await peer.send(opcodes.text, "a", { fin: false });
  for (let index = 0; index < 100; index++) await peer.sendBytes(many);
  await peer.send(opcodes.continuation, "b");
  assert.equal((await within(read, "the message")).value, "ab");
});
