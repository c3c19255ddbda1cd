/**
 * Who is subscribed to what, in this process.
 *
 * @module
 */
import type { Outbound } from "../connection/outbound.ts";
import type { SharedMessage } from "../deflate/shared_message.ts";

/** Is told which topics there are. */
export interface TopicWatcher {
  /** A topic has got its first subscriber. */
  topicAdded(topic: string): void;
  /** A topic has lost its last subscriber. */
  topicRemoved(topic: string): void;
}

/** See the module. A topic is there as long as it has subscribers. */
export class LocalTopics {
  readonly #subscribers = new Map<string, Set<Outbound>>();
  readonly #watcher: TopicWatcher | null;

  /** @param watcher Who is told of topics. */
  constructor(watcher: TopicWatcher | null) {
    this.#watcher = watcher;
  }

  /** How many are subscribed to a topic. */
  count(topic: string): number {
    return this.#subscribers.get(topic)?.size ?? 0;
  }

  /** Whether there is anyone but one to deliver to. */
  hasOthers(topic: string, than: Outbound | null): boolean {
    const subscribers = this.#subscribers.get(topic);
    if (subscribers === undefined) return false;
    return subscribers.size > 1 || than === null || !subscribers.has(than);
  }

  /** Adds a subscriber, and the topic with its first one. */
  add(topic: string, subscriber: Outbound): void {
    const subscribers = this.#subscribers.get(topic);
    if (subscribers === undefined) {
      this.#subscribers.set(topic, new Set([subscriber]));
      this.#watcher?.topicAdded(topic);
    } else {
      subscribers.add(subscriber);
    }
  }

  /** Removes a subscriber, and the topic with its last one. */
  delete(topic: string, subscriber: Outbound): void {
    const subscribers = this.#subscribers.get(topic);
    if (subscribers === undefined) return;
    subscribers.delete(subscriber);
    if (subscribers.size > 0) return;
    this.#subscribers.delete(topic);
    this.#watcher?.topicRemoved(topic);
  }

  /**
   * Hands a message to all that are subscribed to a topic. Nothing of theirs is
   * called meanwhile, so that nothing changes either.
   *
   * @param except Who does not get it.
   * @param lossy Whether those do not who are slow.
   * @returns How many have taken it.
   */
  deliver(
    topic: string,
    message: SharedMessage,
    except: Outbound | null,
    lossy: boolean,
  ): number {
    const subscribers = this.#subscribers.get(topic);
    if (subscribers === undefined) return 0;
    let taken = 0;
    for (const subscriber of subscribers) {
      if (subscriber !== except && subscriber.deliver(message, lossy)) taken++;
    }
    return taken;
  }

  /** How many topics there are, and how many subscriptions to them. */
  get totals(): TopicsTotals {
    let subscriptions = 0;
    for (const { size } of this.#subscribers.values()) subscriptions += size;
    return { topics: this.#subscribers.size, subscriptions };
  }
}

/** What there is in this process. */
export interface TopicsTotals {
  /** Topics with at least one subscriber. */
  readonly topics: number;
  /** Subscribers of all topics: a connection counts once for each of its topics. */
  readonly subscriptions: number;
}
