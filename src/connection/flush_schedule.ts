/**
 * When written frames go out that no incoming chunk caused.
 *
 * @module
 */

/** Something whose pending bytes can be written. */
export interface Flushable {
  /** Writes what is pending. */
  flush(): void;
}

let waiting: Flushable[] = [];

// After the microtasks of the current turn, so that everything an application
// sends in answer to one event is written at once.
const schedule: (callback: () => void) => void = typeof setImmediate ===
    "function"
  ? (callback) => void setImmediate(callback)
  : (callback) => void setTimeout(callback, 0);

/** Has `flush()` called soon: once, together with all others that asked for it. */
export function scheduleFlush(flushable: Flushable): void {
  if (waiting.push(flushable) === 1) schedule(flushAll);
}

let turn: Promise<void> | null = null;

/**
 * Resolves when the other work of the process has had its turn. A sender whose
 * bytes the system takes at once would otherwise never let go of the process.
 */
export function nextTurn(): Promise<void> {
  return turn ??= new Promise((resolve) => {
    schedule(() => {
      turn = null;
      resolve();
    });
  });
}

function flushAll(): void {
  const flushables = waiting;
  waiting = [];
  for (const flushable of flushables) flushable.flush();
}
