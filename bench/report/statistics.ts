/**
 * Medians, spreads and ratios.
 *
 * @module
 */
import type { Cell, WorkloadResult } from "../results.ts";

/** A median with the least and the greatest value. */
export interface Spread {
  /** The middle one. */
  median: number;
  /** The least. */
  least: number;
  /** The greatest. */
  greatest: number;
}

/** The spread of values; null if there is none. */
export function spreadOf(values: number[]): Spread | null {
  if (values.length === 0) return null;
  const sorted = values.toSorted((one, other) => one - other);
  const middle = sorted.length >> 1;
  return {
    median: sorted.length % 2 === 1
      ? sorted[middle]
      : (sorted[middle - 1] + sorted[middle]) / 2,
    least: sorted[0],
    greatest: sorted[sorted.length - 1],
  };
}

/** A contender's values of a metric, one for each round. */
export function valuesOf(cell: Cell, metric: string): number[] {
  return cell.rounds
    .map(({ values }) => values[metric])
    .filter((value) => value !== undefined);
}

/**
 * How many times the reference's value a contender's is: for each round that
 * both have, so that what slows down a whole round touches neither.
 *
 * @returns null for the reference itself, and where there is nothing to compare.
 */
export function ratioOf(
  result: WorkloadResult,
  cell: Cell,
  metric: string,
): Spread | null {
  const reference = result.cells.find(({ contender }) =>
    contender === result.reference
  );
  if (reference === undefined || reference === cell) return null;
  const values = valuesOf(cell, metric);
  const compared = valuesOf(reference, metric);
  const count = Math.min(values.length, compared.length);
  return spreadOf(
    values.slice(0, count).map((value, index) => value / compared[index]),
  );
}
