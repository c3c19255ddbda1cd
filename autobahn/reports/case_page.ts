/** The page of one case of one agent. */

import type { CaseResult } from "../case_result.ts";
import { type AgentReport, jsonName, pageName } from "./agent_report.ts";
import {
  categoryTitle,
  type ReportAbout,
  subcategoryTitle,
} from "./catalogue.ts";
import { closingSection } from "./closing_section.ts";
import { handshakeSection } from "./handshake_section.ts";
import { type Markup, markup } from "./markup.ts";
import { outcomeSection } from "./outcome_section.ts";
import {
  grouped,
  page,
  paragraphs,
  readableDate,
  verdictLabel,
} from "./page.ts";
import { statisticsSection } from "./statistics_section.ts";
import { caseStyle } from "./style.ts";
import { behaviors, closeBehaviors } from "./verdict.ts";
import { wireLogSection } from "./wire_log_section.ts";

/**
 * The HTML page of a result.
 *
 * @param report The agent whose result it is.
 * @param ids The numbers of all its cases, in order: for the links to the
 * previous and the next one.
 * @param reports All agents: for the links to the same case of the others.
 */
export function casePage(
  report: AgentReport,
  result: CaseResult,
  ids: readonly string[],
  reports: readonly AgentReport[],
  about: ReportAbout,
): string {
  const { id, agent } = result;
  const behavior = behaviors[result.behavior];
  return page(
    `${behavior.label}: case ${id}, ${agent}`,
    caseStyle,
    markup`${navigation(report, id, ids)}
<main>
<header>
<p class="quiet">${place(result, about)}</p>
<h1>Case ${id}: ${agent}</h1>
<dl class="facts">
<div><dt>Behavior</dt><dd>${verdictLabel(behavior, behavior.label)}</dd></div>
<div><dt>Close</dt><dd>${closeLabel(result)}</dd></div>
<div><dt>Took</dt><dd>${grouped(result.duration)} ms</dd></div>
${
      compression(result)
    }<div><dt>Started</dt><dd><time datetime="${result.started}">${
      readableDate(result.started)
    }</time></dd></div>
<div><dt>Tested as</dt><dd>${result.isServer ? "client" : "server"}</dd></div>
<div><dt>Data</dt><dd><a href="${jsonName(report, id)}">JSON</a></dd></div>
</dl>
${otherAgents(report, id, reports)}</header>
<div class="columns">
<section><h2>Description</h2>
${paragraphs(result.description)}</section>
<section><h2>Expectation</h2>
${paragraphs(result.expectation)}</section>
</div>
${outcomeSection(result)}
${closingSection(result)}
${handshakeSection(result)}
${statisticsSection(result)}
${wireLogSection(result)}
</main>`,
  );
}

function navigation(
  report: AgentReport,
  id: string,
  ids: readonly string[],
): Markup {
  const index = ids.indexOf(id);
  const link = (other: string | undefined, relation: string, text: string) =>
    other === undefined
      ? null
      : markup`<a rel="${relation}" href="${
        pageName(report, other)
      }">${text} ${other}</a>`;
  return markup`<nav aria-label="Cases"><a href="index.html#case-${
    id.replaceAll(".", "-")
  }">Overview</a>
<span class="end">${link(ids[index - 1], "prev", "← Previous:")}</span>
<span>${link(ids[index + 1], "next", "Next →")}</span></nav>`;
}

function place({ id }: CaseResult, { catalogue }: ReportAbout): string {
  const subcategory = subcategoryTitle(catalogue, id);
  return categoryTitle(catalogue, id) +
    (subcategory === null ? "" : ` › ${subcategory}`);
}

function closeLabel(result: CaseResult): Markup {
  const verdict = closeBehaviors[result.behaviorClose];
  const code = result.remoteCloseCode;
  return verdictLabel(
    verdict,
    verdict.label + (code === null ? "" : `, code ${code}`),
  );
}

function compression(result: CaseResult): Markup | null {
  const traffic = result.trafficStats;
  if (!result.reportCompressionRatio || traffic === null) return null;
  return markup`<div><dt>Compression ratio</dt><dd>${
    ratio(traffic.incomingCompressionRatio)
  } received, ${ratio(traffic.outgoingCompressionRatio)} transmitted</dd></div>
`;
}

function ratio(value: number | null): string {
  return value === null ? "none" : value.toFixed(3);
}

function otherAgents(
  report: AgentReport,
  id: string,
  reports: readonly AgentReport[],
): Markup | null {
  const others = reports.flatMap((other) => {
    const result = other.results.get(id);
    return other.agent === report.agent || result === undefined ? [] : [{
      agent: other.agent,
      address: pageName(other, id),
      verdict: behaviors[result.behavior],
    }];
  });
  if (others.length === 0) return null;
  return markup`<dl class="facts" aria-label="The same case of other agents">
${
    others.map(({ agent, address, verdict }) =>
      markup`<div><dt>${agent}</dt><dd>${
        verdictLabel(verdict, verdict.label, address)
      }</dd></div>
`
    )
  }</dl>
`;
}
