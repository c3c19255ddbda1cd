/**
 * When written frames go out that no incoming chunk caused.
 *
 * @module
 */
import { afterThisTurn } from "../turn.ts";

/** Something whose pending bytes can be written. */
export interface Flushable {
  /** Writes what is pending. */
  flush(): void;
}

let waiting: Flushable[] = [];

/** What so many connections need for a write stays in the processor's cache. */
const many = 256;

/**
 * Has `flush()` called after this turn, once, together with all others that asked
 * for it: everything that an application sends in answer to one event is written
 * at once.
 */
export function scheduleFlush(flushable: Flushable): void {
  if (waiting.push(flushable) === 1) afterThisTurn(flushAll);
}

/**
 * Whether so many wait already that one which could be written now had better be:
 * when its turn comes, it has to be fetched into the processor's cache again.
 */
export function manyAreScheduled(): boolean {
  return waiting.length >= many;
}

function flushAll(): void {
  const flushables = waiting;
  waiting = [];
  for (const flushable of flushables) flushable.flush();
}
