/** What the fuzzing peer waits for, and how long. */

/** How long the peer waits, in milliseconds. */
export interface PeerTimeouts {
  /** For the opening handshake. 5000 by default. */
  openingHandshake: number;
  /** For the answer to its close frame. 1000 by default. */
  closingHandshake: number;
  /** As a client, for the server to drop TCP after both close frames. 1000. */
  serverDrop: number;
  /**
   * As a client, for a server that sent its close frame first to drop TCP.
   * 10000 by default: most cases end the wait before that.
   */
  serverDropAfterReply: number;
}

/** What applies where nothing else is said. */
export const defaultTimeouts: PeerTimeouts = {
  openingHandshake: 5000,
  closingHandshake: 1000,
  serverDrop: 1000,
  serverDropAfterReply: 10_000,
};

/** The timers of one connection, which end with it. */
export class PeerTimers {
  #timers = new Set<ReturnType<typeof setTimeout>>();

  /**
   * Does `action` after a delay.
   *
   * @returns Takes that back.
   */
  start(milliseconds: number, action: () => void): () => void {
    const timer = setTimeout(() => {
      this.#timers.delete(timer);
      action();
    }, milliseconds);
    this.#timers.add(timer);
    return () => {
      clearTimeout(timer);
      this.#timers.delete(timer);
    };
  }

  /** Takes all of them back. */
  clear(): void {
    for (const timer of this.#timers) {
      clearTimeout(timer);
    }
    this.#timers.clear();
  }
}
