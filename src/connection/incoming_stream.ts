/**
 * The incoming messages of a connection as a stream: what `readable` and
 * `incoming` have in common.
 *
 * @module
 */
import type { Message } from "../codec/message.ts";
import {
  IncomingIterator,
  type IterableMessages,
} from "./incoming_iterator.ts";
import type { IncomingBody } from "./incoming_message.ts";

/** A message that was begun, on its way to `incoming`. */
export interface QueuedBody {
  /** What the message is. */
  readonly type: "text" | "binary";
  /** Its bytes. */
  readonly body: IncomingBody;
}

/** What waits until a stream's reader asks for it. */
export type QueuedItem = Message | QueuedBody;

/** Where a stream's messages wait. */
export interface IncomingSource {
  /** Takes the oldest; `undefined` if none waits. */
  take(): QueuedItem | undefined;
  /** The reader waits for the next message. */
  readerWaits(): void;
  /** The application cancelled the stream. */
  cancelled(reason: unknown): void;
}

const highWaterMark = { highWaterMark: 0 };

/**
 * A stream that holds nothing itself: it asks for a message when its reader does.
 * It is its own underlying source, as closures would weigh more than the rest of
 * it. It does not say so with `implements`: `UnderlyingDefaultSource` is a type of
 * the DOM, which programs for Node need not have.
 */
export abstract class IncomingStream<Item> implements IterableMessages<Item> {
  /** What the application reads. */
  readonly stream: ReadableStream<Item>;
  readonly #source: IncomingSource;
  #controller: ReadableStreamDefaultController<Item> | null = null;
  /** Whether the stream's reader waits for a message. */
  #wanted = false;
  /** Whether the stream may hold one, of a reader that has given up. */
  #mayHold = false;
  /** The iterator that waits for one. */
  #iterator: IncomingIterator<Item> | null = null;

  /** @param source Where the messages come from. */
  constructor(source: IncomingSource) {
    this.#source = source;
    this.stream = new MessageStream<Item>(this, highWaterMark);
  }

  /**
   * Whether the reader waits for a message. One that does not is still at work on
   * the last one.
   */
  get wanted(): boolean {
    return (this.#wanted || this.#iterator !== null) &&
      this.#controller !== null;
  }

  /** Whether nobody reads it any more. */
  get over(): boolean {
    return this.#controller === null;
  }

  /** Gives a message to the reader that waits for it. */
  give(item: QueuedItem): void {
    const iterator = this.#iterator;
    if (iterator !== null) {
      this.#iterator = null;
      iterator.deliver(this.toItem(item));
    } else {
      this.#wanted = false;
      this.#enqueue(this.#controller!, item);
    }
  }

  /** Ends the stream, or fails it where there is an error. */
  end(error: unknown): void {
    const controller = this.#controller;
    if (controller === null) return;
    this.#controller = null;
    if (error === null) controller.close();
    else controller.error(error);
    this.#iterator?.finish(error);
    this.#iterator = null;
  }

  /** Called by the stream that is to be iterated over, which is locked now. */
  beginIteration(): void {
    // Who read before and has given up waits no more.
    this.#wanted = false;
  }

  /** See {@linkcode IterableMessages}. */
  takeNext(): Item | undefined {
    if (!this.#mayIterate()) return undefined;
    this.nextWanted();
    const item = this.#source.take();
    return item === undefined ? undefined : this.toItem(item);
  }

  /** See {@linkcode IterableMessages}. */
  waitFor(iterator: IncomingIterator<Item>): boolean {
    if (!this.#mayIterate()) return false;
    this.#iterator = iterator;
    this.#source.readerWaits();
    return true;
  }

  /** Called by the stream. */
  start(controller: ReadableStreamDefaultController<Item>): void {
    this.#controller = controller;
  }

  /** Called by the stream: its reader asks for a message. */
  pull(controller: ReadableStreamDefaultController<Item>): void {
    this.nextWanted();
    const item = this.#source.take();
    if (item === undefined) {
      this.#wanted = true;
      this.#source.readerWaits();
    } else {
      this.#enqueue(controller, item);
    }
  }

  /** Called by the stream. */
  cancel(reason: unknown): void {
    this.#controller = null;
    this.#source.cancelled(reason);
  }

  /** The application is done with what it was given, and asks for the next. */
  protected nextWanted(): void {}

  /** Makes what the application gets of what waited. */
  protected abstract toItem(item: QueuedItem): Item;

  #enqueue(
    controller: ReadableStreamDefaultController<Item>,
    item: QueuedItem,
  ): void {
    this.#mayHold = true;
    controller.enqueue(this.toItem(item));
  }

  /** Whether it has not ended, and the stream itself holds nothing. */
  #mayIterate(): boolean {
    if (this.#controller === null) return false;
    if (this.#mayHold) this.#mayHold = this.#controller.desiredSize !== 0;
    return !this.#mayHold;
  }
}

/** A stream that is iterated over in a way of its own. */
class MessageStream<Item> extends ReadableStream<Item> {
  readonly #incoming: IncomingStream<Item>;

  constructor(incoming: IncomingStream<Item>, strategy: QueuingStrategy<Item>) {
    super(incoming, strategy);
    this.#incoming = incoming;
  }

  override values(options?: Options): Values<Item> {
    const reader = this.getReader();
    this.#incoming.beginIteration();
    return new IncomingIterator(
      this.#incoming,
      reader,
      Boolean(options?.preventCancel),
    ) as unknown as Values<Item>;
  }

  override [Symbol.asyncIterator](options?: Options): Values<Item> {
    return this.values(options);
  }
}

// The types of the DOM have other names for these than those of Node.
type Options = Parameters<ReadableStream["values"]>[0];
type Values<Item> = ReturnType<ReadableStream<Item>["values"]>;

/** The messages of `readable`: whole ones, as they are. */
export class IncomingMessages extends IncomingStream<Message> {
  protected override toItem(item: QueuedItem): Message {
    return item as Message;
  }
}
