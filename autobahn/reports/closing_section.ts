/** A case page's section on how the connection was closed. */

import type { CaseResult } from "../case_result.ts";
import { type Markup, markup, visibleText } from "./markup.ts";
import { paragraphs, verdictLabel } from "./page.ts";
import { closeBehaviors } from "./verdict.ts";

/** What is known of the close, and what each value says. */
const facts = [
  [
    "isServer",
    "Whether this suite was the server of the connection. Then the agent, as its client, is tested.",
  ],
  [
    "closedByMe",
    "Whether this suite began the closing handshake: its close frame came first.",
  ],
  [
    "failedByMe",
    "Whether this suite failed the connection, because of what the agent sent or because time ran out.",
  ],
  ["droppedByMe", "Whether this suite was the one to drop the TCP connection."],
  [
    "wasClean",
    "Whether close frames went both ways, and the server dropped TCP after them.",
  ],
  ["wasNotCleanReason", "Where the close was not clean: what went wrong."],
  [
    "wasServerConnectionDropTimeout",
    "Whether this suite, as the client, waited in vain for the server to drop TCP.",
  ],
  [
    "wasOpenHandshakeTimeout",
    "Whether the opening handshake took longer than this suite waits.",
  ],
  [
    "wasCloseHandshakeTimeout",
    "Whether the agent left this suite's close frame unanswered for too long.",
  ],
  ["localCloseCode", "The code in the close frame that this suite sent."],
  ["localCloseReason", "The reason in that frame."],
  ["remoteCloseCode", "The code in the close frame that the agent sent."],
  ["remoteCloseReason", "The reason in that frame."],
] as const satisfies readonly (readonly [keyof CaseResult, string])[];

/** The section of the closing behaviour. */
export function closingSection(result: CaseResult): Markup {
  const verdict = closeBehaviors[result.behaviorClose];
  return markup`<section aria-labelledby="closing">
<h2 id="closing">Closing behavior</h2>
<p>${verdictLabel(verdict, verdict.label)}</p>
${paragraphs(result.resultClose)}
${paragraphs(expectation(result))}
<table class="closing">
<thead><tr><th scope="col">Key</th><th scope="col">Value</th><th scope="col">Meaning</th></tr></thead>
<tbody>
${
    facts.map(([key, meaning]) =>
      markup`<tr><th scope="row"><code>${key}</code></th><td>${
        value(result[key])
      }</td><td class="quiet">${meaning}</td></tr>
`
    )
  }</tbody>
</table>
</section>`;
}

function expectation({ expectedClose }: CaseResult): string {
  const { closedByMe, closeCode = [], requireClean } = expectedClose;
  const parts: string[] = [];
  if (closedByMe !== undefined) {
    parts.push(`closed by ${closedByMe ? "this suite" : "the agent"}`);
  }
  if (closeCode.length > 0) {
    parts.push(`with code ${closeCode.join(" or ")}, or none`);
  }
  if (requireClean) parts.push("cleanly");
  return parts.length === 0 ? "" : `Expected: ${parts.join(", ")}.`;
}

function value(value: string | number | boolean | null): Markup {
  if (value === null) return markup`<span class="quiet">none</span>`;
  if (typeof value === "boolean") return markup`${value ? "yes" : "no"}`;
  if (value === "") return markup`<span class="quiet">empty</span>`;
  return typeof value === "number"
    ? markup`${value}`
    : markup`${visibleText(value)}`;
}
