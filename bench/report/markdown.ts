/**
 * The results as Markdown.
 *
 * @module
 */
import { type RuntimeName, runtimeNames } from "../../tests/toolchain.ts";
import type { Cell, Results, WorkloadResult } from "../results.ts";
import type { Metric } from "../workloads/workload.ts";
import { digits, formatRange, formatValue } from "./numbers.ts";
import { ratioOf, spreadOf, valuesOf } from "./statistics.ts";

/** From here on, the load generator may be what was measured. */
const busyLoad = 90;

const runtimeTitles: Record<RuntimeName, string> = {
  node: "Node",
  deno: "Deno",
  bun: "Bun",
};

/** The whole report. */
export function markdownReport(results: Results): string {
  const { machine, versions, options, date, seconds } = results;
  const list = (record: Record<string, unknown>) =>
    Object.entries(record).map(([name, value]) => `${name} ${value}`)
      .join(", ");
  const parts = [
    `# Benchmark, ${date.slice(0, 10)}`,
    `${machine.processor}, ${machine.cores} cores, ${
      formatValue(machine.memory, "bytes")
    }, ${machine.system}. ${list(versions)}. ` +
    `Options: ${list(options)}; ${Math.round(seconds / 60)} minutes.`,
    "Each cell has the median of the rounds; behind it how many times the " +
    "peer's value that is, with the least and the greatest of the rounds. " +
    `An asterisk: the load generator used more than ${busyLoad} % of its core, ` +
    "and may have been the limit.",
    ...[...runtimeNames].sort(nodeFirst).flatMap((runtime) =>
      runtimePart(results, runtime)
    ),
    ...ceilingPart(results),
    ...failurePart(results),
  ];
  return parts.join("\n\n") + "\n";
}

/** The rows of one workload, as the report has them. */
export function workloadRows(result: WorkloadResult): string[][] {
  return result.metrics.map((metric) => [
    metric.title,
    ...result.cells.map((cell) => formatCell(result, cell, metric)),
  ]);
}

/** Node, then Deno, then Bun: by how much there is to compare with. */
function nodeFirst(one: RuntimeName, other: RuntimeName): number {
  return other.localeCompare(one);
}

/** Workloads that have the same contenders share a table. */
function runtimePart(results: Results, runtime: RuntimeName): string[] {
  const parts: string[] = [];
  const tables = new Map<string, WorkloadResult[]>();
  for (const result of results.workloads) {
    if (result.runtime !== runtime) continue;
    const key = result.cells.map(({ title }) => title).join();
    tables.set(key, [...tables.get(key) ?? [], result]);
  }
  if (tables.size > 0) {
    parts.push(`## ${runtimeTitles[runtime]} ${results.versions[runtime]}`);
  }
  for (const table of tables.values()) {
    parts.push(
      formatTable(
        ["", ...table[0].cells.map(({ title }) => title)],
        table.flatMap(workloadRows),
      ),
    );
  }
  return parts;
}

function formatCell(
  result: WorkloadResult,
  cell: Cell,
  metric: Metric,
): string {
  const spread = spreadOf(valuesOf(cell, metric.name));
  if (spread === null) return cell.failure === null ? "–" : "fails";
  const busy = spreadOf(
    cell.rounds.map(({ details }) => details.loadCpuPercent ?? 0),
  )!.median > busyLoad;
  const value = formatValue(spread.median, metric.unit) + (busy ? " *" : "") +
    (cell.failure === null ? "" : " (then failed)");
  const ratio = ratioOf(result, cell, metric.name);
  if (ratio === null) return value;
  const range = formatRange(ratio);
  return `${value} (${digits(ratio.median)}×${range && `, ${range}`})`;
}

function ceilingPart(results: Results): string[] {
  const rows = results.workloads
    .filter(({ runtime }) => runtime === null)
    .flatMap(workloadRows);
  if (rows.length === 0) return [];
  return [
    "## The load generator's limit",
    "The same load on a raw TCP echo, which sends back the bytes that it gets:",
    formatTable(["", "raw TCP echo"], rows),
  ];
}

function failurePart(results: Results): string[] {
  const lines = results.workloads.flatMap(({ runtime, metrics, cells }) =>
    cells.filter(({ failure }) => failure !== null).map(({ title, failure }) =>
      `- ${runtime === null ? "" : `${runtimeTitles[runtime]}, `}${title}, ${
        metrics[0].title
      }: ${failure!.replaceAll(/\s+/g, " ")}`
    )
  );
  return lines.length === 0 ? [] : ["## What failed", lines.join("\n")];
}

/** A table whose columns are as wide as they have to be. */
export function formatTable(head: string[], rows: string[][]): string {
  const widths = head.map((title, column) =>
    Math.max(3, title.length, ...rows.map((row) => row[column].length))
  );
  const line = (cells: string[]) =>
    `| ${
      cells.map((cell, column) => cell.padEnd(widths[column])).join(" | ")
    } |`;
  const rule = widths.map((width) => "-".repeat(width));
  return [line(head), line(rule), ...rows.map(line)].join("\n");
}
