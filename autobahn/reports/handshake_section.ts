/** A case page's section on the opening handshake. */

import type { CaseResult } from "../case_result.ts";
import { type Markup, markup, visibleText } from "./markup.ts";

/** The section with the heads of request and response. */
export function handshakeSection(result: CaseResult): Markup {
  const [request, response] = result.isServer
    ? ["from the agent", "from this suite"]
    : ["from this suite", "from the agent"];
  return markup`<section aria-labelledby="handshake">
<h2 id="handshake">Opening handshake</h2>
<div class="columns">
<div><h3>Request, ${request}</h3>
${head(result.httpRequest)}</div>
<div><h3>Response, ${response}</h3>
${head(result.httpResponse)}</div>
</div>
</section>`;
}

/** Only CR LF ends a line of a head; one without the other is shown. */
function head(text: string): Markup {
  const trimmed = text.replace(/(?:\r\n)+$/, "");
  if (trimmed === "") return markup`<p class="quiet">None</p>`;
  const lines = trimmed.split("\r\n");
  return markup`<pre class="head">${
    lines.map((line) => markup`${visibleText(line)}\n`)
  }</pre>`;
}
