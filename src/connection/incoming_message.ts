/**
 * A message that is read while it arrives.
 *
 * @module
 */
import { CloseCode } from "../close.ts";
import { WebSocketError } from "../error.ts";
import { ignorable } from "./deferred.ts";

/** What a part of a body costs while it waits, beside its bytes: so tiny ones count. */
export const partOverhead = 64;

/** What the body of an incoming message tells the queue that it is part of. */
export interface BodyOwner {
  /** So much of the body, as {@linkcode partOverhead} has it, does not wait any more. */
  bodyConsumed(size: number): void;
}

const incomingBodies = new WeakSet<ReadableStream>();

/**
 * Whether a stream is the body of an incoming message itself, not a branch of it:
 * nobody but its one reader gets its chunks.
 */
export function isIncomingBody(stream: ReadableStream): boolean {
  return incomingBodies.has(stream);
}

/**
 * The bytes of a message between the codec and the stream that the application
 * reads. Bytes are handed over only when they are asked for, so that what waits
 * is known here.
 */
export class IncomingBody {
  readonly #owner: BodyOwner;
  #stream: ReadableStream<Uint8Array<ArrayBuffer>> | null = null;
  #controller:
    | ReadableStreamDefaultController<Uint8Array<ArrayBuffer>>
    | null = null;
  #waiting: Uint8Array<ArrayBuffer>[] = [];
  #wanted = false;
  #complete = false;
  #over = false;
  #disturbed = false;
  /** What the stream fails with, in place of ending. */
  #failure: { readonly reason: unknown } | null = null;

  /** @param owner Whom to tell of bytes that were read. */
  constructor(owner: BodyOwner) {
    this.#owner = owner;
  }

