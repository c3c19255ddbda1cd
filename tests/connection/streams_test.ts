// `readable` and `writable`: the two streams of the WebSocketStream proposal.

import assert from "node:assert/strict";
import { after, test } from "node:test";
import type { Message } from "../../src/codec/message.ts";
import { WebSocketError } from "../../src/error.ts";
import { opcodes } from "../support/raw_peer.ts";
import {
  connect,
  disconnectAll,
  gate,
  pattern,
  rejectionOf,
  settled,
  within,
} from "./harness.ts";

after(disconnectAll);

test("for await over readable and send() is an echo, of text and of bytes", async () => {
  const { socket, peer, errors } = connect(async (socket) => {
    for await (const message of socket.readable) await socket.send(message);
  });
  const bytes = pattern(70_000);
  await peer.text("hello");
  assert.equal(await peer.readText(), "hello");
  await peer.binary(bytes);
  const { opcode, payload } = await peer.readMessage();
  assert.equal(opcode, opcodes.binary);
  assert.deepEqual(payload, bytes);
  await peer.text("");
  assert.equal(await peer.readText(), "");
  await peer.close(1000, "bye");
  await peer.answerClose();
  assert.deepEqual(await within(socket.closed, "closed"), {
    closeCode: 1000,
    reason: "bye",
  });
  assert.deepEqual(errors, []);
});

test("readable.pipeTo(writable) is an echo that ends with the connection", async () => {
  const { socket, peer, errors } = connect(({ readable, writable }) =>
    readable.pipeTo(writable)
  );
  for (let index = 0; index < 200; index++) await peer.text(`message ${index}`);
  for (let index = 0; index < 200; index++) {
    assert.equal(await peer.readText(), `message ${index}`);
  }
  await peer.close(4001);
  assert.deepEqual(await peer.readClose(), { closeCode: 4001, reason: "" });
  await peer.expectEnd();
  await peer.end();
  assert.equal((await within(socket.closed, "closed")).closeCode, 4001);
  await settled();
  assert.deepEqual(errors, []);
});

test("readable.pipeTo(writable) fails, and onError is not told, if the connection is lost", async () => {
  let piped: Promise<void> | undefined;
  const { peer, errors } = connect(({ readable, writable }) =>
    piped = readable.pipeTo(writable)
  );
  await peer.text("hello");
  assert.equal(await peer.readText(), "hello");
  peer.destroy();
  const error = await rejectionOf(piped!);
  assert.ok(error instanceof WebSocketError);
  assert.equal(error.closeCode, 1006);
  await settled();
  assert.deepEqual(errors, []);
});

test("readable goes through a TransformStream of the platform", async () => {
  const { peer } = connect(({ readable, writable }) =>
    readable.pipeThrough(
      new TransformStream<Message, string>({
        transform: (message, controller) =>
          controller.enqueue(String(message).toUpperCase()),
      }),
    ).pipeTo(writable)
  );
  await peer.text("hello");
  assert.equal(await peer.readText(), "HELLO");
});

test("breaking out of a for await closes with 1000", async () => {
  const { socket, peer } = connect();
  const reading = (async () => {
    for await (const message of socket.readable) {
      assert.equal(message, "only one");
      break;
    }
  })();
  await peer.text("only one");
  await within(reading, "the loop's end");
  await peer.answerClose();
  assert.equal((await within(socket.closed, "closed")).closeCode, 1000);
});

test("readable.cancel() closes with 1000", async () => {
  const { socket, peer } = connect();
  await socket.readable.cancel("enough");
  await peer.answerClose();
});

test("readable.cancel(new WebSocketError()) closes with its code and reason", async () => {
  const { socket, peer } = connect();
  await socket.readable.cancel(
    new WebSocketError("kicked", { closeCode: 4001, reason: "spam" }),
  );
  assert.deepEqual(await peer.readClose(), { closeCode: 4001, reason: "spam" });
  await peer.close(4001, "so be it");
  await peer.expectEnd();
  await peer.end();
  assert.deepEqual(await within(socket.closed, "closed"), {
    closeCode: 4001,
    reason: "so be it",
  });
});

test("readable.cancel() with a code that must not be sent closes with 1000", async () => {
  const { socket, peer } = connect();
  await socket.readable.cancel(new WebSocketError("lost", { closeCode: 1006 }));
  assert.deepEqual(await peer.readClose(), { closeCode: 1000, reason: "" });
});

test("readable.cancel() cuts a reason that is too long", async () => {
  const { socket, peer } = connect();
  const reason = "\u00e4".repeat(100);
  await socket.readable.cancel(new WebSocketError("long", { reason }));
  assert.deepEqual(await peer.readClose(), {
    closeCode: 1000,
    reason: "\u00e4".repeat(61),
  });
});

test("writable takes all kinds of messages, in order", async () => {
  const { socket, peer } = connect();
  const writer = socket.writable.getWriter();
  const bytes = pattern(10);
  writer.write("text");
  writer.write(bytes);
  writer.write(bytes.buffer);
  writer.write(new DataView(bytes.buffer, 2, 3));
  writer.write(new Blob(["blob"]));
  await within(writer.write("last"), "the last write");
  assert.equal(await peer.readText(), "text");
  assert.deepEqual((await peer.readMessage()).payload, bytes);
  assert.deepEqual((await peer.readMessage()).payload, bytes);
  assert.deepEqual((await peer.readMessage()).payload, bytes.slice(2, 5));
  assert.deepEqual(
    (await peer.readMessage()).payload,
    new TextEncoder().encode("blob"),
  );
  assert.equal(await peer.readText(), "last");
});

