/**
 * Many subscribers at two server processes on different runtimes, on a real
 * Redis, and many publishes from either side. Every subscriber must have all of
 * them, each publisher's in order; with an interruption, the broker is killed and
 * started again half-way, and only what was published meanwhile may be missing,
 * which the servers must say.
 *
 *     node tests/backplane/load.ts                     1,000 subscribers at each, 10,000 publishes from each
 *     node tests/backplane/load.ts interrupt           the same, with an interruption
 *     node tests/backplane/load.ts 100 1000            fewer of both
 */

import assert from "node:assert/strict";
import { connect, type Socket } from "node:net";
import process from "node:process";
import { setTimeout as delay } from "node:timers/promises";
import { pathToFileURL } from "node:url";
import { within } from "../support/serve_on.ts";
import type { ServerProcess } from "./server_processes.ts";
import { type Place, withServers } from "./traffic.ts";

const topic = "load";
const patience = 180_000;

/** How much there shall be. */
export interface Load {
  readonly places: readonly [Place, Place];
  /** How many subscribers there are at each server. */
  readonly subscribers: number;
  /** How many messages each server publishes, 500 a second. */
  readonly publishes: number;
  /** Whether the broker is killed and started again half-way. */
  readonly interrupt: boolean;
}

/** What came of it. */
export interface LoadResult {
  /** Messages that all subscribers together have received. */
  readonly received: number;
  /** By server, how many of the other's messages each of its subscribers misses. */
  readonly missing: readonly number[];
  /** From the first publish to the last receipt. */
  readonly seconds: number;
}

/** Puts a load on two servers, and checks what every subscriber receives. */
export async function runLoad(load: Load): Promise<LoadResult> {
  let result: LoadResult | undefined;
  await withServers(load.places, async (servers, broker) => {
    const subscribers: CountingSubscriber[] = [];
    try {
      for (const [name, server] of servers) {
        while (
          subscribers.filter(({ at }) => at === name).length < load.subscribers
        ) {
          const missing = load.subscribers -
            subscribers.filter(({ at }) => at === name).length;
          const opening = Array.from(
            { length: Math.min(45, missing) },
            () => CountingSubscriber.open(name, server),
          );
          subscribers.push(...await Promise.all(opening));
        }
      }
      await probe(servers, subscribers);
      const started = performance.now();
      const feeds = [...servers].map(([name, server]) =>
        server.feed({
          name,
          topic,
          count: load.publishes,
          burst: 10,
          interval: 20,
          binary: false,
        })
      );
      const away = { from: 0, to: 0 };
      if (load.interrupt) {
        await delay(load.publishes / 10 * 20 / 2);
        away.from = Date.now();
        await broker.kill();
        await delay(1000);
        await broker.start();
        away.to = Date.now();
      }
      await Promise.all(feeds);
      // What comes after shows that nothing is on its way any more.
      const probes = await probe(servers, subscribers);
      const seconds = (performance.now() - started) / 1000;
      const missing = [...servers.keys()].map((at) =>
        checkSubscribers(
          subscribers.filter((each) => each.at === at),
          away,
          load,
        )
      );
      const reported: number[] = [];
      for (const server of servers.values()) {
        const { state, errors } = await server.state();
        reported.push(state.messagesMissed);
        const away = errors.filter((error) => error.includes("is away"));
        assert.equal(away.length, load.interrupt ? 1 : 0, errors.join("\n"));
      }
      // Probes are published one after the other, and some while it is away.
      const probed = [...servers.keys()].map((at) => {
        const [other] = [...servers.keys()].filter((name) => name !== at);
        const subscriber = subscribers.find((each) => each.at === at)!;
        return probes.get(other)! - subscriber.probesFrom(other);
      });
      assert.deepEqual(
        reported,
        missing.map((count, index) => count + probed[index]),
      );
      const received = subscribers.reduce((sum, { count }) => sum + count, 0);
      result = { received, missing, seconds };
    } finally {
      for (const subscriber of subscribers) subscriber.end();
    }
  });
  return result!;
}

/** @returns How many of the other server's messages each of them misses. */
function checkSubscribers(
  subscribers: readonly CountingSubscriber[],
  away: { from: number; to: number },
  { publishes, interrupt }: Load,
): number {
  const [first] = subscribers;
  const [other] = ["A", "B"].filter((name) => name !== first.at);
  for (const subscriber of subscribers) {
    assert.equal(subscriber.wrong, null);
    assert.deepEqual(
      subscriber.from(first.at).gaps,
      [],
      "local ones are there",
    );
    assert.deepEqual(subscriber.from(other).gaps, first.from(other).gaps);
  }
  const { gaps, next, time } = first.from(other);
  let missing = publishes - next;
  if (missing > 0) assert.ok(time > away.from - 500, "a gap at the end");
  for (const { from, to, after, before } of gaps) {
    missing += to - from;
    // What was on its way to the broker, or through it, when it was killed.
    assert.ok(after > away.from - 500, `a gap at ${after - away.from} ms`);
    assert.ok(before < away.to + 5000, `a gap to ${before - away.to} ms`);
  }
  assert.ok(interrupt ? missing > 0 : missing === 0, `${missing} missing`);
  return missing;
}

/** What is missing between two messages that came. */
interface Gap {
  readonly from: number;
  readonly to: number;
  /** When the last message before it was published. */
  readonly after: number;
  /** When the first message after it was published. */
  readonly before: number;
}

