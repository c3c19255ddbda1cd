/**
 * Publish and subscribe.
 *
 * @module
 */
import type { Backplane } from "../backplane/backplane.ts";
import type { BackplaneState } from "../backplane/health.ts";
import { checkBackplane, Relay } from "../backplane/relay.ts";
import { isBinary, toBytes } from "../codec/message_encoder.ts";
import { describe } from "../describe.ts";
import {
  type Membership,
  membershipOf,
  type Publishable,
  type PublishOptions,
  WebSocketConnection,
} from "../connection/connection.ts";
import { checkFunctions } from "../connection/handler.ts";
import type { Outbound } from "../connection/outbound.ts";
import { SharedMessage } from "../deflate/shared_message.ts";
import { LocalTopics, type TopicsTotals } from "./local_topics.ts";

/** Options of {@linkcode Topics}. */
export interface TopicsOptions {
  /**
   * Relays to and from the other processes that have the same topics. One
   * backplane serves one `Topics`. By default topics are local to the process.
   */
  backplane?: Backplane;
  /**
   * Is told, with a `BackplaneError`, once of each outage of the backplane and of
   * messages that were lost. By default it is written to the console.
   */
  onError?: (error: unknown) => void;
}

/** Options of {@linkcode Topics.publish} and `Server.publish()`. */
export interface TopicsPublishOptions extends PublishOptions {
  /** A connection that does not get the message. Default none. */
  exclude?: WebSocketConnection;
}

/** Makes a connection's part in topics; `leave()` ends it. */
export let joinTopics: (topics: Topics, outbound: Outbound) => Member;

/** What {@linkcode Topics} hold just now. */
export let totalsOf: (topics: Topics) => TopicsTotals;

let publishFrom: (
  topics: Topics,
  except: Outbound,
  topic: string,
  message: Publishable,
  options: PublishOptions,
) => number;

/**
 * Topics, which connections subscribe to with `socket.subscribe()`. Every server
 * has its own, `server.topics`, unless it is given some: share them between
 * servers, or with code that only publishes.
 *
 * A message is encoded once for all its receivers, and compressed once for all
 * that agreed on the same without context takeover. A slow receiver holds up
 * nobody: the message waits for it, up to its `maxBufferedBytes`. What one
 * publishes to a topic arrives in the order of the calls.
 *
 * A topic is any string; lone surrogates in it count as U+FFFD.
 *
 * With a backplane, what is published reaches the subscribers in other processes
 * as well: each message at most once, and those that one process publishes on one
 * topic in their order. While its broker is away they reach the own process only.
 *
 * @example
 * ```ts
 * import { createServer } from "node:http";
 * import { createUpgradeHandler, Topics } from "@weir/ws";
 *
 * const topics = new Topics();
 * const server = createServer((_request, response) => {
 *   const receivers = topics.publish("visits", "somebody asked for a page");
 *   response.end(`${receivers} know of it\n`);
 * });
 * server.on(
 *   "upgrade",
 *   createUpgradeHandler({ topics }, {
 *     open: (socket) => socket.subscribe("visits"),
 *   }),
 * );
 * server.listen(0);
 * ```
 */
export class Topics {
  readonly #relay: Relay | null;
  readonly #local: LocalTopics;

