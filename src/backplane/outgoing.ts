/**
 * What this process publishes, on its way to the broker.
 *
 * @module
 */
import { afterThisTurn } from "../turn.ts";
import type { Backplane } from "./backplane.ts";
import { type Entry, EnvelopeWriter } from "./envelope.ts";
import type { Health } from "./health.ts";

/** An envelope that would be larger goes out though the turn is not over. */
const fullEnvelope = 128 * 1024;

/** How many bytes may wait for the broker's answer. */
const maxPendingBytes = 16 * 1024 * 1024;

/** On how many topics messages are counted; those longest unused begin anew. */
const maxCountedTopics = 10_000;

/** How far the count on a topic is. */
interface Count {
  readonly base: number;
  next: number;
}

/** Puts the messages of one turn and topic into one payload. */
export class Outgoing {
  readonly #backplane: Backplane;
  readonly #health: Health;
  readonly #origin: string;
  #envelopes = new Map<string, EnvelopeWriter>();
  #pendingBytes = 0;
  readonly #counts = new Map<string, Count>();
  /** No count is beyond it, so that one that begins anew begins higher. */
  #highest = 0;

  /** @param origin This process. */
  constructor(backplane: Backplane, health: Health, origin: string) {
    this.#backplane = backplane;
    this.#health = health;
    this.#origin = origin;
  }

  /** Publishes a message at the end of this turn. Its bytes are copied. */
  publish(topic: string, entry: Entry): void {
    let envelope = this.#envelopes.get(topic);
    if (envelope === undefined) {
      if (this.#envelopes.size === 0) afterThisTurn(() => this.#flush());
      envelope = new EnvelopeWriter();
      this.#envelopes.set(topic, envelope);
    }
    const { message } = entry;
    const length = message.length * (typeof message === "string" ? 3 : 1);
    if (envelope.count > 0 && envelope.length + length > fullEnvelope) {
      this.#handOver(topic, envelope);
      envelope = new EnvelopeWriter();
      this.#envelopes.set(topic, envelope);
    }
    envelope.add(entry);
  }

  #flush(): void {
    const envelopes = this.#envelopes;
    this.#envelopes = new Map();
    for (const [topic, envelope] of envelopes) this.#handOver(topic, envelope);
  }

  #handOver(topic: string, envelope: EnvelopeWriter): void {
    const { count } = envelope;
    const { base, number } = this.#number(topic, count);
    if (!this.#health.isReachable()) {
      this.#health.lost(count);
      return;
    }
    const payload = envelope.finish(this.#origin, base, number);
    if (
      this.#pendingBytes > 0 &&
      this.#pendingBytes + payload.length > maxPendingBytes
    ) {
      this.#health.lost(
        count,
        new Error(`${this.#pendingBytes} bytes wait for its answer already`),
      );
      return;
    }
    let answer: void | Promise<void>;
    try {
      answer = this.#backplane.publish(topic, payload);
    } catch (error) {
      this.#health.lost(count, error);
      return;
    }
    if (typeof answer?.then !== "function") {
      this.#health.relayed(count);
      return;
    }
    this.#pendingBytes += payload.length;
    answer.then(() => {
      this.#pendingBytes -= payload.length;
      this.#health.relayed(count);
    }, (error) => {
      this.#pendingBytes -= payload.length;
      this.#health.lost(count, error);
    });
  }

  /** Numbers messages, those included that will not be relayed. */
  #number(topic: string, count: number): { base: number; number: number } {
    let counted = this.#counts.get(topic);
    if (counted === undefined) {
      counted = { base: this.#highest, next: this.#highest };
      if (this.#counts.size >= maxCountedTopics) {
        const [longestUnused] = this.#counts.keys();
        this.#counts.delete(longestUnused);
      }
    } else {
      this.#counts.delete(topic);
    }
    this.#counts.set(topic, counted);
    const number = counted.next;
    counted.next += count;
    this.#highest += count;
    return { base: counted.base, number };
  }
}
