/**
 * Runs the test suite on Deno, Bun and Node, some of it side by side, and fails
 * if any of the three fails, runs no test, hangs or is missing.
 *
 *     deno task test                   everything
 *     deno task test node              one runtime; deno,bun are two
 *     deno task test bun handshake     the files with "handshake" in their path
 *
 * The last line of the output is `N passed, N failed`, over all the runtimes.
 */

import { type ChildProcess, spawn } from "node:child_process";
import { readdirSync } from "node:fs";
import { availableParallelism } from "node:os";
import process from "node:process";
import { stripVTControlCharacters } from "node:util";
import { endGroup, leadsGroup } from "./process_group.ts";
import {
  help,
  parseRunArguments,
  type RunArguments,
  RunArgumentsError,
} from "./run_arguments.ts";
import {
  findRuntimes,
  pathWith,
  root,
  type Runtime,
  type RuntimeName,
} from "./toolchain.ts";

/** How long one test may take, in milliseconds. */
const testTimeout = 120_000;
/** How long one runtime may take for the whole suite, in milliseconds. */
const runtimeTimeout = 800_000;

/** What a runtime prints: kept until it is to be shown, and then shown as it comes. */
class Output {
  #shown = false;

  /** All of it so far. */
  text: string;

  constructor(text: string) {
    this.text = text;
  }

