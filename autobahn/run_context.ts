/** What all the tasks of the conformance run share. */

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { root } from "../tests/toolchain.ts";
import type { Case } from "./case.ts";
import type { CaseResult } from "./case_result.ts";
import { selectCases } from "./case_selection.ts";
import { allCases, caseCategories, caseSubcategories } from "./cases/index.ts";
import type { Progress } from "./progress.ts";
import { writeReports } from "./reports/write_reports.ts";
import type { AgentOutcome } from "./summary.ts";

/** How to run cases, whatever is tested. */
export interface RunContext {
  /** The cases that were asked for. */
  cases: readonly Case[];
  /** How many of them at the same time. */
  parallel: number;
  /** Where the reports go. */
  outdir: string;
  progress: Progress;
  /** Aborts when the user wants an end. */
  signal: AbortSignal;
}

/** What came of a task. */
export interface RunOutcome {
  outcomes: AgentOutcome[];
  /** The overviews that were written. */
  reports: string[];
}

/** Where reports go unless told otherwise. */
export const defaultOutdir = "reports";

/** How many cases run at the same time unless told otherwise. */
export const defaultParallel = 16;

/**
 * The cases that patterns select.
 *
 * @throws {CaseSelectionError} As {@linkcode selectCases} does.
 */
export function casesFor(
  patterns: readonly string[],
  excluded: readonly string[],
): Case[] {
  const ids = new Set(
    selectCases(allCases.map(({ id }) => id), patterns, excluded),
  );
  return allCases.filter(({ id }) => ids.has(id));
}

/**
 * Writes reports.
 *
 * @param outdir The folder.
 * @param results If there are none, nothing is written.
 * @returns The overviews.
 */
export async function report(
  outdir: string,
  results: readonly CaseResult[],
): Promise<string[]> {
  if (results.length === 0) return [];
  const { version } = JSON.parse(readFileSync(join(root, "deno.json"), "utf8"));
  const { overview } = await writeReports(outdir, results, {
    suite: `Weir ${version}`,
    generated: new Date().toISOString(),
    catalogue: {
      cases: allCases,
      categories: caseCategories,
      subcategories: caseSubcategories,
    },
  });
  return [overview];
}
