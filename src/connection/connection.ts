/**
 * The connection as an application sees it.
 *
 * @module
 */
import type { Message } from "../codec/message.ts";
import type { MessageSource } from "../codec/message_encoder.ts";
import { CloseCode, encodeCloseBody } from "../close.ts";
import { describe } from "../describe.ts";
import { WebSocketError } from "../error.ts";
import type { CloseInfo } from "./closing.ts";
import type { IncomingMessage } from "./incoming_message.ts";
import { noOptions, type Outbound } from "./outbound.ts";
import type { Sendable, SendOptions } from "./sendable.ts";
import type { Session } from "./session.ts";
import type { NetworkAddress } from "./transport.ts";

/** What the opening handshake settled. */
export interface ConnectionDetails {
  /** See {@linkcode WebSocketConnection.protocol}. */
  readonly protocol: string;
  /** See {@linkcode WebSocketConnection.extensions}. */
  readonly extensions: string;
  /** See {@linkcode WebSocketConnection.url}. */
  readonly url: string;
  /**
   * What `subscribe()` and the like do, always the same for one connection; `null`
   * where there are no topics.
   */
  join(outbound: Outbound): Membership | null;
  /** The connection is over, and its subscriptions with it. */
  leave(): void;
  /** Makes the {@linkcode WebSocketConnection.request}. */
  request(): Request;
}

/** What can be published: a string as text; an `ArrayBuffer` or any view on one as binary. */
export type Publishable = string | ArrayBuffer | ArrayBufferView;

/** Options of a message that is published. */
export interface PublishOptions {
  /**
   * Whether to compress the message for those who agreed on permessage-deflate.
   * By default it is compressed from `deflate.threshold` on.
   */
  compress?: boolean;
  /**
   * Whether the message is left out for those with more than
   * `writableHighWaterMark` bytes waiting, which is for live data of which only
   * the newest counts. Default `false`: it waits for them as well, up to
   * `maxBufferedBytes`.
   */
  lossy?: boolean;
}

/** A connection's part in topics. */
export interface Membership {
  /** See {@linkcode WebSocketConnection.topics}. */
  readonly topics: ReadonlySet<string>;
  /** See {@linkcode WebSocketConnection.subscribe}. */
  subscribe(topic: string): void;
  /** See {@linkcode WebSocketConnection.unsubscribe}. */
  unsubscribe(topic: string): void;
  /** See {@linkcode WebSocketConnection.publish}. */
  publish(
    topic: string,
    message: Publishable,
    options: PublishOptions | undefined,
  ): number;
}

/** The membership of a connection, for those who keep the topics. */
export let membershipOf: (socket: WebSocketConnection) => Membership | null;

/** Ends the subscriptions of a connection that is over. */
export let leaveTopics: (socket: WebSocketConnection) => void;

/** Where a connection stands among the open ones of its server, or -1. */
export let placeOf: (socket: WebSocketConnection) => number;

/** Sets what {@linkcode placeOf} gets. */
export let setPlace: (socket: WebSocketConnection, place: number) => void;

/** What {@linkcode WebSocketConnection.close} tells the peer. */
export interface CloseOptions {
  /**
   * A code that may be sent: 1000, one of 1001 to 1014 that is not 1004, 1005 or
   * 1006, or 3000 to 4999. Default 1000.
   */
  closeCode?: number;
  /** At most 123 bytes of UTF-8. Default `""`. */
  reason?: string;
}

/**
 * A WebSocket connection: the two streams of the WebSocketStream proposal, and
 * methods for those who want none.
 *
 * Take the messages in one of three ways: `readable` for whole messages,
 * `incoming` for messages that may be larger than memory, or the `message` hook.
 *
 * @example
 * ```ts
 * import { serve } from "@weir/ws";
 *
 * serve({ port: 0 }, async (socket) => {
 *   for await (const message of socket.readable) {
 *     await socket.send(message); // waits while the client is slow
 *   }
 * });
 * ```
 */
export class WebSocketConnection<Data = unknown> {
  static {
    membershipOf = (socket) => socket.#membership();
    leaveTopics = (socket) => socket.#details.leave();
    placeOf = (socket) => socket.#place;
    setPlace = (socket, place) => socket.#place = place;
  }

  readonly #session: Session;
  readonly #details: ConnectionDetails;
  #place = -1;
  #request: Request | null = null;
  #writable: WritableStream<MessageSource> | null = null;

  /**
   * Whatever the `upgrade` hook gave for this connection: a user, a session.
   * It is the application's own, to read and to write. Default `undefined`.
   */
  data: Data;

  /**
   * Made by `serve()`, `createUpgradeHandler()`, `accept()` and
   * `WebSocketStream`.
   *
   * @param session The protocol of the connection.
   * @param details What the handshake settled.
   * @param data What {@linkcode data} shall be.
   */
  constructor(session: Session, details: ConnectionDetails, data: Data) {
    this.#session = session;
    this.#details = details;
    this.data = data;
  }

