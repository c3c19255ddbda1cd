/**
 * `for await` over the incoming messages of a connection.
 *
 * A native stream's iterator makes several promises for each message, and asks
 * its stream for one at a time. Where many arrive at once, that takes longer than
 * all else that is done for them. This one takes them from where they wait, and
 * has the stream locked meanwhile, by a reader, as any iteration has.
 *
 * @module
 */

/** What an iteration is over. */
export interface IterableMessages<Item> {
  /**
   * Takes the next message; `undefined` if none is there, or if the stream's own
   * reader has to be asked.
   */
  takeNext(): Item | undefined;
  /**
   * Has the next message given to an iterator, or it told of the end.
   *
   * @returns Whether that will be: otherwise its reader has to be asked.
   */
  waitFor(iterator: IncomingIterator<Item>): boolean;
}

type Result<Item> = IteratorResult<Item, undefined>;

/** See the module. What it does is that of the Streams standard, section 4.2.5. */
export class IncomingIterator<Item> {
  static {
    // What all asynchronous iterators can do, these can.
    const asyncIterators = Object.getPrototypeOf(
      Object.getPrototypeOf(async function* () {}.prototype),
    );
    Object.setPrototypeOf(this.prototype, asyncIterators);
  }

  readonly #messages: IterableMessages<Item>;
  readonly #reader: ReadableStreamDefaultReader<Item>;
  readonly #preventCancel: boolean;
  /** The step that the next one has to wait for. */
  #ongoing: Promise<unknown> | null = null;
  #waiting: PromiseWithResolvers<Result<Item>> | null = null;
  #over = false;

  /**
   * @param messages What it iterates over.
   * @param reader The stream's, which stays locked until the end.
   * @param preventCancel Whether leaving the loop keeps the stream as it is.
   */
  constructor(
    messages: IterableMessages<Item>,
    reader: ReadableStreamDefaultReader<Item>,
    preventCancel: boolean,
  ) {
    this.#messages = messages;
    this.#reader = reader;
    this.#preventCancel = preventCancel;
  }

  /** Resolves with the next message when there is one. */
  next(): Promise<Result<Item>> {
    return this.#ongoing === null
      ? this.#next()
      : this.#queue(() => this.#next());
  }

  /**
   * Ends the iteration, behind the steps that were asked for before, and cancels
   * the stream, unless that is to be prevented.
   *
   * @param value What it resolves with, and the reason of the cancellation.
   */
  return(value?: unknown): Promise<IteratorReturnResult<unknown>> {
    return this.#queue(async () => {
      if (!this.#over) {
        const cancelled = this.#preventCancel
          ? undefined
          : this.#reader.cancel(value);
        this.#release();
        await cancelled;
      }
      return { done: true, value };
    });
  }

  /** The message has come that it waits for. */
  deliver(value: Item): void {
    this.#settleWaiting().resolve({ done: false, value });
  }

  /**
   * The end has come while it waits for a message.
   *
   * @param error What the stream failed with; `null` if it just ended.
   */
  finish(error: unknown): void {
    const { resolve, reject } = this.#settleWaiting();
    this.#release();
    if (error === null) resolve({ done: true, value: undefined });
    else reject(error);
  }

  #next(): Promise<Result<Item>> {
    if (this.#over) return Promise.resolve({ done: true, value: undefined });
    const value = this.#messages.takeNext();
    if (value !== undefined) return Promise.resolve({ done: false, value });
    const waiting = this.#waiting = Promise.withResolvers<Result<Item>>();
    this.#ongoing ??= waiting.promise;
    if (!this.#messages.waitFor(this)) this.#read();
    return waiting.promise;
  }

  /** Asks the stream's reader. */
  #read(): void {
    this.#reader.read().then((result) => {
      if (result.done) this.finish(null);
      else this.deliver(result.value);
    }, (error) => this.finish(error));
  }

  #settleWaiting(): PromiseWithResolvers<Result<Item>> {
    const waiting = this.#waiting!;
    this.#waiting = null;
    if (this.#ongoing === waiting.promise) this.#ongoing = null;
    return waiting;
  }

  /** Does a step behind the one that is going on. */
  #queue<Value>(step: () => Promise<Value>): Promise<Value> {
    const done = this.#ongoing === null
      ? step()
      : this.#ongoing.then(step, step);
    const settled = (): void => {
      if (this.#ongoing === done) this.#ongoing = null;
    };
    this.#ongoing = done;
    done.then(settled, settled);
    return done;
  }

  #release(): void {
    this.#over = true;
    this.#reader.releaseLock();
  }
}
