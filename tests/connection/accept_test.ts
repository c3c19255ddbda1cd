// accept(): a connection over any duplex of bytes, as either end.

import assert from "node:assert/strict";
import { after, test } from "node:test";
import { accept, type AcceptOptions } from "../../src/accept.ts";
import type { WebSocketConnection } from "../../src/connection/connection.ts";
import { createContext } from "../../src/connection/context.ts";
import type { Handler } from "../../src/connection/handler.ts";
import { resolveConnectionOptions } from "../../src/connection/options.ts";
import { Session } from "../../src/connection/session.ts";
import type { WebSocketError } from "../../src/error.ts";
import { Topics } from "../../src/topics/topics.ts";
import type { ByteDuplex } from "../../src/transport/duplex.ts";
import { duplexPair } from "../support/duplex_pair.ts";
import { concatBytes } from "../support/frames.ts";
import { frameBytes, opcodes } from "../support/raw_peer.ts";
import { RecordingTransport } from "../support/recording_transport.ts";
import {
  connect,
  disconnectAll,
  isPending,
  pattern,
  settled,
  within,
} from "./harness.ts";

after(disconnectAll);

/** A server and a client on the two ends of a duplex: one in memory, by default. */
function connectBoth(
  handler: Handler,
  options: Partial<AcceptOptions> = {},
  [near, far]: [ByteDuplex, ByteDuplex] = duplexPair(),
): [WebSocketConnection, WebSocketConnection] {
  const request = new Request("http://localhost/");
  const common = { request, keepAlive: false, ...options } as const;
  return [
    accept(near, common, handler),
    accept(far, { ...common, role: "client" }),
  ];
}

test("a server and a client made by accept() talk to each other", async () => {
  const [server, client] = connectBoth(({ readable, writable }) =>
    readable.pipeTo(writable)
  );
  const reader = client.readable.getReader();
  const bytes = pattern(300_000);
  client.send("hello");
  client.send(bytes);
  assert.equal((await within(reader.read(), "an echo")).value, "hello");
  assert.deepEqual((await within(reader.read(), "an echo")).value, bytes);
  assert.ok(await within(client.ping(), "a pong") >= 0);
  assert.ok(await within(server.ping(), "a pong") >= 0);
  client.close({ closeCode: 4000, reason: "bye" });
  assert.deepEqual(await within(client.closed, "closed"), {
    closeCode: 4000,
    reason: "",
  });
  assert.deepEqual(await within(server.closed, "closed"), {
    closeCode: 4000,
    reason: "bye",
  });
});

test("accept() over two TransformStreams of the platform", async () => {
  const [server, client] = connectBoth(
    { message: (socket, message) => socket.send(message) },
    {},
    crossed(() => new TransformStream<Uint8Array, Uint8Array>()),
  );
  const received: unknown[] = [];
  client.send("hello");
  for await (const message of client.readable) {
    received.push(message);
    if (received.length === 10) break;
    client.send(`${message}!`);
  }
  assert.equal(received[9], "hello!!!!!!!!!");
  assert.equal((await within(server.closed, "closed")).closeCode, 1000);
  assert.equal((await within(client.closed, "closed")).closeCode, 1000);
});

test("a client masks what it sends, and answers the server's Close", async () => {
  const { socket, peer } = connect({
    message: (socket, message) => socket.send(message),
  }, { role: "client" });
  await peer.text("hello");
  const frame = await peer.readFrame();
  assert.equal(frame?.masked, true);
  assert.equal(new TextDecoder().decode(frame.payload), "hello");
  await peer.close(1001, "restart");
  assert.deepEqual(await peer.readClose(), { closeCode: 1001, reason: "" });
  await peer.end();
  await peer.expectEnd();
  assert.deepEqual(await within(socket.closed, "closed"), {
    closeCode: 1001,
    reason: "restart",
  });
});

test("a client leaves it to the server to end TCP first", async () => {
  const { socket, peer } = connect(undefined, { role: "client" });
  socket.close({ closeCode: 1000 });
  assert.deepEqual(await peer.readClose(), { closeCode: 1000, reason: "" });
  await peer.close(1000);
  const end = peer.readFrame();
  await settled();
  assert.equal(await isPending(end), true);
  await peer.end();
  assert.equal(await within(end, "the client's end"), null);
  await within(socket.closed, "closed");
});

test("head bytes come before those of the duplex, cut anywhere", async () => {
  const bytes = frameBytes(opcodes.text, "in two parts");
  for (let cut = 0; cut <= bytes.length; cut++) {
    const { peer } = connect({
      message: (socket, message) => socket.send(message),
    }, { head: bytes.slice(0, cut) });
    await peer.sendBytes(bytes.slice(cut), peer.frame(opcodes.text, "next"));
    assert.equal(await peer.readText(), "in two parts");
    assert.equal(await peer.readText(), "next");
  }
});

