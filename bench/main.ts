/**
 * The benchmark: `deno task bench`, with `--help` for its options. See
 * `bench/README.md`.
 *
 * @module
 */
import { spawnSync } from "node:child_process";
import {
  accessSync,
  constants,
  readFileSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { availableParallelism, cpus, release, totalmem, type } from "node:os";
import { dirname, resolve } from "node:path";
import process from "node:process";
import { findRuntimes, root } from "../tests/toolchain.ts";
import { contenders } from "./contenders.ts";
import { help, type Options, OptionsError, parseOptions } from "./options.ts";
import { endAll } from "./processes.ts";
import { chart } from "./report/chart.ts";
import { markdownReport, workloadRows } from "./report/markdown.ts";
import { updateReadme } from "./report/readme.ts";
import type { Results, WorkloadResult } from "./results.ts";
import { runCeiling, runWorkload } from "./runner.ts";
import { workloads } from "./workloads/all.ts";

const options = readOptions();
for (const signal of ["SIGINT", "SIGTERM"] as const) {
  process.on(signal, () => {
    endAll();
    process.exit(130);
  });
}
const started = performance.now();
const results = await run(options);
write(results, options);
process.exit(failures(results) === 0 ? 0 : 1);

function readOptions(): Options {
  try {
    const options = parseOptions(process.argv.slice(2));
    if (options !== "help") {
      checkOutput(options.output);
      return options;
    }
    console.log(help);
    process.exit(0);
  } catch (error) {
    if (!(error instanceof OptionsError)) throw error;
    console.error(error.message);
    process.exit(2);
  }
}

/** Makes sure, before anything is measured, that the results can be written. */
function checkOutput(output: string): void {
  const folder = dirname(resolve(root, output));
  try {
    accessSync(folder, constants.W_OK);
    if (!statSync(folder).isDirectory()) throw new Error("it is no folder");
  } catch (error) {
    throw new OptionsError(
      `--output: nothing can be written into ${JSON.stringify(folder)}: ` +
        (error as Error).message,
    );
  }
}

async function run(options: Options): Promise<Results> {
  const runtimes = findRuntimes();
  const bun = runtimes.find(({ name }) => name === "bun")!;
  const chosen = workloads.filter(({ name }) =>
    options.workloads.includes(name)
  );
  const found: WorkloadResult[] = [];
  const jobs = [
    ...chosen.filter(({ ceiling }) => ceiling !== undefined).map((
      workload,
    ) => ({
      workload,
      runtime: null,
    })),
    ...runtimes.filter(({ name }) => options.runtimes.includes(name))
      .sort((one, other) => other.name.localeCompare(one.name))
      .flatMap((runtime) => chosen.map((workload) => ({ workload, runtime }))),
  ];
  for (const [index, { workload, runtime }] of jobs.entries()) {
    const title = `[${index + 1}/${jobs.length}] ${
      runtime?.name ?? "raw TCP"
    }, ${workload.name}`;
    const runOptions = {
      ...options,
      bun: bun.path,
      progress: (text: string) => showProgress(`${title}: ${text}`),
    };
    const jobStarted = performance.now();
    let result: WorkloadResult | null;
    if (runtime === null) {
      result = await runCeiling(workload, bun, runOptions);
    } else {
      const taking = contenders.filter((contender) =>
        contender.runtimes.includes(runtime.name) &&
        options.peers.includes(contender.name) &&
        workload.takesPart(contender, options.quick)
      );
      if (taking.length === 0) continue;
      result = await runWorkload(workload, runtime, taking, runOptions);
    }
    showProgress("");
    if (result === null) continue;
    found.push(result);
    const seconds = (performance.now() - jobStarted) / 1000;
    console.log(`${title} (${seconds.toFixed(1)} s)`);
    const width = 2 +
      Math.max(24, ...result.cells.map((cell) => cell.title.length));
    for (const [metric, row] of workloadRows(result).entries()) {
      if (result.metrics.length > 1) console.log(`  ${row[0]}`);
      for (const [index, cell] of result.cells.entries()) {
        const failure = metric > 0 || cell.failure === null
          ? ""
          : `: ${cell.failure}`;
        console.log(
          `    ${cell.title.padEnd(width)}${row[index + 1]}${failure}`,
        );
      }
    }
  }
  return {
    date: new Date().toISOString(),
    seconds: (performance.now() - started) / 1000,
    machine: {
      processor: cpus()[0]?.model ?? "unknown processor",
      cores: availableParallelism(),
      memory: totalmem(),
      system: `${type()} ${release()}`,
    },
    versions: {
      ...Object.fromEntries(
        runtimes.map(({ name, version }) => [name, version]),
      ),
      ...peerVersions(),
    },
    options: {
      duration: options.duration,
      rounds: options.rounds,
      quick: options.quick,
    },
    workloads: found,
  };
}

/** The versions of Weir and of the peers that are packages. */
function peerVersions(): Record<string, string> {
  const read = (file: string) => JSON.parse(readFileSync(root + file, "utf8"));
  const { devDependencies } = read("package.json");
  return {
    ws: devDependencies.ws,
    crossws: devDependencies.crossws,
    weir: read("deno.json").version,
  };
}

function write(results: Results, { output, full }: Options): void {
  const report = markdownReport(results);
  console.log(`\n${report}`);
  const path = resolve(root, output);
  const files = [`${path}.json`, `${path}.md`, `${path}.svg`];
  writeFileSync(files[0], JSON.stringify(results));
  writeFileSync(files[1], report);
  writeFileSync(files[2], chart(results));
  if (full) {
    const readme = `${root}README.md`;
    const text = readFileSync(readme, "utf8");
    writeFileSync(readme, updateReadme(text, results));
    files.push(readme);
  }
  const deno = findRuntimes().find(({ name }) => name === "deno")!;
  spawnSync(deno.path, ["fmt", "--quiet", ...files], { cwd: root });
  console.log(
    `Written: ${output}.json, ${output}.md, ${output}.svg` +
      `${full ? ", README.md" : ""}. ` +
      `It took ${Math.round(results.seconds)} s.`,
  );
}

/** How many of Weir's cells have failed. Those of peers are findings. */
function failures({ workloads }: Results): number {
  return workloads.flatMap(({ cells }) => cells).filter(
    ({ contender, failure }) =>
      contender.startsWith("weir") && failure !== null,
  ).length;
}

/** One line that is written over, on a terminal. */
function showProgress(text: string): void {
  if (!process.stdout.isTTY) return;
  process.stdout.write(`\r\x1b[2K${text}`);
}
