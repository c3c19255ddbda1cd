/** The overview's table: a row for each case, a column for each agent. */

import type { CaseResult } from "../case_result.ts";
import { type AgentReport, pageName } from "./agent_report.ts";
import {
  type CaseCatalogue,
  categoryOf,
  categoryTitle,
  subcategoryOf,
  subcategoryTitle,
} from "./catalogue.ts";
import { type Markup, markup } from "./markup.ts";
import { grouped, verdictLabel } from "./page.ts";
import { widestPage } from "./style.ts";
import { behaviors, closeBehaviors, isGood } from "./verdict.ts";

/**
 * The section with the table.
 *
 * @param ids The cases that at least one agent has run, in order.
 */
export function tableSection(
  ids: readonly string[],
  reports: readonly AgentReport[],
  catalogue: CaseCatalogue,
): Markup {
  const allGood = ids.every((id) => isGoodForAll(id, reports));
  return markup`<section aria-labelledby="cases">
<h2 id="cases">Cases</h2>
<fieldset class="filter"><legend>Show</legend>
<label><input type="radio" name="show" checked> all cases</label>
<label><input type="radio" name="show" id="only-not-ok"> only those not OK</label>
</fieldset>
<p class="quiet">Beside a verdict is the agent's close code; below it, where it tells something, the time that the case took, and the compression ratios of what was received / transmitted.</p>
${allGood ? markup`<p class="nothing">None: all cases are OK.</p>` : null}
<div class="table" role="region" tabindex="0" aria-label="Verdicts by case">
<table class="cases${isDense(reports.length) ? " dense" : ""}">
<thead><tr><th scope="col">Case</th>${
    reports.map(({ agent }) => markup`<th scope="col">${agent}</th>`)
  }</tr></thead>
${groupsOf(ids).map((group) => groupRows(group, reports, catalogue))}</table>
</div>
</section>`;
}

/**
 * Below the width at which all agents fit, the table gets a region of its own
 * that scrolls both ways under its header; above it, the page scrolls.
 */
export function tableStyle(agents: number): string {
  const width = 10 + agents * (isDense(agents) ? 7 : 10);
  const condition = width > widestPage ? "all" : `(max-width:${width}rem)`;
  return `
@media ${condition}{.table{overflow:auto;max-height:88vh;
border:1px solid var(--line);border-radius:.4rem}}
@media print{.table{overflow:visible;max-height:none;border:0}}`;
}

function isDense(agents: number): boolean {
  return agents > 6;
}

/** The cases of one subcategory, or of a category that has none. */
interface Group {
  readonly ids: readonly string[];
  /** Whether a category begins with it. */
  readonly first: boolean;
}

function groupsOf(ids: readonly string[]): Group[] {
  const groups: { ids: string[]; first: boolean }[] = [];
  for (const [index, id] of ids.entries()) {
    const previous = ids[index - 1];
    if (previous === undefined || categoryOf(previous) !== categoryOf(id)) {
      groups.push({ ids: [id], first: true });
    } else if (
      id.split(".").length > 2 && subcategoryOf(previous) !== subcategoryOf(id)
    ) {
      groups.push({ ids: [id], first: false });
    } else {
      groups[groups.length - 1].ids.push(id);
    }
  }
  return groups;
}

function groupRows(
  { ids, first }: Group,
  reports: readonly AgentReport[],
  catalogue: CaseCatalogue,
): Markup {
  const width = reports.length + 1;
  const good = ids.every((id) => isGoodForAll(id, reports));
  const subcategory = ids[0].split(".").length > 2
    ? subcategoryTitle(catalogue, ids[0])
    : null;
  const category = first
    ? markup`<tr class="category${
      isCategoryGood(ids[0], reports) ? " good" : ""
    }"><th scope="rowgroup" colspan="${width}"><span>${
      categoryTitle(catalogue, ids[0])
    }</span></th></tr>
`
    : null;
  return markup`<tbody>
${category}${
    subcategory === null
      ? null
      : markup`<tr class="subcategory${
        good ? " good" : ""
      }"><th scope="rowgroup" colspan="${width}"><span>${subcategory}</span></th></tr>
`
  }${ids.map((id) => caseRow(id, reports))}</tbody>
`;
}

function caseRow(id: string, reports: readonly AgentReport[]): Markup {
  const name = id.replaceAll(".", "-");
  return markup`<tr id="case-${name}"${
    isGoodForAll(id, reports) ? markup` class="good"` : null
  }><th scope="row"><a href="#about-${name}">${id}</a></th>${
    reports.map((report) => resultCell(report, report.results.get(id)))
  }</tr>
`;
}

function resultCell(
  report: AgentReport,
  result: CaseResult | undefined,
): Markup {
  if (result === undefined) return markup`<td class="quiet">– not run</td>`;
  const verdict = behaviors[result.behavior];
  const address = pageName(report, result.id);
  return markup`<td>${verdictLabel(verdict, verdict.label, address)}${
    result.behavior === "UNIMPLEMENTED" ? null : closeCell(result)
  }${details(result)}</td>`;
}

/** The agent's close code, and where the close was not right, its verdict. */
function closeCell(result: CaseResult): Markup {
  const code = result.remoteCloseCode ?? "no code";
  if (result.behaviorClose === "OK") {
    return markup` <span class="quiet" title="Clean close">${code}</span>`;
  }
  const verdict = closeBehaviors[result.behaviorClose];
  const words = result.behaviorClose === "INFORMATIONAL"
    ? String(code)
    : result.behaviorClose === "UNCLEAN" || result.behaviorClose === "FAILED"
    ? verdict.label
    : `${verdict.label} ${code}`;
  return markup` ${verdictLabel(verdict, words)}`;
}

function details(result: CaseResult): Markup[] {
  const parts: string[] = [];
  if (result.reportTime) parts.push(`${grouped(result.duration)} ms`);
  if (result.reportCompressionRatio && result.trafficStats !== null) {
    const { incomingCompressionRatio, outgoingCompressionRatio } =
      result.trafficStats;
    parts.push(
      [incomingCompressionRatio, outgoingCompressionRatio]
        .map((ratio) => ratio === null ? "–" : ratio.toFixed(3)).join(" / "),
    );
  }
  return parts.map((part) => markup`<span class="detail">${part}</span>`);
}

function isGoodForAll(id: string, reports: readonly AgentReport[]): boolean {
  return reports.every(({ results }) => {
    const result = results.get(id);
    return result === undefined || isGood(result);
  });
}

function isCategoryGood(id: string, reports: readonly AgentReport[]): boolean {
  return reports.every(({ results }) =>
    [...results.values()].every((result) =>
      categoryOf(result.id) !== categoryOf(id) || isGood(result)
    )
  );
}