test("head bytes that break the protocol are answered with a Close", async () => {
  const { peer } = connect(undefined, { head: Uint8Array.of(0xf1, 0x80) });
  assert.equal((await peer.readClose()).closeCode, 1002);
  await peer.expectEnd();
});

test("what the handshake settled can be read from the connection", () => {
  const request = new Request("https://example.com/path?query");
  const remoteAddress = {
    transport: "tcp",
    hostname: "192.0.2.1",
    port: 1234,
  } as const;
  const data = { user: "x" };
  const { socket } = connect((socket) => {
    assert.equal(socket.data, data, "the handler can read it already");
  }, { request, protocol: "chat", data, remoteAddress });
  assert.equal(socket.request, request);
  assert.equal(socket.url, "wss://example.com/path?query");
  assert.equal(socket.protocol, "chat");
  assert.equal(socket.extensions, "");
  assert.deepEqual(socket.remoteAddress, remoteAddress);
  const plain = connect().socket;
  assert.equal(plain.url, "ws://localhost/");
  assert.equal(plain.protocol, "");
  assert.equal(plain.data, undefined);
  assert.equal(plain.remoteAddress, null);
});

test("options that can't be right are RangeErrors that name them", () => {
  for (
    const name of [
      "maxMessageSize",
      "readableHighWaterMark",
      "writableHighWaterMark",
      "maxBufferedBytes",
      "closeTimeout",
    ]
  ) {
    for (const value of [0, -1, NaN, "64"]) {
      assert.throws(
        () => connect(undefined, { [name]: value }),
        (error) =>
          error instanceof RangeError && error.message.includes(name) &&
          error.message.includes(String(value)),
        `${name}: ${value}`,
      );
    }
  }
  for (const keepAlive of [{ interval: 0 }, { timeout: -1 }]) {
    assert.throws(() => connect(undefined, { keepAlive }), RangeError);
  }
});

test("accept() that throws leaves the duplex to its caller", () => {
  const request = new Request("http://localhost/");
  const wrong: Record<string, unknown> = {
    "no request": { request: undefined },
    "a wrong number": { maxMessageSize: -1 },
    "a wrong keepAlive": { keepAlive: { interval: 0 } },
    "wrong deflate options": { deflate: { threshold: -1 } },
    "extensions that are none": { extensions: "a; b=" },
    "topics that are none": { topics: {} },
  };
  for (const [name, options] of Object.entries(wrong)) {
    const [duplex] = crossed(() => new TransformStream());
    assert.throws(
      () => accept(duplex, { request, ...options as Partial<AcceptOptions> }),
      name,
    );
    assert.equal(duplex.readable.locked, false, name);
    assert.equal(duplex.writable.locked, false, name);
  }
  for (const side of ["readable", "writable"] as const) {
    const [duplex] = crossed(() => new TransformStream());
    const lock = side === "readable"
      ? duplex.readable.getReader()
      : duplex.writable.getWriter();
    assert.throws(() => accept(duplex, { request }), TypeError);
    lock.releaseLock();
    assert.equal(duplex.readable.locked, false, `the ${side} was locked`);
    assert.equal(duplex.writable.locked, false, `the ${side} was locked`);
  }
});

test("a handler that can't be right is a TypeError", () => {
  for (const handler of [null, 1, "x", { message: 1 }, { open: "x" }]) {
    assert.throws(
      () => connect(handler as unknown as Handler),
      TypeError,
      String(handler),
    );
  }
});

test("Symbol.asyncDispose closes with 1000 and waits for the end", async () => {
  const { socket, peer } = connect();
  let over = false;
  const disposed = socket[Symbol.asyncDispose]().then(() => over = true);
  assert.deepEqual(await peer.readClose(), { closeCode: 1000, reason: "" });
  await settled();
  assert.equal(over, false);
  await peer.close(1000);
  await peer.expectEnd();
  await peer.end();
  await within(disposed, "the end of the disposal");
});

test("Symbol.asyncDispose does not fail on a connection that is lost", async () => {
  const { socket, peer } = connect();
  peer.destroy();
  await within(socket[Symbol.asyncDispose](), "the end of the disposal");
  await within(socket[Symbol.asyncDispose](), "a second disposal");
});

