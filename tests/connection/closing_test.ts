// The closing handshake: RFC 6455 sections 5.5.1 and 7.

import assert from "node:assert/strict";
import { after, test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import type { Message } from "../../src/codec/message.ts";
import type { CloseOptions } from "../../src/connection/connection.ts";
import { type CloseResult, Closing } from "../../src/connection/closing.ts";
import { Deadlines } from "../../src/deadlines.ts";
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

test("the peer's Close is echoed with its code, byte for byte", async () => {
  const cases: [
    closeCode: number | undefined,
    reason: string,
    payload: number[],
  ][] = [
    [1000, "", [0x03, 0xe8]],
    [1000, "with a reason", [0x03, 0xe8]],
    [1001, "", [0x03, 0xe9]],
    [1014, "", [0x03, 0xf6]],
    [3000, "", [0x0b, 0xb8]],
    [4999, "", [0x13, 0x87]],
    [undefined, "", []],
  ];
  for (const [closeCode, reason, payload] of cases) {
    const results: CloseResult[] = [];
    const { socket, peer } = connect({
      close: (_socket, result) => results.push(result),
    });
    await peer.close(closeCode, reason);
    const frame = await peer.readFrame();
    assert.deepEqual([frame?.opcode, frame?.fin], [opcodes.close, true]);
    assert.deepEqual([...frame!.payload], payload);
    await peer.expectEnd();
    await peer.end();
    const info = { closeCode: closeCode ?? 1005, reason };
    assert.deepEqual(await within(socket.closed, "closed"), info);
    assert.deepEqual(results, [{ ...info, wasClean: true }]);
  }
});

test("close() sends its code and reason; closed has those of the peer", async () => {
  const { socket, peer } = connect();
  socket.close({ closeCode: 4242, reason: "gr\u00fc\u00dfe" });
  assert.deepEqual(await peer.readClose(), {
    closeCode: 4242,
    reason: "gr\u00fc\u00dfe",
  });
  await peer.close(1001, "the peer's own");
  await peer.expectEnd();
  await peer.end();
  assert.deepEqual(await within(socket.closed, "closed"), {
    closeCode: 1001,
    reason: "the peer's own",
  });
});

test("close() is 1000 by default, also with a reason", async () => {
  const plain = connect();
  plain.socket.close();
  await plain.peer.answerClose();
  const reasoned = connect();
  reasoned.socket.close({ reason: "done" });
  assert.deepEqual(await reasoned.peer.readClose(), {
    closeCode: 1000,
    reason: "done",
  });
});

test("close() refuses codes and reasons that must not be sent, and stays open", async () => {
  const { socket, peer } = connect();
  const codes = [0, 999, 1004, 1005, 1006, 1015, 1016, 2999, 5000, 65536];
  for (const closeCode of [...codes, 1000.5, -1000, NaN]) {
    assert.throws(
      () => socket.close({ closeCode }),
      (error) =>
        error instanceof RangeError &&
        error.message.includes(String(closeCode)),
      String(closeCode),
    );
  }
  assert.throws(
    () => socket.close({ reason: "\u20ac".repeat(42) }),
    (error) => error instanceof RangeError && error.message.includes("126"),
  );
  for (const options of [4000, "bye", null] as unknown as CloseOptions[]) {
    assert.throws(
      () => socket.close(options),
      (error) =>
        error instanceof TypeError &&
        error.message.includes(JSON.stringify(options)),
    );
  }
  await peer.fence();
  socket.close({ reason: "\u20ac".repeat(41) });
  assert.equal((await peer.readClose()).reason, "\u20ac".repeat(41));
});

test("a second close() does nothing, but is checked", async () => {
  const { socket, peer } = connect();
  socket.close({ closeCode: 4001 });
  socket.close({ closeCode: 4002 });
  assert.throws(() => socket.close({ closeCode: 1 }), RangeError);
  assert.equal((await peer.readClose()).closeCode, 4001);
  await peer.close(4001);
  await peer.expectEnd();
  await peer.end();
  await within(socket.closed, "closed");
  socket.close({ closeCode: 4003 });
});

test("close() flushes what was sent before the Close frame", async () => {
  const { socket, peer } = connect();
  const bytes = pattern(500_000);
  socket.send("one");
  socket.send(new Blob(["two"]));
  socket.send(bytes);
  socket.send(new Blob(["three"]).stream());
  socket.send("four");
  socket.close();
  assert.equal(await peer.readText(), "one");
  assert.equal(
    new TextDecoder().decode((await peer.readMessage()).payload),
    "two",
  );
  assert.deepEqual((await peer.readMessage()).payload, bytes);
  assert.equal(
    new TextDecoder().decode((await peer.readMessage()).payload),
    "three",
  );
  assert.equal(await peer.readText(), "four");
  await peer.answerClose();
  await within(socket.closed, "closed");
});

test("what was sent before the peer's Close came goes out before the echo", async () => {
  const { socket, peer } = connect();
  const bytes = pattern(500_000);
  socket.send(bytes);
  socket.send(new Blob(["last"]).stream());
  await peer.close(1000);
  await settled();
  assert.deepEqual((await peer.readMessage()).payload, bytes);
  assert.equal(
    new TextDecoder().decode((await peer.readMessage()).payload),
    "last",
  );
  await peer.answerClose();
  await within(socket.closed, "closed");
});

const frames = 20;

/** Sends messages and the Close in one chunk and expects all answers, then the echo. */
async function expectAnswersBeforeEcho(
  { socket, peer, errors }: ReturnType<typeof connect>,
): Promise<void> {
  await peer.sendBytes(
    ...Array.from(
      { length: frames },
      (_, index) => peer.frame(opcodes.text, `${index}`),
    ),
    peer.frame(opcodes.close, Uint8Array.of(0x03, 0xe8)),
  );
  for (let index = 0; index < frames; index++) {
    const { payload } = await peer.readMessage();
    assert.equal(new TextDecoder().decode(payload), `${index}`);
  }
  await peer.answerClose();
  await within(socket.closed, "closed");
  assert.deepEqual(errors, []);
}

test("messages before the peer's Close are answered before the echo: sync hook", async () => {
  await expectAnswersBeforeEcho(connect({
    message(socket, message) {
      socket.send(message);
    },
  }));
});

test("messages before the peer's Close are answered before the echo: async hook", async () => {
  await expectAnswersBeforeEcho(connect({
    async message(socket, message) {
      await settled();
      await socket.send(message);
    },
  }));
});

test("messages before the peer's Close are answered before the echo: async open hook", async () => {
  await expectAnswersBeforeEcho(connect({
    open: settled,
    message: (socket, message) => socket.send(message),
  }));
});

test("messages before the peer's Close are answered before the echo: for await", async () => {
  await expectAnswersBeforeEcho(connect(async (socket) => {
    for await (const message of socket.readable) {
      await settled();
      await socket.send(message);
    }
  }));
});

test("messages before the peer's Close are answered before the echo: pipeTo", async () => {
  await expectAnswersBeforeEcho(
    connect(({ readable, writable }) => readable.pipeTo(writable)),
  );
});

test("messages before the peer's Close are answered before the echo: incoming", async () => {
  await expectAnswersBeforeEcho(connect(async (socket) => {
    for await (const { body, type } of socket.incoming) {
      await settled();
      await socket.send(body, { type });
    }
  }));
});

for (const name of ["readable", "incoming"] as const) {
  test(`a Close that comes while the last message of ${name} is worked on waits for its answer`, async () => {
    const taken = gate();
    const work = gate();
    const { socket, peer, errors } = connect(async (socket) => {
      for await (const _ of socket[name] as ReadableStream<unknown>) {
        taken.open();
        await work.opened;
        await socket.send("answer");
      }
    });
    await peer.text("question");
    await within(taken.opened, "the message");
    await peer.close(1000);
    await settled();
    work.open();
    assert.equal(await peer.readText(), "answer");
    await peer.answerClose();
    await within(socket.closed, "closed");
    assert.deepEqual(errors, []);
  });
}

test("a handler that has left its loop need not read the rest for the echo", async () => {
  const { socket, peer } = connect(async (socket) => {
    const reader = socket.readable.getReader();
    await reader.read();
    reader.releaseLock();
    await socket.send("one is enough");
  });
  await peer.sendBytes(
    peer.frame(opcodes.text, "one"),
    peer.frame(opcodes.text, "two"),
    peer.frame(opcodes.close, Uint8Array.of(0x0f, 0xa1)),
  );
  assert.equal(await peer.readText(), "one is enough");
  assert.deepEqual(await peer.readClose(), { closeCode: 4001, reason: "" });
  await peer.end();
  await within(socket.closed, "closed");
});

test("a handler that never takes what came before the peer's Close holds it up for closeTimeout only", async () => {
  const { socket, peer } = connect({ message: () => new Promise(() => {}) }, {
    closeTimeout: 50,
  });
  await peer.text("never done");
  await peer.close(1000);
  await peer.answerClose();
  assert.equal((await within(socket.closed, "closed")).closeCode, 1000);
});

test("bytes after the peer's Close are ignored, whatever they are", async () => {
  const seen: Message[] = [];
  const { socket, peer } = connect({
    message: (_socket, message) => seen.push(message),
  });
  await peer.sendBytes(
    peer.frame(opcodes.text, "before"),
    peer.frame(opcodes.close, Uint8Array.of(0x03, 0xe8)),
    peer.frame(opcodes.text, "after"),
    peer.frame(opcodes.ping, "after"),
    Uint8Array.of(0xff, 0xff, 0xff),
  );
  await peer.sendBytes(pattern(100_000));
  await peer.answerClose();
  assert.equal((await within(socket.closed, "closed")).closeCode, 1000);
  assert.deepEqual(seen, ["before"]);
});

test("messages that come after close() are read and discarded", async () => {
  const seen: Message[] = [];
  const { socket, peer } = connect({
    message: (_socket, message) => seen.push(message),
  });
  socket.close();
  assert.deepEqual(await peer.readClose(), { closeCode: 1000, reason: "" });
  await peer.text("too late");
  await peer.binary(pattern(1_000_000));
  await peer.close(1000);
  await peer.expectEnd();
  await peer.end();
  assert.equal((await within(socket.closed, "closed")).closeCode, 1000);
  assert.deepEqual(seen, []);
});

for (const name of ["readable", "incoming"] as const) {
  test(`a reader of ${name} gets the end, not a message that comes after close()`, async () => {
    const { socket, peer } = connect();
    const read: Promise<ReadableStreamReadResult<unknown>> = socket[name]
      .getReader().read();
    socket.close();
    assert.deepEqual(await peer.readClose(), { closeCode: 1000, reason: "" });
    await peer.text("too late");
    await peer.close(1000);
    await peer.expectEnd();
    await peer.end();
    const { done, value } = await within(read, "the end");
    assert.deepEqual({ done, value }, { done: true, value: undefined });
  });
}

test("both sides close at once: each gets the other's code", async () => {
  const { socket, peer } = connect();
  socket.close({ closeCode: 4001 });
  await peer.close(4002, "mine");
  assert.deepEqual(await peer.readClose(), { closeCode: 4001, reason: "" });
  await peer.expectEnd();
  await peer.end();
  assert.deepEqual(await within(socket.closed, "closed"), {
    closeCode: 4002,
    reason: "mine",
  });
});

test("no second Close is sent if the peer's comes while ours waits behind a stream", async () => {
  const source = gate();
  const { socket, peer } = connect();
  const sent = socket.send(
    new ReadableStream<string>({
      async start(controller) {
        controller.enqueue("first, ");
        await source.opened;
        controller.enqueue("second");
        controller.close();
      },
    }),
  );
  socket.close({ closeCode: 4001 });
  await peer.close(4002);
  await settled();
  source.open();
  assert.equal(await peer.readText(), "first, second");
  assert.equal((await peer.readClose()).closeCode, 4001);
  await peer.expectEnd();
  await peer.end();
  await within(sent, "the send");
  assert.equal((await within(socket.closed, "closed")).closeCode, 4002);
});

test("close() during a pending send(stream) waits for all of it; later sends reject", async () => {
  const source = gate();
  const { socket, peer } = connect();
  const sent = socket.send(
    new ReadableStream<string>({
      async pull(controller) {
        controller.enqueue("first, ");
        await source.opened;
        controller.enqueue("second");
        controller.close();
      },
    }),
  );
  const queued = socket.send("behind it");
  socket.close();
  const error = await rejectionOf(socket.send("after close"));
  assert.ok(error instanceof WebSocketError);
  source.open();
  assert.equal(await peer.readText(), "first, second");
  assert.equal(await peer.readText(), "behind it");
  await peer.answerClose();
  await within(Promise.all([sent, queued]), "the sends");
  await within(socket.closed, "closed");
});

test("the server ends TCP first, once both Close frames are exchanged", async () => {
  const { socket, peer } = connect();
  socket.close();
  assert.equal((await peer.readClose()).closeCode, 1000);
  const end = peer.readFrame();
  await settled();
  assert.equal(await isPending(end), true, "not before the peer's Close");
  await peer.close(1000);
  assert.equal(await within(end, "the server's end"), null);
  await settled();
  assert.equal(await isPending(socket.closed), true, "TCP is half open");
  await peer.end();
  await within(socket.closed, "closed");
});

test("a peer that ends TCP right behind its Close still gets the echo", async () => {
  const { socket, peer } = connect();
  await peer.close(1000);
  await peer.end();
  assert.deepEqual(await peer.readClose(), { closeCode: 1000, reason: "" });
  await peer.expectEnd();
  assert.equal((await within(socket.closed, "closed")).closeCode, 1000);
});

test("a peer that does not answer a Close is dropped after closeTimeout: 1006", async () => {
  const results: CloseResult[] = [];
  const { socket, peer } = connect({
    close: (_socket, result) => results.push(result),
  }, { closeTimeout: 60 });
  const begin = performance.now();
  socket.close();
  const error = await rejectionOf(socket.closed);
  assert.ok(performance.now() - begin >= 50);
  assert.ok(error instanceof WebSocketError);
  assert.equal(error.closeCode, 1006);
  assert.match(error.message, /closeTimeout/);
  assert.deepEqual(results, [{ closeCode: 1006, reason: "", wasClean: false }]);
  await rejectionOf(peer.text("nobody is there"));
});

for (const closeTimeout of [Infinity, 2 ** 31, Number.MAX_VALUE]) {
  test(`closeTimeout ${closeTimeout} is no limit: the peer may take its time`, async () => {
    const { socket, peer } = connect(undefined, { closeTimeout });
    socket.close();
    assert.equal((await peer.readClose()).closeCode, 1000);
    await delay(100);
    await peer.close(1000);
    await peer.expectEnd();
    await peer.end();
    assert.equal((await within(socket.closed, "closed")).closeCode, 1000);
  });
}

test("a peer that does not read is dropped after closeTimeout: 1006", async () => {
  const { socket } = connect(undefined, { closeTimeout: 60 });
  const sent = socket.send(pattern(1_000_000));
  socket.close();
  const error = await rejectionOf(socket.closed);
  assert.ok(error instanceof WebSocketError);
  assert.equal(error.closeCode, 1006);
  assert.equal(await rejectionOf(sent), error);
});

test("a peer that does not end TCP is dropped after closeTimeout: still clean", async () => {
  const { socket, peer } = connect(undefined, { closeTimeout: 60 });
  await peer.close(4000, "kept open");
  assert.equal((await peer.readClose()).closeCode, 4000);
  await peer.expectEnd();
  assert.deepEqual(await within(socket.closed, "closed"), {
    closeCode: 4000,
    reason: "kept open",
  });
});

test("a peer that ends TCP without a Close: 1006", async () => {
  const { socket, peer } = connect();
  await peer.text("then nothing");
  await peer.end();
  const error = await rejectionOf(socket.closed);
  assert.ok(error instanceof WebSocketError);
  assert.equal(error.closeCode, 1006);
  assert.equal(error.reason, "");
});

test("a peer that ends TCP in place of answering our Close: 1006", async () => {
  const { socket, peer } = connect();
  socket.close();
  assert.equal((await peer.readClose()).closeCode, 1000);
  await peer.end();
  const error = await rejectionOf(socket.closed);
  assert.ok(error instanceof WebSocketError);
  assert.equal(error.closeCode, 1006);
});

test("a connection that is reset: 1006, with the transport's error in the message", async () => {
  const { socket, peer } = connect();
  peer.destroy(new Error("reset by peer"));
  const error = await rejectionOf(socket.closed);
  assert.ok(error instanceof WebSocketError);
  assert.equal(error.closeCode, 1006);
  assert.match(error.message, /reset by peer/);
});

test("a connection that is lost before the peer's Close is answered has its code", async () => {
  for (const reset of [true, false]) {
    const work = gate();
    const results: CloseResult[] = [];
    const { socket, peer } = connect({
      message: () => work.opened,
      close: (_socket, result) => void results.push(result),
    });
    await peer.text("work");
    await peer.close(4001, "kicked");
    await settled();
    peer.destroy(reset ? new Error("reset by peer") : undefined);
    const error = await rejectionOf(socket.closed);
    assert.ok(error instanceof WebSocketError);
    assert.equal(error.closeCode, 4001);
    assert.equal(error.reason, "kicked");
    assert.equal(/reset by peer/.test(error.message), reset, error.message);
    assert.doesNotMatch(error.message, /without a Close frame/);
    assert.deepEqual(results, [
      { closeCode: 4001, reason: "kicked", wasClean: false },
    ]);
    work.open();
  }
});

test("a reset after both Close frames is still a clean close", async () => {
  const { socket, peer } = connect();
  await peer.close(1000, "done");
  assert.equal((await peer.readClose()).closeCode, 1000);
  peer.destroy();
  assert.deepEqual(await within(socket.closed, "closed"), {
    closeCode: 1000,
    reason: "done",
  });
});

test("terminate() drops the connection at once: no Close frame, 1006", async () => {
  const results: CloseResult[] = [];
  const { socket, peer } = connect({
    close: (_socket, result) => results.push(result),
  });
  const sent = socket.send(pattern(1_000_000));
  const ping = socket.ping();
  socket.terminate();
  const error = await rejectionOf(socket.closed);
  assert.ok(error instanceof WebSocketError);
  assert.equal(error.closeCode, 1006);
  assert.equal(await rejectionOf(sent), error);
  assert.equal(await rejectionOf(ping), error);
  assert.equal(await rejectionOf(socket.send("gone")), error);
  assert.deepEqual(results, [{ closeCode: 1006, reason: "", wasClean: false }]);
  await rejectionOf(peer.readFrame());
  socket.terminate();
  socket.close();
  assert.equal(await rejectionOf(socket.closed), error);
  assert.equal(results.length, 1);
});

test("closed is the same promise before and after the end", async () => {
  const { socket, peer } = connect();
  const { closed } = socket;
  await peer.close(1000);
  await peer.answerClose();
  await within(closed, "closed");
  assert.equal(socket.closed, closed);
});

test("keepAlive does not take the time of a peer that takes bytes while the connection closes", async () => {
  const { socket, peer } = connect(undefined, {
    closeTimeout: 1000,
    keepAlive: { interval: 80, timeout: 80 },
    writableHighWaterMark: 1000,
    duplex: { capacity: 1000 },
  });
  const count = 8;
  for (let index = 0; index < count; index++) {
    socket.send(new Uint8Array(3000));
  }
  socket.close();
  const begin = performance.now();
  for (let index = 0; index < count; index++) {
    await delay(250);
    assert.equal((await peer.readMessage()).payload.length, 3000);
  }
  assert.ok(performance.now() - begin > 1500, "longer than closeTimeout");
  await peer.answerClose();
  await within(socket.closed, "closed");
});

test("closeTimeout begins with the close: what went out before is no progress", () => {
  const deadlines = new Deadlines<Closing>(1_000_000, () => {});
  let timedOut = 0;
  const owner = { progress: 1000, closeTimedOut: () => timedOut++ };
  const closing = new Closing(owner, deadlines);
  closing.giveTime();
  const quarters = (count: number) => {
    while (count-- > 0) closing.quarterPassed();
  };
  quarters(3);
  assert.equal(timedOut, 0);
  owner.progress++;
  // The peer takes bytes: it has the whole time again.
  quarters(4);
  assert.equal(timedOut, 0);
  quarters(1);
  assert.equal(timedOut, 1);
  deadlines.clear();
});
