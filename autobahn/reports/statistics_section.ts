/** A case page's section on octets, frames and compression. */

import type {
  CaseResult,
  Statistics,
  TrafficStatistics,
} from "../case_result.ts";
import { type Markup, markup } from "./markup.ts";
import { opcodeName } from "./opcode.ts";
import { grouped, scrollRegion } from "./page.ts";

/** The section of the wire statistics. */
export function statisticsSection(result: CaseResult): Markup {
  return markup`<section aria-labelledby="statistics">
<h2 id="statistics">Wire statistics</h2>
${
    result.createStats
      ? markup`<div class="statistics">
${octetTable("Octets received by chop size", result.rxOctetStats)}
${octetTable("Octets transmitted by chop size", result.txOctetStats)}
${frameTable("Frames received by opcode", result.rxFrameStats)}
${frameTable("Frames transmitted by opcode", result.txFrameStats)}
</div>`
      : markup`<p>Octets and frames were not counted in this case.</p>`
  }
${result.trafficStats === null ? null : trafficTable(result.trafficStats)}
</section>`;
}

/** Pairs of number and count, by number. */
function sorted(statistics: Statistics): [key: number, count: number][] {
  return Object.entries(statistics)
    .map(([key, count]): [number, number] => [Number(key), count])
    .sort(([one], [other]) => one - other);
}

function octetTable(caption: string, statistics: Statistics): Markup {
  const rows = sorted(statistics);
  const count = rows.reduce((sum, [, count]) => sum + count, 0);
  const octets = rows.reduce((sum, [size, count]) => sum + size * count, 0);
  return scrollRegion(
    caption,
    markup`<table><caption>${caption}</caption>
<thead><tr>${["Chop size", "Count", "Octets"].map(numberHead)}</tr></thead>
<tbody>
${
      rows.map(([size, count]) =>
        markup`<tr><th scope="row" class="number">${grouped(size)}</th>${
          [count, size * count].map(numberCell)
        }</tr>
`
      )
    }</tbody>
<tfoot><tr><th scope="row" class="number">Total</th>${
      [count, octets].map(numberCell)
    }</tr></tfoot></table>`,
  );
}

function frameTable(caption: string, statistics: Statistics): Markup {
  const rows = sorted(statistics);
  const count = rows.reduce((sum, [, count]) => sum + count, 0);
  return scrollRegion(
    caption,
    markup`<table><caption>${caption}</caption>
<thead><tr>${numberHead("Opcode")}<th scope="col">Name</th>${
      numberHead("Count")
    }</tr></thead>
<tbody>
${
      rows.map(([opcode, count]) =>
        markup`<tr><th scope="row" class="number">${opcode}</th><td>${
          opcodeName(opcode)
        }</td>${numberCell(count)}</tr>
`
      )
    }</tbody>
<tfoot><tr><th scope="row" colspan="2">Total</th>${
      numberCell(count)
    }</tr></tfoot></table>`,
  );
}

/** Rows of two values, received and transmitted. */
const trafficRows = [
  [
    "Compression ratio",
    "incomingCompressionRatio",
    "outgoingCompressionRatio",
    "octets of frame payloads for each octet of messages",
  ],
  [
    "Octets on the wire",
    "incomingOctetsWireLevel",
    "outgoingOctetsWireLevel",
    "after the opening handshake",
  ],
  [
    "Octets of frame payloads",
    "incomingOctetsWebSocketLevel",
    "outgoingOctetsWebSocketLevel",
    "compressed where messages are",
  ],
  [
    "Octets of messages",
    "incomingOctetsAppLevel",
    "outgoingOctetsAppLevel",
    "as the application has them",
  ],
  [
    "Frames",
    "incomingWebSocketFrames",
    "outgoingWebSocketFrames",
    "",
  ],
  [
    "Messages",
    "incomingWebSocketMessages",
    "outgoingWebSocketMessages",
    "",
  ],
  [
    "Overhead of framing",
    "incomingWebSocketOverhead",
    "outgoingWebSocketOverhead",
    "octets beside payloads for each octet of payload",
  ],
  [
    "Octets of the opening handshake",
    "preopenIncomingOctetsWireLevel",
    "preopenOutgoingOctetsWireLevel",
    "",
  ],
] as const satisfies readonly (readonly [
  string,
  keyof TrafficStatistics,
  keyof TrafficStatistics,
  string,
])[];

function trafficTable(traffic: TrafficStatistics): Markup {
  return markup`<h3>Traffic and compression</h3>
${
    scrollRegion(
      "Traffic and compression",
      markup`<table>
<thead><tr><th scope="col">What</th>${
        ["Received", "Transmitted"].map(numberHead)
      }</tr></thead>
<tbody>
${
        trafficRows.map(([name, received, transmitted, meaning]) =>
          markup`<tr><th scope="row">${name}${
            meaning === ""
              ? null
              : markup`<br><span class="quiet">${meaning}</span>`
          }</th>${
            [traffic[received], traffic[transmitted]].map(numberCell)
          }</tr>
`
        )
      }</tbody></table>`,
    )
  }`;
}

function numberHead(text: string): Markup {
  return markup`<th scope="col" class="number">${text}</th>`;
}

function numberCell(value: number | null | undefined): Markup {
  if (value === null || value === undefined) {
    return markup`<td class="number quiet">none</td>`;
  }
  const text = Number.isInteger(value) ? grouped(value) : value.toFixed(3);
  return markup`<td class="number">${text}</td>`;
}
