/**
 * The incoming messages of a connection as a stream: `readable` or `incoming`.
 *
 * @module
 */

/** Where a stream's messages wait until they are asked for. */
export interface IncomingSource<Item> {
  /** Takes the oldest message; `undefined` if none waits. */
  take(): Item | undefined;
  /** The reader waits for the next message. */
  readerWaits(): void;
  /** The application cancelled the stream. */
  cancelled(reason: unknown): void;
}

/** A stream that holds nothing itself: it asks for a message when its reader does. */
export class IncomingStream<Item> {
  /** What the application reads. */
  readonly stream: ReadableStream<Item>;
  #controller: ReadableStreamDefaultController<Item> | null = null;
  #wanted = false;

  /** @param source Where the messages come from. */
  constructor(source: IncomingSource<Item>) {
    this.stream = new ReadableStream<Item>({
      start: (controller) => {
        this.#controller = controller;
      },
      pull: (controller) => {
        const item = source.take();
        if (item !== undefined) {
          controller.enqueue(item);
          return;
        }
        this.#wanted = true;
        source.readerWaits();
      },
      cancel: (reason) => {
        this.#controller = null;
        source.cancelled(reason);
      },
    }, { highWaterMark: 0 });
  }

  /**
   * Whether the reader waits for a message. One that does not is still at work on
   * the last one.
   */
  get wanted(): boolean {
    return this.#wanted && this.#controller !== null;
  }

  /** Whether nobody reads it any more. */
  get over(): boolean {
    return this.#controller === null;
  }

  /** Gives a message to the reader that waits for it. */
  give(item: Item): void {
    this.#wanted = false;
    this.#controller!.enqueue(item);
  }

  /** Ends the stream, or fails it where there is an error. */
  end(error: unknown): void {
    const controller = this.#controller;
    if (controller === null) return;
    this.#controller = null;
    if (error === null) controller.close();
    else controller.error(error);
  }
}
