/**
 * When a worker that has ended is started again.
 *
 * @module
 */

/** A worker that lived so long, in milliseconds, did not fail at its start. */
const longLife = 5_000;

const shortestWait = 100;
const longestWait = 10_000;

/**
 * Lets one that worked for a while be replaced at once, and keeps those that
 * fail again and again from taking all of the processor.
 */
export class RestartBrake {
  #failures = 0;

  /**
   * How long to wait before the next start.
   *
   * @param lifetime How long the worker that has ended lived.
   * @returns Milliseconds: 0 after a long life, otherwise 100 and twice as much
   * each time, up to 10 seconds.
   */
  waitAfter(lifetime: number): number {
    if (lifetime >= longLife) {
      this.#failures = 0;
      return 0;
    }
    return Math.min(shortestWait * 2 ** this.#failures++, longestWait);
  }
}
