/**
 * The body of a request that a `node:http` server has read, as a stream.
 *
 * @module
 */
import type { IncomingMessage } from "node:http";

/** See the module. */
export class RequestBody {
  readonly #request: IncomingMessage;
  #stream: ReadableStream<Uint8Array> | null = null;
  #controller: ReadableStreamDefaultController<Uint8Array> | null = null;
  /** There as soon as something was asked for. */
  #chunks: AsyncIterator<Uint8Array> | null = null;
  #discarded = false;

  /** The request is not touched before its body is read. */
  constructor(request: IncomingMessage) {
    this.#request = request;
  }

  /** The body. */
  get stream(): ReadableStream<Uint8Array> {
    return this.#stream ??= new ReadableStream<Uint8Array>({
      start: (controller) => void (this.#controller = controller),
      pull: (controller) => this.#pull(controller),
      cancel: () => this.#skip(),
    }, { highWaterMark: 0 });
  }

  /** Whether somebody has a reader for it. */
  get locked(): boolean {
    return this.#stream?.locked === true;
  }

  /** Lets nobody read on, and skips what is left, as the next request is behind it. */
  discard(): void {
    // One of which nothing was read is skipped by its server, once it is there.
    if (this.#discarded || (this.#chunks === null && this.#request.complete)) {
      return;
    }
    this.#controller?.error(
      new Error("the rest of the body was discarded: the request is answered"),
    );
    this.#skip();
  }

  async #pull(
    controller: ReadableStreamDefaultController<Uint8Array>,
  ): Promise<void> {
    this.#chunks ??= this.#request.iterator({ destroyOnReturn: false });
    const { done, value } = await this.#chunks.next();
    if (this.#discarded) return;
    if (done) controller.close();
    // Chunks may have a buffer in common, which who gets one may transfer.
    else controller.enqueue(new Uint8Array(value));
  }

  async #skip(): Promise<void> {
    this.#discarded = true;
    // It would hold up what it does not read.
    await this.#chunks?.return?.();
    this.#request.resume();
  }
}
