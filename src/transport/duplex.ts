/**
 * Any pair of byte streams as a transport.
 *
 * @module
 */
import type {
  NetworkAddress,
  Transport,
  TransportReceiver,
} from "../connection/transport.ts";
import { describe } from "../describe.ts";

/** A duplex of Web Streams: a `Deno.Conn`, a WebTransport stream, two `TransformStream`s. */
export interface ByteDuplex {
  /** Bytes from the peer. */
  readonly readable: ReadableStream<Uint8Array>;
  /** Bytes to the peer. */
  readonly writable: WritableStream<Uint8Array>;
}

/** See the module. */
export class DuplexTransport implements Transport {
  readonly #reader: ReadableStreamDefaultReader<Uint8Array>;
  readonly #writer: WritableStreamDefaultWriter<Uint8Array>;
  #receiver: TransportReceiver | null = null;
  #buffered = 0;
  #paused = false;
  #reading = false;
  #readDone = false;
  #writeDone = false;
  #closed = false;
  /** See {@linkcode Transport}. */
  readonly copies = false;
  /** See {@linkcode Transport}: a chunk may be anyone's. */
  readonly gives = false;
  /** The address that was given. */
  readonly remoteAddress: NetworkAddress | null;

  /**
   * @param duplex The streams; they are locked.
   * @param remoteAddress The peer's address, where one is known.
   * @throws {TypeError} If one of them is locked already; the other is not then.
   */
  constructor(duplex: ByteDuplex, remoteAddress: NetworkAddress | null) {
    this.#reader = duplex.readable.getReader();
    try {
      this.#writer = duplex.writable.getWriter();
    } catch (error) {
      this.#reader.releaseLock();
      throw error;
    }
    this.remoteAddress = remoteAddress;
  }

  /** See {@linkcode Transport}. */
  get bufferedAmount(): number {
    return this.#buffered;
  }

  /** See {@linkcode Transport}. */
  start(receiver: TransportReceiver): void {
    this.#receiver = receiver;
    this.#writer.closed.then(
      () => this.#writeEnded(),
      (error) => this.#fail(error),
    );
    this.#read();
  }

  /** See {@linkcode Transport}. */
  pause(): void {
    this.#paused = true;
  }

  /** See {@linkcode Transport}. */
  resume(): void {
    this.#paused = false;
    this.#read();
  }

  /** See {@linkcode Transport}. */
  write(chunks: readonly Uint8Array[], written?: () => void): void {
    const last = chunks.length - 1;
    chunks.forEach((chunk, index) => {
      // Not to be asked for later: who takes a chunk may transfer its buffer.
      const { length } = chunk;
      this.#buffered += length;
      this.#writer.write(chunk).then(() => {
        this.#buffered -= length;
        if (index === last) written?.();
      }, (error) => this.#fail(error));
    });
  }

  /** See {@linkcode Transport}. */
  end(): void {
    // Its failure is seen through `closed`.
    this.#writer.close().catch(() => {});
  }

  /** See {@linkcode Transport}. */
  destroy(): void {
    this.#fail(null);
  }

  async #read(): Promise<void> {
    if (this.#reading || this.#receiver === null) return;
    this.#reading = true;
    try {
      while (!this.#paused && !this.#closed) {
        const { done, value } = await this.#reader.read();
        if (this.#closed) break;
        if (done) {
          this.#readDone = true;
          this.#receiver.receiveEnd();
          this.#closeIfDone();
          break;
        }
        if (!(value instanceof Uint8Array)) {
          throw new TypeError(
            `the duplex's \`readable\` has to give Uint8Arrays, not ${
              describe(value)
            }`,
          );
        }
        // Others may have it as well, and keep it.
        this.#receiver.receive(value as Uint8Array<ArrayBuffer>, true);
      }
    } catch (error) {
      this.#fail(error);
    } finally {
      this.#reading = false;
    }
  }

  #writeEnded(): void {
    this.#writeDone = true;
    this.#closeIfDone();
  }

  #closeIfDone(): void {
    if (this.#readDone && this.#writeDone) this.#close(null);
  }

  #fail(error: unknown): void {
    if (this.#closed) return;
    this.#close(error instanceof Error ? error : null);
    const reason = error ?? new Error("the connection was dropped");
    this.#reader.cancel(reason).catch(() => {});
    this.#writer.abort(reason).catch(() => {});
  }

  #close(error: Error | null): void {
    if (this.#closed) return;
    this.#closed = true;
    // As with a socket, the end is told after the call that caused it.
    queueMicrotask(() => this.#receiver?.transportClosed(error));
  }
}