  /** What the application reads. */
  get stream(): ReadableStream<Uint8Array<ArrayBuffer>> {
    if (this.#stream === null) {
      this.#stream = new ReadableStream({
        start: (controller) => {
          this.#controller = controller;
        },
        pull: () => this.#pull(),
        cancel: () => {
          this.#disturbed = true;
          this.#drop();
        },
      }, { highWaterMark: 0 });
      incomingBodies.add(this.#stream);
      if (this.#failure !== null) this.#controller!.error(this.#failure.reason);
      else if (this.#complete && this.#waiting.length === 0) this.#close();
    }
    return this.#stream;
  }

  /** Whether anything was read of it, or it was cancelled. */
  get disturbed(): boolean {
    return this.#disturbed;
  }

  /** Bytes have arrived. */
  push(bytes: Uint8Array<ArrayBuffer>): void {
    if (bytes.length === 0) {
      this.#owner.bodyConsumed(partOverhead);
    } else if (this.#over) {
      this.#owner.bodyConsumed(bytes.length + partOverhead);
    } else if (this.#wanted) {
      this.#wanted = false;
      this.#owner.bodyConsumed(bytes.length + partOverhead);
      this.#controller!.enqueue(bytes);
    } else {
      this.#waiting.push(bytes);
    }
  }

  /** The message has ended. */
  end(): void {
    this.#complete = true;
    if (this.#waiting.length === 0) this.#close();
  }

  /** The rest of the message will not come. */
  fail(error: unknown): void {
    if (this.#complete) return;
    this.#fail(error);
  }

  /** The application has gone on to the next message without reading this one. */
  skip(): void {
    if (this.#stream?.locked) return;
    this.#fail(
      new TypeError(
        "this message was not read before the next one was asked for: read its body first, or at the same time",
      ),
    );
  }

  #fail(reason: unknown): void {
    if (this.#over) return;
    this.#drop();
    this.#failure = { reason };
    this.#controller?.error(reason);
  }

  #pull(): void {
    this.#disturbed = true;
    const bytes = this.#waiting.shift();
    if (bytes === undefined) {
      this.#wanted = true;
      return;
    }
    this.#owner.bodyConsumed(bytes.length + partOverhead);
    this.#controller!.enqueue(bytes);
    if (this.#complete && this.#waiting.length === 0) this.#close();
  }

  #close(): void {
    if (this.#over || this.#controller === null) return;
    this.#over = true;
    this.#controller.close();
  }

  #drop(): void {
    this.#over = true;
    let size = 0;
    for (const bytes of this.#waiting) size += bytes.length + partOverhead;
    this.#waiting = [];
    if (size > 0) this.#owner.bodyConsumed(size);
  }
}

/**
 * A message of `connection.incoming`: handed out when its first fragment has
 * arrived, with the members of the Fetch body mixin. It can be larger than
 * memory; what is not read holds the peer back.
 *
 * Asking for the next message discards what was not read of this one, unless
 * its body is being read at the time.
 *
 * @example
 * ```ts
 * import { serve } from "@weir/ws";
 *
 * serve({ port: 0 }, async (socket) => {
 *   for await (const message of socket.incoming) {
 *     await socket.send(message.body, { type: message.type });
 *   }
 * });
 * ```
 */
export class IncomingMessage {
  /** Whether the message is text or binary. The body of a text is valid UTF-8. */
  readonly type: "text" | "binary";
  readonly #body: IncomingBody;
  readonly #maxMessageSize: number;

  /**
   * Made by a connection.
   *
   * @param type What the message is.
   * @param body Its bytes.
   * @param maxMessageSize How many of them the methods that need all of the
   * message take, in bytes.
   */
  constructor(
    type: "text" | "binary",
    body: IncomingBody,
    maxMessageSize: number,
  ) {
    this.type = type;
    this.#body = body;
    this.#maxMessageSize = maxMessageSize;
  }

  /** The bytes, as they arrive. */
  get body(): ReadableStream<Uint8Array<ArrayBuffer>> {
    return this.#body.stream;
  }

  /** Whether any of the body was read, or it was cancelled. */
  get bodyUsed(): boolean {
    return this.#body.disturbed;
  }

  /**
   * All bytes of the message.
   *
   * @returns A promise. It rejects with a {@linkcode WebSocketError} of code 1009
   * if there are more than `maxMessageSize`, with a `TypeError` if the body was
   * used before, and as the body does if the connection is lost.
   */
  bytes(): Promise<Uint8Array<ArrayBuffer>> {
    return ignorable(this.#bytes());
  }

  /** All bytes as an `ArrayBuffer`; rejects as {@linkcode bytes} does. */
  arrayBuffer(): Promise<ArrayBuffer> {
    return ignorable(this.#bytes().then(({ buffer }) => buffer));
  }

  /** All bytes as a `Blob`; rejects as {@linkcode bytes} does. */
  blob(): Promise<Blob> {
    return ignorable(this.#bytes().then((bytes) => new Blob([bytes])));
  }

  /**
   * The message as a string, whatever its type; rejects as {@linkcode bytes}
   * does. Bytes of a binary message that are not UTF-8 become U+FFFD.
   */
  text(): Promise<string> {
    return ignorable(this.#text());
  }

  /**
   * The message parsed as JSON; rejects as {@linkcode bytes} does, and with a
   * `SyntaxError`.
   */
  json(): Promise<unknown> {
    return ignorable(this.#text().then((text) => JSON.parse(text)));
  }

  async #text(): Promise<string> {
    return new TextDecoder("utf-8", { ignoreBOM: true })
      .decode(await this.#bytes());
  }

  async #bytes(): Promise<Uint8Array<ArrayBuffer>> {
    if (this.bodyUsed || this.body.locked) {
      throw new TypeError(
        "the body of this message was already read: keep what the first reading gave",
      );
    }
    let size = 0;
    const parts: Uint8Array<ArrayBuffer>[] = [];
    for await (const part of this.body) {
      size += part.length;
      if (size > this.#maxMessageSize) {
        throw new WebSocketError(
          `a message of more than maxMessageSize (${this.#maxMessageSize} bytes) can't be read as a whole: read its body as a stream, or raise the limit`,
          { closeCode: CloseCode.MessageTooBig },
        );
      }
      parts.push(part);
    }
    return new Uint8Array(await new Blob(parts).arrayBuffer());
  }
}
