// send(): messages whose size is known. A stream is in send_stream_test.ts.

import assert from "node:assert/strict";
import { after, test } from "node:test";
import { WebSocketError } from "../../src/error.ts";
import { opcodes } from "../support/raw_peer.ts";
import {
  connect,
  disconnectAll,
  gate,
  isPending,
  pattern,
  rejectionOf,
  settled,
  within,
} from "./harness.ts";

after(disconnectAll);

test("send() takes strings as text and all kinds of bytes as binary", async () => {
  const { socket, peer } = connect();
  const bytes = pattern(64);
  const cases: [message: Parameters<typeof socket.send>[0], Uint8Array][] = [
    [bytes, bytes],
    [bytes.buffer, bytes],
    [bytes.subarray(3, 9), bytes.slice(3, 9)],
    [new DataView(bytes.buffer, 5, 7), bytes.slice(5, 12)],
    [new Uint16Array(bytes.buffer, 8, 4), bytes.slice(8, 16)],
    [new Float64Array(bytes.buffer, 16, 2), bytes.slice(16, 32)],
    [
      new Blob([bytes.slice(0, 4), "xyz"]),
      Uint8Array.of(
        ...bytes.slice(0, 4),
        0x78,
        0x79,
        0x7a,
      ),
    ],
    [new Uint8Array(0), new Uint8Array(0)],
    [new ArrayBuffer(0), new Uint8Array(0)],
    [new Blob([]), new Uint8Array(0)],
  ];
  for (const [message, expected] of cases) {
    await within(socket.send(message), "the send");
    const { opcode, payload, frames } = await peer.readMessage();
    assert.equal(opcode, opcodes.binary);
    assert.equal(frames, 1);
    assert.deepEqual(payload, expected);
  }
  const texts = ["", "plain", "\u20ac \ud83d\ude00", "\ufeffmark", "\u0000"];
  for (const text of texts) {
    await within(socket.send(text), "the send");
    assert.equal(
      new TextDecoder("utf-8", { ignoreBOM: true })
        .decode((await peer.readMessage()).payload),
      text,
    );
  }
});

test("text at every boundary of the length encoding", async () => {
  const { socket, peer } = connect();
  for (const length of [125, 126, 127, 4096, 4097, 65535, 65536, 200_000]) {
    const ascii = "a".repeat(length);
    const wide = "\u20ac".repeat(Math.ceil(length / 3));
    socket.send(ascii);
    assert.equal(await peer.readText(), ascii);
    socket.send(wide);
    assert.equal(await peer.readText(), wide);
  }
});

test("a lone surrogate is sent as U+FFFD", async () => {
  const { socket, peer } = connect();
  socket.send("a\ud800b");
  assert.equal(await peer.readText(), "a\ufffdb");
});

test("send() refuses what is no message with a TypeError that names it", async () => {
  const { socket, peer } = connect();
  const values = [undefined, null, 1, 1n, true, {}, [], new Date(), () => {}];
  for (const value of [...values, Symbol("s")]) {
    assert.throws(
      () => socket.send(value as string),
      (error) =>
        error instanceof TypeError && /send\(\) takes/.test(error.message),
      String(value),
    );
  }
  assert.throws(
    () => socket.send({ text: "x" } as unknown as string),
    /JSON\.stringify/,
  );
  await peer.fence();
});

test("below the high-water mark send() returns the same promise, resolved", async () => {
  const { socket, peer } = connect();
  const first = socket.send("one");
  const second = socket.send(pattern(1000));
  assert.equal(first, second);
  assert.equal(await isPending(first), false);
  assert.equal(await first, undefined);
  assert.equal(await peer.readText(), "one");
});

test("above the high-water mark send() waits until the peer has read", async () => {
  const { socket, peer } = connect();
  const sent = socket.send(pattern(1_000_000));
  await settled();
  assert.equal(await isPending(sent), true);
  assert.ok(socket.desiredSize < 0);
  assert.ok(socket.bufferedAmount > 800_000);
  const later = socket.send("behind it");
  await settled();
  assert.equal(await isPending(later), true);
  await peer.readMessage();
  await within(sent, "the send");
  await within(later, "the later send");
  assert.equal(await peer.readText(), "behind it");
  await settled();
  assert.equal(socket.bufferedAmount, 0);
});

test("what waits behind another message counts by its bytes, text as well", async () => {
  const { socket } = connect();
  let controller!: ReadableStreamDefaultController<string>;
  const first = socket.send(
    new ReadableStream<string>({ start: (given) => void (controller = given) }),
  );
  const before = socket.bufferedAmount;
  const texts = ["a", "\u00e9", "\u20ac", "\u{1f600}", "\ud800"];
  const sent = texts.map((text) => socket.send(text.repeat(10_000)));
  assert.equal(socket.bufferedAmount - before, 10_000 * (1 + 2 + 3 + 4 + 3));
  sent.push(socket.send(pattern(5000)), socket.send(new Blob(["\u20ac"])));
  assert.equal(socket.bufferedAmount - before, 130_000 + 5000 + 3);
  controller.error(new Error("no more"));
  await rejectionOf(first);
  socket.terminate();
  await Promise.allSettled(sent);
});

