/** Writes the reports of a run: JSON for tools, HTML for people. */

import { mkdir, rm, writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import type { CaseResult } from "../case_result.ts";
import { type AgentReport, jsonName, pageName } from "./agent_report.ts";
import { caseJson } from "./case_json.ts";
import { casePage } from "./case_page.ts";
import { compareCaseIds, isCaseId, type ReportAbout } from "./catalogue.ts";
import { readEarlierReports } from "./earlier_reports.ts";
import { assignStems } from "./file_name.ts";
import { indexJson } from "./index_json.ts";
import { overviewPage } from "./overview_page.ts";

/** What {@linkcode writeReports} has written. */
export interface WrittenReports {
  /** The path of `index.html`. */
  readonly overview: string;
  /** The path of `index.json`. */
  readonly index: string;
  /** All agents in the reports, also those of earlier runs, sorted. */
  readonly agents: readonly string[];
  /**
   * What was in the directory's index but could not be read, and is in the
   * reports no more: names of files, for a warning.
   */
  readonly unreadable: readonly string[];
}

/** How many files are open at a time. */
const parallelWrites = 16;

/** The last call for each directory; the next waits for it. */
const underWay = new Map<string, Promise<unknown>>();

/**
 * Writes `index.json` and a JSON file a case in the reference suite's layout
 * and naming, `index.html`, and a page a case.
 *
 * Agents that are in the directory from an earlier run stay, and are compared
 * with the new ones. An agent that is in `results` again has only these
 * results afterwards: its other cases, and their files, are removed.
 *
 * Apart from what the directory holds, the output depends on the arguments
 * alone. Calls for one directory wait for each other.
 *
 * @param directory Where to write; it is made if it is not there.
 * @param results In any order, of any number of agents; of two results for
 * one agent and case the later counts.
 * @param about What else the reports say: see {@linkcode ReportAbout}.
 * @throws {TypeError} If a result's `id` is not the number of a case.
 * @throws Whatever the file system throws.
 *
 * @example
 * ```ts ignore
 * const { overview } = await writeReports("reports", results, {
 *   suite: "Weir 0.1.0",
 *   generated: new Date().toISOString(),
 *   catalogue: { cases, categories, subcategories },
 * });
 * console.log(`See ${overview}`);
 * ```
 */
export async function writeReports(
  directory: string,
  results: readonly CaseResult[],
  about: ReportAbout,
): Promise<WrittenReports> {
  const path = resolve(directory);
  const before = underWay.get(path) ?? Promise.resolve();
  const written = before.then(() => write(path, results, about));
  const settled = written.catch(() => {});
  underWay.set(path, settled);
  try {
    return await written;
  } finally {
    if (underWay.get(path) === settled) underWay.delete(path);
  }
}

async function write(
  directory: string,
  results: readonly CaseResult[],
  about: ReportAbout,
): Promise<WrittenReports> {
  const fresh = resultsByAgent(results);
  await mkdir(directory, { recursive: true });
  const earlier = await readEarlierReports(directory);
  const kept = earlier.reports.filter(({ agent, results }) =>
    !fresh.has(agent) && results.size > 0
  );
  const stems = assignStems(
    fresh.keys(),
    new Map(earlier.reports.map(({ agent, stem }) => [agent, stem])),
  );
  const added = [...fresh].map(([agent, results]): AgentReport => ({
    agent,
    stem: stems.get(agent)!,
    results,
  }));
  const reports = [...kept, ...added].sort((one, other) =>
    compareText(one.agent, other.agent)
  );

  const files: [name: string, text: () => string][] = [];
  for (const report of reports) {
    const ids = [...report.results.keys()];
    for (const [id, result] of report.results) {
      // Those of earlier agents too: they link to the new agents.
      files.push([
        pageName(report, id),
        () => casePage(report, result, ids, reports, about),
      ]);
      if (fresh.has(report.agent)) {
        files.push([jsonName(report, id), () => caseJson(result)]);
      }
    }
  }
  await inParallel(
    files,
    ([name, text]) => writeFile(join(directory, name), text()),
  );
  const overview = join(directory, "index.html");
  const index = join(directory, "index.json");
  await writeFile(overview, overviewPage(reports, about));
  // Last: whoever watches this file finds the others.
  await writeFile(index, indexJson(reports));
  await removeStale(directory, earlier.reports, files.map(([name]) => name));
  return {
    overview,
    index,
    agents: reports.map(({ agent }) => agent),
    unreadable: earlier.unreadable,
  };
}

/** Agents and cases in order, whatever order the results have. */
function resultsByAgent(
  results: readonly CaseResult[],
): Map<string, Map<string, CaseResult>> {
  const agents = new Map<string, Map<string, CaseResult>>();
  const sorted = results.toSorted((one, other) =>
    compareText(one.agent, other.agent) || compareCaseIds(one.id, other.id)
  );
  for (const result of sorted) {
    if (!isCaseId(result.id)) {
      throw new TypeError(
        `A result has the id ${JSON.stringify(result.id)}, which is not a ` +
          `case's number. Give it one like "5.17".`,
      );
    }
    const cases = agents.get(result.agent) ?? new Map<string, CaseResult>();
    cases.set(result.id, result);
    agents.set(result.agent, cases);
  }
  return agents;
}

/** Removes the files of results that have been replaced by none. */
async function removeStale(
  directory: string,
  earlier: readonly AgentReport[],
  written: readonly string[],
): Promise<void> {
  const current = new Set(written);
  const stale: string[] = [];
  for (const report of earlier) {
    for (const id of report.results.keys()) {
      if (!current.has(pageName(report, id))) {
        stale.push(pageName(report, id), jsonName(report, id));
      }
    }
  }
  await inParallel(
    stale,
    (name) => rm(join(directory, name), { force: true }),
  );
}

async function inParallel<Item>(
  items: readonly Item[],
  work: (item: Item) => Promise<void>,
): Promise<void> {
  const rest = items.values();
  const workers = Array.from({ length: parallelWrites }, async () => {
    for (const item of rest) await work(item);
  });
  await Promise.all(workers);
}

function compareText(one: string, other: string): number {
  return one < other ? -1 : one > other ? 1 : 0;
}
