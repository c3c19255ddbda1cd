/** A broker in memory, for tests, that can be away and make mistakes. */

import type { Backplane, BackplaneReceiver } from "../../mod.ts";

/** What is subscribed by whom. */
export class MemoryBroker {
  readonly receivers = new Map<string, Map<Backplane, BackplaneReceiver>>();
  /** The payloads that were published, in their order. */
  readonly payloads: { topic: string; payload: Uint8Array<ArrayBuffer> }[] = [];
  /** What was asked of it, such as `subscribe news`. */
  readonly calls: string[] = [];
  /** What it fails with while it is away. */
  away: Error | null = null;
  /** Whether it throws then, rather than rejecting. */
  throws = false;
  /** The topics that nobody may subscribe. */
  readonly refused = new Set<string>();
  /** Whether it answers. */
  silent = false;

  /** What one process is given. */
  connect(): Backplane {
    const attempt = (call: () => void): Promise<void> => {
      if (this.away !== null) {
        if (this.throws) throw this.away;
        return Promise.reject(this.away);
      }
      call();
      return this.silent ? new Promise(() => {}) : Promise.resolve();
    };
    const backplane: Backplane = {
      publish: (topic, payload) =>
        attempt(() => {
          this.payloads.push({ topic, payload });
          this.send(topic, payload);
        }),
      subscribe: (topic, receive) =>
        attempt(() => {
          this.calls.push(`subscribe ${topic}`);
          if (this.refused.has(topic)) throw new Error(`no ${topic}`);
          const receivers = this.receivers.get(topic) ?? new Map();
          this.receivers.set(topic, receivers.set(backplane, receive));
        }),
      unsubscribe: (topic) =>
        attempt(() => {
          this.calls.push(`unsubscribe ${topic}`);
          this.receivers.get(topic)?.delete(backplane);
        }),
    };
    return backplane;
  }

  /** Sends to all that are subscribed. */
  send(topic: string, payload: Uint8Array<ArrayBuffer>): void {
    for (const receive of this.receivers.get(topic)?.values() ?? []) {
      queueMicrotask(() => receive(payload));
    }
  }

  /** How many processes are subscribed to a topic. */
  count(topic: string): number {
    return this.receivers.get(topic)?.size ?? 0;
  }
}
