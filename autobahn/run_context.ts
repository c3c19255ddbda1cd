/** What all the tasks of the conformance run share. */

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { root } from "../tests/toolchain.ts";
import type { Case } from "./case.ts";
import type { CaseResult } from "./case_result.ts";
import {
  type AgentExclusion,
  CaseSelectionError,
  isExcludedFor,
  selectCases,
} from "./case_selection.ts";
import { allCases, caseCategories, caseSubcategories } from "./cases/index.ts";
import type { Progress } from "./progress.ts";
import { ReportFolderError, type ReportFolders } from "./report_folders.ts";
import { writeReports } from "./reports/write_reports.ts";
import type { AgentOutcome } from "./summary.ts";

/** How to run cases, whatever is tested. */
export interface RunContext {
  /** The cases that were asked for. */
  cases: readonly Case[];
  /** How many of them at the same time. */
  parallel: number;
  /** Where the reports go. */
  folders: ReportFolders;
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
 * Those of the cases that an agent is tested with.
 *
 * @throws {CaseSelectionError} If there are none.
 */
export function casesForAgent(
  cases: readonly Case[],
  agent: string,
  exclusions: readonly AgentExclusion[],
): Case[] {
  const left = cases.filter(({ id }) => !isExcludedFor(agent, id, exclusions));
  if (left.length === 0) {
    throw new CaseSelectionError(
      `Nothing to run for ${JSON.stringify(agent)}: "exclude-agent-cases" ` +
        `leaves out all of its cases`,
    );
  }
  return left;
}

/**
 * Writes reports, and says what of earlier ones in the folder is lost.
 *
 * @param results If there are none, nothing is written.
 * @returns The overviews.
 * @throws {ReportFolderError} If the file system does not let it.
 */
export async function report(
  folder: string,
  results: readonly CaseResult[],
  progress: Progress,
): Promise<string[]> {
  if (results.length === 0) return [];
  const { version } = JSON.parse(readFileSync(join(root, "deno.json"), "utf8"));
  const about = {
    suite: `Weir ${version}`,
    generated: new Date().toISOString(),
    catalogue: {
      cases: allCases,
      categories: caseCategories,
      subcategories: caseSubcategories,
    },
  };
  try {
    const { overview, unreadable } = await writeReports(folder, results, about);
    if (unreadable.length > 0) {
      progress.note(
        `Some earlier reports in ${folder} could not be read, and are left ` +
          `out: ${unreadable.join(", ")}`,
      );
    }
    return [overview];
  } catch (error) {
    if ((error as { code?: unknown }).code === undefined) throw error;
    throw new ReportFolderError(folder, error);
  }
}

/**
 * Writes reports at the end of a run. Where that fails, the outcomes have it as
 * a problem: they themselves are not lost.
 *
 * @param outcomes What the results were made of.
 * @returns The overviews.
 */
export async function reportOutcomes(
  folder: string,
  results: readonly CaseResult[],
  outcomes: readonly AgentOutcome[],
  progress: Progress,
): Promise<string[]> {
  try {
    return await report(folder, results, progress);
  } catch (error) {
    if (!(error instanceof ReportFolderError)) throw error;
    progress.note(error.message);
    for (const outcome of outcomes) outcome.problem ??= error.message;
    return [];
  }
}
