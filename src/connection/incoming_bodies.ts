/**
 * The messages of `incoming`, which are handed out when they begin to arrive.
 *
 * @module
 */
import { CloseCode } from "../close.ts";
import type { Message } from "../codec/message.ts";
import { encodeUtf8 } from "../codec/utf8.ts";
import { WebSocketError } from "../error.ts";
import {
  type BodyOwner,
  IncomingBody,
  IncomingMessage,
} from "./incoming_message.ts";
import { type IncomingSource, IncomingStream } from "./incoming_stream.ts";

/** A message that was begun, on its way to `incoming`. */
export interface QueuedBody {
  /** What the message is. */
  readonly type: "text" | "binary";
  /** Its bytes. */
  readonly body: IncomingBody;
}

/** See the module. */
export class IncomingBodies extends IncomingStream<IncomingMessage> {
  readonly #owner: BodyOwner;
  readonly #maxMessageSize: number;
  /** The body whose message is arriving. */
  #arriving: IncomingBody | null = null;
  /** The body that was handed out last. */
  #handedOut: IncomingBody | null = null;

  /**
   * @param owner Whom to tell of bytes that were read.
   * @param maxMessageSize See {@linkcode IncomingMessage}.
   */
  constructor(
    source: IncomingSource<IncomingMessage>,
    owner: BodyOwner,
    maxMessageSize: number,
  ) {
    super(source);
    this.#owner = owner;
    this.#maxMessageSize = maxMessageSize;
  }

  /** A message begins to arrive. */
  begin(type: "text" | "binary"): QueuedBody {
    this.#arriving = new IncomingBody(this.#owner);
    return { type, body: this.#arriving };
  }

  /** Whether a message has begun and not ended. */
  get arriving(): boolean {
    return this.#arriving !== null;
  }

  /** A part of the message that is arriving. */
  push(payload: Uint8Array<ArrayBuffer>, fin: boolean): void {
    this.#arriving?.push(payload);
    if (!fin) return;
    this.#arriving?.end();
    this.#arriving = null;
  }

  /**
   * The rest of the message that is arriving will not come.
   *
   * @param error What it fails with, or `null` where the connection just closed.
   */
  failArriving(error: unknown): void {
    this.#arriving?.fail(
      error ?? new WebSocketError(
        "the connection closed in the middle of this message",
        { closeCode: CloseCode.AbnormalClosure },
      ),
    );
    this.#arriving = null;
  }

  /**
   * Makes what the application gets. Messages that arrived whole before `incoming`
   * was asked for come out of it as well.
   */
  handOut(item: Message | QueuedBody): IncomingMessage {
    const { type, body } = typeof item === "object" && "body" in item
      ? item
      : this.#toBody(item);
    this.#handedOut = body;
    return new IncomingMessage(type, body, this.#maxMessageSize);
  }

  /** What was not read of the message that was handed out last is not wanted. */
  skipUnread(): void {
    this.#handedOut?.skip();
    this.#handedOut = null;
  }

  #toBody(message: Message): QueuedBody {
    const body = new IncomingBody(this.#owner);
    body.push(typeof message === "string" ? encodeUtf8(message) : message);
    body.end();
    return { type: typeof message === "string" ? "text" : "binary", body };
  }
}
