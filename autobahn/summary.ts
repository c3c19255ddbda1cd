/** What came of a run, as a table for people and as JSON for programs. */

import type { Behavior, BehaviorClose } from "./case_result.ts";

/** What a summary needs to know of a case's result. */
export interface Verdict {
  /** The case's number. */
  id: string;
  behavior: Behavior;
  behaviorClose: BehaviorClose;
  /** Why, in a sentence each, if known. */
  result?: string;
  resultClose?: string;
}

/** What came of testing one agent. */
export interface AgentOutcome {
  agent: string;
  /** How many cases it was to be tested with. */
  expected: number;
  verdicts: readonly Verdict[];
  /** How long that took. */
  seconds: number;
  /** What kept it from being tested, or tested to the end. */
  problem?: string;
}

/** How many verdicts are good. What has no verdict counts as failed. */
export interface Totals {
  passed: number;
  failed: number;
}

/** The verdicts that are good, for a case and for how it was closed. */
const good: readonly string[] = ["OK", "INFORMATIONAL"];

/** Whether both verdicts of a case are OK or INFORMATIONAL. */
export function isPassed(
  { behavior, behaviorClose }: Pick<Verdict, "behavior" | "behaviorClose">,
): boolean {
  return good.includes(behavior) && good.includes(behaviorClose);
}

/**
 * Counts over all agents. A case without a verdict has failed, and so has an
 * agent with a problem, even if it had no case.
 */
export function totalsOf(outcomes: readonly AgentOutcome[]): Totals {
  let passed = 0;
  let failed = 0;
  for (const outcome of outcomes) {
    const good = outcome.verdicts.filter(isPassed).length;
    const missing = Math.max(outcome.expected - outcome.verdicts.length, 0);
    const bad = outcome.verdicts.length - good + missing;
    passed += good;
    failed += outcome.problem !== undefined && bad === 0 ? 1 : bad;
  }
  return { passed, failed };
}

const columns: readonly [
  title: string,
  count: (verdicts: readonly Verdict[]) => number,
][] = [
  ["cases", (verdicts) => verdicts.length],
  ["OK", counting(({ behavior }) => behavior === "OK")],
  ["informational", counting(({ behavior }) => behavior === "INFORMATIONAL")],
  ["non-strict", counting(({ behavior }) => behavior === "NON-STRICT")],
  ["unimplemented", counting(({ behavior }) => behavior === "UNIMPLEMENTED")],
  ["failed", counting(({ behavior }) => behavior === "FAILED")],
  [
    "badly closed",
    counting(({ behaviorClose }) => !good.includes(behaviorClose)),
  ],
];

/** A table with a row an agent, then what did not pass, a line each. */
export function formatSummary(outcomes: readonly AgentOutcome[]): string {
  const rows = outcomes.map(({ agent, verdicts, seconds }) => [
    agent,
    ...columns.map(([, count]) => String(count(verdicts) || "–")),
    `${seconds.toFixed(1)} s`,
  ]);
  const head = ["", ...columns.map(([title]) => title), "time"];
  const widths = head.map((title, column) =>
    Math.max(title.length, ...rows.map((row) => row[column].length))
  );
  const table = [head, ...rows].map((row) =>
    row.map((cell, column) =>
      column === 0
        ? cell.padEnd(widths[column])
        : cell.padStart(widths[column] + 2)
    ).join("").trimEnd()
  );
  const details = outcomes.flatMap((outcome) => {
    const lines = outcome.verdicts.filter((verdict) => !isPassed(verdict))
      .map(formatVerdict);
    if (outcome.problem !== undefined) lines.push(outcome.problem);
    if (lines.length === 0) return [];
    return ["", `${outcome.agent}:`, ...lines.map((line) => `  ${line}`)];
  });
  return [...table, ...details].join("\n");
}

/** A verdict that is not good, in a line. */
export function formatVerdict(verdict: Verdict): string {
  const { id, behavior, behaviorClose, result, resultClose } = verdict;
  const why = [
    good.includes(behavior) ? undefined : result,
    good.includes(behaviorClose) ? undefined : resultClose,
  ].filter((reason) => reason !== undefined && reason !== "");
  return `${id.padEnd(8)} ${behavior}, closing ${behaviorClose}` +
    (why.length > 0 ? `: ${why.join(" ")}` : "");
}

/**
 * The summary for programs.
 *
 * @param outcomes One an agent.
 * @param reports The overviews that were written.
 */
export function summaryJson(
  outcomes: readonly AgentOutcome[],
  reports: readonly string[],
): string {
  const agents = outcomes.map((outcome) => ({
    agent: outcome.agent,
    ...totalsOf([outcome]),
    cases: outcome.verdicts.length,
    seconds: Math.round(outcome.seconds * 1000) / 1000,
    problem: outcome.problem ?? null,
    behavior: tally(outcome.verdicts.map(({ behavior }) => behavior)),
    behaviorClose: tally(
      outcome.verdicts.map(({ behaviorClose }) => behaviorClose),
    ),
    notPassed: outcome.verdicts.filter((verdict) => !isPassed(verdict))
      .map(({ id, behavior, behaviorClose, result, resultClose }) => ({
        id,
        behavior,
        behaviorClose,
        result,
        resultClose,
      })),
  }));
  return JSON.stringify({ ...totalsOf(outcomes), agents, reports }, null, 2);
}

function counting(
  condition: (verdict: Verdict) => boolean,
): (verdicts: readonly Verdict[]) => number {
  return (verdicts) => verdicts.filter(condition).length;
}

function tally(values: readonly string[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const value of values) counts[value] = (counts[value] ?? 0) + 1;
  return counts;
}
