/** Traffic between server processes, and what must have become of it. */

import assert from "node:assert/strict";
import { setTimeout as delay } from "node:timers/promises";
import { type WebSocketConnection, WebSocketStream } from "../../mod.ts";
import type { Runtime } from "../support/runtime.ts";
import { until } from "../support/serve_on.ts";
import { Broker } from "./brokers.ts";
import { brokerOf, type ClientName } from "./clients.ts";
import { ServerProcess } from "./server_processes.ts";

const patience = 60_000;

/** One that every broker's names have to be escaped for, or not. */
const topic = "news * of.the/day % ä";

/** A server process to be: on which runtime, with which client. */
export type Place = readonly [Runtime, ClientName];

/** The server processes by the names that their messages have: A, B, … */
export type Servers = ReadonlyMap<string, ServerProcess>;

/** Runs `use` with a broker and server processes. */
export async function withServers(
  places: readonly Place[],
  use: (servers: Servers, broker: Broker) => Promise<void>,
): Promise<void> {
  const broker = await Broker.start(brokerOf(places[0][1]));
  const started = await Promise.allSettled(
    places.map(([runtime, client]) =>
      ServerProcess.start(runtime, client, broker)
    ),
  );
  const servers = new Map<string, ServerProcess>();
  try {
    for (const [index, result] of started.entries()) {
      if (result.status === "rejected") continue;
      servers.set(String.fromCharCode(65 + index), result.value);
    }
    for (const result of started) {
      if (result.status === "rejected") throw result.reason;
    }
    await use(servers, broker);
  } finally {
    for (const server of servers.values()) await server.end();
    await broker.end();
  }
}

/** A message of a `Feed`. */
interface FedMessage {
  readonly index: number;
  /** When it was published. */
  readonly time: number;
}

/** A subscriber at one server, and what it has received, by publisher. */
class FedSubscriber {
  readonly #received = new Map<string, FedMessage[]>();
  readonly #connection: WebSocketConnection;
  /** What is wrong with a message that came. */
  wrong: string | null = null;

  private constructor(connection: WebSocketConnection) {
    this.#connection = connection;
    this.#read();
  }

  /** Subscribes. */
  static async open(server: ServerProcess): Promise<FedSubscriber> {
    const url = server.url + encodeURIComponent(topic);
    return new FedSubscriber(await new WebSocketStream(url).opened);
  }

  /** What has come of a publisher. */
  from(name: string): readonly FedMessage[] {
    return this.#received.get(name) ?? [];
  }

  /** Ends it. */
  async end(): Promise<void> {
    this.#connection.terminate();
    await this.#connection.closed.catch(() => {});
    assert.equal(this.wrong, null);
  }

  async #read(): Promise<void> {
    try {
      for await (const message of this.#connection.readable) this.#add(message);
    } catch {
      // It was ended.
    }
  }

  #add(message: string | Uint8Array): void {
    const binary = typeof message !== "string";
    const text = binary
      ? new TextDecoder().decode(message.subarray(1))
      : message;
    const index = Number(text.slice(1, 7));
    if (binary ? index % 3 > 0 || message[0] !== 0xff : index % 3 === 0) {
      this.wrong ??= `${index} ${binary} ${message}`;
    }
    const list = this.#received.get(text[0]) ?? [];
    this.#received.set(text[0], list);
    list.push({ index, time: Number(text.slice(8)) });
  }
}

/**
 * Every server publishes so many messages, in bursts, and a subscriber at each
 * must receive all of them, each publisher's in order.
 */
export async function exchange(
  places: readonly Place[],
  count: number,
): Promise<void> {
  await withServers(places, async (servers) => {
    const subscribers = await subscribeAtAll(servers);
    const feeds = [...servers].map(([name, server]) =>
      server.feed({ name, topic, count, burst: 100, interval: 0, binary: true })
    );
    await Promise.all(feeds);
    const all = Array.from({ length: count }, (_, index) => index);
    for (const subscriber of subscribers.values()) {
      for (const name of servers.keys()) {
        await until(
          () => subscriber.from(name).length >= count,
          `all messages of ${name}`,
          patience,
        );
        assert.deepEqual(subscriber.from(name).map(({ index }) => index), all);
      }
      await subscriber.end();
    }
    for (const server of servers.values()) {
      const { state, errors } = await server.state();
      assert.deepEqual(errors, []);
      assert.equal(state.connected, true);
      assert.equal(state.messagesFailed + state.messagesMissed, 0);
      assert.ok(state.messagesOut >= count, `${state.messagesOut} out`);
      assert.ok(state.messagesIn >= (servers.size - 1) * count);
    }
  });
}

/**
 * Every server publishes all the time, while the broker is killed and started
 * again. Each process's own subscriber must receive all of its own messages, and
 * of the others' all but those that were published meanwhile, each once and in
 * order; and each server must say how many it lost and how many it missed.
 */
