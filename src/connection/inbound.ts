/**
 * The incoming half of a connection: messages between the codec and the
 * application, and the backpressure from the one to the other.
 *
 * @module
 */
import { CloseCode } from "../close.ts";
import type { Message, MessageFragment } from "../codec/message.ts";
import { encodeUtf8 } from "../codec/utf8.ts";
import { WebSocketError } from "../error.ts";
import {
  type BodyOwner,
  IncomingBody,
  IncomingMessage,
  partOverhead,
} from "./incoming_message.ts";
import type { ResolvedConnectionOptions } from "./options.ts";
import { alreadySent } from "./outbound.ts";

/** What the incoming half tells the connection. */
export interface InboundOwner {
  /** Whether more may arrive has changed. */
  inboundChanged(): void;
  /** `incoming` was asked for: fragments are wanted in place of messages. */
  inboundWantsFragments(): void;
  /** The application cancelled `readable` or `incoming`. */
  inboundCancelled(reason: unknown): void;
  /** A message hook threw, or its promise rejected. */
  inboundHookFailed(error: unknown): void;
}

/** A function that messages are delivered to, and what it belongs to. */
export interface MessageHook {
  /** Takes a message; the next one waits for what it returns. */
  takeMessage(message: Message): unknown;
}

/** Who takes the messages. */
type Consumer = "none" | "hook" | "readable" | "incoming";

/** A message that was begun, on its way to `incoming`. */
interface QueuedBody {
  readonly type: "text" | "binary";
  readonly body: IncomingBody;
}

/** What a message costs in the queue beside its bytes, so that empty ones count. */
const messageOverhead = 32;

/** See the module. */
export class Inbound implements BodyOwner {
  readonly #owner: InboundOwner;
  readonly #options: ResolvedConnectionOptions;
  #consumer: Consumer = "none";
  /** What waits. Made with the first that has to. */
  #queue: (Message | QueuedBody)[] | null = null;
  #head = 0;
  #size = 0;

  #hook: MessageHook | null = null;
  #hookBusy = false;
  #held = false;

  #readable: ReadableStream<Message> | null = null;
  #incoming: ReadableStream<IncomingMessage> | null = null;
  #controller:
    | ReadableStreamDefaultController<Message>
    | ReadableStreamDefaultController<IncomingMessage>
    | null = null;
  /** Whether the stream's reader waits for a message. */
  #wanted = false;
  /** The body whose message is arriving. */
  #arriving: IncomingBody | null = null;
  /** The body that was handed out last. */
  #handedOut: IncomingBody | null = null;

  #whenDrained: (() => void) | null = null;
  #refusing = false;
  #ended = false;
  #error: unknown = null;

  /** Makes the incoming half of a connection. */
  constructor(owner: InboundOwner, options: ResolvedConnectionOptions) {
    this.#owner = owner;
    this.#options = options;
  }

  /** Whether so much waits for the application that no more should arrive. */
  get full(): boolean {
    return this.#size >= this.#options.readableHighWaterMark;
  }

  /** Whether the messages go to a stream's reader. */
  get isStream(): boolean {
    return this.#consumer === "readable" || this.#consumer === "incoming";
  }

  /** Has messages delivered to a hook. */
  deliverTo(hook: MessageHook): void {
    this.#hook = hook;
    this.#consumer = "hook";
  }

