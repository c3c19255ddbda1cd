/**
 * Writes to a socket so that runs of octets arrive as runs: what is written in
 * one turn of the event loop goes out at once, and before what is to be seen apart
 * (a chop, or a frame sent with `sync`) there is a pause.
 */
import { setImmediate } from "node:timers";
import { concatenate } from "./octets.ts";

/** Up to so many runs take the long pause, so that no case runs out of time. */
const fewRuns = 256;
/** In milliseconds. */
const longPause = 1;
/** Less than a timer can do: thousands of runs must not take minutes. */
const shortPause = 0.05;

/** A run of octets that waits for its turn. */
interface Run {
  octets: Uint8Array;
  sync: boolean;
}

/** The order in which octets are sent. */
export class SendQueue {
  #write: (octets: Uint8Array) => void;
  #sent: (octets: Uint8Array, sync: boolean) => void;
  #runs: Run[] = [];
  #next = 0;
  #triggered = false;
  #turn: Uint8Array[] = [];
  #closed = false;
  #whenEmpty: (() => void)[] = [];

  /**
   * @param write Puts octets on the wire.
   * @param sent Told of each run when it is its turn.
   */
  constructor(
    write: (octets: Uint8Array) => void,
    sent: (octets: Uint8Array, sync: boolean) => void,
  ) {
    this.#write = write;
    this.#sent = sent;
  }

  /**
   * Sends `octets` after what is already waiting.
   *
   * @param sync Whether they wait for a turn of their own.
   * @param chopSize If given, runs of so many octets, each with its own turn.
   */
  send(octets: Uint8Array, sync = false, chopSize: number | null = null): void {
    if (chopSize !== null && chopSize > 0) {
      let start = 0;
      do {
        this.#runs.push({
          octets: octets.subarray(start, start + chopSize),
          sync: true,
        });
        start += chopSize;
      } while (start < octets.length);
      this.#trigger();
    } else if (sync || this.#next < this.#runs.length) {
      this.#runs.push({ octets, sync });
      this.#trigger();
    } else {
      this.#put(octets, false);
    }
  }

  /**
   * Calls back when nothing waits for its turn: now, or when all that does has
   * been sent. Not called if the queue is closed before.
   */
  afterAll(callback: () => void): void {
    if (this.#triggered) {
      this.#whenEmpty.push(callback);
    } else {
      callback();
    }
  }

  /** Writes what this turn has gathered, and nothing more from now on. */
  close(): void {
    this.#flush();
    this.#closed = true;
    this.#runs = [];
    this.#next = 0;
    this.#whenEmpty = [];
  }

  #trigger(): void {
    if (!this.#triggered) {
      this.#triggered = true;
      this.#sendNext();
    }
  }

  #sendNext(): void {
    if (this.#next === this.#runs.length) {
      this.#runs = [];
      this.#next = 0;
      this.#triggered = false;
      const callbacks = this.#whenEmpty;
      this.#whenEmpty = [];
      callbacks.forEach((callback) => callback());
      return;
    }
    const { octets, sync } = this.#runs[this.#next++];
    this.#put(octets, sync);
    this.#pause(() => this.#sendNext());
  }

  /**
   * Waits so long that a receiver with nothing else to do has read what was
   * sent, and does not find it together with what comes next.
   */
  #pause(then: () => void): void {
    if (this.#runs.length <= fewRuns) {
      setTimeout(then, longPause);
      return;
    }
    const until = performance.now() + shortPause;
    const turn = (): void => {
      if (performance.now() < until) {
        setImmediate(turn);
      } else {
        then();
      }
    };
    setImmediate(turn);
  }

  #put(octets: Uint8Array, sync: boolean): void {
    if (this.#closed) {
      return;
    }
    this.#sent(octets, sync);
    this.#turn.push(octets);
    if (this.#turn.length === 1) {
      queueMicrotask(() => this.#flush());
    }
  }

  #flush(): void {
    if (this.#turn.length > 0) {
      const turn = this.#turn;
      this.#turn = [];
      this.#write(concatenate(turn));
    }
  }
}
