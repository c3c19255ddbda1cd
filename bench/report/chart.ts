/**
 * The results as a chart: how many times better than the peer Weir is, by
 * workload and runtime. An SVG that follows the reader's light or dark scheme.
 *
 * @module
 */
import { type RuntimeName, runtimeNames } from "../../tests/toolchain.ts";
import { contenders, referencePeers } from "../contenders.ts";
import type { Cell, Results, WorkloadResult } from "../results.ts";
import type { Metric } from "../workloads/workload.ts";
import { digits } from "./numbers.ts";
import { ratioOf, valuesOf } from "./statistics.ts";

/** The contenders that are drawn, and what the legend calls them. */
const series: Record<string, string> = {
  "weir": "hooks",
  "weir-streams": "streams",
  "weir-zlib": "hooks, context takeover",
};
const runtimeTitles: Record<RuntimeName, string> = {
  node: "Node",
  deno: "Deno",
  bun: "Bun",
};

const width = 960;
const margin = 20;
const labelWidth = 216;
const panelGap = 16;
const barHeight = 7;
const rowGap = 12;
const headHeight = 118;
/** Room beside a bar for its figure. */
const figureWidth = 40;
/** The axis reaches from its inverse to at least this many times. */
const leastReach = 2;

const style = `
  text { font: 12px system-ui, -apple-system, "Segoe UI", sans-serif; fill: #1f2328 }
  .title { font-size: 16px; font-weight: 600 }
  .panel { font-size: 13px; font-weight: 600 }
  .note, .figure { fill: #59636e; font-size: 11px }
  .paper { fill: #ffffff }
  .band { fill: #f6f8fa }
  .grid { stroke: #d1d9e0 }
  .even { stroke: #59636e }
  .weir { fill: #0969da }
  .weir-streams { fill: #54aeff }
  .weir-zlib { fill: #8250df }
  @media (prefers-color-scheme: dark) {
    text { fill: #f0f6fc }
    .note, .figure { fill: #9198a1 }
    .paper { fill: #0d1117 }
    .band { fill: #151b23 }
    .grid { stroke: #3d444d }
    .even { stroke: #9198a1 }
    .weir { fill: #4493f8 }
    .weir-streams { fill: #a5d6ff }
    .weir-zlib { fill: #ab7df8 }
  }`;

/** A bar: a contender in a workload, compared with the peer. */
interface Bar {
  contender: string;
  /** How many times better; null if the peer failed, and Weir did not. */
  times: number | null;
}

/** One metric on all the runtimes. */
interface Row {
  metric: Metric;
  bars: Partial<Record<RuntimeName, Bar[]>>;
}

/** The chart. */
export function chart(results: Results): string {
  const runtimes = [...runtimeNames]
    .sort((one, other) => other.localeCompare(one))
    .filter((name) =>
      results.workloads.some(({ runtime }) => runtime === name)
    );
  const rows = rowsOf(results);
  const scale = new Scale(rows, runtimes.length);
  const bands: string[] = [];
  const parts: string[] = [];
  let top = headHeight;
  for (const [index, row] of rows.entries()) {
    const height = barCount(row) * barHeight + rowGap;
    if (index % 2 === 0) {
      bands.push(
        `<rect class="band" x="${margin / 2}" y="${top}" ` +
          `width="${width - margin}" height="${height}"/>`,
      );
    }
    parts.push(text(margin, top + height / 2 + 4, row.metric.title));
    for (const [panel, runtime] of runtimes.entries()) {
      parts.push(...drawBars(row.bars[runtime], scale, panel, top, height));
    }
    top += height;
  }
  const axes = runtimes.flatMap((runtime, panel) =>
    drawAxis(results, runtime, scale, panel, top)
  );
  const height = top + margin;
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" ` +
    `width="${width}" height="${height}" role="img" aria-labelledby="title description">
<title id="title">Weir compared with what each runtime has today</title>
<desc id="description">${escape(description(rows, runtimes))}</desc>
<style>${style}
</style>
<rect class="paper" width="${width}" height="${height}" rx="6"/>
${[...drawHead(results, rows), ...bands, ...axes, ...parts].join("\n")}
</svg>
`;
}

