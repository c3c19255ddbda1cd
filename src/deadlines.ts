/**
 * Waits of the same length, on one timer for all of them.
 *
 * @module
 */
import { clearTimeout, setTimeout } from "node:timers";

/** A wait that has begun: what it is ended with. */
export interface Deadline<Member> {
  /** Who waits; `null` once the wait is over. */
  readonly member: Member | null;
}

/**
 * Those that wait, each from when it began. The timer stays when the last has
 * left, for who comes next, and keeps the process running only while there is
 * somebody: on Deno a timer for each would take a tenth of what a short
 * connection costs in JavaScript.
 */
export class Deadlines<Member> {
  readonly #milliseconds: number;
  readonly #onPassed: (member: Member) => void;
  #oldest: Wait<Member> | null = null;
  #latest: Wait<Member> | null = null;
  #size = 0;
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
    return this.#size;
  }

  /** The waits there are now, the oldest first. */
  get waits(): Deadline<Member>[] {
    const waits: Deadline<Member>[] = [];
    for (let wait = this.#oldest; wait !== null; wait = wait.next) {
      waits.push(wait);
    }
    return waits;
  }

  /** Begins the wait of one. */
  add(member: Member): Deadline<Member> {
    const wait = new Wait(member, performance.now(), this.#latest);
    if (this.#latest === null) this.#oldest = wait;
    else this.#latest.next = wait;
    this.#latest = wait;
    this.#size++;
    if (this.#sweeping) return wait;
    if (this.#timer === undefined) this.#arm(this.#milliseconds);
    else if (this.#size === 1) this.#timer.ref();
    return wait;
  }

  /** Ends a wait that {@linkcode add} gave, if there is one and it is not over. */
  delete(deadline: Deadline<Member> | null): void {
    if (deadline === null || deadline.member === null) return;
    this.#remove(deadline as Wait<Member>);
    if (this.#size === 0) this.#timer?.unref();
  }

  /** Ends all waits. */
  clear(): void {
    while (this.#oldest !== null) this.#remove(this.#oldest);
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  #remove(wait: Wait<Member>): void {
    const { previous, next } = wait;
    if (previous === null) this.#oldest = next;
    else previous.next = next;
    if (next === null) this.#latest = previous;
    else next.previous = previous;
    wait.member = wait.previous = wait.next = null;
    this.#size--;
  }

  #arm(milliseconds: number): void {
    this.#timer = setTimeout(() => this.#sweep(), milliseconds);
  }

  #sweep(): void {
    this.#timer = undefined;
    this.#sweeping = true;
    const begun = performance.now() - this.#milliseconds;
    try {
      while (this.#oldest !== null) {
        const { member, since } = this.#oldest;
        // A timer may be early by a fraction of a millisecond.
        if (since > begun + 1) break;
        this.#remove(this.#oldest);
        this.#onPassed(member!);
      }
    } finally {
      this.#sweeping = false;
      if (this.#oldest !== null) this.#arm(this.#oldest.since - begun);
    }
  }
}

/**
 * A link of the list of waits. It is emptied when the wait is over, which a `Map`'s
 * entries are not: each time a `Map` is made anew, the engine keeps what it had
 * until the next full garbage collection, and with many short connections that was
 * most of them.
 */
class Wait<Member> implements Deadline<Member> {
  member: Member | null;
  readonly since: number;
  previous: Wait<Member> | null;
  next: Wait<Member> | null = null;

  constructor(member: Member, since: number, previous: Wait<Member> | null) {
    this.member = member;
    this.since = since;
    this.previous = previous;
  }
}
