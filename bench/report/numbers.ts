/**
 * Numbers as people read them.
 *
 * @module
 */
import type { Metric } from "../workloads/workload.ts";
import type { Spread } from "./statistics.ts";

/** A value with its unit, in three digits. */
export function formatValue(value: number, unit: Metric["unit"]): string {
  switch (unit) {
    case "bytes":
      return Math.abs(value) >= 2 ** 30
        ? `${digits(value / 2 ** 30)} GiB`
        : Math.abs(value) >= 2 ** 20
        ? `${digits(value / 2 ** 20)} MiB`
        : `${digits(value / 1024)} KiB`;
    case "ms":
      return value < 1 ? `${digits(value * 1000)} µs` : `${digits(value)} ms`;
    default:
      return value >= 999_500
        ? `${digits(value / 1e6)}M`
        : value >= 999.5
        ? `${digits(value / 1e3)}k`
        : digits(value);
  }
}

/** A number in three digits, or two behind the point. */
export function digits(value: number): string {
  const size = Math.abs(value);
  return value.toFixed(size >= 100 ? 0 : size >= 10 ? 1 : 2);
}

/** The least and the greatest value; `""` where there is only one. */
export function formatRange({ least, greatest }: Spread): string {
  return least === greatest ? "" : `${digits(least)}–${digits(greatest)}`;
}
