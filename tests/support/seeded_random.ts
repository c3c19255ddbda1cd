/**
 * Pseudo-random numbers that a seed determines, so that a failing random test
 * can be run again: set `WEIR_SEED` to the seed that the test printed.
 */

import process from "node:process";

/** Picks numbers, elements and texts; the same seed picks the same. */
export interface SeededRandom {
  /** The seed, to print with a failure. */
  readonly seed: number;
  /** An integer from 0 up to, but without, `limit`. */
  integer(limit: number): number;
  /** One of the elements, each as likely as another. */
  pick<Element>(elements: ArrayLike<Element>): Element;
  /** A text of `length` characters out of `alphabet`. */
  text(alphabet: string, length: number): string;
}

/**
 * Starts a sequence of pseudo-random numbers and prints its seed.
 *
 * @param title What the numbers are for, printed with the seed.
 */
export function seededRandom(title: string): SeededRandom {
  const seed = Number(
    process.env.WEIR_SEED ?? Math.floor(Math.random() * 0x100000000),
  );
  console.log(`${title}: WEIR_SEED=${seed}`);
  let state = seed >>> 0;
  // A linear congruential generator; its upper bits are random enough here.
  const next = () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 0x100000000;
  };
  const integer = (limit: number) => Math.floor(next() * limit);
  const pick = <Element>(elements: ArrayLike<Element>) =>
    elements[integer(elements.length)];
  const text = (alphabet: string, length: number) =>
    Array.from({ length }, () => pick(alphabet)).join("");
  return { seed, integer, pick, text };
}
