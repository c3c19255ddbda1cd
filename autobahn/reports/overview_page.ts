/** `index.html`: all agents compared. */

import type { AgentReport } from "./agent_report.ts";
import {
  type CaseCatalogue,
  type CatalogueCase,
  categoryOf,
  categoryTitle,
  compareCaseIds,
  type ReportAbout,
} from "./catalogue.ts";
import { type Markup, markup } from "./markup.ts";
import { page, paragraphs, readableDate } from "./page.ts";
import {
  legendSection,
  problemsSection,
  summarySection,
} from "./overview_summary.ts";
import { tableSection, tableStyle } from "./overview_table.ts";
import { overviewStyle } from "./style.ts";

/** The HTML page that compares agents. */
export function overviewPage(
  reports: readonly AgentReport[],
  about: ReportAbout,
): string {
  const { catalogue } = about;
  const ids = [
    ...new Set(reports.flatMap(({ results }) => [...results.keys()])),
  ].sort(compareCaseIds);
  return page(
    "WebSocket conformance",
    overviewStyle + tableStyle(reports.length),
    markup`<main>
<header>
<h1>WebSocket conformance</h1>
<p class="quiet">The cases of the Autobahn test suite, run by ${about.suite}. Written <time datetime="${about.generated}">${
      readableDate(about.generated)
    }</time>. <a href="index.json">JSON</a></p>
</header>
${
      reports.length === 0
        ? markup`<p>No case has been run.</p>`
        : markup`${summarySection(reports, catalogue)}
${legendSection()}
${problemsSection(reports)}
${tableSection(ids, reports, catalogue)}
${descriptions(ids, reports, catalogue)}`
    }
</main>`,
  );
}

/** What the cases in the table do. */
function descriptions(
  ids: readonly string[],
  reports: readonly AgentReport[],
  catalogue: CaseCatalogue,
): Markup {
  const known = new Map(catalogue.cases.map((each) => [each.id, each]));
  let category = "";
  const blocks = ids.map((id) => {
    const heading = categoryOf(id) === category
      ? null
      : markup`<h3 class="part">${categoryTitle(catalogue, id)}</h3>
`;
    category = categoryOf(id);
    return markup`${heading}${
      description(id, known.get(id) ?? fromResult(id, reports))
    }`;
  });
  return markup`<section aria-labelledby="about">
<h2 id="about">What the cases do</h2>
<div class="descriptions">
${blocks}</div>
</section>`;
}

function fromResult(
  id: string,
  reports: readonly AgentReport[],
): CatalogueCase | undefined {
  return reports.map(({ results }) => results.get(id))
    .find((result) => result !== undefined);
}

function description(id: string, text: CatalogueCase | undefined): Markup {
  const name = id.replaceAll(".", "-");
  return markup`<article id="about-${name}"><h4><a href="#case-${name}">Case ${id}</a></h4>
${paragraphs(text?.description ?? "")}
<div class="quiet">${paragraphs(text?.expectation ?? "")}</div></article>
`;
}
