// `incoming`: messages that are read while they arrive.

import assert from "node:assert/strict";
import { after, test } from "node:test";
import type { IncomingMessage } from "../../src/connection/incoming_message.ts";
import { ProtocolError, WebSocketError } from "../../src/error.ts";
import { closeBody, opcodes } from "../support/raw_peer.ts";
import {
  connect,
  disconnectAll,
  gate,
  type Harness,
  type HarnessOptions,
  isPending,
  pattern,
  rejectionOf,
  settled,
  until,
  within,
} from "./harness.ts";

after(disconnectAll);

type Reader = ReadableStreamDefaultReader<IncomingMessage>;

/** A connection whose messages are read one by one. */
function connectReader(
  options: HarnessOptions = {},
): Harness & { reader: Reader } {
  const harness = connect(undefined, options);
  return { ...harness, reader: harness.socket.incoming.getReader() };
}

async function next(reader: Reader): Promise<IncomingMessage> {
  const { done, value } = await within(reader.read(), "a message");
  assert.equal(done, false);
  return value!;
}

test("a message has a type and the methods of a Fetch body", async () => {
  const { peer, reader } = connectReader();
  const json = '{"price":"1 \u20ac"}';
  const bytes = new TextEncoder().encode(json);
  for (const [opcode, type] of [[1, "text"], [2, "binary"]] as const) {
    for (let index = 0; index < 5; index++) {
      await peer.send(opcode, json.slice(0, 5), { fin: false });
      await peer.send(opcodes.continuation, json.slice(5));
    }
    const textMessage = await next(reader);
    assert.equal(textMessage.type, type);
    assert.equal(textMessage.bodyUsed, false);
    assert.ok(textMessage.body instanceof ReadableStream);
    assert.equal(await within(textMessage.text(), "the text"), json);
    assert.equal(textMessage.bodyUsed, true);
    assert.deepEqual(await within((await next(reader)).bytes(), "it"), bytes);
    assert.deepEqual(await within((await next(reader)).json(), "it"), {
      price: "1 \u20ac",
    });
    const buffer = await within((await next(reader)).arrayBuffer(), "it");
    assert.ok(buffer instanceof ArrayBuffer);
    assert.deepEqual(new Uint8Array(buffer), bytes);
    const blob = await within((await next(reader)).blob(), "it");
    assert.ok(blob instanceof Blob);
    assert.deepEqual(new Uint8Array(await blob.arrayBuffer()), bytes);
  }
});

test("a byte order mark is part of the text", async () => {
  const { peer, reader } = connectReader();
  await peer.text("\ufeffmarked");
  assert.equal(await within((await next(reader)).text(), "it"), "\ufeffmarked");
});

test("bytes of a binary message that are not UTF-8 become U+FFFD in text()", async () => {
  const { peer, reader } = connectReader();
  await peer.binary(Uint8Array.of(0x61, 0xff, 0x62));
  assert.equal(await within((await next(reader)).text(), "it"), "a\ufffdb");
});

test("json() of something else rejects with a SyntaxError, and no more", async () => {
  const { peer, reader } = connectReader();
  await peer.text("{");
  await peer.text("{}");
  assert.ok(
    await rejectionOf((await next(reader)).json()) instanceof SyntaxError,
  );
  assert.deepEqual(await within((await next(reader)).json(), "it"), {});
});

test("a body can be used once", async () => {
  const { peer, reader } = connectReader();
  await peer.text("once");
  const message = await next(reader);
  assert.equal(await within(message.text(), "the text"), "once");
  for (
    const method of ["text", "bytes", "json", "arrayBuffer", "blob"] as const
  ) {
    assert.ok(await rejectionOf(message[method]()) instanceof TypeError);
  }
});

test("a body that is being read can't be used by the methods", async () => {
  const { peer, reader } = connectReader();
  await peer.text("locked");
  const message = await next(reader);
  message.body.getReader();
  assert.equal(message.bodyUsed, false, "as in Fetch: nothing was read yet");
  assert.ok(await rejectionOf(message.text()) instanceof TypeError);
});

