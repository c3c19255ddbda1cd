// Who gets what is published.

import assert from "node:assert/strict";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { test } from "node:test";
import {
  accept,
  createUpgradeHandler,
  type Handler,
  type Publishable,
  serve,
  Topics,
  type WebSocketConnection,
} from "../../mod.ts";
import { duplexPair } from "../support/duplex_pair.ts";
import { until, within } from "../support/serve_on.ts";
import { serveTopics, Subscriber } from "./subscribers.ts";

/** Subscribes each connection to what its query names. */
const subscribing: Handler = (socket) => {
  for (const name of new URL(socket.url).searchParams.getAll("topic")) {
    socket.subscribe(name);
  }
};

function bytes(...values: number[]): Uint8Array<ArrayBuffer> {
  return new Uint8Array(values);
}

test("a message goes to all that are subscribed, and to nobody else", async () => {
  await serveTopics("tcp", {}, subscribing, async ({ server }) => {
    const a = await Subscriber.open(`${server.url}?topic=a`);
    const b = await Subscriber.open(`${server.url}?topic=b`);
    const both = await Subscriber.open(`${server.url}?topic=a&topic=b`);
    const none = await Subscriber.open(server.url);
    assert.equal(server.topics.subscriberCount("a"), 2);
    assert.equal(server.publish("a", "to a"), 2);
    assert.equal(server.publish("b", "to b"), 2);
    assert.equal(server.topics.publish("c", "to nobody"), 0);
    for (const socket of server.sockets) socket.send("end");
    assert.deepEqual(await a.upTo("end"), ["to a"]);
    assert.deepEqual(await b.upTo("end"), ["to b"]);
    assert.deepEqual(await both.upTo("end"), ["to a", "to b"]);
    assert.deepEqual(await none.upTo("end"), []);
  });
});

test("topics that differ in lone surrogates only are one", async () => {
  await serveTopics("tcp", {}, {}, async ({ server }) => {
    const client = await Subscriber.open(server.url);
    const [socket] = server.sockets;
    socket.subscribe("\ud800 a");
    socket.subscribe("\udfff a");
    assert.deepEqual([...socket.topics], ["\ufffd a"]);
    for (const topic of ["\ud800 a", "\udc00 a", "\ufffd a"]) {
      assert.equal(server.topics.subscriberCount(topic), 1);
      assert.equal(server.publish(topic, topic), 1);
    }
    socket.publish("\ud800 a", "not to itself");
    socket.unsubscribe("\ud805 a");
    assert.equal(server.topics.subscriberCount("\ud800 a"), 0);
    assert.deepEqual([...socket.topics], []);
    socket.send("end");
    assert.equal((await client.upTo("end")).length, 3);
  });
});

test("text and every form of bytes arrive as what they are, though changed at once", async () => {
  await serveTopics("tcp", {}, subscribing, async ({ server }) => {
    const first = await Subscriber.open(`${server.url}?topic=a`);
    const second = await Subscriber.open(`${server.url}?topic=a`);
    const memory = bytes(0, 1, 2, 3, 4, 5, 6, 7);
    const large = new Uint8Array(200_000).fill(7);
    const messages: Publishable[] = [
      "",
      "plain",
      "\u00fcml\u00e4ut \u{1f30a}".repeat(1000),
      new Uint8Array(0),
      memory.subarray(2, 5),
      new DataView(memory.buffer, 1, 2),
      memory.buffer,
      large,
    ];
    for (const message of messages) {
      assert.equal(server.publish("a", message), 2);
    }
    memory.fill(255);
    large.fill(255);
    for (const client of [first, second]) {
      assert.deepEqual(await client.take(messages.length), [
        ...messages.slice(0, 3),
        bytes(),
        bytes(2, 3, 4),
        bytes(1, 2),
        bytes(0, 1, 2, 3, 4, 5, 6, 7),
        new Uint8Array(200_000).fill(7),
      ]);
    }
  });
});

