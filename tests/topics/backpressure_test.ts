// Receivers that are slow, and what is in the way of what is published.

import assert from "node:assert/strict";
import { test } from "node:test";
import { accept, Topics, WebSocketError } from "../../mod.ts";
import type { AcceptOptions, Server, WebSocketConnection } from "../../mod.ts";
import { duplexPair } from "../support/duplex_pair.ts";
import { serveOn, until, within } from "../support/serve_on.ts";

const request = new Request("http://localhost/");
const kilobyte = "x".repeat(1024);

/** A subscriber, and its peer, of which `capacity` bytes are taken unread. */
function join(
  topics: Topics,
  options: Partial<AcceptOptions> = {},
): { socket: WebSocketConnection; peer: WebSocketConnection } {
  const [near, far] = duplexPair({ capacity: 10_000 });
  const { extensions } = options;
  const socket = accept(near, { request, topics, ...options });
  const peer = accept(far, { request, role: "client", extensions });
  socket.subscribe("a");
  return { socket, peer };
}

/** Reads so many messages. */
async function read(
  peer: WebSocketConnection,
  count: number,
): Promise<unknown[]> {
  const reader = peer.readable.getReader();
  const messages: unknown[] = [];
  while (messages.length < count) {
    const { done, value } = await within(reader.read(), "a message");
    if (done) break;
    messages.push(value);
  }
  reader.releaseLock();
  return messages;
}

test("a receiver past maxBufferedBytes is closed; the others have everything", async () => {
  const topics = new Topics();
  const fast = join(topics);
  const slow = join(topics, { maxBufferedBytes: 300_000 });
  const received = read(fast.peer, 1000);
  const counts = new Set<number>();
  for (let count = 0; count < 1000; count++) {
    counts.add(topics.publish("a", `${count} ${kilobyte}`));
    if (count % 50 === 0) await new Promise((resolve) => setTimeout(resolve));
  }
  assert.deepEqual([...counts], [2, 1]);
  await assert.rejects(within(slow.socket.closed, "the end"), (error) => {
    assert.ok(error instanceof WebSocketError);
    assert.equal(error.closeCode, 1006);
    assert.match(error.message, /maxBufferedBytes \(300000\)/);
    return true;
  });
  assert.equal(topics.subscriberCount("a"), 1);
  const expected = Array.from(
    { length: 1000 },
    (_, count) => `${count} ${kilobyte}`,
  );
  assert.deepEqual(await received, expected);
  fast.socket.terminate();
});

test("lossy messages are left out for a receiver above its high-water mark", async () => {
  const topics = new Topics();
  const fast = join(topics);
  const slow = join(topics, { writableHighWaterMark: 50_000 });
  const received = read(fast.peer, 301);
  const counts: number[] = [];
  for (let count = 0; count < 300; count++) {
    counts.push(topics.publish("a", `${count} ${kilobyte}`, { lossy: true }));
    // Until the fast one has taken it.
    await until(() => fast.socket.bufferedAmount === 0, "room");
  }
  const taken = counts.filter((count) => count === 2).length;
  assert.equal(counts.filter((count) => count === 1).length, 300 - taken);
  assert.ok(taken > 40 && taken < 200, `${taken} were taken`);
  assert.ok(slow.socket.bufferedAmount < 60_000);
  assert.equal(slow.socket.desiredSize <= 0, true);
  // What is not lossy is never left out.
  assert.equal(topics.publish("a", "last"), 2);
  const all = await received;
  assert.equal(all.length, 301);
  const few = await read(slow.peer, taken + 1);
  const expected = all.filter((_, index) => counts[index] !== 1);
  assert.deepEqual(few, expected);
  fast.socket.terminate();
  slow.socket.terminate();
});

test("much that is published in one turn goes out before the turn is over", async () => {
  const topics = new Topics();
  let written = 0;
  const socket = accept({
    readable: new ReadableStream(),
    writable: new WritableStream({
      write(chunk) {
        written += chunk.length;
      },
    }),
  }, { request, topics });
  socket.subscribe("a");
  await new Promise((resolve) => setTimeout(resolve));
  for (let count = 0; count < 100; count++) topics.publish("a", kilobyte);
  assert.ok(written > 0, "the first chunk was written");
  await until(() => written === 100 * 1028, "the rest");
  socket.terminate();
  await socket.closed.catch(() => {});
});