  /**
   * The messages, whole: text as strings, binary as `Uint8Array`s. What is not
   * read fills a buffer of `readableHighWaterMark` bytes, then the peer's TCP
   * window. It ends when the connection has closed cleanly and errors with a
   * {@linkcode WebSocketError} when it was lost. Cancelling it, which breaking out of a
   * `for await` does, closes the connection with 1000, or with the code of the
   * `WebSocketError` that is the reason.
   *
   * @throws {TypeError} If the messages already go to `incoming` or a hook.
   */
  get readable(): ReadableStream<Message> {
    return this.#session.inbound.readable;
  }

  /**
   * The messages, each handed out when its first fragment arrives, to be read
   * while it does. No limit of size applies: a gigabyte costs no more memory
   * than a kilobyte. Otherwise as {@linkcode readable}.
   *
   * @throws {TypeError} If the messages already go to `readable` or a hook.
   */
  get incoming(): ReadableStream<IncomingMessage> {
    return this.#session.inbound.incoming;
  }

  /**
   * Messages written here are sent. Its `ready` and `desiredSize` follow what
   * waits for the peer. Closing it closes the connection with 1000; aborting it
   * closes with 1011, or with the code of the `WebSocketError` that is the
   * reason.
   */
  get writable(): WritableStream<MessageSource> {
    let closing = false;
    this.#writable ??= new WritableStream<MessageSource>({
      start: (controller) => {
        // The sink's `abort` would wait for a write that waits for the peer.
        const { signal } = controller;
        signal.addEventListener("abort", () => {
          this.#session.closeWith(signal.reason, CloseCode.InternalError);
        });
        this.closed.then(
          // Not before a pipe from `readable` has seen that one's end.
          () =>
            setTimeout(() => {
              if (!closing) controller.error(this.#session.refusal);
            }, 0),
          (error) => controller.error(error),
        );
      },
      write: (message) => this.send(message),
      close: async () => {
        closing = true;
        this.close();
        await this.closed;
      },
    });
    return this.#writable;
  }

  /**
   * Fulfils with the peer's close code and reason when the connection has
   * closed cleanly. Rejects with a {@linkcode WebSocketError} when it was lost (1006,
   * or the peer's code if its Close frame had come), or failed for what the peer
   * did (the code that it was told). It is never an unhandled rejection.
   */
  get closed(): Promise<CloseInfo> {
    return this.#session.closed;
  }

  /** The subprotocol that was agreed, or `""` (RFC 6455 section 1.9). */
  get protocol(): string {
    return this.#details.protocol;
  }

  /** The extensions that were agreed, as in the response's header, or `""`. */
  get extensions(): string {
    return this.#details.extensions;
  }

  /** The request of the opening handshake. */
  get request(): Request {
    return this.#request ??= this.#details.request();
  }

  /** The URL that was asked for, with the scheme `ws:` or `wss:`. */
  get url(): string {
    return this.#details.url;
  }

  /** The peer's address, or `null` where the transport has none. */
  get remoteAddress(): NetworkAddress | null {
    return this.#session.remoteAddress;
  }

  /** Bytes that were sent and have not been handed to the system yet. */
  get bufferedAmount(): number {
    return this.#session.outbound.bufferedAmount;
  }

  /** Bytes that can be sent before `send()` waits; 0 or less when it does. */
  get desiredSize(): number {
    return this.#session.outbound.desiredSize;
  }

  /**
   * Sends one message: a string as text; an `ArrayBuffer`, a view or a `Blob`
   * as binary; a `ReadableStream` as one fragmented message of any size, text
   * if its first chunk is a string. Messages go out in the order of the calls.
   *
   * @param message The message. Bytes must not be changed before the promise has
   * resolved.
   * @param options For a stream, its `type`.
   * @returns A promise that is resolved already while less than
   * `writableHighWaterMark` bytes wait for the peer, and otherwise resolves when
   * they have gone. It rejects with a {@linkcode WebSocketError} when the connection
   * closes. Ignoring it is allowed: it is never an unhandled rejection, and what
   * waits is bounded by `maxBufferedBytes`.
   * @throws {TypeError} If the message is of another type.
   */
  send(message: Sendable, options: SendOptions = noOptions): Promise<void> {
    return this.#session.outbound.send(message, options);
  }

  /**
   * Subscribes to a topic: from now on what is published to it is sent to the
   * peer, in order with all else that is. Subscriptions end with the connection.
   * Does nothing if there is that subscription already, or the connection closes.
   *
   * @param topic Any string. Topics come and go with their subscribers: check
   * names that a client chooses, and how many.
   * @throws {TypeError} If the topic is no string, or this is no connection of a
   * server's: `accept()` has to be given `topics`, and clients have none.
   */
  subscribe(topic: string): void {
    this.#member().subscribe(topic);
  }

  /**
   * Ends the subscription to a topic, if there is one.
   *
   * @throws {TypeError} As {@linkcode subscribe} does.
   */
  unsubscribe(topic: string): void {
    this.#member().unsubscribe(topic);
  }

  /**
   * The topics that this connection is subscribed to, in the order in which that
   * was done. It follows every change; in the `close` hook and after it, it has
   * what there was at the end.
   */
  get topics(): ReadonlySet<string> {
    return this.#membership()?.topics ?? noTopics;
  }

  /**
   * Publishes a message to all others that are subscribed to a topic. Whether
   * this connection is subscribed does not matter, nor whether it is still open.
   *
   * @param topic The topic.
   * @param message A string, an `ArrayBuffer` or a view. Its bytes are copied.
   * @param options Compression, and what those do not get who are slow.
   * @returns How many it is sent to, as with `Topics.publish()`.
   * @throws {TypeError} For a message of another type, and as
   * {@linkcode subscribe} does.
   *
   * @example
   * ```ts
   * import { serve } from "@weir/ws";
   *
   * serve({ port: 0 }, {
   *   open: (socket) => socket.subscribe("chat"),
   *   message: (socket, message) => {
   *     socket.publish("chat", message);
   *   },
   *   close: (socket) => {
   *     for (const topic of socket.topics) socket.publish(topic, "somebody left");
   *   },
   * });
   * ```
   */
  publish(
    topic: string,
    message: Publishable,
    options?: PublishOptions,
  ): number {
    return this.#member().publish(topic, message, options);
  }

  /**
   * Sends a ping (RFC 6455 section 5.5.2).
   *
   * @param payload A string or bytes of at most 125 bytes. By default a number
   * that tells this ping from others.
   * @returns The round trip in milliseconds, when the pong has arrived. Rejects
   * with a {@linkcode WebSocketError} when the connection closes before.
   * @throws {TypeError} For a payload of another type.
   * @throws {RangeError} If the payload is too long.
   */
  ping(payload?: string | Uint8Array): Promise<number> {
    if (typeof payload === "string") {
      payload = new TextEncoder().encode(payload);
    }
    if (payload !== undefined && !(payload instanceof Uint8Array)) {
      throw new TypeError(
        `ping() takes a string or a Uint8Array, not ${describe(payload)}`,
      );
    }
    return this.#session.ping(payload);
  }

  /**
   * Begins the closing handshake (RFC 6455 section 7.1.2) behind all that was
   * sent. Messages that arrive after this call are discarded. A peer that does
   * not finish within `closeTimeout` is dropped. Does nothing if the connection
   * closes already.
   *
   * @param options The code and reason. With a reason and no code, 1000.
   * @throws {TypeError} If the options are no object: the code is not an argument
   * of its own, as it is in `WebSocket`.
   * @throws {RangeError} If the code must not be sent or the reason has more
   * than 123 bytes.
   */
  close(options: CloseOptions = {}): void {
    const { closeCode, reason } = checkCloseOptions(options);
    this.#session.close(closeCode, reason);
  }

  /** Drops the connection at once, without a closing handshake. `closed` rejects with 1006. */
  terminate(): void {
    this.#session.terminate(
      new WebSocketError("the connection was terminated", {
        closeCode: CloseCode.AbnormalClosure,
      }),
    );
  }

  /** Closes with 1000 and waits until the connection is over, for `await using`. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.close();
    await this.closed.catch(() => {});
  }

  #membership(): Membership | null {
    return this.#details.join(this.#session.outbound);
  }

  #member(): Membership {
    const membership = this.#membership();
    if (membership !== null) return membership;
    throw new TypeError(
      "this connection has no topics: those of serve() and createUpgradeHandler() do, and those of accept() that is given { topics }",
    );
  }
}

const noTopics: ReadonlySet<string> = new Set();

/**
 * Fills in the defaults of {@linkcode CloseOptions}.
 *
 * @throws {TypeError} For what is no object.
 * @throws {RangeError} If the code must not be sent or the reason has more than
 * 123 bytes.
 */
export function checkCloseOptions(
  options: CloseOptions,
): Required<CloseOptions> {
  // As who comes from `WebSocket` may write it.
  if (typeof options !== "object" || options === null) {
    throw new TypeError(
      `close() takes { closeCode, reason }, not ${describe(options)}`,
    );
  }
  const closeCode = options.closeCode ?? CloseCode.NormalClosure;
  const reason = options.reason ?? "";
  if (closeCode === CloseCode.NoStatusReceived) {
    throw new RangeError("close code 1005 must not be sent: leave it out");
  }
  encodeCloseBody(closeCode, reason);
  return { closeCode, reason };
}