  static {
    joinTopics = (topics, outbound) =>
      new Member(topics, topics.#local, outbound);
    totalsOf = (topics) => topics.#local.totals;
    publishFrom = (topics, except, topic, message, options) =>
      topics.#publish(except, topic, message, options);
  }

  /**
   * Makes topics that nothing is subscribed to.
   *
   * @param options What relays to other processes; nothing by default.
   * @throws {TypeError} For options of another type.
   */
  constructor(options: TopicsOptions = {}) {
    checkFunctions(options, "onError");
    const { backplane, onError = console.error } = options;
    this.#relay = backplane === undefined ? null : new Relay(
      checkBackplane(backplane),
      onError,
      (topic, { message, compress, lossy }) => {
        if (!this.#local.hasOthers(topic, null)) return;
        const shared = new SharedMessage(message, compress);
        this.#local.deliver(topic, shared, null, lossy);
      },
    );
    this.#local = new LocalTopics(this.#relay);
  }

  /**
   * How the backplane is doing, as of now, for a metric or a health check; `null`
   * without one.
   *
   * @example
   * ```ts
   * import { serve } from "@weir/ws";
   *
   * const server = serve({ port: 0 }, { open: (socket) => socket.subscribe("news") });
   * const { backplane } = server.topics;
   * if (backplane?.connected === false) console.log("the broker is away");
   * ```
   */
  get backplane(): BackplaneState | null {
    return this.#relay?.state ?? null;
  }

  /**
   * Publishes a message to all connections that are subscribed to a topic. It
   * goes out after this turn of the event loop, together with what else was sent
   * in it.
   *
   * @param topic The topic.
   * @param message A string, an `ArrayBuffer` or a view. Its bytes are copied: they
   * can be changed at once.
   * @param options Whom to leave out, and whether to compress.
   * @returns How many connections it is sent to: those that are closing, were
   * excluded or, with `lossy`, are too slow do not count, nor do those in other
   * processes. It does not say that it has arrived.
   * @throws {TypeError} For a topic or a message of another type.
   */
  publish(
    topic: string,
    message: Publishable,
    options: TopicsPublishOptions = {},
  ): number {
    const { exclude } = options;
    const except = exclude === undefined ? null : outboundOf(exclude);
    return this.#publish(except, topic, message, options);
  }

  /**
   * How many connections are subscribed to a topic.
   *
   * @throws {TypeError} For a topic of another type.
   */
  subscriberCount(topic: string): number {
    return this.#local.count(checkTopic(topic));
  }

  /** What is published by anyone comes through here. */
  #publish(
    except: Outbound | null,
    name: string,
    message: Publishable,
    { compress, lossy = false }: PublishOptions,
  ): number {
    const topic = checkTopic(name);
    if (typeof message !== "string" && !isBinary(message)) {
      throw new TypeError(
        `a string, an ArrayBuffer or a view on one can be published, not ${
          describe(message)
        }: serialise it first, for example with JSON.stringify(), or read the bytes of a Blob`,
      );
    }
    const content = typeof message === "string" ? message : toBytes(message);
    this.#relay?.publish(topic, { message: content, compress, lossy });
    if (!this.#local.hasOthers(topic, except)) return 0;
    const shared = new SharedMessage(content, compress);
    return this.#local.deliver(topic, shared, except, lossy);
  }
}

/** See {@linkcode Membership}. */
export class Member implements Membership {
  readonly #topics: Topics;
  readonly #local: LocalTopics;
  /** Made with the first one, as many connections have none. */
  #names: Set<string> | null = null;
  /** Takes what is published. */
  readonly outbound: Outbound;

  /** Made by {@linkcode joinTopics}. */
  constructor(topics: Topics, local: LocalTopics, outbound: Outbound) {
    this.#topics = topics;
    this.#local = local;
    this.outbound = outbound;
  }

  /** See {@linkcode Membership}. */
  get topics(): ReadonlySet<string> {
    return this.#names ??= new Set();
  }

  /** See {@linkcode Membership}. */
  subscribe(name: string): void {
    const topic = checkTopic(name);
    if (this.outbound.refusing) return;
    this.#names ??= new Set();
    this.#names.add(topic);
    this.#local.add(topic, this.outbound);
  }

  /** See {@linkcode Membership}. */
  unsubscribe(name: string): void {
    const topic = checkTopic(name);
    if (this.#names?.delete(topic)) this.#local.delete(topic, this.outbound);
  }

  /** See {@linkcode Membership}. */
  publish(
    topic: string,
    message: Publishable,
    options: PublishOptions = {},
  ): number {
    return publishFrom(this.#topics, this.outbound, topic, message, options);
  }

  /** Ends all subscriptions. */
  leave(): void {
    if (this.#names === null) return;
    for (const topic of this.#names) this.#local.delete(topic, this.outbound);
  }
}

/**
 * Checks the option `topics`.
 *
 * @throws {TypeError} If it is something else.
 */
export function checkTopics(topics: unknown): Topics {
  if (topics instanceof Topics) return topics;
  throw new TypeError(
    `the option \`topics\` is an object of the class Topics, not ${
      describe(topics)
    }`,
  );
}

/** Gives a topic the name that it has at every broker: those know UTF-8 only. */
function checkTopic(topic: unknown): string {
  if (typeof topic === "string") return topic.toWellFormed();
  throw new TypeError(`a topic is a string, not ${describe(topic)}`);
}

function outboundOf(socket: unknown): Outbound | null {
  if (!(socket instanceof WebSocketConnection)) {
    throw new TypeError(
      `the option \`exclude\` is a connection, not ${describe(socket)}`,
    );
  }
  const membership = membershipOf(socket);
  return membership instanceof Member ? membership.outbound : null;
}