test("empty messages have an empty body", async () => {
  const { peer, reader } = connectReader();
  await peer.text("");
  await peer.binary(new Uint8Array(0));
  await peer.send(opcodes.text, "", { fin: false });
  await peer.send(opcodes.continuation, "", { fin: false });
  await peer.send(opcodes.continuation, "");
  for (const type of ["text", "binary", "text"]) {
    const message = await next(reader);
    assert.equal(message.type, type);
    assert.equal(await within(message.text(), "the text"), "");
  }
});

test("a message is handed out at its first fragment, its bytes as they arrive", async () => {
  const { peer, reader } = connectReader();
  const read = reader.read();
  await peer.send(opcodes.binary, "one", { fin: false });
  const { value: message } = await within(read, "the message");
  const body = message!.body.getReader();
  const decoder = new TextDecoder();
  assert.equal(decoder.decode((await body.read()).value), "one");
  const second = body.read();
  await settled();
  assert.equal(await isPending(second), true);
  await peer.send(opcodes.continuation, "two", { fin: false });
  assert.equal(decoder.decode((await within(second, "bytes")).value), "two");
  await peer.send(opcodes.continuation, "");
  assert.equal((await within(body.read(), "the end")).done, true);
});

test("a message is handed out when only its header has arrived", async () => {
  const { peer, reader } = connectReader();
  const frame = peer.frame(opcodes.text, "slowly");
  await peer.sendBytes(frame.slice(0, 6));
  const message = await next(reader);
  const text = message.text();
  for (const byte of frame.slice(6)) await peer.sendBytes(Uint8Array.of(byte));
  assert.equal(await within(text, "the text"), "slowly");
});

test("what was not read of a message is skipped when the next is asked for", async () => {
  const { peer, reader } = connectReader();
  await peer.binary(pattern(500));
  await peer.text("second");
  const skipped = await next(reader);
  const second = await next(reader);
  assert.equal(await within(second.text(), "the text"), "second");
  const error = await rejectionOf(skipped.text());
  assert.ok(error instanceof TypeError);
  assert.match(error.message, /not read before the next/);
});

test("a message that is still arriving can be skipped; its rest is discarded", async () => {
  const { peer, reader, duplex } = connectReader();
  await peer.send(opcodes.binary, pattern(1000), { fin: false });
  const skipped = await next(reader);
  const read = reader.read();
  const rest = peer.send(opcodes.continuation, pattern(2_000_000));
  await within(rest, "the rest of a message that nobody reads");
  await peer.text("second");
  const { value } = await within(read, "the second message");
  assert.equal(await within(value!.text(), "the text"), "second");
  assert.ok(await rejectionOf(skipped.bytes()) instanceof TypeError);
  assert.ok(duplex.bytesRead > 2_000_000);
});

test("for await over incoming that reads no body skips them all", async () => {
  const types: string[] = [];
  const { peer, errors } = connect(async (socket) => {
    for await (const message of socket.incoming) types.push(message.type);
  });
  for (let index = 0; index < 20; index++) {
    await within(peer.binary(pattern(100_000)), "a message to be taken");
    await peer.text("x");
  }
  await peer.close(1000);
  await peer.answerClose();
  assert.equal(types.length, 40);
  assert.deepEqual(errors, []);
});

test("a body that is being read goes on while the next message is asked for", async () => {
  const { peer, reader } = connectReader();
  await peer.send(opcodes.text, "first, ", { fin: false });
  const first = await next(reader);
  const text = first.text();
  const read = reader.read();
  await peer.send(opcodes.continuation, "to its end");
  await peer.text("second");
  assert.equal(await within(text, "the text"), "first, to its end");
  const { value: second } = await within(read, "the second message");
  assert.equal(await within(second!.text(), "the text"), "second");
});

test("cancelling a body discards the rest of the message only", async () => {
  const { peer, reader } = connectReader();
  await peer.send(opcodes.binary, pattern(1000), { fin: false });
  const message = await next(reader);
  await within(message.body.cancel("not wanted"), "the cancelling");
  await within(
    peer.send(opcodes.continuation, pattern(1_000_000)),
    "the rest to be taken",
  );
  await peer.text("next");
  assert.equal(await within((await next(reader)).text(), "the text"), "next");
});

