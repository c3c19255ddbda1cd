/**
 * Turns of the event loop.
 *
 * @module
 */

/** Calls back when the current turn, its microtasks included, is over. */
export const afterThisTurn: (callback: () => void) => void =
  typeof setImmediate === "function"
    ? (callback) => void setImmediate(callback)
    : (callback) => void setTimeout(callback, 0);

let turn: Promise<void> | null = null;

/** Resolves when the other work of the process has had its turn. */
export function nextTurn(): Promise<void> {
  return turn ??= new Promise((resolve) => {
    afterThisTurn(() => {
      turn = null;
      resolve();
    });
  });
}
