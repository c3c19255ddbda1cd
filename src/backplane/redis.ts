/**
 * A backplane over Redis publish and subscribe, with your own clients: of
 * ioredis, of node-redis, or Bun's `RedisClient`. Valkey and KeyDB speak the same.
 *
 * @example
 * ```ts
 * import { Redis } from "ioredis";
 * import { serve } from "@weir/ws";
 * import { RedisBackplane } from "@weir/ws/redis";
 *
 * const publisher = new Redis("redis://127.0.0.1:6379");
 * const subscriber = publisher.duplicate();
 * for (const client of [publisher, subscriber]) client.on("error", () => {});
 *
 * serve({
 *   port: 8000,
 *   backplane: new RedisBackplane({ publisher, subscriber }),
 * }, {
 *   open: (socket) => socket.subscribe("news"),
 *   message: (socket, message) => void socket.publish("news", message),
 * });
 * ```
 *
 * @module
 */
import { Buffer, isUtf8 } from "node:buffer";
import type { Backplane, BackplaneReceiver } from "./backplane.ts";
import { alreadySubscribed } from "./error.ts";

/** A client of ioredis, as far as it is used. */
export interface IoredisClient {
  /** `"ready"` while it is connected. */
  readonly status: string;
  /** PUBLISH. */
  publish(
    channel: string,
    message: string | Uint8Array,
  ): Promise<unknown>;
  /** SUBSCRIBE. */
  subscribe(channel: string): Promise<unknown>;
  /** UNSUBSCRIBE. */
  unsubscribe(channel: string): Promise<unknown>;
  /** Listens to what it receives. */
  on(
    event: "messageBuffer",
    listener: (channel: Uint8Array, message: Uint8Array) => void,
  ): unknown;
}

/** A client of node-redis (the npm package `redis`), as far as it is used. */
export interface NodeRedisClient {
  /** Whether it is connected. */
  readonly isReady: boolean;
  /** PUBLISH. */
  publish(
    channel: string,
    message: string | Uint8Array,
  ): Promise<unknown>;
  /** SUBSCRIBE. */
  subscribe(
    channel: string,
    listener: (message: Uint8Array) => void,
    bufferMode: true,
  ): Promise<unknown>;
  /** UNSUBSCRIBE. */
  unsubscribe(channel: string): Promise<unknown>;
}

/** Bun's `RedisClient`, as far as it is used. */
export interface BunRedisClient {
  /** Whether it is connected. */
  readonly connected: boolean;
  /** Is called after each connecting. */
  onconnect: ((...parameters: never[]) => unknown) | null;
  /** PUBLISH. */
  publish(channel: string, message: string): Promise<unknown>;
  /** SUBSCRIBE. */
  subscribe(
    channel: string,
    listener: (message: string, channel: string) => void,
  ): Promise<unknown>;
  /** UNSUBSCRIBE. */
  unsubscribe(channel: string): Promise<unknown>;
}

/** A connected client of Redis. */
export type RedisClient = IoredisClient | NodeRedisClient | BunRedisClient;

/** Options of {@linkcode RedisBackplane}. */
export interface RedisBackplaneOptions {
  /** The client that publishes. It may be one that the application also uses. */
  publisher: RedisClient;
  /**
   * The client that subscribes, another one: Redis does not let a connection do
   * both. `publisher.duplicate()` makes it.
   */
  subscriber: RedisClient;
  /**
   * What every channel's name begins with, before the topic. Applications that
   * share a Redis have different ones. Default `"weir:"`.
   */
  prefix?: string;
}

/** One of the two clients, whichever package it is from. */
interface Client {
  readonly connected: boolean;
  publish(channel: string, message: Buffer): Promise<unknown>;
  subscribe(channel: string): Promise<unknown>;
  unsubscribe(channel: string): Promise<unknown>;
}

type ChannelReceiver = (channel: string, message: Buffer | string) => void;

/** The first byte of what travels as it is, as it is text. */
const textMark = 0x74; // t
/** The first byte of what travels as base64, as Bun's client receives text only. */
const base64Mark = 0x62; // b

/**
 * Relays topics over Redis publish and subscribe: see the module. The clients
 * are yours: you connect them, listen to their errors, and close them after the
 * server. They connect again by themselves, and so are subscriptions made again.
 *
 * A topic is the channel `weir:` + topic. Bytes that are not UTF-8 travel as
 * base64, as Bun's client can only receive text; all others as they are.
 */
export class RedisBackplane implements Backplane {
  readonly #publisher: Client;
  readonly #subscriber: Client;
  readonly #prefix: string;
  readonly #receivers = new Map<string, BackplaneReceiver>();

  /**
   * Takes the clients.
   *
   * @param options The clients.
   * @throws {TypeError} If one is not of a known package, or both are the same.
   */
  constructor(options: RedisBackplaneOptions) {
    const { publisher, subscriber, prefix = "weir:" } = options;
    if ((publisher as unknown) === subscriber) {
      throw new TypeError(
        "the options `publisher` and `subscriber` are the same client, but one that has subscribed cannot publish: make another with duplicate()",
      );
    }
    if (typeof prefix !== "string") {
      throw new TypeError(
        `the option \`prefix\` is a string, not ${typeof prefix}`,
      );
    }
    this.#prefix = prefix;
    const receive: ChannelReceiver = (channel, message) =>
      this.#receive(channel, message);
    this.#publisher = adapt(publisher, "publisher", null);
    this.#subscriber = adapt(subscriber, "subscriber", receive);
  }

