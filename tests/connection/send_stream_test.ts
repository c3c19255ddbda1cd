// send(stream): one fragmented message of any size.

import assert from "node:assert/strict";
import { after, test } from "node:test";
import { WebSocketError } from "../../src/error.ts";
import { compressedPair } from "../support/compressed_pair.ts";
import { opcodes } from "../support/raw_peer.ts";
import {
  connect,
  disconnectAll,
  gate,
  isPending,
  pattern,
  rejectionOf,
  settled,
  until,
  within,
} from "./harness.ts";

after(disconnectAll);

type Chunk = string | ArrayBuffer | ArrayBufferView;

function streamOf(...chunks: unknown[]): ReadableStream<Chunk> {
  return new ReadableStream<Chunk>({
    start(controller) {
      for (const chunk of chunks) controller.enqueue(chunk as Chunk);
      controller.close();
    },
  });
}

const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);

test("a stream of strings is a text message, a frame for each chunk", async () => {
  const { socket, peer } = connect();
  const sent = socket.send(streamOf("one ", "two ", "three"));
  for (const [opcode, part] of [[1, "one "], [0, "two "], [0, "three"]]) {
    const frame = await peer.readFrame();
    assert.deepEqual(
      [frame?.opcode, frame?.fin, text(frame!.payload)],
      [opcode, false, part],
    );
  }
  const last = await peer.readFrame();
  assert.deepEqual([last?.opcode, last?.fin, last?.payload.length], [
    opcodes.continuation,
    true,
    0,
  ]);
  await within(sent, "the send");
  await peer.fence();
});

test("a stream of bytes is a binary message, whatever kinds of bytes", async () => {
  const { socket, peer } = connect();
  const bytes = pattern(32);
  socket.send(
    streamOf(bytes, bytes.buffer, new DataView(bytes.buffer, 1, 2)),
  );
  const { opcode, payload } = await peer.readMessage();
  assert.equal(opcode, opcodes.binary);
  assert.deepEqual(
    payload,
    Uint8Array.of(...bytes, ...bytes, ...bytes.slice(1, 3)),
  );
});

test("the option type makes bytes a text message", async () => {
  const { socket, peer } = connect();
  const euro = Uint8Array.of(0xe2, 0x82, 0xac);
  socket.send(streamOf(euro.slice(0, 1), euro.slice(1), "!"), { type: "text" });
  assert.equal(await peer.readText(), "\u20ac!");
});

test("the option type binary refuses strings", async () => {
  const { socket, peer } = connect();
  const error = await rejectionOf(
    socket.send(streamOf("text"), { type: "binary" }),
  );
  assert.ok(error instanceof TypeError);
  assert.match(error.message, /"text"/);
  await peer.fence();
});

test("a surrogate pair that is split between chunks stays one character", async () => {
  const { socket, peer } = connect();
  socket.send(streamOf("a\ud83d", "\ude00b", "\ud83d", "\ude01", "c"));
  assert.equal(await peer.readText(), "a\ud83d\ude00b\ud83d\ude01c");
  socket.send(streamOf("\ud83d", "", "\ude00"));
  assert.equal(await peer.readText(), "\ud83d\ude00");
  socket.send(streamOf("x\ud83d"));
  assert.equal(await peer.readText(), "x\ufffd");
  socket.send(streamOf("\ud83d", "y\ude00"));
  assert.equal(await peer.readText(), "\ufffdy\ufffd");
});

test("an empty stream is an empty message: binary, or as type says", async () => {
  const { socket, peer } = connect();
  const empties: [
    ReadableStream<Chunk>,
    { type?: "text" | "binary" },
    number,
  ][] = [
    [streamOf(), {}, opcodes.binary],
    [streamOf(), { type: "text" }, opcodes.text],
    [streamOf(""), {}, opcodes.text],
    [streamOf("", "", ""), {}, opcodes.text],
    [streamOf(new Uint8Array(0)), {}, opcodes.binary],
  ];
  for (const [stream, options, opcode] of empties) {
    await within(socket.send(stream, options), "the send");
    const frame = await peer.readFrame();
    assert.deepEqual([frame?.opcode, frame?.fin, frame?.payload.length], [
      opcode,
      true,
      0,
    ]);
  }
});