test("what one receiver does with its bytes does not reach another", async () => {
  await serveTopics(
    "tcp",
    { deflate: false },
    subscribing,
    async ({ server }) => {
      const clients = await Promise.all(
        [1, 2, 3].map(() => Subscriber.open(`${server.url}?topic=a`)),
      );
      server.publish("a", bytes(1, 2, 3));
      server.publish("a", new Uint8Array(100_000).fill(1));
      for (const client of clients) {
        const [small, large] = await client.take(2) as Uint8Array[];
        assert.deepEqual([...small], [1, 2, 3]);
        assert.ok(large.every((byte) => byte === 1));
        small.fill(9);
        large.fill(9);
      }
    },
  );
});

test("socket.publish() goes to all others, server.publish() can leave one out", async () => {
  const sockets: WebSocketConnection[] = [];
  await serveTopics("tcp", {}, {
    open(socket) {
      sockets.push(socket);
      socket.subscribe("room");
    },
    message(socket, message) {
      assert.equal(socket.publish("room", message), 2);
    },
  }, async ({ server }) => {
    const clients: Subscriber[] = [];
    for (let index = 0; index < 3; index++) {
      clients.push(await Subscriber.open(server.url));
    }
    clients[1].connection.send("from 1");
    assert.equal(await clients[0].next(), "from 1");
    assert.equal(await clients[2].next(), "from 1");
    const [, , third] = sockets;
    assert.equal(server.publish("room", "not 2", { exclude: third }), 2);
    third.unsubscribe("room");
    assert.equal(third.publish("room", "from outside"), 2);
    for (const socket of sockets) socket.send("end");
    assert.deepEqual(await clients[0].upTo("end"), ["not 2", "from outside"]);
    assert.deepEqual(await clients[1].upTo("end"), ["not 2", "from outside"]);
    assert.deepEqual(await clients[2].upTo("end"), []);
  });
});

test("`topics` follows subscriptions, and topics vanish with their last one", async () => {
  let socket: WebSocketConnection | undefined;
  await serveTopics("tcp", {}, (opened) => {
    socket = opened;
  }, async ({ server }) => {
    await Subscriber.open(server.url);
    await until(() => socket !== undefined, "the connection");
    const { topics } = socket!;
    assert.deepEqual([...topics], []);
    for (const name of ["b", "", "a", "b", "\u{1f30a}", "__proto__"]) {
      socket!.subscribe(name);
    }
    assert.deepEqual([...topics], ["b", "", "a", "\u{1f30a}", "__proto__"]);
    assert.equal(topics.has(""), true);
    assert.equal(topics.size, 5);
    assert.equal(server.topics.subscriberCount("b"), 1);
    assert.equal(server.publish("", "empty name"), 1);
    assert.equal(server.publish("\u{1f30a}", "two halves"), 1);
    socket!.unsubscribe("b");
    socket!.unsubscribe("b");
    socket!.unsubscribe("never there");
    assert.deepEqual([...topics], ["", "a", "\u{1f30a}", "__proto__"]);
    assert.equal(server.topics.subscriberCount("b"), 0);
    assert.equal(server.publish("b", "to nobody"), 0);
    for (const name of topics) socket!.unsubscribe(name);
    assert.equal(topics.size, 0);
    assert.equal(server.topics.subscriberCount(""), 0);
  });
});

test("subscriptions end with the connection; the close hook still knows them", async () => {
  const closed: unknown[] = [];
  await serveTopics("tcp", {}, {
    open(socket) {
      socket.subscribe("room");
      socket.subscribe("hall");
    },
    message(socket) {
      socket.terminate();
    },
    close(socket) {
      closed.push([...socket.topics]);
      for (const topic of socket.topics) {
        closed.push(socket.publish(topic, `left ${topic}`));
      }
      socket.subscribe("too late");
      socket.unsubscribe("hall");
      closed.push([...socket.topics]);
    },
  }, async ({ server }) => {
    const stays = await Subscriber.open(server.url);
    for (const ending of ["close", "terminate"]) {
      closed.length = 0;
      const goes = await Subscriber.open(server.url);
      await until(
        () => server.topics.subscriberCount("room") === 2,
        "the subscription",
      );
      if (ending === "close") goes.connection.close();
      else goes.connection.send("terminate me");
      assert.deepEqual(await stays.take(2), ["left room", "left hall"]);
      assert.deepEqual(closed, [["room", "hall"], 1, 1, ["room"]]);
      assert.equal(server.topics.subscriberCount("room"), 1);
      assert.equal(server.topics.subscriberCount("hall"), 1);
      assert.equal(server.topics.subscriberCount("too late"), 0);
    }
  });
});

