/** Chromium as a child process that leaves nothing behind. */

import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import type { Readable, Writable } from "node:stream";
import { chromiumArguments } from "./chromium.ts";
import { DevTools } from "./devtools.ts";

/** A running Chromium, without a page. */
export interface ChromiumProcess {
  readonly devTools: DevTools;
  close(): Promise<void>;
}

/** How long Chromium may take to end, in milliseconds. */
const endTimeout = 5000;

const signals = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

/**
 * Starts Chromium, which takes any certificate. It ends with this process, if
 * it is not closed before. If it cannot start, `devTools` says so.
 */
export function startChromium(executablePath: string): ChromiumProcess {
  const folder = mkdtempSync(join(tmpdir(), "weir-chromium-"));
  const child = spawn(executablePath, [
    ...chromiumArguments,
    "--ignore-certificate-errors",
    "--no-startup-window",
    "--remote-debugging-pipe",
    `--user-data-dir=${folder}`,
  ], {
    stdio: ["ignore", "ignore", "pipe", "pipe", "pipe"],
    env: { ...process.env, TMPDIR: folder },
  });
  // Which Chromium ends with, too, if this process is killed.
  const [input, output] = child.stdio.slice(3) as [Writable, Readable];
  const devTools = new DevTools(input, output);
  const ended = ending(child).then((how) => devTools.fail(new Error(how)));

  const endAtOnce = (): void => {
    child.kill("SIGKILL");
    remove(folder);
  };
  const exit = (): void => process.exit(1);
  process.once("exit", endAtOnce);
  for (const signal of signals) process.once(signal, exit);

  return {
    devTools,
    async close() {
      devTools.end();
      const timer = setTimeout(() => child.kill("SIGKILL"), endTimeout);
      await ended;
      clearTimeout(timer);
      process.off("exit", endAtOnce);
      for (const signal of signals) process.off(signal, exit);
      remove(folder);
    },
  };
}

/** Fulfils when the child has ended, with how, and with what it has said. */
function ending(child: ChildProcess): Promise<string> {
  let errors = "";
  child.stderr?.setEncoding("utf8").on("data", (text: string) => {
    errors = (errors + text).slice(-4000);
  });
  return new Promise((resolve) => {
    const end = (how: string): void =>
      resolve(`Chromium has ended: ${how}\n${errors}`);
    child.on("error", ({ message }) => end(message));
    child.on("close", (code, signal) => end(`exit ${signal ?? code}`));
  });
}

/** Removes a folder, in which some process may write to its last moment. */
function remove(folder: string): void {
  for (let attempt = 1;; attempt++) {
    try {
      return rmSync(folder, { recursive: true, force: true });
    } catch (error) {
      if (attempt === 20) throw error;
    }
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 50);
  }
}