test("bytes that are not UTF-8 in a text message: rejects, 1011 once it has begun", async () => {
  const early = connect();
  const first = await rejectionOf(
    early.socket.send(streamOf(Uint8Array.of(0xff)), { type: "text" }),
  );
  assert.match((first as Error).message, /UTF-8/);
  await early.peer.fence();

  const late = connect();
  const second = await rejectionOf(
    late.socket.send(streamOf("fine", Uint8Array.of(0xe2, 0x82)), {
      type: "text",
    }),
  );
  assert.match((second as Error).message, /UTF-8/);
  await late.peer.readFrame();
  await late.peer.readFrame();
  assert.equal((await late.peer.readClose()).closeCode, 1011);
});

test("a stream that errors before its first chunk rejects; the connection stays", async () => {
  const { socket, peer } = connect();
  const cause = new Error("no file");
  const sent = socket.send(
    new ReadableStream<string>({
      start: (controller) => controller.error(cause),
    }),
  );
  const next = socket.send("next");
  assert.equal(await rejectionOf(sent), cause);
  await within(next, "the next send");
  assert.equal(await peer.readText(), "next");
});

test("a stream that errors after its first chunk closes with 1011", async () => {
  const { socket, peer } = connect();
  const cause = new Error("disk on fire");
  let controller!: ReadableStreamDefaultController<string>;
  const sent = socket.send(
    new ReadableStream<string>({
      start: (given) => {
        controller = given;
        controller.enqueue("begun");
      },
    }),
  );
  const next = socket.send("never sent");
  const frame = await peer.readFrame();
  assert.deepEqual([frame?.fin, text(frame!.payload)], [false, "begun"]);
  controller.error(cause);
  assert.equal(await rejectionOf(sent), cause);
  const { closeCode, reason } = await peer.readClose();
  assert.equal(closeCode, 1011);
  assert.equal(reason, "", "what failed here is not the peer's business");
  await peer.expectEnd();
  await peer.end();
  const error = await rejectionOf(socket.closed);
  assert.ok(error instanceof WebSocketError);
  assert.equal(error.closeCode, 1011);
  assert.match(error.message, /disk on fire/);
  assert.equal(await rejectionOf(next), error);
});

test("a chunk that is no text and no bytes: TypeError, and the stream is cancelled", async () => {
  for (const chunk of [1, null, undefined, {}, new Blob(["x"])]) {
    const { socket, peer } = connect();
    let cancelled: unknown;
    const error = await rejectionOf(
      socket.send(
        new ReadableStream<Chunk>({
          start: (controller) => controller.enqueue(chunk as Chunk),
          cancel: (reason) => {
            cancelled = reason;
          },
        }),
      ),
    );
    assert.ok(error instanceof TypeError, String(chunk));
    assert.equal(cancelled, error);
    await peer.fence();
  }
});

test("a chunk that does not fit those before it closes with 1011", async () => {
  const { socket, peer } = connect();
  const error = await rejectionOf(socket.send(streamOf(pattern(3), "text")));
  assert.ok(error instanceof TypeError);
  await peer.readFrame();
  assert.equal((await peer.readClose()).closeCode, 1011);
});

test("a stream that is locked: TypeError, and the connection stays", async () => {
  const { socket, peer } = connect();
  const stream = streamOf("x");
  stream.getReader();
  assert.ok(await rejectionOf(socket.send(stream)) instanceof TypeError);
  await peer.fence();
});

test("a connection that is lost midway cancels the stream, and those that wait", async () => {
  const { socket, peer } = connect();
  const cancelled: unknown[] = [];
  const endless = (name: string) =>
    new ReadableStream<string>({
      start: (controller) => controller.enqueue(name),
      cancel: (reason) => {
        cancelled.push([name, reason]);
      },
    });
  const first = socket.send(endless("first"));
  const second = socket.send(endless("second"));
  assert.equal(text((await peer.readFrame())!.payload), "first");
  peer.destroy();
  const error = await rejectionOf(socket.closed);
  assert.equal(await rejectionOf(first), error);
  assert.equal(await rejectionOf(second), error);
  await until(() => cancelled.length === 2, "both to be cancelled");
  assert.deepEqual(cancelled, [["first", error], ["second", error]]);
});