  /** Whether both clients are connected. */
  get connected(): boolean {
    return this.#publisher.connected && this.#subscriber.connected;
  }

  /** See {@linkcode Backplane.publish}. */
  async publish(
    topic: string,
    payload: Uint8Array<ArrayBuffer>,
  ): Promise<void> {
    await this.#publisher.publish(this.#channel(topic), toText(payload));
  }

  /**
   * See {@linkcode Backplane.subscribe}.
   *
   * @throws {Error} If the topic is subscribed already.
   */
  async subscribe(topic: string, receive: BackplaneReceiver): Promise<void> {
    const channel = this.#channel(topic);
    if (this.#receivers.has(channel)) throw alreadySubscribed(topic);
    this.#receivers.set(channel, receive);
    try {
      await this.#subscriber.subscribe(channel);
    } catch (error) {
      this.#receivers.delete(channel);
      throw error;
    }
  }

  /** See {@linkcode Backplane.unsubscribe}. */
  async unsubscribe(topic: string): Promise<void> {
    const channel = this.#channel(topic);
    await this.#subscriber.unsubscribe(channel);
    this.#receivers.delete(channel);
  }

  #channel(topic: string): string {
    // As it comes back from Redis, which knows no lone surrogates.
    return (this.#prefix + topic).toWellFormed();
  }

  #receive(channel: string, message: Buffer | string): void {
    this.#receivers.get(channel)?.(fromText(message));
  }
}

function adapt(
  client: RedisClient,
  option: string,
  receive: ChannelReceiver | null,
): Client {
  if (typeof client === "object" && client !== null) {
    if ("isReady" in client) return adaptNodeRedis(client, receive);
    if ("status" in client) return adaptIoredis(client, receive);
    if ("onconnect" in client) return new BunClient(client, receive);
  }
  throw new TypeError(
    `the option \`${option}\` is a client of ioredis, of node-redis or Bun's RedisClient, not ${
      client === null ? "null" : typeof client
    }${
      typeof client === "object" && client !== null
        ? ` of the class ${(client as object).constructor?.name}`
        : ""
    }`,
  );
}

function adaptIoredis(
  client: IoredisClient,
  receive: ChannelReceiver | null,
): Client {
  if (receive !== null) {
    client.on("messageBuffer", (channel, message) => {
      receive(asBuffer(channel).toString(), asBuffer(message));
    });
  }
  return {
    get connected(): boolean {
      return client.status === "ready";
    },
    publish: (channel, message) => client.publish(channel, message),
    subscribe: (channel) => client.subscribe(channel),
    unsubscribe: (channel) => client.unsubscribe(channel),
  };
}

function adaptNodeRedis(
  client: NodeRedisClient,
  receive: ChannelReceiver | null,
): Client {
  return {
    get connected(): boolean {
      return client.isReady;
    },
    publish: (channel, message) => client.publish(channel, message),
    subscribe: (channel) =>
      client.subscribe(
        channel,
        (message) => receive?.(channel, asBuffer(message)),
        true,
      ),
    unsubscribe: (channel) => client.unsubscribe(channel),
  };
}

/** Bun's client connects again by itself, but does not subscribe again. */
class BunClient implements Client {
  readonly #client: BunRedisClient;
  readonly #channels = new Set<string>();
  readonly #listener: (message: string, channel: string) => void;

  constructor(client: BunRedisClient, receive: ChannelReceiver | null) {
    this.#client = client;
    this.#listener = (message, channel) => receive?.(channel, message);
    if (receive === null) return;
    const { onconnect } = client;
    client.onconnect = (...parameters: never[]) => {
      this.#subscribeAgain();
      return onconnect?.apply(client, parameters);
    };
  }

  get connected(): boolean {
    return this.#client.connected;
  }

  publish(channel: string, message: Buffer): Promise<unknown> {
    return this.#client.publish(channel, message.toString());
  }

  async subscribe(channel: string): Promise<void> {
    await this.#client.subscribe(channel, this.#listener);
    this.#channels.add(channel);
  }

  async unsubscribe(channel: string): Promise<void> {
    await this.#client.unsubscribe(channel);
    // Not before: one that fails is still held, and has to be made again.
    this.#channels.delete(channel);
  }

  #subscribeAgain(): void {
    for (const channel of this.#channels) {
      // Otherwise the listener would be there twice.
      attempt(() => this.#client.unsubscribe(channel));
      attempt(() => this.#client.subscribe(channel, this.#listener));
    }
  }
}

/** Lets the next connecting try again what fails. */
async function attempt(call: () => Promise<unknown>): Promise<void> {
  try {
    await call();
  } catch {
    // The connection is gone again.
  }
}

function toText(payload: Uint8Array<ArrayBuffer>): Buffer {
  const bytes = asBuffer(payload);
  return isUtf8(payload)
    ? Buffer.concat([Buffer.of(textMark), bytes])
    : Buffer.from(`b${bytes.toString("base64")}`, "latin1");
}

/** What some other program has published becomes what Weir's envelope is not. */
function fromText(message: Buffer | string): Uint8Array<ArrayBuffer> {
  const bytes = typeof message === "string" ? Buffer.from(message) : message;
  if (bytes[0] === textMark) return bytes.subarray(1) as Buffer<ArrayBuffer>;
  if (bytes[0] === base64Mark) {
    return Buffer.from(bytes.toString("latin1", 1), "base64");
  }
  return bytes as Buffer<ArrayBuffer>;
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
