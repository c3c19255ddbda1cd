/** A case page's section on what was expected, and what was observed. */

import type { Behavior, CaseEvent, CaseResult } from "../case_result.ts";
import { type Markup, markup, visibleText } from "./markup.ts";
import { counted, paragraphs, verdictLabel } from "./page.ts";
import { behaviors } from "./verdict.ts";

/** How many events of a list are shown; the JSON has them all. */
const shownEvents = 50;

/** The section of a case's outcome. */
export function outcomeSection(result: CaseResult): Markup {
  return markup`<section aria-labelledby="outcome">
<h2 id="outcome">Outcome</h2>
${paragraphs(result.result)}
<div class="columns">
<div><h3>Expected</h3>
${expectedEvents(result)}</div>
<div><h3>Observed</h3>
${eventList(result.received)}</div>
</div>
</section>`;
}

function expectedEvents({ expected }: CaseResult): Markup {
  const verdicts = (Object.keys(behaviors) as Behavior[])
    .filter((verdict) => expected[verdict] !== undefined);
  if (verdicts.length === 0) {
    return markup`<p>No list of events: the case judges by itself.</p>`;
  }
  return markup`${
    verdicts.map((verdict) => {
      const text = behaviors[verdict];
      return markup`<p>For ${verdictLabel(text, text.label)}</p>
${eventList(expected[verdict] ?? [])}`;
    })
  }`;
}

function eventList(events: readonly CaseEvent[]): Markup {
  if (events.length === 0) {
    return markup`<ol class="events"><li class="quiet">No events</li></ol>`;
  }
  const left = events.length - shownEvents;
  return markup`<ol class="events">${
    events.slice(0, shownEvents).map((event) =>
      markup`<li><b>${eventName(event)}</b> ${eventContent(event)}</li>
`
    )
  }${
    left > 0
      ? markup`<li class="quiet">and ${
        counted(left, "more event", "more events")
      }: see the JSON file</li>`
      : null
  }</ol>`;
}

function eventName(event: CaseEvent): string {
  if (event[0] === "message") {
    return event[2] ? "Binary message" : "Text message";
  }
  return { ping: "Ping", pong: "Pong", timeout: "Timer" }[event[0]];
}

function eventContent([, content]: CaseEvent): Markup {
  return content === ""
    ? markup`<span class="quiet">empty</span>`
    : markup`<code>${visibleText(content)}</code>`;
}
