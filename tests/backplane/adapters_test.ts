// What the backplanes of Redis and NATS refuse, and what they make of names and
// bytes. How they do on real brokers stands in redis_test.ts and nats_test.ts.

import assert from "node:assert/strict";
import { test } from "node:test";
import {
  NatsBackplane,
  type NatsConnection,
} from "../../src/backplane/nats.ts";
import {
  type BunRedisClient,
  type NodeRedisClient,
  RedisBackplane,
  type RedisClient,
} from "../../src/backplane/redis.ts";

type Listener = (message: Uint8Array) => void;

/** As a client of node-redis, with what it was asked. */
class RecordingRedis implements NodeRedisClient {
  isReady = true;
  failing: Error | null = null;
  readonly published: [string, Uint8Array][] = [];
  readonly listeners = new Map<string, Listener>();

  publish(channel: string, message: string | Uint8Array): Promise<unknown> {
    assert.ok(typeof message !== "string");
    this.published.push([channel, message]);
    return Promise.resolve(1);
  }
  subscribe(channel: string, listener: Listener): Promise<unknown> {
    if (this.failing !== null) return Promise.reject(this.failing);
    this.listeners.set(channel, listener);
    return Promise.resolve();
  }
  unsubscribe(channel: string): Promise<unknown> {
    this.listeners.delete(channel);
    return Promise.resolve();
  }
}

const decoder = new TextDecoder("utf-8", { fatal: true });

test("on Redis, all that is published is text, and comes back as the bytes that it was", async () => {
  const publisher = new RecordingRedis();
  const subscriber = new RecordingRedis();
  const backplane = new RedisBackplane({ publisher, subscriber });
  const received: Uint8Array[] = [];
  await backplane.subscribe("a", (payload) => received.push(payload));
  const payloads = [
    new TextEncoder().encode("grüße\u0000"),
    new Uint8Array(0),
    Uint8Array.of(0xef, 0xbb, 0xbf, 0x61),
    Uint8Array.from({ length: 1000 }, (_, index) => index * 7),
    new Uint8Array([9, 0xff, 0xc3, 9]).subarray(1, 3),
  ];
  for (const payload of payloads) await backplane.publish("a", payload);
  for (const [channel, message] of publisher.published) {
    assert.equal(channel, "weir:a");
    assert.doesNotThrow(() => decoder.decode(message));
    subscriber.listeners.get("weir:a")!(message);
  }
  assert.deepEqual(
    received.map((bytes) => [...bytes]),
    payloads.map((bytes) => [...bytes]),
  );
});

test("on Redis, the prefix stands before any topic", async () => {
  const publisher = new RecordingRedis();
  const subscriber = new RecordingRedis();
  const backplane = new RedisBackplane({ publisher, subscriber, prefix: "x/" });
  await backplane.publish("", new Uint8Array(1));
  await backplane.publish("ü b\ud800", new Uint8Array(1));
  assert.deepEqual(
    publisher.published.map(([channel]) => channel),
    ["x/", "x/ü b\ufffd"],
  );
});

test("on Redis, a topic is subscribed once, and again after it has failed", async () => {
  const subscriber = new RecordingRedis();
  const publisher = new RecordingRedis();
  const backplane = new RedisBackplane({ publisher, subscriber });
  subscriber.failing = new Error("no");
  await assert.rejects(backplane.subscribe("a", () => {}), /^Error: no/);
  subscriber.failing = null;
  await backplane.subscribe("a", () => {});
  await assert.rejects(
    backplane.subscribe("a", () => {}),
    /^Error: the topic "a" is subscribed already: a backplane serves one Topics/,
  );
  await backplane.unsubscribe("a");
  await backplane.subscribe("a", () => {});
});

test("on Redis, it is connected while both clients are", () => {
  const publisher = new RecordingRedis();
  const subscriber = { status: "ready", on() {} } as unknown as RedisClient & {
    status: string;
  };
  const backplane = new RedisBackplane({ publisher, subscriber });
  assert.equal(backplane.connected, true);
  subscriber.status = "reconnecting";
  assert.equal(backplane.connected, false);
  subscriber.status = "ready";
  publisher.isReady = false;
  assert.equal(backplane.connected, false);
});

/** A client of Bun's kind, of which each method is made by its name. */
function bunRedisClient(
  call: (name: string) => (channel: string) => Promise<void>,
): BunRedisClient {
  return {
    connected: true,
    onconnect: null,
    publish: call("publish"),
    subscribe: call("subscribe"),
    unsubscribe: call("unsubscribe"),
  };
}

test("Bun's client subscribes again when it has connected again", async () => {
  const calls: string[] = [];
  const call = (name: string) => (channel: string) => {
    calls.push(`${name} ${channel}`);
    return Promise.resolve();
  };
  let connects = 0;
  const subscriber = bunRedisClient(call);
  subscriber.onconnect = () => connects++;
  const publisher = bunRedisClient(call);
  const backplane = new RedisBackplane({ publisher, subscriber });
  await backplane.subscribe("a", () => {});
  await backplane.subscribe("b", () => {});
  await backplane.unsubscribe("a");
  calls.length = 0;
  subscriber.onconnect?.();
  assert.deepEqual(calls, ["unsubscribe weir:b", "subscribe weir:b"]);
  assert.equal(connects, 1, "the application's own is called as well");
});