for (const extensions of ["", "permessage-deflate"]) {
  const name = extensions || "without compression";
  test(`a Blob, and what waits behind it, counts once: ${name}`, async () => {
    const { socket } = connect(undefined, {
      extensions,
      duplex: { capacity: 1000 },
    });
    const bytes = 200_000;
    const noise = new Uint8Array(bytes);
    for (let at = 0; at < bytes; at += 50_000) {
      crypto.getRandomValues(noise.subarray(at, at + 50_000));
    }
    const sent = [socket.send(new Blob([noise])), socket.send(noise)];
    assert.equal(socket.bufferedAmount, 2 * bytes);
    // It is read, and compressed or written as far as there is room: what comes
    // of its beginning waits for the transport then, beside all of it.
    for (let turn = 0; turn < 50; turn++) await settled();
    assert.ok(
      socket.bufferedAmount < 2 * bytes + 100_000,
      `${socket.bufferedAmount}`,
    );
    assert.ok(socket.bufferedAmount > bytes, `${socket.bufferedAmount}`);
    socket.terminate();
    await Promise.allSettled(sent);
  });
}

test("text that waits is bounded by its bytes: past maxBufferedBytes the connection is dropped", async () => {
  const { socket } = connect(undefined, { maxBufferedBytes: 100_000 });
  socket.send(new ReadableStream<string>());
  socket.send("\u20ac".repeat(20_000));
  await settled();
  assert.equal(await isPending(socket.closed), true);
  socket.send("\u20ac".repeat(20_000));
  const error = await rejectionOf(socket.closed);
  assert.match((error as Error).message, /maxBufferedBytes/);
});

test("writableHighWaterMark is where send() begins to wait", async () => {
  const { socket, peer } = connect(undefined, {
    writableHighWaterMark: 10_000,
    duplex: { capacity: 1000 },
  });
  assert.equal(socket.desiredSize, 10_000);
  assert.equal(await isPending(socket.send(pattern(5000))), false);
  assert.ok(socket.desiredSize < 5000 && socket.desiredSize > 4900);
  const sent = socket.send(pattern(6000));
  await settled();
  assert.equal(await isPending(sent), true);
  assert.ok(socket.desiredSize <= 0);
  await peer.readMessage();
  await peer.readMessage();
  await within(sent, "the send");
});

test("many unawaited sends resolve in order, when they have gone", async () => {
  const { socket, peer } = connect();
  const resolved: number[] = [];
  for (let index = 0; index < 50; index++) {
    socket.send(pattern(10_000, index)).then(() => resolved.push(index));
  }
  await settled();
  assert.ok(resolved.length < 50, "the last ones wait");
  for (let index = 0; index < 50; index++) {
    assert.deepEqual(
      (await peer.readMessage()).payload,
      pattern(10_000, index),
    );
  }
  await settled();
  assert.deepEqual(resolved, Array.from({ length: 50 }, (_, index) => index));
});

test("messages go out in the order of the calls: strings, Blobs and streams", async () => {
  const { socket, peer } = connect();
  const expected: string[] = [];
  const decoder = new TextDecoder();
  for (let index = 0; index < 60; index++) {
    const text = `message ${index}`;
    expected.push(text);
    switch (index % 5) {
      case 0:
        socket.send(new Blob([text]));
        break;
      case 1:
        socket.send(new Blob([text]).stream());
        break;
      case 2:
        socket.send(new TextEncoder().encode(text));
        break;
      default:
        socket.send(text);
    }
    if (index % 7 === 0) await settled();
  }
  for (const text of expected) {
    assert.equal(decoder.decode((await peer.readMessage()).payload), text);
  }
});

test("send() after close() rejects with a WebSocketError", async () => {
  const { socket, peer } = connect();
  socket.close();
  for (
    const message of ["text", pattern(10), new Blob(["x"]), streamOf("x")]
  ) {
    const error = await rejectionOf(socket.send(message));
    assert.ok(error instanceof WebSocketError);
    assert.match(error.message, /closing or closed/);
  }
  await peer.answerClose();
  await within(socket.closed, "closed");
  assert.ok(await rejectionOf(socket.send("x")) instanceof WebSocketError);
});

