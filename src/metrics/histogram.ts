/**
 * How a measured value is distributed.
 *
 * @module
 */

/** The values of a histogram up to a bound. */
export interface HistogramBucket {
  /** The bound, which belongs to the bucket. */
  readonly upTo: number;
  /** How many values were at most that: those of smaller buckets count here too. */
  readonly count: number;
}

/** What a histogram says so far. */
export interface HistogramMetrics {
  /** How many values there were. */
  readonly count: number;
  /** All values added up: divided by `count`, the mean. */
  readonly sum: number;
  /** The newest value; `null` before the first one. */
  readonly last: number | null;
  /** How many values were how small, by ascending bounds; larger ones are only in `count`. */
  readonly buckets: readonly HistogramBucket[];
}

/** Sorts values into buckets. */
export class Histogram {
  readonly #bounds: readonly number[];
  readonly #counts: number[];
  #count = 0;
  #sum = 0;
  #last: number | null = null;

  /** @param bounds The upper bounds of the buckets, in ascending order. */
  constructor(bounds: readonly number[]) {
    this.#bounds = bounds;
    this.#counts = bounds.map(() => 0);
  }

  /** Takes a value. */
  add(value: number): void {
    const index = this.#bounds.findIndex((bound) => value <= bound);
    if (index !== -1) this.#counts[index]++;
    this.#count++;
    this.#sum += value;
    this.#last = value;
  }

  /** What there is so far. */
  toMetrics(): HistogramMetrics {
    let count = 0;
    const buckets = this.#bounds.map((upTo, index) => ({
      upTo,
      count: count += this.#counts[index],
    }));
    return { count: this.#count, sum: this.#sum, last: this.#last, buckets };
  }
}