test("Bun's client subscribes again to what it lost the connection at while it unsubscribed", async () => {
  const calls: string[] = [];
  let lost = false;
  const call = (name: string) => (channel: string) => {
    calls.push(`${name} ${channel}`);
    return lost
      ? Promise.reject(new Error("Connection closed"))
      : Promise.resolve();
  };
  const subscriber = bunRedisClient(call);
  const publisher = bunRedisClient(call);
  const backplane = new RedisBackplane({ publisher, subscriber });
  await backplane.subscribe("a", () => {});
  lost = true;
  await assert.rejects(backplane.unsubscribe("a"), /Connection closed/);
  lost = false;
  calls.length = 0;
  subscriber.onconnect?.();
  assert.deepEqual(calls, ["unsubscribe weir:a", "subscribe weir:a"]);
  await backplane.unsubscribe("a");
  calls.length = 0;
  subscriber.onconnect?.();
  assert.deepEqual(calls, []);
});

test("what is no client of Redis is refused", () => {
  const publisher = new RecordingRedis();
  const wrong: unknown[] = [undefined, null, "redis://", {}, new Map()];
  for (const subscriber of wrong as RedisClient[]) {
    assert.throws(
      () => new RedisBackplane({ publisher, subscriber }),
      /^TypeError: the option `subscriber` is a client of ioredis, of node-redis or Bun's RedisClient, not /,
    );
  }
  assert.throws(
    () => new RedisBackplane({ publisher, subscriber: publisher }),
    /^TypeError: .* are the same client/,
  );
});

/** As a connection of NATS, with what it was asked. */
function recordingNats() {
  const subjects: string[] = [];
  const flushes: PromiseWithResolvers<void>[] = [];
  const connection: NatsConnection = {
    publish: (subject) => void subjects.push(subject),
    subscribe: () => ({ unsubscribe() {} }),
    flush() {
      const flush = Promise.withResolvers<void>();
      flushes.push(flush);
      return flush.promise;
    },
    isClosed: () => false,
    async *status() {
      yield* [];
      await new Promise(() => {});
    },
  };
  return { connection, subjects, flushes };
}

test("on NATS, a topic is one token", () => {
  const { connection, subjects } = recordingNats();
  const backplane = new NatsBackplane(connection);
  const topics = ["", "room.1", "*", "a > b", "ü\ud800", "%2E", "a-b_c"];
  for (const topic of topics) backplane.publish(topic, new Uint8Array(1));
  assert.deepEqual(subjects, [
    "weir.%",
    "weir.room%2E1",
    "weir.%2A",
    "weir.a%20%3E%20b",
    "weir.%C3%BC%EF%BF%BD",
    "weir.%252E",
    "weir.a-b_c",
  ]);
});

test("on NATS, a topic with a long name goes by its hash, as the server takes no long lines", () => {
  const { connection, subjects } = recordingNats();
  const prefix = "x".repeat(512);
  const topics = [
    "a".repeat(1024),
    "a".repeat(1025),
    "a".repeat(1026),
    ".".repeat(342),
    "\u623f".repeat(460),
    "\u623f".repeat(460) + "\ud800",
    "a".repeat(1_000_000),
  ];
  for (const options of [{}, { prefix }] as { prefix?: string }[]) {
    const backplane = new NatsBackplane(connection, options);
    for (const topic of topics) {
      backplane.publish(topic, new Uint8Array(1));
      backplane.publish(topic, new Uint8Array(1));
    }
    const used = subjects.splice(0);
    assert.equal(new Set(used).size, topics.length);
    for (const [index, subject] of used.entries()) {
      assert.equal(subject, used[index - index % 2], "the same each time");
    }
    const rest = (options.prefix ?? "weir.").length;
    assert.equal(used[0].slice(rest), topics[0]);
    for (const subject of used.slice(2)) {
      assert.match(subject.slice(rest), /^%%[0-9a-f]{64}$/);
    }
  }
});

test("on NATS, those who publish at the same time wait for one answer", async () => {
  const { connection, flushes } = recordingNats();
  const backplane = new NatsBackplane(connection);
  const ended: string[] = [];
  const publish = async (name: string) => {
    try {
      await backplane.publish("a", new Uint8Array(1));
      ended.push(name);
    } catch (error) {
      ended.push(`${name}: ${(error as Error).message}`);
    }
  };
  const first = [publish("1"), publish("2"), publish("3")];
  assert.equal(flushes.length, 1);
  flushes[0].resolve();
  await first[0];
  await new Promise((resolve) => setTimeout(resolve));
  assert.deepEqual(ended, ["1"]);
  assert.equal(flushes.length, 2);
  const last = publish("4");
  flushes[1].reject(new Error("disconnected"));
  await Promise.all(first);
  await new Promise((resolve) => setTimeout(resolve));
  assert.equal(flushes.length, 3);
  flushes[2].resolve();
  await last;
  assert.deepEqual(ended, ["1", "2: disconnected", "3: disconnected", "4"]);
});

test("what is no connection of NATS is refused, and so is a prefix that is no subject", () => {
  for (const wrong of [undefined, null, "nats://", {}] as NatsConnection[]) {
    assert.throws(
      () => new NatsBackplane(wrong),
      /^TypeError: a NatsBackplane is made with a connection/,
    );
  }
  const { connection } = recordingNats();
  const prefixes = ["a b.", "*.", ">", "x".repeat(513), 1 as never];
  for (const prefix of prefixes) {
    assert.throws(
      () => new NatsBackplane(connection, { prefix }),
      /^TypeError: the option `prefix` is the beginning of a subject, of at most 512/,
    );
  }
});
