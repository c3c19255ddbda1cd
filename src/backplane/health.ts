/**
 * Whether the broker is there, and what has become of the messages.
 *
 * @module
 */
import { report } from "../connection/handler.ts";
import type { Backplane } from "./backplane.ts";
import { BackplaneError } from "./error.ts";

/** How a backplane is doing, as `topics.backplane` tells. Counts only rise. */
export interface BackplaneState {
  /**
   * Whether the broker can be reached, as far as is known: what the backplane
   * says itself, or else how its last call ended.
   */
  readonly connected: boolean;
  /** Messages that were handed to the broker. */
  readonly messagesOut: number;
  /** Messages of other processes that came in. */
  readonly messagesIn: number;
  /** Messages of this process that were not relayed, as the broker was away. */
  readonly messagesFailed: number;
  /**
   * Messages of other processes that are known to be lost: their numbers are
   * missing before others that came in.
   */
  readonly messagesMissed: number;
  /** Payloads that came in and were not Weir's, or were damaged. */
  readonly malformed: number;
}

/** Keeps the counts, and tells `onError` once of each outage. */
export class Health {
  readonly #backplane: Backplane;
  readonly #onError: (error: unknown) => unknown;
  #away = false;
  /** Whether that was seen by `connected`, and ends by it. */
  #disconnected = false;
  #awaySince = 0;
  #lost = 0;
  #missed = 0;
  #malformedReported = -Infinity;

  /** See {@linkcode BackplaneState}. */
  messagesOut = 0;
  /** See {@linkcode BackplaneState}. */
  messagesIn = 0;
  /** See {@linkcode BackplaneState}. */
  messagesFailed = 0;
  /** See {@linkcode BackplaneState}. */
  messagesMissed = 0;
  /** See {@linkcode BackplaneState}. */
  malformed = 0;

  /** @param onError Is told, and may throw. */
  constructor(backplane: Backplane, onError: (error: unknown) => unknown) {
    this.#backplane = backplane;
    this.#onError = onError;
  }

  /** What is to be told of it. */
  get state(): BackplaneState {
    return {
      connected: this.#backplane.connected ?? !this.#away,
      messagesOut: this.messagesOut,
      messagesIn: this.messagesIn,
      messagesFailed: this.messagesFailed,
      messagesMissed: this.messagesMissed,
      malformed: this.malformed,
    };
  }

  /** Whether the backplane says that a call can't succeed. */
  isDisconnected(): boolean {
    return this.#backplane.connected === false;
  }

  /**
   * Whether a call can succeed; one that is known not to is not made. It is told
   * if not.
   */
  isReachable(): boolean {
    if (this.isDisconnected()) {
      this.#disconnected = true;
      this.failed(undefined);
      return false;
    }
    if (this.#disconnected) {
      this.#disconnected = false;
      this.succeeded();
    }
    return true;
  }

  /** A call has failed. */
  failed(cause: unknown): void {
    if (this.#away) return;
    this.#away = true;
    this.#awaySince = performance.now();
    this.#report(
      "the backplane's broker is away, or refuses what it is given: until that is over, messages reach only the connections of the process that publishes them",
      cause,
    );
  }

  /** A call has succeeded. */
  succeeded(): void {
    if (!this.#away || this.isDisconnected()) return;
    this.#away = false;
    const lost = this.#lost;
    if (lost === 0) return;
    this.#lost = 0;
    const seconds = (performance.now() - this.#awaySince) / 1000;
    this.#report(
      `${lost} messages were not relayed to other processes, as the backplane's broker was away, or refused them, for ${
        seconds.toFixed(1)
      } s`,
    );
  }

  /** Messages were handed over. */
  relayed(count: number): void {
    this.messagesOut += count;
    this.succeeded();
  }

  /** Messages could not be handed over. */
  lost(count: number, cause?: unknown): void {
    this.messagesFailed += count;
    this.#lost += count;
    this.failed(cause);
  }

  /** Messages of others did not come in. {@linkcode reportMissed} tells of it. */
  missed(count: number): void {
    this.messagesMissed += count;
    this.#missed += count;
  }

  /** Tells of all messages at once that were missed since the last time. */
  reportMissed(): void {
    const missed = this.#missed;
    if (missed === 0) return;
    this.#missed = 0;
    this.#report(
      `${missed} messages that other processes published did not come in over the backplane`,
    );
  }

  /** A payload is not what Weir sends. It is told once a second at most. */
  refused(topic: string, cause: unknown): void {
    this.malformed++;
    const now = performance.now();
    if (now - this.#malformedReported < 1000) return;
    this.#malformedReported = now;
    this.#report(
      `a payload that came in for the topic ${
        JSON.stringify(topic)
      } is dropped, as it is not Weir's or was damaged: does something else publish there?`,
      cause,
    );
  }

  #report(message: string, cause?: unknown): void {
    report(
      this.#onError,
      new BackplaneError(message, cause === undefined ? undefined : { cause }),
    );
  }
}
