/** Which runtime the tests run on, and how to start a script on any of them. */

import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { delimiter, dirname, join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";

/** A runtime that Weir runs on. */
export type Runtime = "deno" | "bun" | "node";

/** The three runtimes that Weir runs on. */
export const runtimes: readonly Runtime[] = ["deno", "bun", "node"];

/** The runtime that this process runs on. */
export const runtime: Runtime = "Deno" in globalThis
  ? "deno"
  : "Bun" in globalThis
  ? "bun"
  : "node";

/** A program and its arguments, as `spawn()` of `node:child_process` takes. */
export interface Command {
  readonly program: string;
  readonly arguments: readonly string[];
}

const runArguments: Record<Runtime, readonly string[]> = {
  deno: ["run", "--allow-all"],
  bun: [],
  node: ["--disable-warning=ExperimentalWarning"],
};

/**
 * The command that runs the TypeScript file `script`, an absolute path, on
 * `runtimeName`: by default on the runtime that this process runs on.
 *
 * @throws {Error} if that runtime is not installed.
 */
export function scriptCommand(
  script: string,
  runtimeName: Runtime = runtime,
): Command {
  return {
    program: findRuntime(runtimeName),
    arguments: [...runArguments[runtimeName], script],
  };
}

/**
 * The path of the executable of `runtimeName`: this process's own, or the one
 * in `node_modules`, or the first on `PATH`, where `tests/run.ts` puts the pinned
 * ones. A Node before 22, which does not run TypeScript, does not count.
 *
 * @throws {Error} if that runtime is not installed.
 */
export function findRuntime(runtimeName: Runtime): string {
  if (runtimeName === runtime) return process.execPath;
  const candidates: string[] = [];
  const here = dirname(fileURLToPath(import.meta.url));
  for (
    let folder = here, parent = dirname(here);
    folder !== parent;
    folder = parent, parent = dirname(folder)
  ) {
    candidates.push(join(folder, "node_modules", ".bin", runtimeName));
  }
  for (const folder of (process.env.PATH ?? "").split(delimiter)) {
    if (folder !== "") candidates.push(join(folder, runtimeName));
  }
  const found = candidates.find((candidate) =>
    existsSync(candidate) && (runtimeName !== "node" || isRecent(candidate))
  );
  if (found === undefined) {
    throw new Error(
      `No ${runtimeName}${
        runtimeName === "node" ? " 22 or later" : ""
      } in node_modules/.bin or on PATH: run the tests with \`deno task test\`, or \`npm install\` first, which both provide the three runtimes.`,
    );
  }
  return found;
}

/** Whether this Node is one that runs TypeScript. */
function isRecent(node: string): boolean {
  const { stdout } = spawnSync(node, ["--version"], { encoding: "utf8" });
  return Number(/^v(\d+)/.exec(stdout ?? "")?.[1]) >= 22;
}