test("pings are answered and sent between the fragments", async () => {
  const { socket, peer } = connect();
  const source = gate();
  socket.send(
    new ReadableStream<string>({
      async start(controller) {
        controller.enqueue("first, ");
        await source.opened;
        controller.enqueue("second");
        controller.close();
      },
    }),
  );
  const begun = await peer.readFrame();
  assert.deepEqual([begun?.opcode, begun?.fin], [opcodes.text, false]);
  await peer.fence();
  const ping = socket.ping("between");
  assert.equal((await peer.readFrame())?.opcode, opcodes.ping);
  await peer.send(opcodes.pong, "between");
  await within(ping, "the pong");
  source.open();
  const next = await peer.readFrame();
  assert.deepEqual([next?.opcode, text(next!.payload)], [
    opcodes.continuation,
    "second",
  ]);
});

test("the stream is read no faster than the peer reads", async () => {
  const chunk = pattern(10_000);
  let produced = 0;
  const { socket, peer } = connect();
  const total = 200;
  const sent = socket.send(
    new ReadableStream<Uint8Array>({
      pull(controller) {
        controller.enqueue(chunk);
        if (++produced === total) controller.close();
      },
    }, { highWaterMark: 0 }),
  );
  await settled();
  await settled();
  assert.ok(produced < 30, `${produced} chunks for a peer that does not read`);
  assert.equal(await isPending(sent), true);
  const { payload, frames } = await peer.readMessage();
  assert.equal(payload.length, total * chunk.length);
  assert.equal(frames, total + 1);
  await within(sent, "the send");
});

test("chunks beyond 64 KiB, in a buffer that the source reuses when it is asked again", async () => {
  const size = 100_000;
  const buffer = new Uint8Array(size);
  let round = 0;
  const { socket, peer } = connect(undefined, {
    duplex: { capacity: 2 * size },
  });
  socket.send(
    new ReadableStream<Uint8Array>({
      pull(controller) {
        buffer.set(pattern(size, round));
        controller.enqueue(buffer);
        if (++round === 8) controller.close();
      },
    }, { highWaterMark: 0 }),
  );
  const { payload } = await peer.readMessage();
  for (let index = 0; index < 8; index++) {
    assert.deepEqual(
      payload.slice(index * size, (index + 1) * size),
      pattern(size, index),
    );
  }
});

test("a stream that was sent: the memory of its chunks can be used again", async () => {
  for (const size of [1, 2047, 2048, 20_000, 70_000]) {
    const { socket, peer } = connect(undefined, {
      duplex: { capacity: 10 * size },
    });
    const buffer = new Uint8Array(size);
    for (let round = 1; round <= 4; round++) {
      buffer.fill(round);
      await within(socket.send(streamOf(buffer)), "the send");
    }
    buffer.fill(99);
    for (let round = 1; round <= 4; round++) {
      const { payload } = await peer.readMessage();
      assert.deepEqual(payload, new Uint8Array(size).fill(round));
    }
  }
});

for (const backend of ["standard", "zlib"] as const) {
  for (const compress of [undefined, false]) {
    test(`${backend}, compress: ${compress}: the memory of a stream's chunks can be used again`, async () => {
      const { server, client } = compressedPair("permessage-deflate", {
        deflate: { backend },
      });
      const reader = client.readable.getReader();
      for (const size of [1, 2048, 20_000, 100_000]) {
        const buffer = new Uint8Array(size);
        for (let round = 1; round <= 4; round++) {
          buffer.fill(round);
          const sent = server.send(streamOf(buffer), { compress });
          const received = reader.read();
          await within(sent, "the send");
          buffer.fill(99);
          const { value } = await within(received, "the message");
          assert.deepEqual(value, new Uint8Array(size).fill(round));
        }
      }
      await reader.cancel();
      await within(server.closed, "the end");
    });
  }
}
