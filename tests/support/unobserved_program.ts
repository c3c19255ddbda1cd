/** Runs programs that leave promises unobserved, to their end. */

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { scriptCommand } from "./runtime.ts";

/** What came of a program. */
interface ProgramResult {
  /** Whether it ended with another code than 0, or not in 30 s. */
  readonly failed: boolean;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a script on this runtime; the deadline is for one that never ends. */
function runProgram(
  script: URL,
  ...flags: string[]
): Promise<ProgramResult> {
  const command = scriptCommand(fileURLToPath(script));
  return new Promise((resolve) => {
    execFile(
      command.program,
      [...command.arguments, ...flags],
      { timeout: 30_000 },
      (error, stdout, stderr) =>
        resolve({ failed: error !== null, stdout, stderr }),
    );
  });
}

/**
 * Tests that a program leaves no unhandled rejection and nothing that keeps it
 * from ending, and that such a rejection would be seen: with `--unhandled` it
 * makes one.
 *
 * @param what What ends in it, for the tests' names.
 */
export function testUnobserved(what: string, script: URL): void {
  test(`${what} that end while nobody looks leave no unhandled rejection and nothing that runs`, async () => {
    assert.deepEqual(await runProgram(script), {
      failed: false,
      stdout: "all over\n",
      stderr: "",
    });
  });

  test(`${what}: an unhandled rejection would have been seen`, async () => {
    const { failed, stderr } = await runProgram(script, "--unhandled");
    assert.equal(failed, true);
    assert.match(stderr, /not handled/);
  });
}
