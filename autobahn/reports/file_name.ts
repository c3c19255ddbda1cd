/**
 * The names of report files: those of the reference suite, so that tools
 * which look for these find ours, and never one name for two agents.
 */

import { createHash } from "node:crypto";

/** The longest stem; file systems allow 255 octets for a whole name. */
const longestStem = 200;
/** How much of a longer one stays. */
const shortenedStem = 120;

/**
 * The part of an agent's file names before `_case_`, as the reference suite
 * makes it: lower case, and an underscore for all but letters and digits of
 * ASCII. `"Weir (Deno, ws)"` gives `"weir__deno__ws"`. Different agents may
 * get the same stem: see {@linkcode assignStems}.
 */
export function stemFor(agent: string): string {
  return agent.trim().toLowerCase().replace(/[^a-z0-9]/gu, " ").trim()
    .replaceAll(" ", "_");
}

/**
 * Gives each agent a stem of its own. It is the reference suite's, unless
 * another agent has this already, or it is too long for a file name: then
 * some digits that depend on the agent's name follow.
 *
 * @param agents The agents that need a stem, in the order in which they may
 * choose.
 * @param taken Those that have one, and keep it.
 * @returns A stem for each of `agents`.
 */
export function assignStems(
  agents: Iterable<string>,
  taken: ReadonlyMap<string, string> = new Map(),
): Map<string, string> {
  const stems = new Map<string, string>();
  const owners = new Map<string, string>();
  for (const [agent, stem] of taken) {
    if (!owners.has(stem)) owners.set(stem, agent);
  }
  for (const agent of agents) {
    const kept = taken.get(agent);
    if (kept !== undefined && owners.get(kept) === agent) {
      stems.set(agent, kept);
      continue;
    }
    const plain = stemFor(agent);
    const start = plain.slice(0, shortenedStem);
    const digits = createHash("sha256").update(agent).digest("hex");
    let stem = plain;
    for (
      let count = 8;
      owners.has(stem) || stem.length > longestStem;
      count += 8
    ) {
      stem = `${start}_${digits.slice(0, count)}`;
    }
    owners.set(stem, agent);
    stems.set(agent, stem);
  }
  return stems;
}

/** The name of one case's file: `"weir_case_5_17.json"`. */
export function caseFileName(
  stem: string,
  id: string,
  extension: "html" | "json",
): string {
  return `${stem}_case_${id.replaceAll(".", "_")}.${extension}`;
}

/**
 * The stem in the name of a case's file, or `null` where this is not the name
 * that {@linkcode caseFileName} gives: names are read from files that anyone
 * may have written, and must not lead out of the directory.
 */
export function stemOf(fileName: string, id: string): string | null {
  const end = caseFileName("", id, "json");
  if (!fileName.endsWith(end)) return null;
  const stem = fileName.slice(0, -end.length);
  return /^[a-z0-9_]{0,255}$/.test(stem) ? stem : null;
}
