/**
 * What relays topics between processes.
 *
 * @module
 */

/** Takes a payload that another process has published. */
export type BackplaneReceiver = (payload: Uint8Array<ArrayBuffer>) => void;

/**
 * Carries what is published on a topic to the other processes that have
 * subscribers of it, over a broker. Payloads are opaque bytes; a process gets its
 * own back or not, both are fine.
 *
 * A method may return a promise. One that rejects (or throws) says that the
 * broker is away: the server tells `onError` and goes on delivering locally.
 * Subscriptions must be held over an interruption of the broker, as the clients
 * of Redis and NATS do by themselves.
 */
export interface Backplane {
  /**
   * Hands a payload to all other processes that are subscribed to the topic, at
   * most once, and in the order in which one process publishes on that topic.
   *
   * @param payload Does not change any more.
   */
  publish(
    topic: string,
    payload: Uint8Array<ArrayBuffer>,
  ): void | Promise<void>;
  /**
   * Begins to receive a topic. It is called once for a topic, until
   * {@linkcode unsubscribe} is.
   */
  subscribe(topic: string, receive: BackplaneReceiver): void | Promise<void>;
  /** Ends what {@linkcode subscribe} began. */
  unsubscribe(topic: string): void | Promise<void>;
  /**
   * Whether the broker can be reached; `undefined`, or no such member, where that
   * is not known.
   */
  readonly connected?: boolean | undefined;
}