test("one that closes gets nothing more, and can't be subscribed", async () => {
  const sockets: WebSocketConnection[] = [];
  await serveTopics("tcp", {}, (socket) => {
    sockets.push(socket);
    socket.subscribe("a");
  }, async ({ server }) => {
    const first = await Subscriber.open(server.url);
    const second = await Subscriber.open(server.url);
    await until(() => sockets.length === 2, "the connections");
    assert.equal(server.publish("a", "before"), 2);
    sockets[0].close();
    sockets[0].subscribe("b");
    assert.equal(server.topics.subscriberCount("b"), 0);
    assert.equal(server.publish("a", "after"), 1);
    assert.equal(await first.next(), "before");
    await assert.rejects(first.next(), /has closed/);
    assert.deepEqual(await second.take(2), ["before", "after"]);
  });
});

test("subscribing, unsubscribing and closing between publishes take effect at once", async () => {
  const sockets: WebSocketConnection[] = [];
  await serveTopics("tcp", {}, (socket) => {
    sockets.push(socket);
  }, async ({ server }) => {
    const clients: Subscriber[] = [];
    for (let index = 0; index < 3; index++) {
      clients.push(await Subscriber.open(server.url));
      await until(() => sockets.length === index + 1, "the connection");
    }
    const counts: number[] = [];
    for (let turn = 0; turn < 6; turn++) {
      if (turn === 1) sockets[0].subscribe("a");
      if (turn === 2) sockets[1].subscribe("a");
      if (turn === 3) sockets[2].subscribe("a");
      if (turn === 4) sockets[0].unsubscribe("a");
      if (turn === 5) sockets[1].close();
      counts.push(server.publish("a", String(turn)));
    }
    assert.deepEqual(counts, [0, 1, 2, 3, 2, 1]);
    sockets[0].send("end");
    sockets[2].send("end");
    assert.deepEqual(await clients[0].upTo("end"), ["1", "2", "3"]);
    assert.deepEqual(await clients[1].take(3), ["2", "3", "4"]);
    assert.deepEqual(await clients[2].upTo("end"), ["3", "4", "5"]);
  });
});

test("servers that are given the same Topics share them", async () => {
  const topics = new Topics();
  const open: Handler = { open: (socket) => socket.subscribe("news") };
  const own = createServer();
  own.on("upgrade", createUpgradeHandler({ topics }, open));
  await new Promise<void>((resolve) => own.listen(0, "127.0.0.1", resolve));
  const server = serve({ hostname: "127.0.0.1", port: 0, topics }, open);
  const other = serve({ hostname: "127.0.0.1", port: 0 }, open);
  await Promise.all([server.ready, other.ready]);
  try {
    assert.equal(server.topics, topics);
    assert.notEqual(other.topics, topics);
    const { port } = own.address() as AddressInfo;
    const first = await Subscriber.open(`ws://127.0.0.1:${port}/`);
    const second = await Subscriber.open(server.url);
    const third = await Subscriber.open(other.url);
    await until(() => topics.subscriberCount("news") === 2, "subscriptions");
    assert.equal(topics.publish("news", "for two"), 2);
    assert.equal(await first.next(), "for two");
    assert.equal(await second.next(), "for two");
    assert.equal(other.publish("news", "for one"), 1);
    assert.equal(await third.next(), "for one");
    await Promise.all([first.close(), second.close(), third.close()]);
    await until(() => topics.subscriberCount("news") === 0, "the end");
  } finally {
    await Promise.all([server.shutdown(), other.shutdown()]);
    own.close();
  }
});

