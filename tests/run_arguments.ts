/** What `deno task test` is told: which runtimes, and which files. */

import { type RuntimeName, runtimeNames } from "./toolchain.ts";

/** Arguments that cannot be used. The message is one line for the user. */
export class RunArgumentsError extends Error {
  override name = "RunArgumentsError";
}

/** What is to be run. */
export interface RunArguments {
  /** On which runtimes: all, if none is named. */
  names: readonly RuntimeName[];
  /** What the paths of the files have in them; all files, if there is nothing. */
  filters: readonly string[];
}

/** What `--help` prints. */
export const help = `Runs the tests on Deno, Bun and Node.

  deno task test                     everything
  deno task test node                one runtime; deno,bun are two
  deno task test bun handshake       the files with "handshake" in their path`;

/**
 * Splits the arguments into runtimes and filters.
 *
 * @returns What to run, or `"help"`.
 * @throws {RunArgumentsError} If one looks like a flag, as there are none.
 */
export function parseRunArguments(
  given: readonly string[],
): RunArguments | "help" {
  if (given.includes("--help") || given.includes("-h")) return "help";
  const names = new Set<RuntimeName>();
  const filters: string[] = [];
  for (const argument of given) {
    if (argument.startsWith("-")) {
      throw new RunArgumentsError(`Unknown flag ${argument}, see --help`);
    }
    const words = argument.split(",");
    if (words.every(isRuntime)) words.forEach((name) => names.add(name));
    else filters.push(argument);
  }
  return {
    names: names.size > 0
      ? runtimeNames.filter((name) => names.has(name))
      : runtimeNames,
    filters,
  };
}

function isRuntime(word: string): word is RuntimeName {
  return (runtimeNames as readonly string[]).includes(word);
}
