/** Weir's programs as processes on each of the runtimes. */

import { type ChildProcess, spawn } from "node:child_process";
import { join } from "node:path";
import process from "node:process";
import { endGroup, leadsGroup } from "../tests/process_group.ts";
import { root, type Runtime, type RuntimeName } from "../tests/toolchain.ts";

/** How a runtime is told to run a script. */
const runArguments: Record<RuntimeName, readonly string[]> = {
  deno: ["run", "--allow-all", "--no-check"],
  bun: [],
  node: ["--disable-warning=ExperimentalWarning"],
};

/** A process of Weir's. */
export interface RunningProgram {
  /** What it has printed so far. */
  readonly output: string;
  /** Fulfils with the exit code, or the signal, when the process is gone. */
  readonly finished: Promise<number | string>;
  /**
   * Waits until what it prints has a certain form.
   *
   * @param pattern What to wait for.
   * @param patience How long, in milliseconds.
   * @throws {Error} If it ends before, or takes too long.
   */
  printed(pattern: RegExp, patience: number): Promise<RegExpExecArray>;
  /** Ends it, and all that it started. */
  end(): Promise<void>;
}

/** All that are running; none must outlive this process. */
const running = new Set<ChildProcess>();
process.on("exit", () => running.forEach(endGroup));

/**
 * Starts a program.
 *
 * @param command The executable.
 * @param args Its arguments.
 */
export function startProgram(
  command: string,
  args: readonly string[],
): RunningProgram {
  const child = spawn(command, [...args], {
    cwd: root,
    // A group of its own, because some runtimes are started through a script.
    detached: leadsGroup,
    stdio: ["ignore", "pipe", "pipe"],
  });
  running.add(child);
  let output = "";
  let check = (): void => {};
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding("utf8").on("data", (text: string) => {
      output += text;
      check();
    });
  }
  let hasEnded = false;
  const finished = new Promise<number | string>((resolve) => {
    const done = (how: number | string): void => {
      hasEnded = true;
      running.delete(child);
      resolve(how);
      check();
    };
    child.on("error", (error) => {
      output += error.message;
      done("no process");
    });
    child.on("close", (code, signal) => done(code ?? signal ?? "no code"));
  });
  return {
    get output() {
      return output;
    },
    finished,
    printed(pattern, patience) {
      return new Promise((resolve, reject) => {
        const late = setTimeout(
          () => settle(() => reject(failure("took too long"))),
          patience,
        );
        const settle = (how: () => void): void => {
          clearTimeout(late);
          check = () => {};
          how();
        };
        const failure = (what: string): Error =>
          new Error(`${command} ${args.join(" ")} ${what}: ${output.trim()}`);
        check = () => {
          const match = pattern.exec(output);
          if (match !== null) settle(() => resolve(match));
          else if (hasEnded) settle(() => reject(failure("ended")));
        };
        check();
      });
    },
    async end() {
      if (!hasEnded) endGroup(child);
      await finished;
    },
  };
}

/**
 * Starts one of Weir's scripts.
 *
 * @param runtime What to run it on.
 * @param script Its path from the root of the repository.
 * @param args Its arguments.
 */
export function startScript(
  runtime: Runtime,
  script: string,
  args: readonly string[],
): RunningProgram {
  return startProgram(runtime.path, [
    ...runArguments[runtime.name],
    join(root, script),
    ...args,
  ]);
}