test("accept() takes part in the topics that it is given, in either role", async () => {
  const topics = new Topics();
  const request = new Request("http://localhost/");
  for (const role of ["server", "client"] as const) {
    const [near, far] = duplexPair();
    const socket = accept(near, { request, role, topics });
    const peer = accept(far, {
      request,
      role: role === "server" ? "client" : "server",
    });
    socket.subscribe("a");
    assert.equal(topics.publish("a", "one"), 1);
    assert.equal(topics.publish("a", bytes(1, 2)), 1);
    assert.equal(topics.publish("a", "x".repeat(100_000)), 1);
    const reader = peer.readable.getReader();
    for (const expected of ["one", bytes(1, 2), "x".repeat(100_000)]) {
      const { value } = await within(reader.read(), "a message");
      assert.deepEqual(value, expected);
    }
    assert.throws(() => peer.subscribe("a"), TypeError);
    assert.throws(() => peer.unsubscribe("a"), TypeError);
    assert.throws(() => peer.publish("a", "b"), /accept\(\)/);
    assert.equal(peer.topics.size, 0);
    peer.close();
    await within(socket.closed, "the end");
    assert.equal(topics.subscriberCount("a"), 0);
  }
});

test("what is published in one turn goes out in one write", async () => {
  const topics = new Topics();
  const request = new Request("http://localhost/");
  const chunks: number[] = [];
  let written = 0;
  const socket = accept({
    readable: new ReadableStream(),
    writable: new WritableStream({
      write(chunk) {
        chunks.push(chunk.length);
        written += chunk.length;
      },
    }),
  }, { request, topics });
  socket.subscribe("a");
  socket.subscribe("b");
  const turns = 150;
  const length = 100 * 12 + 10 * 5;
  let divided = 0;
  for (let turn = 1; turn <= turns; turn++) {
    chunks.length = 0;
    for (let count = 0; count < 100; count++) {
      topics.publish(count % 3 === 0 ? "a" : "b", "0123456789");
      if (count % 10 === 0) socket.send("own");
    }
    await until(() => written >= turn * length, "what was published");
    assert.equal(written, turn * length);
    // What was published first, and all the rest behind it.
    if (chunks.length > 2) divided++;
    assert(chunks.length <= 5, `${chunks.length} chunks`);
  }
  // Memory of 64 KiB has ended meanwhile: that of published frames and that of
  // all others, two or three times each.
  assert(divided <= 10, `${divided} of ${turns} turns had more than two`);
  socket.terminate();
  await socket.closed.catch(() => {});
});

test("what can't be published or subscribed to is refused", async () => {
  await serveTopics("tcp", {}, subscribing, async ({ server }) => {
    await Subscriber.open(`${server.url}?topic=a`);
    const [socket] = server.sockets;
    for (const message of [undefined, null, 1, {}, [], new Blob(["x"])]) {
      for (const topic of ["a", "nobody is here"]) {
        assert.throws(
          () => server.publish(topic, message as string),
          (error) =>
            error instanceof TypeError && /JSON\.stringify/.test(error.message),
          String(message),
        );
      }
    }
    for (const topic of [undefined, null, 1, {}, Symbol("a")]) {
      const wrong = topic as string;
      assert.throws(() => server.publish(wrong, "x"), /a topic is a string/);
      assert.throws(() => socket.publish(wrong, "x"), /a topic is a string/);
      assert.throws(() => socket.subscribe(wrong), /a topic is a string/);
      assert.throws(() => socket.unsubscribe(wrong), /a topic is a string/);
    }
    const exclude = {} as WebSocketConnection;
    assert.throws(() => server.publish("a", "x", { exclude }), /exclude/);
    assert.throws(
      () => serve({ topics: new Map() as unknown as Topics }, () => {}),
      /of the class Topics/,
    );
    assert.deepEqual([...socket.topics], ["a"]);
  });
});
