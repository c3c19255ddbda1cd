/**
 * Which cases are run: patterns of case numbers, with the meaning that they
 * have in the reference suite's configuration files.
 */

/** A selection that leaves nothing to run, or names a case that is not there. */
export class CaseSelectionError extends Error {
  override name = "CaseSelectionError";
}

/** The cases that one agent is not tested with. */
export interface AgentExclusion {
  /** The agent's name; `*` stands for any characters. */
  agent: string;
  /** Patterns of whole case numbers. */
  cases: readonly string[];
}

/**
 * Picks cases out of all.
 *
 * A pattern with a `*` in it matches every number that *begins* as it says, `*`
 * standing for any characters: `5.*` is all of category 5, and `9.1*` is 9.1.1
 * as well as 9.10.1. A pattern without one is one case's number.
 *
 * @param all The numbers of all cases, in their order.
 * @param patterns What to pick.
 * @param excluded Patterns of what to leave out after all.
 * @returns The numbers, in the order of `all`, none twice.
 * @throws {CaseSelectionError} If a pattern of either without `*` is no case's
 * number, or nothing is left.
 *
 * @example
 * ```ts
 * import { selectCases } from "./case_selection.ts";
 *
 * selectCases(["1.1.1", "5.1", "5.2"], ["5.*"], ["5.2"]); // ["5.1"]
 * ```
 */
export function selectCases(
  all: readonly string[],
  patterns: readonly string[],
  excluded: readonly string[] = [],
): string[] {
  if (patterns.length === 0) {
    throw new CaseSelectionError(
      `Nothing to run: the list of cases is empty, and "*" is all of them`,
    );
  }
  for (const pattern of [...patterns, ...excluded]) {
    if (!pattern.includes("*") && !all.includes(pattern)) {
      throw new CaseSelectionError(
        `There is no case ${JSON.stringify(pattern)}: the numbers are like ` +
          `${all[0]}, and "5.*" is all of category 5`,
      );
    }
  }
  const picked = all.filter((id) =>
    patterns.some((pattern) => beginsAs(pattern, id))
  );
  const left = picked.filter((id) =>
    !excluded.some((pattern) => beginsAs(pattern, id))
  );
  if (left.length === 0) {
    const why = picked.length === 0
      ? `no case's number begins as ${patterns.join(" or ")}`
      : `${excluded.join(", ")} leaves out all of ${patterns.join(", ")}`;
    throw new CaseSelectionError(`Nothing to run: ${why}`);
  }
  return left;
}

/**
 * Whether a case is excluded for an agent. Other than in
 * {@linkcode selectCases}, the patterns are of the whole name and the whole
 * number: `9.1` excludes nothing, `9.1.*` does.
 */
export function isExcludedFor(
  agent: string,
  id: string,
  exclusions: readonly AgentExclusion[],
): boolean {
  return exclusions.some((exclusion) =>
    isWhole(exclusion.agent, agent) &&
    exclusion.cases.some((pattern) => isWhole(pattern, id))
  );
}

/** Splits `5.*,9.1.*` as a command line has it. */
export function splitPatterns(list: string): string[] {
  return list.split(/[\s,]+/).filter((pattern) => pattern !== "");
}

function beginsAs(pattern: string, id: string): boolean {
  return pattern.includes("*")
    ? new RegExp(`^${expressionOf(pattern)}`).test(id)
    : pattern === id;
}

function isWhole(pattern: string, text: string): boolean {
  return new RegExp(`^${expressionOf(pattern)}$`).test(text);
}

/** A regular expression in which `*` is any characters and all else itself. */
function expressionOf(pattern: string): string {
  return pattern
    .replaceAll(/[.+?^${}()|[\]\\]/g, "\\$&")
    .replaceAll("*", ".*");
}