test("what a duplex does with the buffers that it gets harms nobody", async () => {
  const topics = new Topics();
  const pairs = Array.from({ length: 3 }, () => {
    const [server, client] = connectBoth(
      ({ readable, writable }) => readable.pipeTo(writable),
      { topics },
      crossed(transferringPipe),
    );
    server.subscribe("all");
    return { client, server, reader: client.readable.getReader() };
  });
  const large = pattern(200_000);
  const text = "é".repeat(30_000);
  for (let round = 0; round < 3; round++) {
    topics.publish("all", `round ${round}`);
    topics.publish("all", large);
    for (const { client, reader } of pairs) {
      const next = async () =>
        (await within(reader.read(), `a message in round ${round}`)).value;
      assert.equal(await next(), `round ${round}`);
      assert.deepEqual(await next(), large);
      for (
        const message of [`hello ${round}`, large, text, new Uint8Array(0)]
      ) {
        await client.send(message);
        assert.deepEqual(await next(), message);
      }
    }
    assert.deepEqual(large, pattern(200_000), "still the sender's");
  }
  for (const { client, server } of pairs) {
    client.close();
    await within(Promise.all([client.closed, server.closed]), "the end");
  }
});

/** A client of a server that has sent these bytes and no more. */
function clientOf(
  options: { head?: Uint8Array<ArrayBuffer>; chunk?: Uint8Array<ArrayBuffer> },
): WebSocketConnection {
  const { head, chunk } = options;
  const readable = new ReadableStream<Uint8Array>({
    start(controller) {
      if (chunk !== undefined) controller.enqueue(chunk);
    },
  });
  return accept({ readable, writable: new WritableStream() }, {
    request: new Request("http://localhost/"),
    role: "client",
    keepAlive: false,
    head,
  });
}

for (const where of ["chunk", "head"] as const) {
  test(`the memory of the ${where} that was read is not the messages', nor given back with them`, async () => {
    const payload = pattern(20_000);
    const bytes = frameBytes(opcodes.binary, payload, { masked: false });
    const before = bytes.slice();

    const reading = clientOf({ [where]: bytes });
    const { value } = await within(reading.readable.getReader().read(), "it");
    assert.deepEqual(value, payload);
    (value as Uint8Array<ArrayBuffer>).buffer.transfer();
    assert.deepEqual(bytes, before);

    const transport = new RecordingTransport();
    const context = resolveConnectionOptions({ keepAlive: false });
    const other = new Session(
      transport,
      createContext("server", context),
      null,
    );
    const forwarding = clientOf({ [where]: bytes });
    const reader = forwarding.incoming.getReader();
    const message = (await within(reader.read(), "it")).value!;
    await within(other.outbound.send(message.body, {}), "the send");
    await settled();
    const sent = concatBytes(transport.writes);
    assert.equal(sent.length, payload.length + 4 + 2, "two frames");
    assert.deepEqual(sent.slice(4, -2), payload);
    assert.deepEqual(bytes, before);
    reading.terminate();
    forwarding.terminate();
  });
}

test("a duplex that gives something else than bytes fails the connection", async () => {
  const chunks: [unknown, string][] = [
    ["text", '"text"'],
    [new ArrayBuffer(4), "an object of type ArrayBuffer"],
    [null, "null"],
  ];
  for (const [chunk, what] of chunks) {
    let aborted: unknown;
    const connection = accept({
      readable: new ReadableStream({
        start: (it) => it.enqueue(chunk as Uint8Array),
      }),
      writable: new WritableStream({
        abort: (reason) => void (aborted = reason),
      }),
    }, { request: new Request("http://localhost/"), keepAlive: false });
    const expected = `to give Uint8Arrays, not ${what}`;
    await assert.rejects(
      within(connection.closed, "the end"),
      (error: WebSocketError) =>
        error.closeCode === 1006 && error.message.includes(expected),
    );
    assert.ok((aborted as Error).message.includes(expected));
  }
});

/** Two ends, joined by a pipe in each direction. */
function crossed(pipe: () => ByteDuplex): [ByteDuplex, ByteDuplex] {
  const [up, down] = [pipe(), pipe()];
  return [
    { readable: up.readable, writable: down.writable },
    { readable: down.readable, writable: up.writable },
  ];
}

/** A byte stream takes the buffer of each chunk, as its standard says. */
function transferringPipe(): ByteDuplex {
  let controller: ReadableStreamController<Uint8Array>;
  const readable = new ReadableStream<Uint8Array>({
    type: "bytes",
    start(given) {
      controller = given;
    },
  });
  const writable = new WritableStream<Uint8Array<ArrayBuffer>>({
    write(chunk) {
      controller.enqueue(chunk);
      assert.equal(chunk.length, 0, "its buffer was taken");
    },
    close: () => controller.close(),
  });
  return { readable, writable } as ByteDuplex;
}
