/**
 * Waits of the same length, on one timer for all of them.
 *
 * @module
 */
import { clearTimeout, setTimeout } from "node:timers";

/**
 * Those that wait, each from when it began. The timer stays when the last has
 * left, for who comes next, and keeps the process running only while there is
 * somebody: on Deno a timer for each would take a tenth of what a short
 * connection costs in JavaScript.
 */
export class Deadlines<Member> {
  readonly #milliseconds: number;
  readonly #onPassed: (member: Member) => void;
  /** The oldest first, and since when they wait. */
  readonly #since = new Map<Member, number>();
  #timer: ReturnType<typeof setTimeout> | undefined;
  #sweeping = false;

  /**
   * @param milliseconds How long each may wait.
   * @param onPassed Is given one that has waited so long, and waits no more.
   */
  constructor(milliseconds: number, onPassed: (member: Member) => void) {
    this.#milliseconds = milliseconds;
    this.#onPassed = onPassed;
  }

  /** How many wait. */
  get size(): number {
    return this.#since.size;
  }

  /** Those that wait, the oldest first. */
  get members(): Iterable<Member> {
    return this.#since.keys();
  }

  /** Begins the wait of one, or begins it again. */
  add(member: Member): void {
    this.#since.delete(member);
    this.#since.set(member, performance.now());
    if (this.#sweeping) return;
    if (this.#timer === undefined) this.#arm(this.#milliseconds);
    else if (this.#since.size === 1) this.#timer.ref();
  }

  /** Ends the wait of one, if it waits. */
  delete(member: Member): void {
    if (this.#since.delete(member) && this.#since.size === 0) {
      this.#timer?.unref();
    }
  }

  /** Ends all waits. */
  clear(): void {
    this.#since.clear();
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  #arm(milliseconds: number): void {
    this.#timer = setTimeout(() => this.#sweep(), milliseconds);
  }

  #sweep(): void {
    this.#timer = undefined;
    this.#sweeping = true;
    const begun = performance.now() - this.#milliseconds;
    try {
      for (const [member, since] of this.#since) {
        // A timer may be early by a fraction of a millisecond.
        if (since > begun + 1) break;
        this.#since.delete(member);
        this.#onPassed(member);
      }
    } finally {
      this.#sweeping = false;
      const [oldest] = this.#since.values();
      if (oldest !== undefined) this.#arm(oldest - begun);
    }
  }
}
