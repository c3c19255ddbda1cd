/** Runs memory_server.ts on the runtime that runs the tests, and watches it. */

import { spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import process from "node:process";
import { createInterface } from "node:readline";
import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { runtime, scriptCommand } from "../support/runtime.ts";
import { asJavaScript } from "./as_javascript.ts";
import { reportInterval, type ServerReport } from "./report.ts";

const script = runtime === "node"
  ? asJavaScript("tests/memory/memory_server.ts")
  : fileURLToPath(new URL("memory_server.ts", import.meta.url));

/** How many reports without progress make a standstill. */
const quietReports = 700 / reportInterval;

/** A running server. */
export interface ServerProcess {
  /** Where it listens, such as `wss://127.0.0.1:45678/`. */
  readonly url: string;
  /** Its resident memory before the first connection, in bytes. */
  readonly baseMemory: number;
  /**
   * How much of that is pages of files, mostly of the runtime's executable. How
   * many of those a process has is up to the system's page cache: 51 MB of Node's
   * as a rule, and 74 MB after the file was written in one go.
   */
  readonly fileMemory: number;
  /** The most resident memory that it has had so far, in bytes. */
  peakMemory(): number;
  /** Its last report. */
  report(): ServerReport;
  /**
   * Waits until a report fulfils a condition.
   *
   * @throws {Error} if none does in 60 s, or the server ends.
   */
  until(
    what: string,
    condition: (report: ServerReport) => boolean,
  ): Promise<void>;
  /**
   * Waits until nothing goes on any more: neither what `progress` returns nor
   * the server's own counts have changed for 0.7 s, in which the server was alive
   * enough to report. A slow machine only makes it wait longer.
   *
   * @throws {Error} if that takes more than 60 s, or the server ends.
   */
  standstill(progress: () => number): Promise<void>;
  /** Ends the process. */
  end(): Promise<void>;
}

/** Starts a server. */
export async function startServer(
  scheme: "ws" | "wss",
): Promise<ServerProcess> {
  const command = scriptCommand(script);
  const child = spawn(command.program, [...command.arguments, scheme], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  let ended = false;
  let url = "";
  let reports = 0;
  let last: ServerReport | undefined;
  let peak = 0;
  const closed = new Promise<void>((resolve) => {
    child.on("close", () => resolve());
    child.on("error", () => resolve());
  }).then(() => {
    ended = true;
  });
  createInterface({ input: child.stdout }).on("line", (line) => {
    if (url === "") {
      url = line;
      return;
    }
    reports++;
    last = JSON.parse(line) as ServerReport;
    peak = Math.max(peak, last.rss);
  });

  async function until(
    what: string,
    condition: () => boolean,
    milliseconds = 60_000,
  ): Promise<void> {
    const deadline = performance.now() + milliseconds;
    while (!condition()) {
      if (ended) {
        throw new Error(`The server ended by itself before it was ${what}.`);
      }
      if (performance.now() > deadline) {
        throw new Error(
          `It was not ${what} in ${milliseconds} ms: ${JSON.stringify(last)}`,
        );
      }
      await delay(20);
    }
  }

  async function end(): Promise<void> {
    if (!ended && child.pid !== undefined) {
      try {
        process.kill(child.pid, "SIGKILL");
      } catch {
        // It has just ended.
      }
    }
    await closed;
  }

  try {
    await until("ready", () => last !== undefined, 20_000);
  } catch (error) {
    await end();
    throw error;
  }
  return {
    url,
    baseMemory: statusOf(child.pid!, "VmRSS") ?? last!.rss,
    fileMemory: statusOf(child.pid!, "RssFile") ?? 50_000_000,
    peakMemory: () => statusOf(child.pid!, "VmHWM") ?? peak,
    report: () => last!,
    until: (what, condition) => until(what, () => condition(last!)),
    async standstill(progress) {
      let before = "";
      let reportsBefore = reports;
      let quiet = 0;
      await until("at a standstill", () => {
        // Reports that come together, after a pause of this process, are one.
        if (reports === reportsBefore) return false;
        reportsBefore = reports;
        const { sent, received, connections } = last!;
        const now = JSON.stringify([progress(), sent, received, connections]);
        quiet = now === before ? quiet + 1 : 0;
        before = now;
        return quiet >= quietReports;
      });
    },
    end,
  };
}

/**
 * A line of Linux's account of a process, in bytes; nothing elsewhere, where
 * what the server reports of itself has to do.
 */
function statusOf(
  pid: number,
  name: "VmRSS" | "VmHWM" | "RssFile",
): number | undefined {
  if (process.platform !== "linux") return undefined;
  const status = readFileSync(`/proc/${pid}/status`, "utf8");
  const found = new RegExp(`^${name}:\\s+(\\d+) kB$`, "m").exec(status);
  return found === null ? undefined : Number(found[1]) * 1024;
}