/** How far a subscriber is with a publisher. */
class Progress {
  next = 0;
  time = 0;
  readonly gaps: Gap[] = [];
}

const messageLength = 21;
const frameLength = 2 + messageLength;

/** Reads frames as they are, as a WebSocket each would be the larger load. */
class CountingSubscriber {
  /** At which server it is. */
  readonly at: string;
  readonly #socket: Socket;
  readonly #progress = new Map<number, Progress>();
  #rest = new Uint8Array(0);
  /** How many messages of feeds have come. */
  count = 0;
  /** What was not as it must be. */
  wrong: string | null = null;

  private constructor(at: string, socket: Socket) {
    this.at = at;
    this.#socket = socket;
    for (const name of "ABab") {
      this.#progress.set(name.charCodeAt(0), new Progress());
    }
  }

  static async open(
    at: string,
    server: ServerProcess,
  ): Promise<CountingSubscriber> {
    const { hostname, port } = new URL(server.url);
    const socket = connect(Number(port), hostname);
    const subscriber = new CountingSubscriber(at, socket);
    const opened = Promise.withResolvers<void>();
    let head = "";
    socket.on("error", opened.reject);
    socket.on("close", () => opened.reject(new Error("no handshake")));
    socket.on("data", (chunk: Uint8Array) => {
      if (head.endsWith("\r\n\r\n")) {
        subscriber.#read(chunk);
        return;
      }
      head += new TextDecoder("latin1").decode(chunk);
      if (head.endsWith("\r\n\r\n")) opened.resolve();
    });
    socket.write(
      `GET /${topic} HTTP/1.1\r\nHost: ${hostname}:${port}\r\n` +
        "Upgrade: websocket\r\nConnection: Upgrade\r\n" +
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n" +
        "Sec-WebSocket-Version: 13\r\n\r\n",
    );
    await within(opened.promise, "the handshake", 30_000);
    return subscriber;
  }

  /** What has come of a publisher. */
  from(name: string): Progress {
    return this.#progress.get(name.charCodeAt(0))!;
  }

  /** How many probes of a publisher have come. */
  probesFrom(name: string): number {
    return this.from(name.toLowerCase()).next;
  }

  /** Counts probes from 0. */
  forgetProbes(): void {
    for (const name of "ab") this.from(name).next = 0;
  }

  end(): void {
    this.#socket.destroy();
  }

  #read(chunk: Uint8Array): void {
    let bytes = chunk;
    if (this.#rest.length > 0) {
      bytes = new Uint8Array(this.#rest.length + chunk.length);
      bytes.set(this.#rest);
      bytes.set(chunk, this.#rest.length);
    }
    let start = 0;
    for (; bytes.length - start >= frameLength; start += frameLength) {
      this.#take(bytes, start);
    }
    this.#rest = bytes.slice(start);
  }

  #take(bytes: Uint8Array, start: number): void {
    const progress = this.#progress.get(bytes[start + 2]);
    if (
      bytes[start] !== 0x81 || bytes[start + 1] !== messageLength ||
      progress === undefined
    ) {
      this.wrong ??= `a frame ${bytes.subarray(start, start + frameLength)}`;
      return;
    }
    const index = digits(bytes, start + 3, 6);
    if (bytes[start + 2] >= 0x61) {
      progress.next++;
      return;
    }
    const time = digits(bytes, start + 10, 13);
    if (index < progress.next) {
      this.wrong ??= `${index} in place of ${progress.next}`;
    } else if (index > progress.next) {
      progress.gaps.push({
        from: progress.next,
        to: index,
        after: progress.time,
        before: time,
      });
    }
    progress.next = index + 1;
    progress.time = time;
    this.count++;
  }
}

function digits(bytes: Uint8Array, start: number, length: number): number {
  let value = 0;
  for (let index = start; index < start + length; index++) {
    value = value * 10 + bytes[index] - 0x30;
  }
  return value;
}

/**
 * Publishes at each server until all subscribers have got something.
 *
 * @returns How many messages each has published.
 */
async function probe(
  servers: ReadonlyMap<string, ServerProcess>,
  subscribers: readonly CountingSubscriber[],
): Promise<Map<string, number>> {
  const deadline = performance.now() + patience;
  const sent = new Map<string, number>();
  for (const subscriber of subscribers) subscriber.forgetProbes();
  for (const [name, server] of servers) {
    let count = 0;
    while (!subscribers.every((each) => each.probesFrom(name) > 0)) {
      assert.ok(performance.now() < deadline, `${name} reaches all`);
      await server.feed({
        name: name.toLowerCase(),
        topic,
        count: 1,
        burst: 1,
        interval: 0,
        binary: false,
      });
      count++;
      await delay(100);
    }
    sent.set(name, count);
  }
  return sent;
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) {
  const parameters = process.argv.slice(2);
  const [subscribers = 1000, publishes = 10_000] = parameters
    .map(Number).filter((number) => !Number.isNaN(number));
  const interrupt = parameters.includes("interrupt");
  const places = [["bun", "bun"], ["node", "node-redis"]] as const;
  const { received, missing, seconds } = await runLoad({
    places,
    subscribers,
    publishes,
    interrupt,
  });
  console.log(
    `${subscribers} subscribers at each of ${
      places.join(" and ")
    }, ${publishes} publishes from each: ` +
      `${received} messages received in order in ${seconds.toFixed(1)} s; ` +
      `missing at each subscriber ${missing.join(" and ")}, as its server says`,
  );
}
