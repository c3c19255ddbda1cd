/**
 * Which topics are subscribed at the broker: those with subscribers in this
 * process.
 *
 * @module
 */
import { afterThisTurn } from "../turn.ts";
import type { Backplane, BackplaneReceiver } from "./backplane.ts";
import type { Health } from "./health.ts";

/** Milliseconds between two looks at the broker while all is well. */
const watchInterval = 1000;
/** Milliseconds until what failed is tried again: at first, and at most. */
const retryDelay = { first: 100, most: 5000 };

/** A topic that is wanted, or subscribed, or about to be. */
interface Subscription {
  wanted: boolean;
  held: boolean;
  /** Whether a call is under way: the next one waits for it. */
  busy: boolean;
  /** What it fails with, as far as `onError` knows. */
  told: string | null;
  receive: BackplaneReceiver;
}

/**
 * Sees to it that what is subscribed becomes what is wanted, one call a topic at
 * a time, and again until it succeeds.
 */
export class Subscriptions {
  readonly #backplane: Backplane;
  readonly #health: Health;
  readonly #createReceiver: (topic: string) => BackplaneReceiver;
  readonly #subscriptions = new Map<string, Subscription>();
  #wanted = 0;
  /** What is looked at when this turn is over. */
  #changed = new Set<string>();
  /** What is tried again when the timer has run out. */
  #waiting = new Set<string>();
  /** How often in a row something had to be tried again. */
  #failures = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;

  /** @param createReceiver Makes what takes the payloads of a topic. */
  constructor(
    backplane: Backplane,
    health: Health,
    createReceiver: (topic: string) => BackplaneReceiver,
  ) {
    this.#backplane = backplane;
    this.#health = health;
    this.#createReceiver = createReceiver;
  }

  /** A topic has got its first subscriber. */
  add(topic: string): void {
    const subscription = this.#subscriptions.get(topic);
    if (subscription === undefined) {
      this.#subscriptions.set(topic, {
        wanted: true,
        held: false,
        busy: false,
        told: null,
        receive: this.#createReceiver(topic),
      });
    } else {
      subscription.wanted = true;
    }
    this.#wanted++;
    this.#schedule();
    this.#change(topic);
  }

  /** A topic has lost its last subscriber. */
  delete(topic: string): void {
    this.#subscriptions.get(topic)!.wanted = false;
    this.#change(topic);
    if (--this.#wanted > 0) return;
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#health.reportMissed();
  }

  #change(topic: string): void {
    if (this.#changed.size === 0) {
      afterThisTurn(() => {
        const changed = this.#changed;
        this.#changed = new Set();
        for (const topic of changed) this.#settle(topic);
      });
    }
    this.#changed.add(topic);
  }

  #settle(topic: string): void {
    const subscription = this.#subscriptions.get(topic);
    if (subscription === undefined || subscription.busy) return;
    const { wanted, held, receive } = subscription;
    if (wanted === held) {
      if (!wanted) this.#subscriptions.delete(topic);
      return;
    }
    // A client that is just connecting is no outage: the timer tells if it lasts.
    if (this.#health.isDisconnected()) {
      this.#wait(topic);
      return;
    }
    let answer: void | Promise<void>;
    try {
      answer = wanted
        ? this.#backplane.subscribe(topic, receive)
        : this.#backplane.unsubscribe(topic);
    } catch (error) {
      this.#onFailed(topic, subscription, error);
      return;
    }
    if (typeof answer?.then !== "function") {
      this.#onSettled(topic, subscription);
      return;
    }
    subscription.busy = true;
    answer.then(() => {
      subscription.busy = false;
      this.#onSettled(topic, subscription);
    }, (error) => {
      subscription.busy = false;
      this.#onFailed(topic, subscription, error);
    });
  }

  #onSettled(topic: string, subscription: Subscription): void {
    subscription.held = !subscription.held;
    subscription.told = null;
    if (subscription.held) this.#failures = 0;
    // What is published from now on is not missed.
    else subscription.receive = this.#createReceiver(topic);
    this.#health.succeeded();
    this.#settle(topic);
  }

  #onFailed(topic: string, subscription: Subscription, error: unknown): void {
    if (this.#waiting.size === 0) this.#failures++;
    // One that is refused fails again and again, while all else succeeds.
    const failure = String(error);
    if (subscription.told !== failure) this.#health.failed(error);
    subscription.told = failure;
    this.#wait(topic);
  }

  #wait(topic: string): void {
    const first = this.#waiting.size === 0;
    this.#waiting.add(topic);
    if (first) this.#schedule(true);
  }

  /** Looks at the broker later. The timer runs only while there are subscribers. */
  #schedule(anew = false): void {
    if (anew) {
      clearTimeout(this.#timer);
      this.#timer = undefined;
    }
    if (this.#timer !== undefined || this.#wanted === 0) return;
    const { first, most } = retryDelay;
    const delay = this.#waiting.size === 0
      ? watchInterval
      : Math.min(first * 2 ** this.#failures, most);
    this.#timer = setTimeout(() => this.#watch(), delay);
  }

  #watch(): void {
    this.#timer = undefined;
    this.#health.reportMissed();
    if (this.#health.isReachable()) {
      const waiting = this.#waiting;
      this.#waiting = new Set();
      for (const topic of waiting) this.#settle(topic);
    }
    this.#schedule();
  }
}
