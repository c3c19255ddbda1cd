/**
 * Between the topics of this process and a backplane.
 *
 * @module
 */
import { describe } from "../describe.ts";
import type { Backplane } from "./backplane.ts";
import { createOrigin, type Entry } from "./envelope.ts";
import { type BackplaneState, Health } from "./health.ts";
import { Incoming } from "./incoming.ts";
import { Outgoing } from "./outgoing.ts";
import { Subscriptions } from "./subscriptions.ts";

/**
 * Relays what is published here, and receives what is published elsewhere on the
 * topics that have subscribers here.
 *
 * What holds: a message arrives at most once, and those that one process
 * publishes on one topic arrive in their order. What does not: a message is lost
 * to the other processes that is published while the broker is away, or before a
 * subscription has reached it. Nothing is kept for later: what goes out late, in
 * live traffic, is worth less than what it would hold up. The numbers in the
 * envelopes show what is missing.
 */
export class Relay {
  readonly #health: Health;
  readonly #outgoing: Outgoing;
  readonly #subscriptions: Subscriptions;

  /**
   * @param onError Is told of outages and losses.
   * @param deliver Hands a message of another process to the subscribers here.
   */
  constructor(
    backplane: Backplane,
    onError: (error: unknown) => unknown,
    deliver: (topic: string, entry: Entry) => void,
  ) {
    const origin = createOrigin();
    const health = new Health(backplane, onError);
    this.#health = health;
    this.#outgoing = new Outgoing(backplane, health, origin);
    this.#subscriptions = new Subscriptions(backplane, health, (topic) => {
      const incoming = new Incoming(topic, origin, health, deliver);
      return (payload) => incoming.receive(payload);
    });
  }

  /** How it is doing. */
  get state(): BackplaneState {
    return this.#health.state;
  }

  /** Relays a message, with the others of this turn. Never throws. */
  publish(topic: string, entry: Entry): void {
    this.#outgoing.publish(topic, entry);
  }

  /** See `TopicWatcher`. */
  topicAdded(topic: string): void {
    this.#subscriptions.add(topic);
  }

  /** See `TopicWatcher`. */
  topicRemoved(topic: string): void {
    this.#subscriptions.delete(topic);
  }
}

/**
 * Checks the option `backplane`.
 *
 * @throws {TypeError} If it is something else.
 */
export function checkBackplane(backplane: unknown): Backplane {
  const methods = ["publish", "subscribe", "unsubscribe"] as const;
  const given = backplane as Record<string, unknown> | null;
  for (const method of methods) {
    if (typeof given?.[method] !== "function") {
      throw new TypeError(
        `the option \`backplane\` is an object with the methods publish, subscribe and unsubscribe, not ${
          describe(backplane)
        }`,
      );
    }
  }
  return backplane as Backplane;
}
