/**
 * One direction of the channel between a process and its parent.
 *
 * @module
 */

/** What is sent with: `process.send`, or a child's `send`. */
export type Send = (
  message: unknown,
  taken: (error?: Error | null) => void,
) => unknown;

/**
 * Sends, and knows how much the other process has not taken yet: a channel of
 * `node:child_process` queues without limit.
 */
export class ClusterChannel {
  readonly #send: Send;
  readonly #limit: number;
  #waiting = 0;

  /** @param limit How many bytes may wait. */
  constructor(send: Send, limit: number) {
    this.#send = send;
    this.#limit = limit;
  }

  /** Whether so many bytes more may wait. What is sent alone always may. */
  hasRoomFor(length: number): boolean {
    return this.#waiting === 0 || this.#waiting + length <= this.#limit;
  }

  /**
   * Sends a message.
   *
   * @param length How many bytes it counts for, or about so many.
   * @returns A promise that fulfils when the system has taken it, and rejects if
   * the other process is gone.
   */
  send(message: unknown, length: number): Promise<void> {
    this.#waiting += length;
    return new Promise((resolve, reject) => {
      const taken = (error?: Error | null): void => {
        this.#waiting -= length;
        if (error instanceof Error) reject(error);
        else resolve();
      };
      try {
        this.#send(message, taken);
      } catch (error) {
        taken(error as Error);
      }
    });
  }
}
