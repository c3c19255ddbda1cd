/** What broke once: each test is the shortest way to it. */

import assert from "node:assert/strict";
import { after, test } from "node:test";
import type { WebSocketConnection } from "../../src/connection/connection.ts";
import { WebSocketError } from "../../src/error.ts";
import { opcodes, textOf } from "../support/raw_peer.ts";
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

test("a stream sent after close() is cancelled", async () => {
  const { socket } = connect();
  socket.close();
  let cancelled = false;
  await rejectionOf(socket.send(
    new ReadableStream<string>({
      cancel() {
        cancelled = true;
      },
    }),
  ));
  await settled();
  assert.equal(cancelled, true);
});
test("a handler that throws inside for await over readable closes with 1011", async () => {
  const { peer } = connect(async (socket) => {
    for await (const message of socket.readable) throw new Error(`${message}`);
  });
  await peer.text("x");
  assert.equal((await peer.readClose()).closeCode, 1011);
});
test("a handler whose pipe fails closes with 1011", async () => {
  const { peer } = connect(({ readable, writable }) =>
    readable.pipeThrough(
      new TransformStream({
        transform() {
          throw new Error("x");
        },
      }),
    ).pipeTo(writable)
  );
  await peer.text("x");
  assert.equal((await peer.readClose()).closeCode, 1011);
});
test("a break still closes with 1000", async () => {
  const { peer } = connect(async (socket) => {
    for await (const _ of socket.readable) break;
    await new Promise(() => {});
  });
  await peer.text("x");
  assert.equal((await peer.readClose()).closeCode, 1000);
});
test("desiredSize is 0 or less while send() waits", async () => {
  const { socket } = connect();
  let count = 0;
  let waiting: Promise<void> | undefined;
  (async () => {
    for (; count < 2000; count++) {
      await (waiting = socket.send(pattern(1000, count)));
    }
  })().catch(() => {});
  await settled();
  assert.equal(await isPending(waiting!), true);
  assert.ok(socket.desiredSize <= 0, `desiredSize ${socket.desiredSize}`);
});
test("messages before the peer's Close reach a function handler that asks for readable later", async () => {
  const ready = gate();
  const seen: unknown[] = [];
  const { peer, socket } = connect(async (socket) => {
    await ready.opened;
    for await (const message of socket.readable) seen.push(message);
  });
  await peer.sendBytes(
    peer.frame(opcodes.text, "one"),
    peer.frame(opcodes.text, "two"),
    peer.frame(opcodes.close),
  );
  await settled();
  ready.open();
  await peer.readClose();
  await peer.end();
  await within(socket.closed, "closed");
  await settled();
  assert.deepEqual(seen, ["one", "two"]);
});
test("hooks without a message hook: the peer's Close is seen behind what nobody takes", async () => {
  const { peer } = connect({ open() {}, close() {} });
  for (let index = 0; index < 200; index++) peer.binary(pattern(1000));
  peer.close(1000);
  const close = peer.readClose();
  for (let i = 0; i < 20; i++) await settled();
  assert.equal(await isPending(close), false, "no echo");
});
test("role client: a server that ended TCP right behind its Close is not waited for", async () => {
  const { socket, peer } = connect({
    async message() {
      await settled();
    },
  }, { role: "client" });
  await peer.text("x");
  await peer.close(1000);
  await peer.end();
  await peer.readClose();
  const begin = performance.now();
  await within(socket.closed, "closed");
  assert.ok(
    performance.now() - begin < 4000,
    `${performance.now() - begin} ms`,
  );
});
test("keepAlive is over once the peer has sent its Close", async () => {
  const hook = gate();
  const { socket, peer } = connect({ message: () => hook.opened }, {
    keepAlive: { interval: 40, timeout: 40 },
  });
  await peer.text("x");
  await peer.close(1000);
  const begin = performance.now();
  while (performance.now() - begin < 300) await settled();
  hook.open();
  assert.equal((await peer.readClose()).closeCode, 1000);
  await peer.end();
  assert.equal((await within(socket.closed, "closed")).closeCode, 1000);
});
test("keepAlive spares a peer that reads slowly, but reads", async () => {
  const { socket, peer } = connect(undefined, {
    keepAlive: { interval: 60, timeout: 60 },
    duplex: { capacity: 20_000 },
  });
  const sends: Promise<void>[] = [];
  for (let i = 0; i < 20; i++) sends.push(socket.send(pattern(60_000)));
  for (let i = 0; i < 20; i++) {
    await within(peer.readMessage(), `message ${i}`);
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
  const frame = await peer.readFrame(); // the ping, which it would answer
  assert.equal(frame?.opcode, opcodes.ping);
  await peer.send(opcodes.pong, frame.payload);
  await peer.fence(); // still open
});
test("bodyUsed once something of the body was read", async () => {
  const { socket, peer } = connect();
  const reader = socket.incoming.getReader();
  await peer.send(opcodes.text, "one", { fin: false });
  const { value: message } = await reader.read();
  const body = message!.body.getReader();
  await body.read();
  body.releaseLock();
  await peer.send(opcodes.continuation, "two");
  assert.equal(message!.bodyUsed, true);
  assert.ok(await rejectionOf(message!.text()) instanceof TypeError);
});
test("bodyUsed after body.cancel()", async () => {
  const { socket, peer } = connect();
  const reader = socket.incoming.getReader();
  await peer.text("one");
  const { value: message } = await reader.read();
  await message!.body.cancel();
  assert.ok(await rejectionOf(message!.text()) instanceof TypeError);
});
test("a text stream of strings and bytes never puts invalid UTF-8 on the wire", async () => {
  const { socket, peer } = connect();
  socket.send(
    new ReadableStream<string | Uint8Array>({
      start(controller) {
        controller.enqueue(Uint8Array.of(0xe2, 0x82));
        controller.enqueue("x");
        controller.enqueue(Uint8Array.of(0xac));
        controller.close();
      },
    }),
    { type: "text" },
  );
  const parts: number[] = [];
  while (true) {
    const frame = await peer.readFrame();
    if (frame === null || frame.opcode === opcodes.close) return;
    parts.push(...frame.payload);
    if (frame.fin) break;
  }
  new TextDecoder("utf-8", { fatal: true }).decode(Uint8Array.from(parts));
});
test("onError is not told that a sending handler met the peer's clean Close", async () => {
  const { socket, peer, errors } = connect(async (socket) => {
    while (true) {
      await socket.send("tick");
      await settled();
    }
  });
  await peer.readText();
  await peer.close(1001);
  while ((await peer.readFrame())?.opcode !== opcodes.close);
  await peer.end();
  await within(socket.closed, "closed");
  await settled();
  await settled();
  await settled();
  assert.deepEqual(errors, []);
});
test("a stream that takes longer than closeTimeout, but goes on, is not cut by close()", async () => {
  const { socket, peer } = connect(undefined, { closeTimeout: 100 });
  let n = 0;
  socket.send(
    new ReadableStream<string>({
      async pull(controller) {
        await new Promise((resolve) => setTimeout(resolve, 20));
        controller.enqueue("part");
        if (++n === 20) controller.close();
      },
    }, { highWaterMark: 0 }),
  );
  socket.close();
  assert.equal((await peer.readText()).length, 80);
  await peer.answerClose();
});
test("messages that arrived before close() was called can still be read", async () => {
  const { socket, peer } = connect();
  const reader = socket.readable.getReader();
  await peer.text("one");
  await peer.fence();
  socket.close();
  await peer.answerClose();
  assert.equal((await within(reader.read(), "message")).value, "one");
});
test("onError: peer's Close in mid message", async () => {
  const { socket, peer, errors } = connect(async (socket) => {
    for await (const message of socket.incoming) await message.text();
  });
  await peer.send(opcodes.text, "begun", { fin: false });
  await peer.close(1000);
  await peer.answerClose();
  await within(socket.closed.catch(() => {}), "closed");
  await settled();
  assert.deepEqual(errors, []);
});
test("a handler that lets the 1009 of text() through closes with 1009", async () => {
  const { peer } = connect(async (socket) => {
    for await (const message of socket.incoming) await message.text();
  }, { maxMessageSize: 1000 });
  await peer.text("a".repeat(1001));
  assert.equal((await peer.readClose()).closeCode, 1009);
});
test("closeTimeout is not doubled by the Close frame's own bytes", async () => {
  const closeTimeout = 2500;
  const { socket, peer } = connect(undefined, { closeTimeout });
  const begin = performance.now();
  socket.close();
  await peer.readClose();
  await rejectionOf(socket.closed);
  const taken = performance.now() - begin;
  assert.ok(taken < 2 * closeTimeout, `${taken} ms`);
});
test("empty messages for incoming that nobody asked for cost little memory", async () => {
  // 64 KiB of empty text frames become 10,922 ReadableStreams at once: counted here.
  const Native = globalThis.ReadableStream;
  let made = 0;
  globalThis.ReadableStream = new Proxy(Native, {
    construct(target, args, newTarget) {
      made++;
      return Reflect.construct(target, args, newTarget);
    },
  });
  try {
    const { socket, peer } = connect();
    socket.incoming;
    const frame = peer.frame(opcodes.text);
    peer.sendBytes(...Array.from({ length: 20_000 }, () => frame));
    await settled();
    await settled();
    assert.ok(
      made < 100,
      `${made} ReadableStreams were made for messages nobody asked for`,
    );
  } finally {
    globalThis.ReadableStream = Native;
  }
});
void until;

const readers: Record<string, (socket: WebSocketConnection) => Promise<void>> =
  {
    "for await over readable": async (socket) => {
      for await (const message of socket.readable) await socket.send(message);
    },
    "readable.pipeTo(writable)": ({ readable, writable }) =>
      readable.pipeTo(writable),
    "for await over incoming": async (socket) => {
      for await (const message of socket.incoming) {
        await socket.send(await message.text());
      }
    },
  };
for (const [name, reader] of Object.entries(readers)) {
  test(`what came before a violation in the same chunk is still answered, and nothing after it: ${name}`, async () => {
    const { socket, peer } = connect(reader);
    await settled();
    peer.sendBytes(
      peer.frame(opcodes.text, "before"),
      peer.frame(0x3, "reserved"),
      peer.frame(opcodes.text, "after"),
      peer.frame(opcodes.ping, "after"),
    );
    await peer.end();
    assert.equal(textOf(await peer.readMessage()), "before");
    assert.equal((await peer.readClose()).closeCode, 1002);
    assert.equal(await peer.readFrame(), null);
    const error = await rejectionOf(socket.closed);
    assert.equal((error as WebSocketError).closeCode, 1002);
  });
}

test("onError is told of another connection's loss", async () => {
  const lost = new WebSocketError("the other one was lost", {
    closeCode: 1006,
  });
  const { peer, errors } = connect(() => Promise.reject(lost));
  assert.equal((await peer.readClose()).closeCode, 1011);
  assert.deepEqual(errors, [lost]);
});
test("onError is not told that a handler that writes met the peer's clean Close", async () => {
  let closed = false;
  let ended = false;
  const { socket, peer, errors } = connect(async (socket) => {
    const writer = socket.writable.getWriter();
    try {
      await writer.write("one");
      await until(() => closed, "the end of the connection");
      // By then the stream has failed.
      await new Promise((resolve) => setTimeout(resolve, 20));
      await writer.write("two");
    } finally {
      ended = true;
    }
  });
  await peer.readText();
  await peer.close(1001);
  while ((await peer.readFrame())?.opcode !== opcodes.close);
  await peer.end();
  await within(socket.closed, "closed");
  closed = true;
  await until(() => ended, "the end of the handler");
  await settled();
  assert.deepEqual(errors, []);
});
test("writable.abort() closes though a write waits for the peer", async () => {
  const { socket } = connect(undefined, { closeTimeout: 200 });
  const writer = socket.writable.getWriter();
  writer.write(pattern(1_000_000)).catch(() => {});
  writer.closed.catch(() => {});
  await settled();
  const begin = performance.now();
  writer.abort(new Error("enough")).catch(() => {});
  const error = await rejectionOf(socket.closed);
  assert.equal((error as WebSocketError).closeCode, 1006);
  assert.ok(performance.now() - begin < 10_000);
});
test("writable.abort() closes with the code of its reason", async () => {
  for (
    const [reason, closeCode] of [
      [new Error("enough"), 1011],
      [new WebSocketError("enough", { closeCode: 4000 }), 4000],
    ] as const
  ) {
    const { socket, peer } = connect();
    const writer = socket.writable.getWriter();
    writer.closed.catch(() => {});
    await writer.write("one");
    await writer.abort(reason);
    assert.equal(await peer.readText(), "one");
    assert.equal((await peer.readClose()).closeCode, closeCode);
  }
});