/** Places values on the panels' axes, which are logarithmic. */
class Scale {
  readonly panelWidth: number;
  /** The powers of two at both ends. */
  readonly least: number;
  readonly greatest: number;
  /** So many powers are between two that are written. */
  readonly step: number;

  constructor(rows: Row[], panels: number) {
    const all = rows.flatMap(({ bars }) =>
      Object.values(bars).flatMap((bars) =>
        bars.flatMap((bar) => bar.times ?? [])
      )
    );
    const reach = Math.log2(leastReach);
    // A bar that leaves the axis ends at its end, and its figure says more.
    this.least = Math.max(Math.min(-reach, ...all.map(floorOfLog)), -4);
    this.greatest = Math.min(Math.max(reach, ...all.map(ceilingOfLog)), 5);
    const powers = this.greatest - this.least;
    this.step = powers < 5 ? 1 : powers < 8 ? 2 : 4;
    this.panelWidth = (width - 2 * margin - labelWidth) / Math.max(panels, 1) -
      panelGap;
  }

  /** Where a panel's axis starts. */
  left(panel: number): number {
    return margin + labelWidth + panel * (this.panelWidth + panelGap) +
      panelGap / 2 + figureWidth;
  }

  /** How far from there a value is. */
  at(panel: number, times: number): number {
    const logarithm = Math.min(
      Math.max(Math.log2(times), this.least),
      this.greatest,
    );
    return this.left(panel) + (logarithm - this.least) /
        (this.greatest - this.least) * (this.panelWidth - 2 * figureWidth);
  }
}

function rowsOf({ workloads }: Results): Row[] {
  const rows = new Map<string, Row>();
  for (const result of workloads) {
    if (result.runtime === null) continue;
    for (const metric of result.metrics) {
      const row: Row = rows.get(metric.name) ?? { metric, bars: {} };
      rows.set(metric.name, row);
      const bars = Object.keys(series).flatMap((contender) =>
        barOf(result, metric, contender) ?? []
      );
      if (bars.length > 0) row.bars[result.runtime] = bars;
    }
  }
  return [...rows.values()].filter(({ bars }) => Object.keys(bars).length > 0);
}

function barOf(
  result: WorkloadResult,
  metric: Metric,
  contender: string,
): Bar | null {
  const find = (name: string | null): Cell | undefined =>
    result.cells.find((cell) => cell.contender === name);
  const cell = find(contender);
  const peer = find(result.reference);
  if (cell === undefined || peer === undefined) return null;
  if (valuesOf(cell, metric.name).length === 0) return null;
  const ratio = ratioOf(result, cell, metric.name);
  if (ratio === null) return { contender, times: null };
  return {
    contender,
    times: metric.better === "higher" ? ratio.median : 1 / ratio.median,
  };
}

function drawBars(
  bars: Bar[] | undefined,
  scale: Scale,
  panel: number,
  top: number,
  height: number,
): string[] {
  const middle = top + height / 2;
  const even = scale.at(panel, 1);
  if (bars === undefined) {
    return [text(even + 4, middle + 4, "no peer", "note")];
  }
  const first = middle - bars.length * barHeight / 2;
  return bars.flatMap(({ contender, times }, index) => {
    const y = first + index * barHeight;
    const end = scale.at(panel, times ?? Infinity);
    const figure = times === null ? "peer fails" : `${digits(times)}×`;
    // Beside all the bars of its side, so that it does not lie on one.
    const ends = bars.map((bar) => scale.at(panel, bar.times ?? Infinity));
    const label = end >= even
      ? text(Math.max(...ends) + 3, y + barHeight, figure, "figure")
      : text(Math.min(...ends) - 3, y + barHeight, figure, "figure", "end");
    return [
      `<rect class="${contender}" x="${round(Math.min(even, end))}" ` +
      `y="${y + 0.5}" width="${
        round(Math.max(Math.abs(end - even), 0.5))
      }" height="${barHeight - 1}"/>`,
      // With several bars the figures would run into each other: the first's.
      ...(index === 0 ? [label] : []),
    ];
  });
}

