/**
 * The processes that are measured, and those that measure them.
 *
 * @module
 */
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import process from "node:process";
import { createInterface } from "node:readline";
import type { Load, LoadEvent, LoadResult } from "./load/specification.ts";

/** How long a server may take until it listens, in milliseconds. */
const startTimeout = 20_000;
/** How much of what a process says is kept, in characters. */
const keptOutput = 2000;

const running = new Set<ChildProcess>();

/** A server that listens. */
export interface ServerProcess {
  /** Its process id. */
  id: number;
  /** Where it listens. */
  port: number;
  /** Whether it has ended by itself, and what it said. */
  readonly problem: string | null;
  /** Ends it. */
  end(): Promise<void>;
}

/**
 * Starts a server and waits until it listens.
 *
 * @param command The runtime's binary and its arguments.
 * @param openFiles How many sockets it will need.
 * @throws {Error} If it does not listen in time.
 */
export async function startServer(
  command: string[],
  openFiles: number,
): Promise<ServerProcess> {
  const child = start(command, openFiles);
  let output = "";
  let port = 0;
  let ending = false;
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const timer = setTimeout(
    () => reject(new Error(`did not listen in ${startTimeout / 1000} s`)),
    startTimeout,
  );
  const exited = new Promise<void>((resolve) => {
    child.on("exit", () => resolve());
    child.on("error", () => resolve());
  });
  let problem: string | null = null;
  child.on("exit", (code, signal) => {
    if (ending) return;
    problem = `the server ended (${signal ?? code}): ${output.trim()}`;
    reject(new Error(problem));
  });
  child.on("error", reject);
  for (const stream of [child.stdout!, child.stderr!]) {
    stream.setEncoding("utf8").on("data", (text: string) => {
      output = (output + text).slice(-keptOutput);
      const found = /listening on port (\d+)/.exec(output);
      if (port === 0 && found !== null) {
        port = Number(found[1]);
        resolve();
      }
    });
  }
  const end = async () => {
    ending = true;
    child.kill("SIGKILL");
    await exited;
  };
  try {
    await promise;
  } catch (error) {
    await end();
    throw error;
  } finally {
    clearTimeout(timer);
  }
  return {
    id: child.pid!,
    port,
    get problem() {
      return problem;
    },
    end,
  };
}

/** A load generator at work. */
export interface LoadProcess {
  /** Fulfils when its connections are open, for loads that say so. */
  opened: Promise<void>;
  /** Fulfils with what it has measured. */
  result: Promise<LoadResult>;
  /** Lets an idle load end. */
  finish(): void;
  /** Ends it at once. */
  end(): void;
}

/**
 * Starts the load generator.
 *
 * @param bun The binary of Bun.
 * @param load What it is to do.
 * @param timeout After so many milliseconds it has failed.
 */
export function startLoad(
  bun: string,
  load: Load,
  timeout: number,
): LoadProcess {
  const program = new URL("./load/main.ts", import.meta.url).pathname;
  const child = start(
    [bun, "run", program, JSON.stringify(load)],
    load.connections,
  );
  const opened = Promise.withResolvers<void>();
  const result = Promise.withResolvers<LoadResult>();
  // Whoever waits for the one may not wait for the other.
  opened.promise.catch(() => {});
  result.promise.catch(() => {});
  const fail = (reason: string) => {
    opened.reject(new Error(reason));
    result.reject(new Error(reason));
  };
  const timer = setTimeout(() => {
    fail(`no result in ${timeout / 1000} s`);
    child.kill("SIGKILL");
  }, timeout);
  let errors = "";
  child.stderr!.setEncoding("utf8").on("data", (text: string) => {
    errors = (errors + text).slice(-keptOutput);
  });
  const lines = createInterface({ input: child.stdout! });
  lines.on("line", (line) => {
    const event: LoadEvent = JSON.parse(line);
    if (event.event === "opened") opened.resolve();
    if (event.event === "result") result.resolve(event.result);
    if (event.event === "failed") fail(event.reason);
  });
  child.on("error", (error) => fail(error.message));
  child.on("close", () => {
    clearTimeout(timer);
    fail(`the load generator ended: ${errors}`);
  });
  return {
    opened: opened.promise,
    result: result.promise,
    finish: () => child.stdin!.end(),
    end: () => void child.kill("SIGKILL"),
  };
}

/** Ends whatever runs. */
export function endAll(): void {
  for (const child of running) child.kill("SIGKILL");
}

/**
 * How many files a process that is started here can have open, at most as many
 * as are wanted.
 */
export function reachableOpenFiles(wanted: number): number {
  if (process.platform === "win32") return wanted;
  const { stdout } = spawnSync(
    "sh",
    ["-c", `${raiseLimit(wanted)} ulimit -n`],
    {
      encoding: "utf8",
    },
  );
  const limit = stdout.trim();
  return limit === "unlimited" ? Infinity : Number(limit);
}

/** What `/proc` says about a process's memory, in bytes; null where there is none. */
export function memoryOf(
  id: number,
): { resident: number; peak: number } | null {
  try {
    const status = readFileSync(`/proc/${id}/status`, "utf8");
    const read = (name: string) =>
      Number(new RegExp(`${name}:\\s+(\\d+) kB`).exec(status)![1]) * 1024;
    return { resident: read("VmRSS"), peak: read("VmHWM") };
  } catch {
    return null;
  }
}

/** Starts a process that may open as many files as it needs. */
function start(command: string[], openFiles: number): ChildProcess {
  const [file, ...rest] = process.platform === "win32" ? command : [
    "sh",
    "-c",
    `${raiseLimit(openFiles + 256)} exec "$@"`,
    "sh",
    ...command,
  ];
  const child = spawn(file, rest, { stdio: ["pipe", "pipe", "pipe"] });
  running.add(child);
  child.on("exit", () => running.delete(child));
  return child;
}

/** In the shell's words: as many as are wanted, or as many as can be had. */
function raiseLimit(wanted: number): string {
  return `[ "$(ulimit -n)" = unlimited ] || [ "$(ulimit -n)" -ge ${wanted} ] || ` +
    `ulimit -n ${wanted} 2>/dev/null || ulimit -n "$(ulimit -H -n)";`;
}
