/**
 * A backplane over NATS, with your own connection of the NATS JavaScript client:
 * `@nats-io/transport-node`, `@nats-io/transport-deno`, `@nats-io/nats-core` or
 * the older `nats`.
 *
 * @example
 * ```ts
 * import { connect } from "@nats-io/transport-node";
 * import { serve } from "@weir/ws";
 * import { NatsBackplane } from "@weir/ws/nats";
 *
 * const connection = await connect({
 *   servers: "127.0.0.1:4222",
 *   maxReconnectAttempts: -1, // for ever
 * });
 *
 * serve({
 *   port: 8000,
 *   backplane: new NatsBackplane(connection),
 * }, {
 *   open: (socket) => socket.subscribe("news"),
 *   message: (socket, message) => void socket.publish("news", message),
 * });
 * ```
 *
 * @module
 */
import { createHash } from "node:crypto";
import { describe } from "../describe.ts";
import type { Backplane, BackplaneReceiver } from "./backplane.ts";
import { alreadySubscribed } from "./error.ts";

/** A message of NATS, as far as it is used. */
export interface NatsMessage {
  /** Its payload. */
  readonly data: Uint8Array;
}

/** A subscription of NATS, as far as it is used. */
export interface NatsSubscription {
  /** Ends it. */
  unsubscribe(): void;
}

/** A connection of the NATS JavaScript client, as far as it is used. */
export interface NatsConnection {
  /** Publishes; it goes out with what else is published in the turn. */
  publish(subject: string, payload: Uint8Array): void;
  /** Subscribes. */
  subscribe(
    subject: string,
    options: { callback: (error: Error | null, message: NatsMessage) => void },
  ): NatsSubscription;
  /** Resolves when the server has got what was sent before. */
  flush(): Promise<void>;
  /** Whether it is closed for good. */
  isClosed(): boolean;
  /** What happens to the connection, as it happens. */
  status(): AsyncIterable<{ readonly type: string }>;
}

/** Options of {@linkcode NatsBackplane}. */
export interface NatsBackplaneOptions {
  /**
   * What every subject begins with, before the topic: at most 512 characters.
   * Applications that share a NATS system have different ones. Default `"weir."`.
   */
  prefix?: string;
}

/**
 * A topic whose token would be longer goes by its hash: the server ends a
 * connection that sends a line of more than 4 KiB.
 */
const longestToken = 1024;

/** A beginning of a subject that leaves room for the rest in such a line. */
const validPrefix = /^[^\s*>]{0,512}$/;

/**
 * Relays topics over NATS: see the module. The connection is yours: you make it,
 * and close it after the server. It connects again by itself, for ever with
 * `maxReconnectAttempts: -1`, and makes subscriptions again.
 *
 * A topic is the subject `weir.` + topic, where the topic is one token: what is
 * not a letter, a digit or one of `-_!~'()` is percent-encoded, so that `room.1`
 * is `weir.room%2E1`; one that would have more than 1,024 characters then is
 * `weir.%%` and the SHA-256 of them. A message must be smaller by 40 bytes than the server's
 * `max_payload`, which is 1 MiB by default; one that is not is delivered locally,
 * and `onError` is told.
 *
 * The server's permissions must allow to publish and to subscribe `weir.>`.
 * `onError` is told of a subscription that they do not allow. Of a publish the
 * server does not tell in its answer: it counts as handed over, and only the
 * connection's `status()` has the error.
 */
export class NatsBackplane implements Backplane {
  readonly #connection: NatsConnection;
  readonly #prefix: string;
  readonly #subscriptions = new Map<string, NatsSubscription>();
  #connected = true;
  #flushing: Promise<void> | null = null;
  #nextFlush: Promise<void> | null = null;

  /**
   * Takes the connection.
   *
   * @param connection A connection, which is connected.
   * @param options How subjects are called.
   * @throws {TypeError} If it is no connection of the NATS JavaScript client.
   */
  constructor(
    connection: NatsConnection,
    options: NatsBackplaneOptions = {},
  ) {
    const { prefix = "weir." } = options;
    if (
      typeof connection?.flush !== "function" ||
      typeof connection.status !== "function"
    ) {
      throw new TypeError(
        `a NatsBackplane is made with a connection of the NATS JavaScript client, not with ${
          connection === null ? "null" : typeof connection
        }`,
      );
    }
    if (typeof prefix !== "string" || !validPrefix.test(prefix)) {
      throw new TypeError(
        `the option \`prefix\` is the beginning of a subject, of at most 512 characters, without white space, * and >, not ${
          describe(prefix)
        }`,
      );
    }
    this.#connection = connection;
    this.#prefix = prefix;
    this.#watch().catch(ignore);
  }

  /** Whether the connection is there. */
  get connected(): boolean {
    return this.#connected && !this.#connection.isClosed();
  }

  /** See {@linkcode Backplane.publish}. */
  publish(topic: string, payload: Uint8Array<ArrayBuffer>): Promise<void> {
    this.#connection.publish(this.#subject(topic), payload);
    return this.#flushed();
  }

  /**
   * See {@linkcode Backplane.subscribe}.
   *
   * @throws {Error} If the topic is subscribed already, the server refuses the
   * subscription, or the connection was lost before it had answered.
   */
  async subscribe(topic: string, receive: BackplaneReceiver): Promise<void> {
    const subject = this.#subject(topic);
    if (this.#subscriptions.has(subject)) throw alreadySubscribed(topic);
    let refusal: Error | null = null;
    const callback = (error: Error | null, message: NatsMessage): void => {
      if (error === null) receive(message.data as Uint8Array<ArrayBuffer>);
      else refusal ??= error;
    };
    this.#subscriptions.set(
      subject,
      this.#connection.subscribe(subject, { callback }),
    );
    try {
      // What the server refuses it says before it answers this.
      await this.#flushed();
      if (refusal !== null) throw refusal;
    } catch (error) {
      this.unsubscribe(topic);
      throw error;
    }
  }

  /** See {@linkcode Backplane.unsubscribe}. */
  unsubscribe(topic: string): void {
    const subject = this.#subject(topic);
    this.#subscriptions.get(subject)?.unsubscribe();
    this.#subscriptions.delete(subject);
  }

  #subject(topic: string): string {
    const token = encodeURIComponent(topic.toWellFormed())
      .replaceAll(".", "%2E")
      .replaceAll("*", "%2A");
    if (token.length > longestToken) {
      const hash = createHash("sha256").update(token).digest("hex");
      // No token begins like this.
      return `${this.#prefix}%%${hash}`;
    }
    // An empty token is not allowed.
    return this.#prefix + (token === "" ? "%" : token);
  }

  /**
   * Resolves when the server has got all that is published by now. Those who wait
   * at the same time wait for the same answer.
   */
  #flushed(): Promise<void> {
    if (this.#flushing === null) return this.#flush();
    return this.#nextFlush ??= this.#flushing.then(ignore, ignore).then(() =>
      this.#flush()
    );
  }

  #flush(): Promise<void> {
    this.#nextFlush = null;
    const flushing = this.#connection.flush();
    this.#flushing = flushing;
    const onEnd = (): void => {
      if (this.#flushing === flushing) this.#flushing = null;
    };
    flushing.then(onEnd, onEnd);
    return flushing;
  }

  /** Follows whether it is connected. The connection's end ends it. */
  async #watch(): Promise<void> {
    try {
      for await (const { type } of this.#connection.status()) {
        if (type === "disconnect") this.#connected = false;
        else if (type === "reconnect") this.#connected = true;
      }
    } finally {
      this.#connected = false;
    }
  }
}

function ignore(): void {}