export async function interrupt(places: readonly Place[]): Promise<void> {
  await withServers(places, async (servers, broker) => {
    const subscribers = await subscribeAtAll(servers);
    const names = [...servers.keys()];
    const feeds = [...servers].map(([name, server]) =>
      server.feed({
        name,
        topic,
        count: 900_000,
        burst: 3,
        interval: 4,
        binary: true,
      })
    );
    await delay(800);
    const killedAt = Date.now();
    await broker.kill();
    await delay(800);
    for (const server of servers.values()) {
      const { state } = await server.state();
      assert.equal(state.connected, false, "it says that the broker is away");
    }
    await broker.start();
    const startedAt = Date.now();
    for (const subscriber of subscribers.values()) {
      for (const name of names) {
        await until(
          () => (subscriber.from(name).at(-1)?.time ?? 0) > startedAt,
          `${name} again`,
          patience,
        );
      }
    }
    await delay(500);
    for (const server of servers.values()) await server.stop();
    const published = new Map(
      (await Promise.all(feeds)).map((count, place) => [names[place], count]),
    );
    for (const [at, subscriber] of subscribers) {
      for (const [name, count] of published) {
        await until(
          () => subscriber.from(name).at(-1)?.index === count - 1,
          `the last message of ${name}`,
          patience,
        );
      }
      let missing = 0;
      for (const name of names) {
        const sent = subscribers.get(name)!.from(name);
        assert.equal(
          sent.length,
          published.get(name),
          "local ones are all there",
        );
        missing += checkReceived(
          sent,
          subscriber.from(name),
          at === name,
          killedAt,
          startedAt,
        );
      }
      await checkReports(servers.get(at)!, missing);
    }
    for (const subscriber of subscribers.values()) await subscriber.end();
  });
}

/** @returns How many are missing. */
function checkReceived(
  sent: readonly FedMessage[],
  received: readonly FedMessage[],
  local: boolean,
  killedAt: number,
  startedAt: number,
): number {
  const indexes = new Set<number>();
  let last = -1;
  for (const { index } of received) {
    assert.ok(index > last, `${index} after ${last}`);
    indexes.add(index);
    last = index;
  }
  const missing = sent.filter(({ index }) => !indexes.has(index));
  if (local) assert.equal(missing.length, 0, "local ones are all there");
  else assert.ok(missing.length > 0, "nothing was lost");
  // What was on its way to the broker, or through it, when it was killed.
  const onTheWay = 500;
  const back = received.find(({ time }) => time > startedAt)!.time;
  for (const { index, time } of missing) {
    assert.ok(
      time > killedAt - onTheWay && time <= back,
      `${index} is missing, published ${
        time - killedAt
      } ms after the broker was killed; it was there again after ${
        back - killedAt
      } ms`,
    );
  }
  return missing.length;
}

/** What a server's metric and `onError` say must be what has happened. */
async function checkReports(
  server: ServerProcess,
  missing: number,
): Promise<void> {
  let { state, errors } = await server.state();
  const total = (pattern: RegExp): number =>
    errors.reduce(
      (sum, error) => sum + Number(pattern.exec(error)?.[1] ?? 0),
      0,
    );
  const missed = () => total(/(\d+) messages that other processes/);
  for (let attempt = 0; missed() < missing && attempt < 50; attempt++) {
    await delay(100);
    ({ state, errors } = await server.state());
  }
  assert.equal(state.connected, true);
  assert.equal(state.messagesMissed, missing, "missed");
  assert.equal(missed(), missing, "missed, as reported");
  assert.ok(state.messagesFailed > 0, "some were not relayed");
  assert.equal(
    total(/(\d+) messages were not relayed/),
    state.messagesFailed,
    "not relayed, as reported",
  );
  const away = errors.filter((error) => error.includes("broker is away"));
  assert.equal(away.length, 1, errors.join("\n"));
}

/** Resolves when what any server publishes reaches a subscriber at each. */
async function subscribeAtAll(
  servers: Servers,
): Promise<Map<string, FedSubscriber>> {
  const subscribers = new Map(
    await Promise.all(
      [...servers].map(async ([name, server]) =>
        [name, await FedSubscriber.open(server)] as const
      ),
    ),
  );
  const deadline = performance.now() + patience;
  for (const [name, server] of servers) {
    const probe = name.toLowerCase();
    const reached = () =>
      [...subscribers.values()].every((subscriber) =>
        subscriber.from(probe).length > 0
      );
    while (!reached()) {
      assert.ok(performance.now() < deadline, `${name} reaches all`);
      await server.feed({
        name: probe,
        topic,
        count: 1,
        burst: 1,
        interval: 0,
        binary: true,
      });
      await delay(20);
    }
  }
  return subscribers;
}
