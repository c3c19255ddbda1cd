/**
 * The window of time that is measured.
 *
 * @module
 */
import { readFileSync } from "node:fs";
import process from "node:process";

/** What a window has seen. */
export interface Measured {
  /** How much was counted. */
  count: number;
  /** Bytes that arrived. */
  bytes: number;
  /** Its length. */
  seconds: number;
  /** Seconds on the CPU of the server, null if unknown. */
  serverCpu: number | null;
  /** Seconds on the CPU of this process. */
  loadCpu: number;
}

/**
 * Waits for the warm-up, then counts for the duration.
 *
 * @param window Both, in milliseconds.
 * @param serverProcess The server's process, 0 for none.
 * @param totals Says how much was counted and how many bytes arrived so far.
 */
export async function measure(
  window: { warmUp: number; duration: number },
  serverProcess: number,
  totals: () => { count: number; bytes: number },
): Promise<Measured> {
  await sleep(window.warmUp);
  const first = now(serverProcess, totals);
  await sleep(window.duration);
  // Of the slowest, one message at least.
  const deadline = performance.now() + 10_000;
  while (totals().count === first.count && performance.now() < deadline) {
    await sleep(20);
  }
  const last = now(serverProcess, totals);
  if (last.count === first.count) throw new Error("nothing came in 10 s");
  return {
    count: last.count - first.count,
    bytes: last.bytes - first.bytes,
    seconds: last.time - first.time,
    serverCpu: last.serverCpu === null || first.serverCpu === null
      ? null
      : last.serverCpu - first.serverCpu,
    loadCpu: last.loadCpu - first.loadCpu,
  };
}

/**
 * Waits until everything that was sent is answered, so that the server has
 * nothing left to do while the next one is measured; 5 s at most.
 */
export async function settle(answered: () => boolean): Promise<void> {
  const deadline = performance.now() + 5_000;
  while (!answered() && performance.now() < deadline) await sleep(5);
}

/** Resolves after so many milliseconds. */
export function sleep(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}

function now(
  serverProcess: number,
  totals: () => { count: number; bytes: number },
) {
  const { user, system } = process.cpuUsage();
  return {
    ...totals(),
    time: performance.now() / 1000,
    serverCpu: cpuOf(serverProcess),
    loadCpu: (user + system) / 1e6,
  };
}

/** Seconds that a process was on the CPU, in user and system mode; see proc(5). */
function cpuOf(id: number): number | null {
  if (id === 0) return null;
  try {
    const stat = readFileSync(`/proc/${id}/stat`, "utf8");
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    // Fields 14 and 15, in ticks of which Linux has 100 a second.
    return (Number(fields[11]) + Number(fields[12])) / 100;
  } catch {
    return null;
  }
}
