/**
 * The incoming half of a connection: messages between the codec and the
 * application, and the backpressure from the one to the other.
 *
 * @module
 */
import type { Message, MessageFragment } from "../codec/message.ts";
import { IncomingBodies } from "./incoming_bodies.ts";
import {
  type BodyOwner,
  type IncomingMessage,
  partOverhead,
} from "./incoming_message.ts";
import {
  IncomingMessages,
  type IncomingSource,
  type QueuedItem,
} from "./incoming_stream.ts";
import { ItemQueue } from "./item_queue.ts";
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

/** What a message costs in the queue beside its bytes, so that empty ones count. */
const messageOverhead = 32;

/** See the module. */
export class Inbound implements BodyOwner, IncomingSource {
  readonly #owner: InboundOwner;
  readonly #options: ResolvedConnectionOptions;
  /** What waits. Made with the first that has to. */
  #queue: ItemQueue<QueuedItem> | null = null;
  #size = 0;

  // Who takes the messages is one of these three.
  #hook: MessageHook | null = null;
  #readable: IncomingMessages | null = null;
  #incoming: IncomingBodies | null = null;

  #hookBusy = false;
  #held = false;

  #whenDrained: (() => void) | null = null;
  #refusing = false;
  /** There is one once the connection is over: what readers fail with, or `null`. */
  #end: { readonly error: unknown } | null = null;

  /** Makes the incoming half of a connection. */
  constructor(owner: InboundOwner, options: ResolvedConnectionOptions) {
    this.#owner = owner;
    this.#options = options;
  }

  /** Whether so much waits for the application that no more should arrive. */
  get full(): boolean {
    return this.#size >= this.#options.readableHighWaterMark;
  }

  /** Whether messages are handed out while they arrive. */
  get wantsFragments(): boolean {
    return this.#incoming !== null;
  }

  /** Whether the messages go to a stream's reader. */
  get isStream(): boolean {
    return this.#stream() !== null;
  }

  #stream(): IncomingMessages | IncomingBodies | null {
    return this.#readable ?? this.#incoming;
  }

  /** Has messages delivered to a hook. */
  deliverTo(hook: MessageHook): void {
    this.#hook = hook;
  }

  /** Has messages discarded, if nobody has asked for them. */
  discardUnlessTaken(): void {
    if (this.#hook !== null || this.isStream) return;
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
      this.#checkUntaken("readable");
      this.#readable = new IncomingMessages(this);
    }
    return this.#readable.stream;
  }

  /** The messages as a stream of such as can be read while they arrive. */
  get incoming(): ReadableStream<IncomingMessage> {
    if (this.#incoming === null) {
      this.#checkUntaken("incoming");
      this.#owner.inboundWantsFragments();
      this.#incoming = new IncomingBodies(
        this,
        this.#options.maxMessageSize,
      );
    }
    return this.#incoming.stream;
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
    const bodies = this.#incoming;
    if (this.#refusing || bodies === null) return;
    if (first) this.#enqueue(bodies.begin(type), messageOverhead);
    if (!bodies.arriving) return;
    this.#size += payload.length + partOverhead;
    bodies.push(payload, fin);
  }

  /** See {@linkcode IncomingSource}. */
  take(): QueuedItem | undefined {
    if (this.#isEmpty()) return undefined;
    const item = this.#shift();
    // A body is counted until it was read.
    this.#release(
      this.#incoming === null ? sizeOf(item as Message) : messageOverhead,
    );
    return item;
  }

  /** See {@linkcode IncomingSource}. */
  readerWaits(): void {
    if (this.#end !== null) this.#stream()!.end(this.#end.error);
    else this.#settleDrained();
  }

  /** See {@linkcode IncomingSource}. */
  cancelled(reason: unknown): void {
    this.#owner.inboundCancelled(reason);
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
    this.#incoming?.failArriving(null);
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
    if (this.#hook !== null) {
      this.#queue = null;
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
    this.#end = { error };
    this.#incoming?.failArriving(error);
    if (this.#hook !== null) {
      this.#queue = null;
    } else if (this.#isEmpty()) {
      this.#stream()?.end(error);
    }
  }

  #checkUntaken(wanted: "readable" | "incoming"): void {
    if (this.#hook === null && !this.isStream) return;
    const taken = this.#hook !== null
      ? "the hooks"
      : this.#readable !== null
      ? "`readable`"
      : "`incoming`";
    throw new TypeError(
      `\`${wanted}\` can't be used: the messages of this connection already go to ${taken}`,
    );
  }

  #enqueue(item: QueuedItem, size: number): void {
    const stream = this.#stream();
    if (stream?.wanted) {
      stream.give(item);
    } else {
      this.#queue ??= new ItemQueue();
      this.#queue.push(item);
      this.#size += size;
    }
  }

  #isEmpty(): boolean {
    return this.#queue === null;
  }

  /** Takes the oldest of those that wait; there has to be one. */
  #shift(): QueuedItem {
    const queue = this.#queue!;
    const item = queue.shift();
    if (queue.length === 0) this.#queue = null;
    return item;
  }

  #release(size: number): void {
    const wasFull = this.full;
    this.#size = Math.max(0, this.#size - size);
    if (wasFull && !this.full) this.#owner.inboundChanged();
  }

  /** Whether the application has nothing left that arrived before the peer's Close. */
  #isDrained(): boolean {
    if (this.#hook !== null) return this.#isEmpty() && !this.#hookBusy;
    const stream = this.#stream();
    return stream === null ||
      this.#isEmpty() && (stream.wanted || stream.over);
  }

  #settleDrained(): void {
    if (this.#whenDrained === null || !this.#isDrained()) return;
    const drained = this.#whenDrained;
    this.#whenDrained = null;
    drained();
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
