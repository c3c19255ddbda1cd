/** `index.json`: the verdicts of all agents, in the reference's layout. */

import { type AgentReport, jsonName } from "./agent_report.ts";
import { compareCaseIds, isCaseId } from "./catalogue.ts";
import { stemOf } from "./file_name.ts";
import { referenceJson } from "./reference_json.ts";

/** Where an index says that the cases of an agent are. */
export interface IndexedAgent {
  readonly agent: string;
  readonly stem: string;
  /** The numbers of its cases, in order. */
  readonly ids: readonly string[];
}

/** The text of `index.json`: agent, case, verdicts and file. */
export function indexJson(reports: readonly AgentReport[]): string {
  const agents = new Map<string, Map<string, unknown>>();
  for (const report of reports) {
    const cases = new Map<string, unknown>();
    for (const [id, result] of report.results) {
      cases.set(id, {
        behavior: result.behavior,
        behaviorClose: result.behaviorClose,
        duration: result.duration,
        remoteCloseCode: result.remoteCloseCode,
        reportfile: jsonName(report, id),
      });
    }
    agents.set(report.agent, cases);
  }
  return referenceJson(agents);
}

/**
 * Reads an `index.json` of ours or of the reference suite.
 *
 * @param text The file's text.
 * @param unreadable Is given each entry that names no case's file.
 * @throws {SyntaxError} If this is no JSON.
 */
export function readIndex(text: string, unreadable: string[]): IndexedAgent[] {
  const agents: IndexedAgent[] = [];
  for (const [agent, cases] of entriesOf(JSON.parse(text))) {
    let stem: string | null = null;
    const ids: string[] = [];
    for (const [id, entry] of entriesOf(cases)) {
      const file = new Map(entriesOf(entry)).get("reportfile");
      const found = isCaseId(id) && typeof file === "string"
        ? stemOf(file, id)
        : null;
      if (found === null || (stem !== null && found !== stem)) {
        unreadable.push(`index.json: case ${id} of ${agent}`);
        continue;
      }
      stem = found;
      ids.push(id);
    }
    if (stem !== null) {
      agents.push({ agent, stem, ids: ids.sort(compareCaseIds) });
    }
  }
  return agents;
}

function entriesOf(value: unknown): [string, unknown][] {
  return typeof value === "object" && value !== null
    ? Object.entries(value)
    : [];
}
