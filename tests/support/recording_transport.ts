/** A transport that takes all, and does nothing by itself. */

import type {
  Transport,
  TransportReceiver,
} from "../../src/connection/transport.ts";
import { concatBytes } from "./frames.ts";

/** See the file. */
export class RecordingTransport implements Transport {
  readonly remoteAddress = null;
  readonly copies = true;
  readonly gives = false;
  readonly bufferedAmount = 0;
  /** Whether it is not to read. */
  paused = false;
  /** What was written, one of each call. */
  readonly writes: Uint8Array[] = [];
  readonly #endsAtOnce: boolean;
  #receiver: TransportReceiver | null = null;

  /** @param endsAtOnce Whether it is closed within the call that ends or drops it. */
  constructor({ endsAtOnce = false } = {}) {
    this.#endsAtOnce = endsAtOnce;
  }

  start(receiver: TransportReceiver): void {
    this.#receiver = receiver;
  }

  pause(): void {
    this.paused = true;
  }

  resume(): void {
    this.paused = false;
  }

  write(chunks: readonly Uint8Array[], written?: () => void): void {
    // Those bytes are used again.
    this.writes.push(concatBytes(chunks));
    if (written !== undefined) queueMicrotask(written);
  }

  end(): void {
    if (this.#endsAtOnce) this.#receiver?.transportClosed(null);
  }

  destroy(): void {
    this.#receiver?.transportClosed(null);
  }
}