test("sends that wait reject with the error of closed when the connection is lost", async () => {
  const { socket, peer } = connect();
  const big = socket.send(pattern(1_000_000));
  const small = socket.send("small");
  const blob = socket.send(new Blob(["blob"]));
  await settled();
  peer.destroy();
  const error = await rejectionOf(socket.closed);
  for (const sent of [big, small, blob, socket.send("later")]) {
    assert.equal(await rejectionOf(sent), error);
  }
});

test("unawaited sends past maxBufferedBytes drop the connection", async () => {
  const { socket } = connect(undefined, { maxBufferedBytes: 1_000_000 });
  let sent = 0;
  let open = true;
  socket.closed.catch(() => open = false);
  while (open && sent < 10_000_000) {
    socket.send(pattern(50_000));
    sent += 50_000;
    assert.ok(socket.bufferedAmount < 1_200_000);
    if (sent % 200_000 === 0) await settled();
  }
  const error = await rejectionOf(socket.closed);
  assert.ok(error instanceof WebSocketError);
  assert.equal(error.closeCode, 1006);
  assert.match(error.message, /maxBufferedBytes \(1000000\)/);
  assert.ok(sent < 2_000_000);
});

test("unawaited sends past maxBufferedBytes drop the connection without a turn of the loop", async () => {
  const { socket } = connect(undefined, { maxBufferedBytes: 100_000 });
  const sends = Array.from({ length: 30 }, () => socket.send(pattern(10_000)));
  const error = await rejectionOf(socket.closed);
  assert.equal(await rejectionOf(sends[29]), error);
});

test("unawaited Blobs behind a stream that never ends are bounded as well", async () => {
  const { socket } = connect(undefined, { maxBufferedBytes: 1_000_000 });
  socket.send(new ReadableStream<string>());
  for (let index = 0; index < 30; index++) {
    socket.send(new Blob([pattern(50_000)]));
  }
  const error = await rejectionOf(socket.closed);
  assert.match((error as Error).message, /maxBufferedBytes/);
});

test("a single awaited message may be larger than maxBufferedBytes", async () => {
  const { socket, peer } = connect(undefined, { maxBufferedBytes: 100_000 });
  for (let index = 0; index < 3; index++) {
    const bytes = pattern(1_000_000, index);
    const sent = socket.send(index === 2 ? new Blob([bytes]) : bytes);
    assert.deepEqual((await peer.readMessage()).payload, bytes);
    await within(sent, "the send");
  }
  await peer.fence();
});

for (
  const size of [1, 100, 5000, 65535, 65536, 65537, 100_000, 300_000]
) {
  test(`one buffer reused for messages of ${size} bytes, after each awaited send()`, async () => {
    const { socket, peer } = connect(undefined, {
      // So that much of what was sent is under way at any time.
      duplex: { capacity: size * 2 + 100 },
    });
    const buffer = new Uint8Array(size);
    const rounds = 12;
    const sending = (async () => {
      for (let round = 0; round < rounds; round++) {
        buffer.set(pattern(size, round));
        await socket.send(buffer);
      }
      buffer.fill(0xee);
    })();
    for (let round = 0; round < rounds; round++) {
      await settled();
      assert.deepEqual(
        (await peer.readMessage()).payload,
        pattern(size, round),
      );
    }
    await within(sending, "the sends");
  });
}

test("one buffer reused behind a stream and Blobs, after each awaited send()", async () => {
  const { socket, peer } = connect();
  const source = gate();
  socket.send(
    new ReadableStream<string>({
      async pull(controller) {
        await source.opened;
        controller.enqueue("first");
        controller.close();
      },
    }),
  );
  const buffer = new Uint8Array(70_000);
  const sending = (async () => {
    for (let round = 0; round < 5; round++) {
      buffer.set(pattern(70_000, round));
      await socket.send(round === 3 ? new Blob([buffer]) : buffer);
    }
    buffer.fill(0xee);
  })();
  await settled();
  source.open();
  assert.equal(await peer.readText(), "first");
  for (let round = 0; round < 5; round++) {
    assert.deepEqual(
      (await peer.readMessage()).payload,
      pattern(70_000, round),
    );
  }
  await within(sending, "the sends");
});

test("what is sent in one turn goes out in one chunk", async () => {
  const { socket, duplex, peer } = connect(undefined, {
    duplex: { capacity: 1_000_000 },
  });
  for (let index = 0; index < 100; index++) socket.send("x".repeat(10));
  assert.equal(duplex.bytesWritten, 0, "nothing goes out in the middle of it");
  await settled();
  assert.equal(duplex.bytesWritten, 1200);
  for (let index = 0; index < 100; index++) await peer.readText();
});

function streamOf(...chunks: string[]): ReadableStream<string> {
  return new ReadableStream({
    start(controller) {
      for (const chunk of chunks) controller.enqueue(chunk);
      controller.close();
    },
  });
}