function drawAxis(
  results: Results,
  runtime: RuntimeName,
  scale: Scale,
  panel: number,
  bottom: number,
): string[] {
  const parts = [
    text(
      scale.at(panel, 1),
      headHeight - 42,
      `${runtimeTitles[runtime]} ${results.versions[runtime]}`,
      "panel",
      "middle",
    ),
    text(
      scale.at(panel, 1),
      headHeight - 26,
      `÷ ${peerTitle(results, runtime)}`,
      "note",
      "middle",
    ),
  ];
  for (let power = scale.least; power <= scale.greatest; power++) {
    const x = round(scale.at(panel, 2 ** power));
    parts.push(
      `<line class="${power === 0 ? "even" : "grid"}" x1="${x}" x2="${x}" ` +
        `y1="${headHeight - 4}" y2="${bottom}"/>`,
    );
    if (power % scale.step === 0) {
      const label = power < 0 ? `1/${2 ** -power}` : `${2 ** power}`;
      parts.push(text(x, headHeight - 8, `${label}×`, "note", "middle"));
    }
  }
  return parts;
}

function drawHead(results: Results, rows: Row[]): string[] {
  const drawn = Object.keys(series).filter((contender) =>
    rows.some(({ bars }) =>
      Object.values(bars).some((bars) =>
        bars.some((bar) => bar.contender === contender)
      )
    )
  );
  const parts = [
    text(margin, 28, "Weir, and what each runtime has today", "title"),
    text(
      margin,
      48,
      `To the right: so many times better (faster, or less memory). ` +
        `Figures: the first bar of each. ${results.date.slice(0, 10)}, ` +
        `${results.machine.cores} cores, medians of ${results.options.rounds} rounds at most.`,
      "note",
    ),
  ];
  let right = width - margin;
  for (const contender of drawn.reverse()) {
    const title = `Weir, ${series[contender]}`;
    right -= title.length * 6.2;
    parts.push(text(right, 28, title));
    right -= 14;
    parts.push(
      `<rect class="${contender}" x="${
        round(right)
      }" y="19" width="10" height="10"/>`,
    );
    right -= 14;
  }
  return parts;
}

/** What the chart shows, for those who do not see it. */
function description(rows: Row[], runtimes: RuntimeName[]): string {
  return rows.map(({ metric, bars }) =>
    `${metric.title}: ` + runtimes.flatMap((runtime) => {
      const bar = bars[runtime]?.[0];
      if (bar === undefined) return [];
      return `${runtimeTitles[runtime]} ${
        bar.times === null ? "peer fails" : `${digits(bar.times)} times`
      }`;
    }).join(", ")
  ).join(". ");
}

function barCount({ bars }: Row): number {
  return Math.max(2, ...Object.values(bars).map(({ length }) => length));
}

/** With its version, if it is not the runtime's own. */
function peerTitle({ versions }: Results, runtime: RuntimeName): string {
  const peer = contenders.find(({ name }) => name === referencePeers[runtime])!;
  return peer.name === runtime
    ? peer.title
    : `${peer.title} ${versions[peer.name]}`;
}

function text(
  x: number,
  y: number,
  content: string,
  name = "",
  anchor = "start",
): string {
  return `<text x="${round(x)}" y="${round(y)}"` +
    (name === "" ? "" : ` class="${name}"`) +
    (anchor === "start" ? "" : ` text-anchor="${anchor}"`) +
    `>${escape(content)}</text>`;
}

function escape(content: string): string {
  return content.replaceAll("&", "&amp;").replaceAll("<", "&lt;");
}

function floorOfLog(value: number): number {
  return Math.floor(Math.log2(value));
}

function ceilingOfLog(value: number): number {
  return Math.ceil(Math.log2(value));
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}
