/**
 * Pings that wait for their pongs: RFC 6455 section 5.5.2 and 5.5.3.
 *
 * @module
 */
import type { PingPongMessage } from "../codec/message.ts";
import { createDeferred, type Deferred } from "./deferred.ts";

interface PendingPing {
  readonly payload: Uint8Array;
  readonly sentAt: number;
  readonly answered: Deferred<number>;
}

/** The pings of one connection, oldest first. */
export class PendingPings {
  #pending: PendingPing[] = [];
  #count = 0;

  /**
   * Makes a ping.
   *
   * @param payload At most 125 bytes; by default a number that tells it from the
   * others.
   * @throws {RangeError} If the payload is longer.
   */
  add(
    payload: Uint8Array | undefined,
  ): { message: PingPongMessage; answered: Promise<number> } {
    if (payload !== undefined && payload.length > 125) {
      throw new RangeError(
        `a ping has at most 125 bytes of payload, not ${payload.length}`,
      );
    }
    // Not `slice()`: that of a Node Buffer is a view.
    const copy = payload === undefined
      ? new TextEncoder().encode(`ping ${++this.#count}`)
      : new Uint8Array(payload);
    const answered = createDeferred<number>();
    this.#pending.push({ payload: copy, sentAt: performance.now(), answered });
    return {
      message: { type: "ping", payload: copy },
      answered: answered.promise,
    };
  }

  /** A pong answers its ping and, as a peer may answer only the last, those before it. */
  answer(payload: Uint8Array): void {
    const index = this.#pending.findIndex((ping) =>
      ping.payload.length === payload.length &&
      ping.payload.every((byte, at) => byte === payload[at])
    );
    const now = performance.now();
    for (const ping of this.#pending.splice(0, index + 1)) {
      ping.answered.resolve(now - ping.sentAt);
    }
  }

  /** The connection is over. */
  reject(reason: unknown): void {
    for (const ping of this.#pending.splice(0)) ping.answered.reject(reason);
  }
}