  add(text: string): void {
    this.text += text;
    if (this.#shown) process.stdout.write(text);
  }

  show(): void {
    this.#shown = true;
    process.stdout.write(this.text);
  }
}

/** A part of the suite, to be run on a runtime. */
interface Job {
  runtime: Runtime;
  part: number;
  files: string[];
}

/** What came of running the suite on one runtime. */
interface Outcome {
  passed: number;
  failed: number;
  seconds: number;
  /** The names of the tests that failed. */
  names: string[];
  /** Why it counts as failed, where the runtime's own count does not say so. */
  problem?: string | undefined;
}

/** How each runtime is told to run test files. */
const commands: Record<RuntimeName, (files: string[]) => string[]> = {
  deno: (files) => ["test", "-A", "--no-check", ...files],
  bun: (files) => [
    "test",
    `--timeout=${testTimeout}`,
    ...files.map((file) => `./${file}`),
  ],
  node: (files) => [
    "--disable-warning=ExperimentalWarning",
    "--test",
    "--test-reporter=spec",
    // In one process a file's hooks would be all files'.
    "--test-concurrency=1",
    `--test-timeout=${testTimeout}`,
    ...files,
  ],
};

/** Where each runtime's summary says how many tests passed and failed. */
const counts: Record<RuntimeName, { passed: RegExp; failed: RegExp }> = {
  deno: {
    passed: /^(?:ok|FAILED) \| (\d+) passed/gm,
    failed: /^(?:ok|FAILED) \| .*?(\d+) failed/gm,
  },
  bun: { passed: /^ *(\d+) pass$/gm, failed: /^ *(\d+) fail$/gm },
  node: {
    passed: /^ℹ pass (\d+)$/gm,
    failed: /^ℹ (?:fail|cancelled) (\d+)$/gm,
  },
};

/** What each runtime prints for a test that failed, or a file, once for each. */
const failures: Record<RuntimeName, RegExp> = {
  deno: /^(.+) \.\.\. FAILED \(/gm,
  bun: /^\(fail\) (.+?)(?: \[[\d.]+m?s\])?$/gm,
  node:
    /(?<=\n)test at (.+\n✖ .+?) \([\d.]+ms\)$|(?<=\n)✖ (tests\/.+) \([\d.]+ms\)\n {2}/gm,
};

const { names, filters } = readArguments();
const files = readdirSync(root + "tests", { recursive: true })
  .map((file) => `tests/${String(file).replaceAll("\\", "/")}`)
  .filter((file) => file.endsWith("_test.ts"))
  .filter((file) =>
    filters.length === 0 || filters.some((filter) => file.includes(filter))
  )
  .sort();
if (files.length === 0) {
  stop(`no file tests/**/*_test.ts has ${filters.join(" or ")} in its path`);
}

let runtimes: Runtime[] = [];
try {
  runtimes = findRuntimes();
} catch (error) {
  stop((error as Error).message);
}
const environment = environmentFor(runtimes);

/** The runtimes at work. */
const running = new Set<ChildProcess>();
process.on("exit", () => running.forEach(endGroup));
// Nobody reads the output any more, as in `deno task test | head`.
process.stdout.on("error", () => process.exit(1));
for (const signal of ["SIGINT", "SIGTERM"] as const) {
  process.on(signal, () => stop(`ended by ${signal}`));
}

/** Node, where each file is a process, takes the longest, and Bun is the quickest. */
const slowestFirst: readonly RuntimeName[] = ["node", "deno", "bun"];
/** Parts of the suite, the longest first, so that all processors have work to the end. */
const parts = Math.min(4, files.length);
const waiting: Job[] = runtimes
  .filter(({ name }) => names.includes(name))
  .toSorted((a, b) =>
    slowestFirst.indexOf(a.name) - slowestFirst.indexOf(b.name)
  )
  .flatMap((runtime) =>
    Array.from({ length: parts }, (_, part) => ({
      runtime,
      part: part + 1,
      files: files.filter((_, index) => index % parts === part),
    }))
  );
const outcomes = new Map<Runtime, Outcome>();
// One more than there are processors: tests wait for much.
const lanes = availableParallelism() + 1;
/** Whose output is shown as it comes: that of the others waits for its turn. */
let shown: Promise<void> = Promise.resolve();
await Promise.all(Array.from({ length: lanes }, runLane));
await shown;

const table: string[] = [];
const notPassed: string[] = [];
let passed = 0;
let failed = 0;
for (const [runtime, outcome] of outcomes) {
  passed += outcome.passed;
  failed += outcome.failed;
  table.push(
    `${runtime.name} ${runtime.version}`.padEnd(16) +
      `${outcome.passed} passed`.padStart(14) +
      `${outcome.failed} failed`.padStart(12) +
      `${outcome.seconds.toFixed(1)} s`.padStart(11) +
      (outcome.problem ? `   ${outcome.problem}` : ""),
  );
  notPassed.push(
    ...outcome.names.map((name) => `failed on ${runtime.name}: ${name}`),
  );
}
console.log(`\n${table.join("\n")}\n`);
if (notPassed.length > 0) console.log(`${notPassed.join("\n")}\n`);
console.log(`${passed} passed, ${failed} failed`);
process.exit(failed === 0 ? 0 : 1);

/** Runs one job after the other, until none waits. */
async function runLane(): Promise<void> {
  let job: Job | undefined;
  while ((job = waiting.shift()) !== undefined) {
    const { runtime, part, files } = job;
    const title = `${runtime.name} ${runtime.version}` +
      (parts > 1 ? `, part ${part} of ${parts}` : "");
    const output = new Output(`\n=== ${title}: ${files.length} files ===\n\n`);
    const ended = runOn(job, output);
    shown = shown.then(() => {
      output.show();
      return ended.then(() => {});
    });
    const outcome = await ended;
    const before = outcomes.get(runtime);
    outcomes.set(runtime, {
      passed: outcome.passed + (before?.passed ?? 0),
      failed: outcome.failed + (before?.failed ?? 0),
      seconds: outcome.seconds + (before?.seconds ?? 0),
      names: [...before?.names ?? [], ...outcome.names],
      problem: before?.problem ?? outcome.problem,
    });
  }
}

/** Reads the arguments; ends with 0 after the help text, and with 2 on flags. */
function readArguments(): RunArguments {
  try {
    const given = parseRunArguments(process.argv.slice(2));
    if (given !== "help") return given;
    console.log(help);
    process.exit(0);
  } catch (error) {
    if (!(error instanceof RunArgumentsError)) throw error;
    stop(error.message, 2);
  }
}

/** The environment in which tests find the pinned runtimes by their names. */
function environmentFor(runtimes: Runtime[]): NodeJS.ProcessEnv {
  const { NO_COLOR, FORCE_COLOR: _, ...rest } = process.env;
  const coloured = process.stdout.isTTY && !NO_COLOR;
  return {
    ...rest,
    PATH: pathWith(runtimes),
    ...(coloured ? { FORCE_COLOR: "1" } : { NO_COLOR: "1" }),
  };
}

/** Runs a job's files on its runtime, passing on what it prints. */
function runOn({ runtime, files }: Job, output: Output): Promise<Outcome> {
  const started = performance.now();
  const { promise, resolve } = Promise.withResolvers<Outcome>();
  const child = spawn(runtime.path, commands[runtime.name](files), {
    cwd: root,
    env: environment,
    detached: leadsGroup,
    stdio: ["ignore", "pipe", "pipe"],
  });
  running.add(child);

  let problem: string | undefined;
  const timer = setTimeout(() => {
    problem = `killed after ${runtimeTimeout / 1000} s`;
    endGroup(child);
  }, runtimeTimeout);

  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding("utf8").on("data", (text: string) => output.add(text));
  }
  child.on("error", (error) => problem = `did not start: ${error.message}`);
  // What a test left running would hold the output open.
  child.on("exit", () => setTimeout(() => endGroup(child), 1000));
  child.on("close", (code, signal) => {
    clearTimeout(timer);
    endGroup(child);
    running.delete(child);
    const plain = stripVTControlCharacters(output.text);
    const passed = sum(plain, counts[runtime.name].passed);
    const failed = sum(plain, counts[runtime.name].failed);
    if (failed === 0 && code !== 0) {
      problem ??= `exit status ${code ?? signal}`;
    }
    if (passed + failed === 0) problem ??= "ran no test";
    resolve({
      passed,
      failed: problem ? Math.max(failed, 1) : failed,
      seconds: (performance.now() - started) / 1000,
      names: Array.from(
        plain.matchAll(failures[runtime.name]),
        ([, name, file]) => (name ?? file).replace("\n✖", "").trim(),
      ),
      problem,
    });
  });
  return promise;
}

/** Adds up the numbers that a pattern captures. */
function sum(text: string, pattern: RegExp): number {
  let total = 0;
  for (const [, number] of text.matchAll(pattern)) total += Number(number);
  return total;
}

/** Says why the tests cannot be run, and ends. */
function stop(reason: string, status = 1): never {
  console.log(`tests/run.ts: ${reason}`);
  console.log("0 passed, 1 failed");
  process.exit(status);
}
