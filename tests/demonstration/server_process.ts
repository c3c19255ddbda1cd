// Runs server.ts as a child process on the runtime that runs the tests.

import { spawn } from "node:child_process";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { scriptCommand } from "../support/runtime.ts";

const script = fileURLToPath(new URL("../../server.ts", import.meta.url));

/** How long a child may take to say or do anything, in milliseconds. */
const patience = 15_000;

export interface Finished {
  code: number | null;
  stdout: string;
  stderr: string;
}

export interface ServerProcess {
  pid: number;
  /** What it listens on, as printed in its first line. */
  address: string;
  /** Everything it has printed until it listened. */
  announcement: string;
  /** The ws: or wss: URL that it printed for a path. */
  urlOf(path: string): string;
  kill(signal: "SIGINT" | "SIGTERM"): void;
  /** Fulfils when the process has ended and all its output is read. */
  finished: Promise<Finished>;
  [Symbol.asyncDispose](): Promise<void>;
}

export interface Child {
  pid: number;
  finished: Promise<Finished>;
  stdout(): string;
  onOutput(listener: () => void): void;
  /** Closes this end of its stdout. */
  stopReading(): void;
  kill(signal: "SIGINT" | "SIGTERM" | "SIGKILL"): void;
}

/** Starts server.ts. */
export function start(...args: string[]): Child {
  const command = scriptCommand(script);
  const child = spawn(command.program, [...command.arguments, ...args], {
    stdio: ["ignore", "pipe", "pipe"],
  });
  let stdout = "";
  let stderr = "";
  let hasEnded = false;
  const listeners: (() => void)[] = [];
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    stdout += text;
    for (const listener of listeners) listener();
  });
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    stderr += text;
  });
  return {
    pid: child.pid!,
    finished: new Promise((resolve, reject) => {
      child.on("error", reject);
      child.on("exit", () => hasEnded = true);
      child.on("close", (code) => resolve({ code, stdout, stderr }));
    }),
    stdout: () => stdout,
    onOutput: (listener) => listeners.push(listener),
    stopReading: () => void child.stdout.destroy(),
    kill: (signal) => {
      // Not child.kill(): after it Deno 2.9 reports that the signal ended the
      // child, even if the child handled it and chose its exit code.
      if (child.pid === undefined || hasEnded) return;
      try {
        process.kill(child.pid, signal);
      } catch (error) {
        // It has just ended, and its "exit" event is on the way.
        if ((error as { code?: string }).code !== "ESRCH") throw error;
      }
    },
  };
}

/** Runs server.ts with flags that make it end by itself. */
export async function run(...args: string[]): Promise<Finished> {
  const child = start(...args);
  const timer = setTimeout(() => child.kill("SIGKILL"), patience);
  try {
    return await child.finished;
  } finally {
    clearTimeout(timer);
  }
}

/** Runs server.ts until it listens. Dispose it to end it. */
export async function listen(...args: string[]): Promise<ServerProcess> {
  const child = start(...args);
  const timer = setTimeout(() => child.kill("SIGKILL"), patience);
  try {
    await new Promise<void>((resolve, reject) => {
      child.onOutput(() => {
        if (child.stdout().includes("Ctrl-C")) resolve();
      });
      child.finished.then(
        ({ code, stdout, stderr }) =>
          reject(new Error(`It ended with ${code}: ${stdout}${stderr}`)),
        reject,
      );
    });
  } catch (error) {
    child.kill("SIGKILL");
    throw error;
  } finally {
    clearTimeout(timer);
  }
  const announcement = child.stdout();
  const address = /^Weir listens on (\S+)$/m.exec(announcement)?.[1];
  if (address === undefined) {
    child.kill("SIGKILL");
    throw new Error(`No address in its first line: ${announcement}`);
  }
  return {
    pid: child.pid,
    address,
    announcement,
    urlOf(path) {
      const url = announcement.split(/\s+/).find((word) =>
        /^wss?:/.test(word) && word.endsWith(path)
      );
      if (url === undefined) throw new Error(`${path} is not announced`);
      return url;
    },
    kill: child.kill,
    finished: child.finished,
    async [Symbol.asyncDispose]() {
      child.kill("SIGKILL");
      await child.finished;
    },
  };
}
