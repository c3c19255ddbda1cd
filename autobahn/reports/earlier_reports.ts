/** The reports that are in a directory already. */

import { readFile } from "node:fs/promises";
import { join } from "node:path";
import type { CaseResult } from "../case_result.ts";
import type { AgentReport } from "./agent_report.ts";
import { readCaseJson } from "./case_json.ts";
import { caseFileName } from "./file_name.ts";
import { type IndexedAgent, readIndex } from "./index_json.ts";

/** What earlier runs have left. */
export interface EarlierReports {
  readonly reports: readonly AgentReport[];
  /** Which entries or files were not as they should be, and are left out. */
  readonly unreadable: readonly string[];
}

/**
 * Reads the index of a directory, and the results that it names.
 *
 * @param directory Need not exist.
 * @throws Whatever reading the index throws, unless it is that there is none.
 */
export async function readEarlierReports(
  directory: string,
): Promise<EarlierReports> {
  const text = await readIfPresent(join(directory, "index.json"));
  if (text === null) return { reports: [], unreadable: [] };
  const unreadable: string[] = [];
  let agents: IndexedAgent[];
  try {
    agents = readIndex(text, unreadable);
  } catch {
    return { reports: [], unreadable: ["index.json"] };
  }
  const reports: AgentReport[] = [];
  for (const { agent, stem, ids } of agents) {
    const results = new Map<string, CaseResult>();
    for (const id of ids) {
      const name = caseFileName(stem, id, "json");
      const file = await readIfPresent(join(directory, name));
      const result = file === null ? null : readCaseJson(file);
      if (result === null || result.id !== id || result.agent !== agent) {
        unreadable.push(name);
      } else {
        results.set(id, result);
      }
    }
    reports.push({ agent, stem, results });
  }
  return { reports, unreadable };
}

async function readIfPresent(path: string): Promise<string | null> {
  try {
    return await readFile(path, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return null;
    throw error;
  }
}