  /** Has messages discarded, if nobody has asked for them. */
  discardUnlessTaken(): void {
    if (this.#consumer !== "none") return;
    this.deliverTo(discarding);
    this.#runHook();
  }

  /** Delivers nothing to the hook until {@linkcode release}. */
  hold(): void {
    this.#held = true;
  }

  /** Delivers what has come together since {@linkcode hold}. */
  release(): void {
    this.#held = false;
    this.#runHook();
  }

  /** The messages as a stream. */
  get readable(): ReadableStream<Message> {
    if (this.#readable === null) {
      this.#take("readable");
      this.#readable = new ReadableStream<Message>(
        this.#source<Message>((controller) => {
          const message = this.#shift() as Message;
          this.#release(sizeOf(message));
          controller.enqueue(message);
        }),
        { highWaterMark: 0 },
      );
    }
    return this.#readable;
  }

  /** The messages as a stream of such as can be read while they arrive. */
  get incoming(): ReadableStream<IncomingMessage> {
    if (this.#incoming === null) {
      this.#take("incoming");
      this.#owner.inboundWantsFragments();
      this.#incoming = new ReadableStream<IncomingMessage>(
        this.#source<IncomingMessage>((controller) => {
          const message = this.#handOut(this.#shift());
          this.#release(messageOverhead);
          controller.enqueue(message);
        }),
        { highWaterMark: 0 },
      );
    }
    return this.#incoming;
  }

  /** A message has arrived. */
  push(message: Message): void {
    if (this.#refusing) return;
    if (
      this.#hook !== null && this.#queue === null && !this.#hookBusy &&
      !this.#held
    ) {
      this.#callHook(message);
      return;
    }
    this.#enqueue(message, sizeOf(message));
  }

  /** A part of a message has arrived. */
  pushFragment({ type, first, fin, payload }: MessageFragment): void {
    if (this.#refusing) return;
    if (first) {
      this.#arriving = new IncomingBody(this);
      this.#enqueue({ type, body: this.#arriving }, messageOverhead);
    }
    const body = this.#arriving;
    if (body === null) return;
    this.#size += payload.length + partOverhead;
    body.push(payload);
    if (fin) {
      body.end();
      this.#arriving = null;
    }
  }

  /** A body was read, or its bytes are not wanted. */
  bodyConsumed(size: number): void {
    this.#release(size);
  }

  /**
   * The peer has said that no more comes.
   *
   * @param drained Called when the application has taken all, or nobody takes
   * anything.
   */
  finish(drained: () => void): void {
    this.#failArriving();
    if (this.#isDrained()) drained();
    else this.#whenDrained = drained;
  }

  /**
   * Takes nothing any more: the connection closes. A stream's reader still gets
   * what arrived before; a hook is not called again.
   */
  refuse(): void {
    this.#refusing = true;
    this.#whenDrained = null;
    if (this.#consumer === "hook") {
      this.#queue = null;
      this.#head = 0;
      this.#size = 0;
    }
    this.#owner.inboundChanged();
  }

  /**
   * The connection is over. Readers get what arrived whole before, then the end.
   *
   * @param error What they fail with, or `null` where all was well.
   */
  end(error: unknown): void {
    this.#ended = true;
    this.#error = error;
    this.#failArriving();
    if (this.#consumer === "hook") {
      this.#queue = null;
      this.#head = 0;
    } else if (this.#isEmpty()) {
      this.#endStream();
    }
  }

  #failArriving(): void {
    this.#arriving?.fail(
      this.#error ?? new WebSocketError(
        "the connection closed in the middle of this message",
        { closeCode: CloseCode.AbnormalClosure },
      ),
    );
    this.#arriving = null;
  }

  #take(consumer: Consumer): void {
    if (this.#consumer !== "none") {
      const taken = this.#consumer === "hook"
        ? "the hooks"
        : `\`${this.#consumer}\``;
      throw new TypeError(
        `\`${consumer}\` can't be used: the messages of this connection already go to ${taken}`,
      );
    }
    this.#consumer = consumer;
  }

  #source<Item extends Message | IncomingMessage>(
    enqueueNext: (controller: ReadableStreamDefaultController<Item>) => void,
  ): UnderlyingDefaultSource<Item> {
    return {
      start: (controller) => {
        this.#controller = controller as ReadableStreamDefaultController<
          Message
        >;
      },
      pull: (controller) => {
        this.#skipUnread();
        if (!this.#isEmpty()) {
          enqueueNext(controller);
          return;
        }
        this.#wanted = true;
        if (this.#ended) this.#endStream();
        else this.#settleDrained();
      },
      cancel: (reason) => {
        this.#controller = null;
        this.#owner.inboundCancelled(reason);
      },
    };
  }

  #enqueue(item: Message | QueuedBody, size: number): void {
    const wanted = this.#wanted;
    this.#wanted = false;
    const controller = this.#controller;
    if (!wanted || controller === null) {
      this.#queue ??= [];
      this.#queue.push(item);
      this.#size += size;
    } else if (this.#consumer === "readable") {
      (controller as ReadableStreamDefaultController<Message>)
        .enqueue(item as Message);
    } else {
      (controller as ReadableStreamDefaultController<IncomingMessage>)
        .enqueue(this.#handOut(item));
    }
  }

  #isEmpty(): boolean {
    return this.#queue === null;
  }

  /** Takes the oldest of those that wait; there has to be one. */
  #shift(): Message | QueuedBody {
    const queue = this.#queue!;
    const item = queue[this.#head];
    queue[this.#head++] = "";
    if (this.#head === queue.length) {
      this.#queue = null;
      this.#head = 0;
    } else if (this.#head === 1024) {
      queue.splice(0, 1024);
      this.#head = 0;
    }
    return item;
  }

  #release(size: number): void {
    const wasFull = this.full;
    this.#size = Math.max(0, this.#size - size);
    if (wasFull && !this.full) this.#owner.inboundChanged();
  }

  /** Makes of a queued message what `incoming` gives. */
  #handOut(item: Message | QueuedBody): IncomingMessage {
    const { type, body } = typeof item === "object" && "body" in item
      ? item
      : this.#toBody(item);
    this.#handedOut = body;
    return new IncomingMessage(type, body, this.#options.maxMessageSize);
  }

  /** Messages that arrived whole before `incoming` was asked for come out of it as well. */
  #toBody(message: Message): QueuedBody {
    const body = new IncomingBody(this);
    body.push(typeof message === "string" ? encodeUtf8(message) : message);
    body.end();
    return { type: typeof message === "string" ? "text" : "binary", body };
  }

  #skipUnread(): void {
    this.#handedOut?.skip();
    this.#handedOut = null;
  }

  /** Whether the application has nothing left that arrived before the peer's Close. */
  #isDrained(): boolean {
    switch (this.#consumer) {
      case "none":
        return true;
      case "hook":
        return this.#isEmpty() && !this.#hookBusy;
      default:
        // A reader that does not wait for the next message is still at work on
        // the last one.
        return this.#isEmpty() && (this.#wanted || this.#controller === null);
    }
  }

  #settleDrained(): void {
    if (this.#whenDrained === null || !this.#isDrained()) return;
    const drained = this.#whenDrained;
    this.#whenDrained = null;
    drained();
  }

  #endStream(): void {
    const controller = this.#controller;
    if (controller === null) return;
    this.#controller = null;
    if (this.#error === null) controller.close();
    else controller.error(this.#error);
  }

  #callHook(message: Message): void {
    let returned: unknown;
    try {
      returned = this.#hook!.takeMessage(message);
    } catch (error) {
      this.#owner.inboundHookFailed(error);
      return;
    }
    if (returned === undefined || returned === alreadySent) return;
    if (typeof (returned as PromiseLike<unknown>)?.then !== "function") return;
    this.#hookBusy = true;
    (returned as PromiseLike<unknown>).then(
      () => this.#hookDone(),
      (error) => {
        this.#owner.inboundHookFailed(error);
        this.#hookDone();
      },
    );
  }

  #hookDone(): void {
    this.#hookBusy = false;
    this.#runHook();
  }

  #runHook(): void {
    if (this.#hook !== null) {
      while (!this.#hookBusy && !this.#held && !this.#isEmpty()) {
        const message = this.#shift() as Message;
        this.#release(sizeOf(message));
        this.#callHook(message);
      }
    }
    this.#settleDrained();
  }
}

const discarding: MessageHook = { takeMessage() {} };

function sizeOf(message: Message): number {
  return message.length + messageOverhead;
}