test("what is published waits behind a stream and a Blob that are being sent", async () => {
  for (const extensions of ["", "permessage-deflate"]) {
    const topics = new Topics();
    const { socket, peer } = join(topics, { extensions });
    const received = read(peer, 8);
    const parts = Promise.withResolvers<string>();
    socket.send("before");
    socket.send(
      new ReadableStream<string>({
        async start(controller) {
          controller.enqueue("streamed, ");
          controller.enqueue(await parts.promise);
          controller.close();
        },
      }),
    );
    assert.equal(topics.publish("a", "published 1"), 1);
    assert.equal(topics.publish("a", kilobyte.repeat(100)), 1);
    socket.send("between");
    assert.equal(topics.publish("a", "published 2"), 1);
    assert.ok(socket.bufferedAmount >= 102_400);
    socket.send(new Blob(["blob"]));
    assert.equal(topics.publish("a", "published 3"), 1);
    await new Promise((resolve) => setTimeout(resolve, 20));
    parts.resolve("to the end");
    assert.deepEqual(await received, [
      "before",
      "streamed, to the end",
      "published 1",
      kilobyte.repeat(100),
      "between",
      "published 2",
      new TextEncoder().encode("blob"),
      "published 3",
    ]);
    assert.equal(socket.bufferedAmount, 0);
    socket.terminate();
    await socket.closed.catch(() => {});
  }
});

test("what waits behind a stream counts for maxBufferedBytes", async () => {
  const topics = new Topics();
  const { socket } = join(topics, { maxBufferedBytes: 50_000 });
  socket.send(new ReadableStream());
  const counts = new Set<number>();
  for (let count = 0; count < 100; count++) {
    counts.add(topics.publish("a", kilobyte));
  }
  assert.deepEqual([...counts], [1, 0]);
  await assert.rejects(within(socket.closed, "the end"), /maxBufferedBytes/);
  assert.equal(topics.subscriberCount("a"), 0);
});

test("a connection that closes sends what was published before", async () => {
  for (const extensions of ["", "permessage-deflate"]) {
    const topics = new Topics();
    const { socket, peer } = join(topics, { extensions });
    const large = kilobyte.repeat(200);
    topics.publish("a", large);
    topics.publish("a", "last");
    socket.close({ closeCode: 4000 });
    assert.equal(topics.publish("a", "too late"), 0);
    assert.deepEqual(await read(peer, 3), [large, "last"]);
    assert.equal((await within(peer.closed, "the end")).closeCode, 4000);
  }
});

test("what a stream's source publishes when it is cancelled is behind the message that ended its connection", async () => {
  const topics = new Topics();
  const slow = join(topics, { maxBufferedBytes: 5000 });
  const fast = join(topics);
  const received = read(fast.peer, 3);
  const sent = slow.socket.send(
    new ReadableStream<string>({
      cancel: () => void topics.publish("a", "cancelled"),
    }),
  );
  const long = "x".repeat(6000);
  try {
    assert.equal(topics.publish("a", `${long} first`), 1);
    topics.publish("a", "second");
    assert.deepEqual(await received, [`${long} first`, "second", "cancelled"]);
    await assert.rejects(sent);
  } finally {
    slow.socket.terminate();
    fast.socket.terminate();
  }
});

test("a close hook that publishes is called behind the publish() that dropped its client", async () => {
  let publishing = 0;
  let closed = 0;
  const nested: number[] = [];
  const publish = (bytes: number) => {
    publishing++;
    server.publish("all", new Uint8Array(bytes));
    publishing--;
  };
  let server!: Server;
  await serveOn("tcp", { deflate: false, maxBufferedBytes: 50_000 }, {
    open: (socket) => socket.subscribe("all"),
    close() {
      closed++;
      if (publishing > 0) nested.push(closed);
      // The next one that is slow is dropped.
      publish(60_000);
    },
  }, async (running) => {
    server = running.server;
    const count = 12;
    for (let index = 0; index < count; index++) {
      const client = await running.open();
      client.socket.pause();
    }
    await until(() => server.sockets.size === count, "all to be open");
    for (let round = 0; round < 400 && closed < count; round++) {
      publish(60_000);
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    assert.equal(closed, count, "slow ones are dropped");
    assert.deepEqual(nested, [], "within publish()");
  });
});
