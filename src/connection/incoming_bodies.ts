/**
 * The messages of `incoming`, which are handed out when they begin to arrive.
 *
 * @module
 */
import { CloseCode } from "../close.ts";
import { encodeUtf8 } from "../codec/utf8.ts";
import { WebSocketError } from "../error.ts";
import {
  type BodyOwner,
  IncomingBody,
  IncomingMessage,
} from "./incoming_message.ts";
import {
  type IncomingSource,
  IncomingStream,
  type QueuedBody,
  type QueuedItem,
} from "./incoming_stream.ts";

/** See the module. */
export class IncomingBodies extends IncomingStream<IncomingMessage> {
  readonly #owner: BodyOwner;
  readonly #maxMessageSize: number;
  /** The body whose message is arriving. */
  #arriving: IncomingBody | null = null;
  /** The body that was handed out last. */
  #handedOut: IncomingBody | null = null;

  /**
   * @param source Where the messages come from; it is told of bytes that were read.
   * @param maxMessageSize See {@linkcode IncomingMessage}.
   */
  constructor(
    source: IncomingSource & BodyOwner,
    maxMessageSize: number,
  ) {
    super(source);
    this.#owner = source;
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

  /** What was not read of the last message is not wanted. */
  protected override nextWanted(): void {
    this.#handedOut?.skip();
    this.#handedOut = null;
  }

  protected override toItem(item: QueuedItem): IncomingMessage {
    const { type, body } = this.#bodyOf(item);
    this.#handedOut = body;
    return new IncomingMessage(type, body, this.#maxMessageSize);
  }

  /** Messages that arrived whole before `incoming` was asked for come out of it as well. */
  #bodyOf(item: QueuedItem): QueuedBody {
    if (typeof item === "object" && "body" in item) return item;
    const body = new IncomingBody(this.#owner);
    body.push(typeof item === "string" ? encodeUtf8(item) : item);
    body.end();
    return { type: typeof item === "string" ? "text" : "binary", body };
  }
}
