/**
 * Processes that the test suite and the conformance run start, each of which
 * leads a process group: what it starts itself ends with it.
 */

import type { ChildProcess } from "node:child_process";
import process from "node:process";

/** The option `detached` of a process that shall lead a group. */
export const leadsGroup: boolean = process.platform !== "win32";

/** Ends a process that was started so, and all that it started. */
export function endGroup(child: ChildProcess): void {
  if (child.pid === undefined) return;
  try {
    process.kill(leadsGroup ? -child.pid : child.pid, "SIGKILL");
  } catch {
    // Nothing of it is left.
  }
}
