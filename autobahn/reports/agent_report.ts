/** The results of one agent, and the names of their files. */

import type { CaseResult } from "../case_result.ts";
import { caseFileName } from "./file_name.ts";

/** All that a report has of one agent. */
export interface AgentReport {
  readonly agent: string;
  /** The part of its file names before `_case_`. */
  readonly stem: string;
  /** By the cases' numbers, and in their order. */
  readonly results: ReadonlyMap<string, CaseResult>;
}

/** The file name of a case's page. */
export function pageName(report: AgentReport, id: string): string {
  return caseFileName(report.stem, id, "html");
}

/** The file name of a case's JSON. */
export function jsonName(report: AgentReport, id: string): string {
  return caseFileName(report.stem, id, "json");
}