test("writer.close() sends what was written, closes with 1000 and waits for the end", async () => {
  const { socket, peer } = connect();
  const writer = socket.writable.getWriter();
  writer.write("one");
  writer.write("two");
  let over = false;
  const closed = writer.close().then(() => over = true);
  assert.equal(await peer.readText(), "one");
  assert.equal(await peer.readText(), "two");
  assert.deepEqual(await peer.readClose(), { closeCode: 1000, reason: "" });
  assert.equal(over, false);
  await peer.close(1000);
  await peer.expectEnd();
  await peer.end();
  await within(closed, "the writer's end");
  await within(writer.closed, "writer.closed");
});

test("writer.abort() closes with 1011, or with the code of a WebSocketError", async () => {
  const plain = connect();
  await within(
    plain.socket.writable.abort(new Error("a secret")),
    "the abort",
  );
  assert.deepEqual(await plain.peer.readClose(), {
    closeCode: 1011,
    reason: "",
  });
  const coded = connect();
  await within(
    coded.socket.writable.abort(
      new WebSocketError("m", { closeCode: 3001, reason: "why" }),
    ),
    "the abort",
  );
  assert.deepEqual(await coded.peer.readClose(), {
    closeCode: 3001,
    reason: "why",
  });
});

test("writable errors when the connection is lost, and when the peer closes it", async () => {
  const lost = connect();
  const lostWriter = lost.socket.writable.getWriter();
  lost.peer.destroy();
  const error = await rejectionOf(lostWriter.closed);
  assert.ok(error instanceof WebSocketError);
  assert.equal(error.closeCode, 1006);
  assert.equal(await rejectionOf(lostWriter.write("too late")), error);

  const closed = connect();
  const closedWriter = closed.socket.writable.getWriter();
  await closed.peer.close(1000);
  await closed.peer.answerClose();
  assert.ok(await rejectionOf(closedWriter.closed) instanceof WebSocketError);
});

test("readable ends after a clean close, with all that came before it", async () => {
  const { socket, peer } = connect();
  const { readable } = socket;
  await peer.sendBytes(
    peer.frame(opcodes.text, "one"),
    peer.frame(opcodes.text, "two"),
    peer.frame(opcodes.close),
  );
  const messages: Message[] = [];
  const read = (async () => {
    for await (const message of readable) messages.push(message);
  })();
  assert.deepEqual(await peer.readClose(), { closeCode: null, reason: "" });
  await peer.end();
  await within(read, "the end of readable");
  assert.deepEqual(messages, ["one", "two"]);
  assert.deepEqual(await socket.closed, { closeCode: 1005, reason: "" });
});

test("readable errors when the connection is lost, after what came before", async () => {
  const { socket, peer } = connect();
  const reader = socket.readable.getReader();
  await peer.text("one");
  await peer.text("two");
  assert.equal((await within(reader.read(), "a message")).value, "one");
  await peer.fence();
  peer.destroy();
  await rejectionOf(socket.closed);
  assert.equal((await within(reader.read(), "a message")).value, "two");
  const error = await rejectionOf(reader.read());
  assert.ok(error instanceof WebSocketError);
  assert.equal(error.closeCode, 1006);
  assert.equal(error, await rejectionOf(socket.closed));
});

test("readable that is first asked for after the end just ends, or errors", async () => {
  const clean = connect();
  await clean.peer.close(1000);
  await clean.peer.answerClose();
  await within(clean.socket.closed, "closed");
  const { done } = await within(
    clean.socket.readable.getReader().read(),
    "the end of readable",
  );
  assert.equal(done, true);

  const lost = connect();
  lost.peer.destroy();
  const failure = await rejectionOf(lost.socket.closed);
  assert.equal(
    await rejectionOf(lost.socket.readable.getReader().read()),
    failure,
  );
});

test("messages that came before readable was asked for are not lost", async () => {
  const { socket, peer } = connect();
  await peer.text("early");
  await peer.fence();
  const reader = socket.readable.getReader();
  assert.equal((await within(reader.read(), "a message")).value, "early");
});

test("several reads at once are answered in order", async () => {
  const { socket, peer } = connect();
  const reader = socket.readable.getReader();
  const reads = [reader.read(), reader.read(), reader.read()];
  await peer.sendBytes(
    peer.frame(opcodes.text, "one"),
    peer.frame(opcodes.text, "two"),
    peer.frame(opcodes.text, "three"),
  );
  assert.deepEqual(
    (await within(Promise.all(reads), "three messages"))
      .map(({ value }) => value),
    ["one", "two", "three"],
  );
});

test("the streams are the same ones whenever they are asked for", () => {
  const { socket } = connect();
  assert.equal(socket.readable, socket.readable);
  assert.equal(socket.writable, socket.writable);
  const other = connect();
  assert.equal(other.socket.incoming, other.socket.incoming);
});

test("the messages of a connection have one taker: TypeError for the second", () => {
  const read = connect();
  assert.ok(read.socket.readable);
  assert.throws(
    () => read.socket.incoming,
    (error) => error instanceof TypeError && /readable/.test(error.message),
  );
  const incoming = connect();
  assert.ok(incoming.socket.incoming);
  assert.throws(
    () => incoming.socket.readable,
    (error) => error instanceof TypeError && /incoming/.test(error.message),
  );
  const hooked = connect({ message() {} });
  for (const name of ["readable", "incoming"] as const) {
    assert.throws(
      () => hooked.socket[name],
      (error) => error instanceof TypeError && /hook/.test(error.message),
    );
  }
  assert.ok(hooked.socket.writable, "writable stays free to use");
});

test("hooks without a message hook may take readable", async () => {
  const opened = gate();
  const { peer } = connect({
    open(socket) {
      opened.open();
      socket.readable.pipeTo(socket.writable).catch(() => {});
    },
  });
  await opened.opened;
  await peer.text("hello");
  assert.equal(await peer.readText(), "hello");
});
