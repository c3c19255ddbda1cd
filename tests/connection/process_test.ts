// What can only be seen from outside: a process that ends, and ends well.

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { dirname, join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { scriptCommand } from "../support/runtime.ts";

/** Runs unobserved.ts; the deadline is for a process that never ends. */
function run(
  ...flags: string[]
): Promise<{ failed: boolean; stdout: string; stderr: string }> {
  const here = dirname(fileURLToPath(import.meta.url));
  const command = scriptCommand(join(here, "unobserved.ts"));
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

test("connections that end while nobody looks leave no unhandled rejection and no timer", async () => {
  const { failed, stdout, stderr } = await run();
  assert.deepEqual({ failed, stdout, stderr }, {
    failed: false,
    stdout: "all over\n",
    stderr: "",
  });
});

test("an unhandled rejection would have been seen", async () => {
  const { failed, stderr } = await run("--unhandled");
  assert.equal(failed, true);
  assert.match(stderr, /not handled/);
});
