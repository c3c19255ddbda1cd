/** Runs the conformance run as a process, on the runtime that runs the tests. */

import { spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { scriptCommand } from "../support/runtime.ts";

/** How long it may take to say or do anything, in milliseconds. */
const patience = 60_000;

/** What came of it. */
export interface Finished {
  code: number | null;
  stdout: string;
  stderr: string;
}

/** It, at work. */
export interface RunningCommand {
  readonly pid: number;
  /** Waits until stderr has something in it. */
  says(pattern: RegExp): Promise<RegExpExecArray>;
  signal(name: "SIGINT" | "SIGTERM"): void;
  readonly finished: Promise<Finished>;
}

/** Starts one of the scripts in `autobahn/`. */
export function start(
  script: string,
  args: readonly string[],
  environment: Record<string, string> = {},
): RunningCommand {
  const path = fileURLToPath(
    new URL(`../../autobahn/${script}`, import.meta.url),
  );
  const command = scriptCommand(path);
  const child = spawn(command.program, [...command.arguments, ...args], {
    stdio: ["ignore", "pipe", "pipe"],
    env: { ...process.env, ...environment },
  });
  let stdout = "";
  let stderr = "";
  let check = (): void => {};
  child.stdout.setEncoding("utf8").on("data", (text: string) => stdout += text);
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    stderr += text;
    check();
  });
  let hasEnded = false;
  const kill = (name: "SIGINT" | "SIGTERM" | "SIGKILL"): void => {
    if (!hasEnded) process.kill(child.pid!, name);
  };
  const late = setTimeout(() => kill("SIGKILL"), patience);
  const finished = new Promise<Finished>((resolve, reject) => {
    child.on("error", reject);
    child.on("exit", () => hasEnded = true);
    child.on("close", (code) => {
      clearTimeout(late);
      resolve({ code, stdout, stderr });
      check();
    });
  });
  return {
    pid: child.pid!,
    finished,
    signal: kill,
    says: (pattern) =>
      new Promise((resolve, reject) => {
        check = () => {
          const match = pattern.exec(stderr);
          if (match !== null) resolve(match);
          else if (hasEnded) reject(new Error(`It has ended: ${stderr}`));
        };
        check();
      }),
  };
}

/** Runs `autobahn/main.ts` to its end. */
export function autobahn(
  args: readonly string[],
  environment: Record<string, string> = {},
): Promise<Finished> {
  return start("main.ts", args, environment).finished;
}

/** Calls with a folder that is removed afterwards. */
export async function inFolder(
  use: (folder: string) => Promise<void>,
): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "weir-autobahn-test-"));
  try {
    await use(folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
