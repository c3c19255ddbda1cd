/**
 * What other processes have published on one topic.
 *
 * @module
 */
import { type Entry, type Envelope, readEnvelope } from "./envelope.ts";
import type { Health } from "./health.ts";

/** How many processes are remembered on a topic; those longest silent go first. */
const maxOrigins = 1024;

/** Reads payloads, and passes on each message once and in order. */
export class Incoming {
  readonly #topic: string;
  readonly #ownOrigin: string;
  readonly #health: Health;
  readonly #deliver: (topic: string, entry: Entry) => void;
  /** The number that each origin's next message has. */
  readonly #next = new Map<string, number>();

  /** @param deliver Takes the messages. */
  constructor(
    topic: string,
    ownOrigin: string,
    health: Health,
    deliver: (topic: string, entry: Entry) => void,
  ) {
    this.#topic = topic;
    this.#ownOrigin = ownOrigin;
    this.#health = health;
    this.#deliver = deliver;
  }

  /** Takes a payload. Never throws. */
  receive(payload: Uint8Array): void {
    let envelope: Envelope | null;
    try {
      envelope = readEnvelope(payload, this.#ownOrigin);
    } catch (error) {
      this.#health.refused(this.#topic, error);
      return;
    }
    if (envelope === null || !this.#isNext(envelope)) return;
    this.#health.messagesIn += envelope.entries.length;
    for (const entry of envelope.entries) this.#deliver(this.#topic, entry);
  }

  /**
   * Takes account of the numbers. One that was there already comes from a client
   * that sends again after an interruption what the broker had got before.
   */
  #isNext({ origin, base, number, entries }: Envelope): boolean {
    const next = this.#next.get(origin);
    if (next === undefined) {
      if (this.#next.size >= maxOrigins) {
        const [longestSilent] = this.#next.keys();
        this.#next.delete(longestSilent);
      }
    } else {
      if (number < next) return false;
      const missed = number - Math.max(next, base);
      if (missed > 0) this.#health.missed(missed);
      this.#next.delete(origin);
    }
    this.#next.set(origin, number + entries.length);
    return true;
  }
}
