/**
 * The part of the project's README that a full run writes, between two comments.
 *
 * @module
 */
import { contenders, referencePeers } from "../contenders.ts";
import { type RuntimeName, runtimeNames } from "../../tests/toolchain.ts";
import type { Results, WorkloadResult } from "../results.ts";
import type { Metric } from "../workloads/workload.ts";
import { formatTable } from "./markdown.ts";
import { digits, formatRange } from "./numbers.ts";
import { ratioOf } from "./statistics.ts";

const begin = "<!-- bench: a full run writes what follows -->";
const end = "<!-- bench: end -->";

/** The metrics that are shown; the chart has all. */
const shown = [
  "echo-64-1",
  "echo-64-32",
  "echo-64-32-shared",
  "echo-1k",
  "echo-64k",
  "deflate-512",
  "broadcast-64",
  "handshakes",
  "idle-rss",
  "message-1g",
];
/** Weir's ways, in the order in which a cell has them. */
const ways = ["weir", "weir-streams"];

/** The README with the results in their place; as it was if it has none. */
export function updateReadme(readme: string, results: Results): string {
  const first = readme.indexOf(begin);
  const last = readme.indexOf(end);
  if (first === -1 || last < first) return readme;
  return `${readme.slice(0, first + begin.length)}\n\n${part(results)}\n\n${
    readme.slice(last)
  }`;
}

function part(results: Results): string {
  const { date, machine, versions } = results;
  const runtimes = [...runtimeNames].sort((one, other) =>
    other.localeCompare(one)
  );
  const list = [...runtimes, "ws"].map((name) => `${name} ${versions[name]}`);
  const rows = shown.flatMap((name) => {
    const found = results.workloads.filter(({ runtime, workload }) =>
      runtime !== null && workload === name
    );
    if (found.length === 0) return [];
    const metric = found[0].metrics[0];
    return [[
      metric.title + (metric.better === "lower" ? " (less is better)" : ""),
      ...runtimes.map((runtime) =>
        ratios(found.find((result) => result.runtime === runtime), metric)
      ),
    ]];
  });
  const head = runtimes.map((runtime) => `÷ ${peerTitle(runtime)}`);
  return `Measured on ${date.slice(0, 10)} with ${list.join(", ")}, on ` +
    `${machine.cores} cores of ${machine.processor}. Hooks / streams, each with the ` +
    "least and the greatest of the rounds:\n\n" +
    formatTable(["", ...head], rows);
}

function ratios(result: WorkloadResult | undefined, metric: Metric): string {
  if (result === undefined) return "–";
  const peer = result.cells.find(({ contender }) =>
    contender === result.reference
  );
  if (peer === undefined) return "no peer";
  if (peer.rounds.length === 0) return "peer fails";
  const values = ways.flatMap((way) => {
    const cell = result.cells.find(({ contender }) => contender === way);
    if (cell === undefined) return [];
    const ratio = ratioOf(result, cell, metric.name);
    if (ratio === null) return "fails";
    const range = formatRange(ratio);
    return `${digits(ratio.median)}×${range && ` (${range})`}`;
  });
  return values.join(" / ");
}

function peerTitle(runtime: RuntimeName): string {
  return contenders.find(({ name }) => name === referencePeers[runtime])!.title;
}
