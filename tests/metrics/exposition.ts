/**
 * Reads the text format of Prometheus, version 0.0.4, as its documentation has
 * it, and refuses all that departs from it:
 * https://prometheus.io/docs/instrumenting/exposition_formats/
 */

/** A sample: one line. */
export interface Sample {
  /** With its suffix, if it is one of a histogram. */
  readonly name: string;
  readonly labels: ReadonlyMap<string, string>;
  readonly value: number;
}

/** A metric with its samples. */
export interface Family {
  readonly name: string;
  readonly type: string;
  readonly help: string;
  readonly samples: readonly Sample[];
}

interface OpenFamily extends Family {
  type: string;
  help: string;
  readonly samples: Sample[];
}

const types = ["counter", "gauge", "histogram", "summary", "untyped"];
const metricName = /^[a-zA-Z_:][a-zA-Z0-9_:]*$/;
const sampleStart = /^([a-zA-Z_:][a-zA-Z0-9_:]*)/;
const label = /^([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\["\\n])*)"(,|(?=\}))/;
// As Go's ParseFloat has it, of which only decimal numbers are of use here.
const number = /^(?:[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?|NaN|[+-]Inf)$/;

/**
 * Parses a text.
 *
 * @throws {Error} With the line, if there is anything wrong with it.
 */
export function parseExposition(text: string): Map<string, Family> {
  if (!text.endsWith("\n")) throw new Error("the last line does not end");
  if (text.includes("\r")) throw new Error("a carriage return");
  const families = new Map<string, OpenFamily>();
  let current = null as OpenFamily | null;
  for (const line of text.slice(0, -1).split("\n")) {
    const refuse = (why: string): never => {
      throw new Error(`${why}: ${JSON.stringify(line)}`);
    };
    const comment = /^# (HELP|TYPE) ([^ ]+) (.*)$/.exec(line);
    if (comment !== null) {
      const [, kind, name, rest] = comment;
      if (!metricName.test(name)) refuse("no name of a metric");
      if (current?.name !== name) {
        if (families.has(name)) {
          refuse("the metric's lines do not stand together");
        }
        current = { name, type: "", help: "", samples: [] };
        families.set(name, current);
      }
      if (current.samples.length > 0) refuse("it stands behind a sample");
      if (kind === "HELP") {
        if (current.help !== "") refuse("a second HELP");
        if (/\\(?![\\n])/.test(rest.replaceAll("\\\\", ""))) {
          refuse("an escape");
        }
        current.help = rest;
      } else {
        if (current.type !== "") refuse("a second TYPE");
        if (!types.includes(rest)) refuse("no type");
        current.type = rest;
      }
      continue;
    }
    if (line === "" || line.startsWith("#")) refuse("nothing that is needed");
    const sample = parseSample(line, refuse);
    const suffixes = current?.type === "histogram"
      ? ["_bucket", "_sum", "_count"]
      : [""];
    if (
      current === null || current.type === "" || current.help === "" ||
      !suffixes.some((suffix) => sample.name === current!.name + suffix)
    ) {
      refuse("a sample without HELP and TYPE of its own");
    }
    current!.samples.push(sample);
  }
  for (const family of families.values()) checkFamily(family);
  return families;
}

function parseSample(line: string, refuse: (why: string) => never): Sample {
  const name = sampleStart.exec(line)?.[1] ?? refuse("no name of a metric");
  let rest = line.slice(name.length);
  const labels = new Map<string, string>();
  if (rest.startsWith("{")) {
    rest = rest.slice(1);
    while (!rest.startsWith("}")) {
      const [all, key, value] = label.exec(rest) ?? refuse("no label");
      if (labels.has(key)) refuse("a label twice");
      labels.set(
        key,
        value.replaceAll(
          /\\(.)/g,
          (_, escaped) => escaped === "n" ? "\n" : escaped,
        ),
      );
      rest = rest.slice(all.length);
    }
    rest = rest.slice(1);
  }
  if (!rest.startsWith(" ")) refuse("no space before the value");
  if (!number.test(rest.slice(1))) refuse("no number");
  return { name, labels, value: toNumber(rest.slice(1)) };
}

function toNumber(text: string): number {
  return Number(text.replace("Inf", "Infinity"));
}

function checkFamily({ name, type, samples }: Family): void {
  const refuse = (why: string): never => {
    throw new Error(`${name}: ${why}`);
  };
  if (samples.length === 0) refuse("no sample");
  const seen = new Set<string>();
  for (const { name, labels, value } of samples) {
    const key = name + JSON.stringify([...labels].sort());
    if (seen.has(key)) refuse(`twice ${key}`);
    seen.add(key);
    if (type !== "gauge" && !(value >= 0)) refuse(`${value} is below 0`);
  }
  if (type === "counter" && !name.endsWith("_total")) {
    refuse("a counter's name ends in _total");
  }
  if (type === "histogram") checkHistogram(name, samples, refuse);
}

function checkHistogram(
  name: string,
  samples: readonly Sample[],
  refuse: (why: string) => never,
): void {
  const buckets = samples.filter((sample) => sample.name === `${name}_bucket`);
  let [bound, count] = [-Infinity, 0];
  for (const { labels, value } of buckets) {
    const le = labels.get("le") ?? refuse("a bucket without le");
    if (!number.test(le)) refuse(`le is ${le}`);
    if (!(toNumber(le) > bound)) refuse("its bounds do not ascend");
    if (value < count) refuse("its counts do not ascend");
    [bound, count] = [toNumber(le), value];
  }
  if (bound !== Infinity) refuse("its last bucket is not +Inf");
  const total = samples.find((sample) => sample.name === `${name}_count`);
  if (total?.value !== count) refuse("_count is not that of +Inf");
  if (!samples.some((sample) => sample.name === `${name}_sum`)) {
    refuse("no _sum");
  }
}
