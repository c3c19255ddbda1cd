/** The overview's first part: how many verdicts of which kind, and why. */

import type { CaseResult } from "../case_result.ts";
import { type AgentReport, pageName } from "./agent_report.ts";
import type { CaseCatalogue } from "./catalogue.ts";
import { type Markup, markup } from "./markup.ts";
import { counted, grouped, scrollRegion, verdictLabel } from "./page.ts";
import {
  behaviors,
  closeBehaviors,
  isGood,
  isGoodVerdict,
  type VerdictText,
} from "./verdict.ts";

/** A table with a row for each agent and a column for each verdict. */
export function summarySection(
  reports: readonly AgentReport[],
  catalogue: CaseCatalogue,
): Markup {
  const texts = Object.values(behaviors);
  const closeTexts = Object.values(closeBehaviors);
  return markup`<section aria-labelledby="summary">
<h2 id="summary">Agents</h2>
${
    scrollRegion(
      "Agents and their verdicts",
      markup`<table class="summary">
<thead>
<tr><th scope="col" rowspan="2">Agent</th><th scope="col" rowspan="2" class="number">Cases</th><th scope="col" rowspan="2">Result</th><th scope="colgroup" colspan="${texts.length}" class="apart">Behavior</th><th scope="colgroup" colspan="${closeTexts.length}" class="apart">Close behavior</th></tr>
<tr>${verdictHeads(texts)}${verdictHeads(closeTexts)}</tr>
</thead>
<tbody>
${reports.map((report) => summaryRow(report, catalogue))}</tbody>
</table>`,
    )
  }
</section>`;
}

function verdictHeads(texts: readonly VerdictText[]): Markup[] {
  return texts.map(({ sign, label }, index) =>
    markup`<th scope="col" class="number${
      index === 0 ? " apart" : ""
    }"><span aria-hidden="true">${sign}</span> ${label}</th>`
  );
}

function summaryRow(report: AgentReport, catalogue: CaseCatalogue): Markup {
  const results = [...report.results.values()];
  const bad = results.filter((result) => !isGood(result)).length;
  const of = catalogue.cases.length > results.length
    ? ` of ${grouped(catalogue.cases.length)}`
    : "";
  const result = bad === 0
    ? verdictLabel(behaviors.OK, "All OK")
    : verdictLabel(
      worst(results),
      `${grouped(bad)} not OK`,
      `#not-ok-${report.stem}`,
    );
  return markup`<tr><th scope="row">${report.agent}</th><td class="number">${
    grouped(results.length)
  }${of}</td><td>${result}</td>${
    counts(results.map(({ behavior }) => behavior), behaviors)
  }${
    counts(results.map(({ behaviorClose }) => behaviorClose), closeBehaviors)
  }</tr>
`;
}

function counts<Verdict extends string>(
  verdicts: readonly Verdict[],
  texts: Readonly<Record<Verdict, VerdictText>>,
): Markup[] {
  return Object.entries<VerdictText>(texts).map(
    ([verdict, { tone }], index) => {
      const count = verdicts.filter((other) => other === verdict).length;
      const classes = [
        "number",
        ...index === 0 ? ["apart"] : [],
        ...count > 0 ? ["some", tone] : [],
      ];
      return markup`<td class="${classes.join(" ")}">${grouped(count)}</td>`;
    },
  );
}

/** The most serious verdict among those that are not good. */
function worst(results: readonly CaseResult[]): VerdictText {
  const order = ["lenient", "unimplemented", "failed"];
  return results
    .flatMap(({ behavior, behaviorClose }) => [
      behaviors[behavior],
      closeBehaviors[behaviorClose],
    ])
    .reduce((one, other) =>
      order.indexOf(other.tone) > order.indexOf(one.tone) ? other : one
    );
}

/** Cases of one agent that went wrong in the same way. */
interface Problem {
  readonly first: CaseResult;
  readonly ids: string[];
}

/** What is not OK, grouped by reason, each case linked. */
export function problemsSection(reports: readonly AgentReport[]): Markup {
  const tables = reports.flatMap((report) => {
    const problems = problemsOf(report);
    return problems.length === 0 ? [] : [problemTable(report, problems)];
  });
  return markup`<section aria-labelledby="not-ok">
<h2 id="not-ok">Not OK</h2>
${
    tables.length === 0
      ? markup`<p>Nothing: every verdict is OK or informational.</p>`
      : tables
  }
</section>`;
}

function problemsOf(report: AgentReport): Problem[] {
  const problems = new Map<string, Problem>();
  for (const result of report.results.values()) {
    if (isGood(result)) continue;
    const key = JSON.stringify([
      result.behavior,
      result.behaviorClose,
      ...reasonsOf(result),
    ]);
    const problem = problems.get(key) ?? { first: result, ids: [] };
    problem.ids.push(result.id);
    problems.set(key, problem);
  }
  return [...problems.values()];
}

/** A verdict that is as it should be needs no reason. */
function reasonsOf(result: CaseResult): string[] {
  return [
    ...isGoodVerdict(result.behavior) ? [] : [result.result],
    ...isGoodVerdict(result.behaviorClose) ? [] : [result.resultClose],
  ];
}

function problemTable(
  report: AgentReport,
  problems: readonly Problem[],
): Markup {
  return scrollRegion(
    `Not OK: ${report.agent}`,
    markup`<table class="problems" id="not-ok-${report.stem}"><caption>${report.agent}</caption>
<thead><tr><th scope="col">Behavior</th><th scope="col">Close</th><th scope="col">Why</th><th scope="col">Cases</th></tr></thead>
<tbody>
${problems.map((problem) => problemRow(report, problem))}</tbody>
</table>`,
  );
}

function problemRow(report: AgentReport, { first, ids }: Problem): Markup {
  const behavior = behaviors[first.behavior];
  const close = closeBehaviors[first.behaviorClose];
  return markup`<tr><td>${verdictLabel(behavior, behavior.label)}</td><td>${
    verdictLabel(close, close.label)
  }</td><td>${
    reasonsOf(first).map((reason) => markup`<div>${reason}</div>`)
  }</td><td>${counted(ids.length, "case", "cases")}<div class="ids">${
    ids.map((id) => markup`<a href="${pageName(report, id)}">${id}</a> `)
  }</div></td></tr>
`;
}

/** What each verdict means. */
export function legendSection(): Markup {
  return markup`<details>
<summary>What the verdicts mean</summary>
<h3>Behavior</h3>
${legend(Object.values(behaviors))}
<h3>Close behavior</h3>
${legend(Object.values(closeBehaviors))}
</details>`;
}

function legend(texts: readonly VerdictText[]): Markup {
  return markup`<dl class="legend">
${
    texts.map((text) =>
      markup`<dt>${verdictLabel(text, text.label)}</dt><dd>${text.meaning}</dd>
`
    )
  }</dl>`;
}
