/**
 * Two ends of a byte connection in memory, as a TCP connection is: bytes are
 * copied into a buffer of bounded size, a write waits until all of its bytes
 * are in there, and chunks come out cut otherwise than they went in.
 */

/** One end of the connection. */
export interface DuplexEnd {
  /** What the other end has written. */
  readonly readable: ReadableStream<Uint8Array>;
  /** What the other end will read. */
  readonly writable: WritableStream<Uint8Array>;
  /** How many bytes of the other end this one has read. */
  readonly bytesRead: number;
  /** How many bytes this end could put into the buffer to the other. */
  readonly bytesWritten: number;
}

/** How the two ends are joined. */
export interface DuplexPairOptions {
  /** How many bytes are under way in one direction before a write waits. Default 64 KiB. */
  capacity?: number;
  /** The longest chunk that is read. Default 64 KiB. */
  chunkLength?: number;
}

/** Makes the two ends. */
export function duplexPair(
  { capacity = 65536, chunkLength = 65536 }: DuplexPairOptions = {},
): [DuplexEnd, DuplexEnd] {
  const there = new BytePipe(capacity, chunkLength);
  const back = new BytePipe(capacity, chunkLength);
  return [duplexEnd(back, there), duplexEnd(there, back)];
}

function duplexEnd(input: BytePipe, output: BytePipe): DuplexEnd {
  return {
    readable: input.readable,
    writable: output.writable,
    get bytesRead() {
      return input.bytesOut;
    },
    get bytesWritten() {
      return output.bytesIn;
    },
  };
}

/** One direction. */
class BytePipe {
  readonly readable: ReadableStream<Uint8Array>;
  readonly writable: WritableStream<Uint8Array>;
  bytesIn = 0;
  bytesOut = 0;
  #parts: Uint8Array[] = [];
  #buffered = 0;
  #ended = false;
  #broken = false;
  #failure: unknown;
  /** Wakes whoever waits for a change: at most one writer and one reader. */
  #waiting: (() => void)[] = [];

  constructor(capacity: number, chunkLength: number) {
    this.readable = new ReadableStream<Uint8Array>({
      pull: async (controller) => {
        while (this.#buffered === 0 && !this.#ended) await this.#change();
        if (this.#broken) throw this.#failure;
        if (this.#buffered > 0) controller.enqueue(this.#take(chunkLength));
        else controller.close();
      },
      cancel: (reason) => this.#break(reason),
    }, { highWaterMark: 0 });
    this.writable = new WritableStream<Uint8Array>({
      start: (controller) => {
        const { signal } = controller;
        signal.addEventListener("abort", () => this.#break(signal.reason));
        this.#onBroken = () => {
          // Node 22 fails in abort() if its signal makes the stream error.
          if (!signal.aborted) controller.error(this.#failure);
        };
      },
      write: async (chunk) => {
        for (let offset = 0; offset < chunk.length;) {
          if (this.#broken) throw this.#failure;
          const room = capacity - this.#buffered;
          if (room === 0) {
            await this.#change();
            continue;
          }
          const part = chunk.slice(offset, offset + room);
          offset += part.length;
          this.#buffered += part.length;
          this.bytesIn += part.length;
          this.#parts.push(part);
          this.#changed();
        }
      },
      close: () => {
        this.#ended = true;
        this.#changed();
      },
    });
  }

  #onBroken: () => void = () => {};

  #take(limit: number): Uint8Array {
    const length = Math.min(limit, this.#buffered);
    const chunk = new Uint8Array(length);
    for (let filled = 0; filled < length;) {
      const part = this.#parts[0];
      const taken = part.subarray(0, length - filled);
      chunk.set(taken, filled);
      filled += taken.length;
      if (taken.length === part.length) this.#parts.shift();
      else this.#parts[0] = part.subarray(taken.length);
    }
    this.#buffered -= length;
    this.bytesOut += length;
    this.#changed();
    return chunk;
  }

  /** As with a reset of TCP, what is under way is lost. */
  #break(reason: unknown): void {
    if (this.#broken) return;
    this.#failure = reason ?? new Error("the other end is gone");
    this.#broken = this.#ended = true;
    this.#parts = [];
    this.#buffered = 0;
    this.#onBroken();
    this.#changed();
  }

  #change(): Promise<void> {
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  #changed(): void {
    for (const wake of this.#waiting.splice(0)) wake();
  }
}