test("breaking out of a body discards its rest; the connection stays", async () => {
  const { peer } = connect(async (socket) => {
    for await (const message of socket.incoming) {
      for await (const part of message.body) {
        await socket.send(`${part.length}`);
        break;
      }
    }
  });
  for (let index = 0; index < 3; index++) {
    await peer.send(opcodes.binary, pattern(10), { fin: false });
    assert.equal(await peer.readText(), "10");
    await peer.send(opcodes.continuation, pattern(200_000));
  }
});

test("cancelling incoming closes with 1000, or with the code of a WebSocketError", async () => {
  const plain = connect();
  await plain.socket.incoming.cancel();
  await plain.peer.answerClose();
  const coded = connect();
  await coded.socket.incoming.cancel(
    new WebSocketError("m", { closeCode: 4009, reason: "r" }),
  );
  assert.deepEqual(await coded.peer.readClose(), {
    closeCode: 4009,
    reason: "r",
  });
});

test("the methods refuse a message over maxMessageSize with 1009; the body does not", async () => {
  const { peer, reader } = connectReader({ maxMessageSize: 1000 });
  await peer.binary(pattern(1000));
  assert.equal(
    (await within((await next(reader)).bytes(), "the bytes")).length,
    1000,
  );
  for (
    const method of ["text", "bytes", "json", "arrayBuffer", "blob"] as const
  ) {
    await peer.binary(pattern(1001));
    const error = await rejectionOf((await next(reader))[method]());
    assert.ok(error instanceof WebSocketError);
    assert.equal(error.closeCode, 1009);
    assert.match(error.message, /maxMessageSize \(1000/);
  }
  await peer.binary(pattern(5000));
  let length = 0;
  for await (const part of (await next(reader)).body) length += part.length;
  assert.equal(length, 5000);
  await peer.fence();
});

test("a message that nobody reads holds the peer back", async () => {
  const { peer, reader, duplex, socket } = connectReader();
  const total = 3_000_000;
  const sent = peer.binary(pattern(total));
  const message = await next(reader);
  await settled();
  await settled();
  const taken = duplex.bytesRead;
  assert.ok(taken < 200_000, `${taken} bytes were taken`);
  assert.equal(await isPending(sent), true);
  await settled();
  assert.equal(duplex.bytesRead, taken, "and no more after that");
  socket.send("the other direction is free");
  assert.equal(await peer.readText(), "the other direction is free");

  let length = 0;
  for await (const part of message.body) {
    for (let index = 0; index < part.length; index += 997) {
      assert.equal(part[index], expectedByte(length + index));
    }
    length += part.length;
    assert.ok(
      duplex.bytesRead - length < 200_000,
      "what was read and not delivered stays bounded",
    );
  }
  assert.equal(length, total);
  await sent;
});

/** As in {@linkcode pattern}. */
function expectedByte(index: number): number {
  return (index * 7 + (index >> 8)) & 0xff;
}

test("messages that were not asked for hold the peer back, empty ones too", async () => {
  const { peer, reader, duplex } = connectReader();
  const frames = new Uint8Array(6 * 10_000);
  for (let at = 0; at < frames.length; at += 6) {
    frames.set(peer.frame(opcodes.text), at);
  }
  const sent = (async () => {
    for (let index = 0; index < 4; index++) await peer.sendBytes(frames);
  })();
  await settled();
  await settled();
  assert.equal(await isPending(sent), true);
  assert.ok(duplex.bytesRead < 140_000, `${duplex.bytesRead} were taken`);
  for (let index = 0; index < 40_000; index++) {
    const { value } = await reader.read();
    assert.equal(value!.type, "text");
  }
  await within(sent, "the rest to be taken");
});

for (const ending of ["Close", "reset", "end of TCP"] as const) {
  test(`a ${ending} in the middle of a message errors its body: 1006`, async () => {
    const { peer, reader, socket } = connectReader();
    await peer.send(opcodes.binary, "begun", { fin: false });
    const message = await next(reader);
    const body = message.body.getReader();
    assert.equal(
      new TextDecoder().decode((await within(body.read(), "bytes")).value),
      "begun",
    );
    const waiting = body.read();
    if (ending === "Close") await peer.send(opcodes.close, closeBody(1001));
    else if (ending === "reset") peer.destroy();
    else await peer.end();
    const error = await rejectionOf(waiting);
    assert.ok(error instanceof WebSocketError);
    assert.equal(error.closeCode, 1006);
    const after = reader.read();
    if (ending === "Close") {
      await peer.answerClose(1001);
      assert.equal((await within(after, "the end")).done, true);
      assert.equal((await within(socket.closed, "closed")).closeCode, 1001);
    } else {
      const failure = await rejectionOf(socket.closed);
      assert.equal(error, failure);
      assert.equal(await rejectionOf(after), failure);
    }
  });
}

test("text that is not UTF-8 errors the body: 1007", async () => {
  const { peer, reader, socket } = connectReader();
  await peer.send(opcodes.text, "fine so far", { fin: false });
  const text = (await next(reader)).text();
  await peer.send(opcodes.continuation, Uint8Array.of(0xff));
  assert.equal((await peer.readClose()).closeCode, 1007);
  await peer.end();
  const error = await rejectionOf(text);
  assert.ok(error instanceof ProtocolError);
  assert.equal(error.closeCode, 1007);
  assert.equal(await rejectionOf(socket.closed), error);
});

test("what arrived whole before a loss can still be read after it", async () => {
  const { peer, reader, socket } = connectReader();
  await peer.text("one");
  await peer.text("two");
  await peer.fence();
  const one = await next(reader);
  peer.destroy();
  const failure = await rejectionOf(socket.closed);
  assert.equal(await within(one.text(), "the text"), "one");
  assert.equal(await within((await next(reader)).text(), "the text"), "two");
  assert.equal(await rejectionOf(reader.read()), failure);
});

test("pings between the fragments are answered, also while nobody reads the body", async () => {
  const { peer, reader } = connectReader();
  await peer.send(opcodes.text, "one, ", { fin: false });
  await peer.fence("first");
  const message = await next(reader);
  await peer.fence("second");
  await peer.send(opcodes.continuation, "two");
  await peer.fence("third");
  assert.equal(await within(message.text(), "the text"), "one, two");
});

test("messages that came before incoming was asked for come out of it as well", async () => {
  const { socket, peer } = connect();
  await peer.text("early \u20ac");
  await peer.binary(pattern(10));
  await peer.send(opcodes.text, "half ", { fin: false });
  await peer.fence();
  const reader = socket.incoming.getReader();
  await peer.send(opcodes.continuation, "early");
  await peer.text("late");
  const first = await next(reader);
  assert.equal(first.type, "text");
  assert.equal(await within(first.text(), "the text"), "early \u20ac");
  const second = await next(reader);
  assert.equal(second.type, "binary");
  assert.deepEqual(await within(second.bytes(), "the bytes"), pattern(10));
  assert.equal(
    await within((await next(reader)).text(), "the text"),
    "half early",
  );
  assert.equal(await within((await next(reader)).text(), "the text"), "late");
});

test("an echo of bodies as streams, message by message", async () => {
  const { peer, errors, socket } = connect(async (socket) => {
    for await (const { type, body } of socket.incoming) {
      await socket.send(body, { type });
    }
  });
  for (const length of [0, 1, 1000, 100_000, 1_000_000]) {
    const bytes = pattern(length);
    peer.binary(bytes);
    const { opcode, payload } = await peer.readMessage();
    assert.equal(opcode, opcodes.binary);
    assert.deepEqual(payload, bytes);
    const text = "\u20ac".repeat(length / 10);
    peer.text(text);
    assert.equal(await peer.readText(), text);
  }
  await peer.close(1000);
  await peer.answerClose();
  await within(socket.closed, "closed");
  assert.deepEqual(errors, []);
});

test("bodies that are read at the same time, each to its own end", async () => {
  const texts: Promise<string>[] = [];
  const done = gate();
  const { peer } = connect(async (socket) => {
    for await (const message of socket.incoming) texts.push(message.text());
    done.open();
  });
  for (let index = 0; index < 50; index++) {
    await peer.send(opcodes.text, `message `, { fin: false });
    await peer.send(opcodes.continuation, `${index}`);
  }
  await until(() => texts.length === 50, "all messages");
  assert.deepEqual(
    await within(Promise.all(texts), "all texts"),
    Array.from({ length: 50 }, (_, index) => `message ${index}`),
  );
  await peer.close(1000);
  await peer.answerClose();
  await within(done.opened, "the loop's end");
});
