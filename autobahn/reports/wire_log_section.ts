/** A case page's section with every octet run and frame. */

import type { CaseResult, LoggedOctets, WireLogEntry } from "../case_result.ts";
import { type Markup, markup, visibleText } from "./markup.ts";
import { opcodeName } from "./opcode.ts";
import { counted, grouped } from "./page.ts";

/** How many rows a page has at most; half of them are the last ones. */
const shownRows = 1000;

/** The section of the wire log. */
export function wireLogSection(result: CaseResult): Markup {
  const rows = result.wirelog;
  const left = rows.length - shownRows;
  const half = shownRows / 2;
  const numbered = (entries: readonly WireLogEntry[], start: number) =>
    entries.map((entry, index) => row(start + index, entry));
  return markup`<section aria-labelledby="log">
<h2 id="log">Wire log</h2>
<p class="quiet">RX is what this suite received, TX what it transmitted. Long octet runs and payloads are cut; “...” stands for the rest.</p>
${
    result.createWirelog
      ? null
      : markup`<p>After the opening handshake this case was not logged.</p>`
  }
<table class="log">
<thead><tr><th scope="col">No.</th><th scope="col">Way</th><th scope="col">Length</th><th scope="col">Content</th></tr></thead>
<tbody>
${
    left <= 0
      ? numbered(rows, 0)
      : markup`${numbered(rows.slice(0, half), 0)}${
        eventRow(
          "",
          `${counted(left, "row", "rows")} left out here: see the JSON file`,
        )
      }${numbered(rows.slice(-half), rows.length - half)}`
  }${
    eventRow(
      number(rows.length),
      `TCP dropped by ${result.droppedByMe ? "this suite" : "the agent"}`,
    )
  }</tbody>
</table>
</section>`;
}

function row(index: number, entry: WireLogEntry): Markup {
  const label = number(index);
  switch (entry[0]) {
    case "RO":
      return octetsRow(label, "rx", entry[1], false);
    case "TO":
      return octetsRow(label, "tx", entry[1], entry[2]);
    case "RF": {
      const [, payload, opcode, fin, rsv, masked, maskingKey] = entry;
      return frameRow(label, "rx", payload, opcode, [
        ...headFields(fin, rsv),
        maskingKey === null
          ? masked ? "masked" : "not masked"
          : `masking key ${maskingKey}`,
      ]);
    }
    case "TF": {
      const [, payload, opcode, fin, rsv, maskingKey, repeat, chop, sync] =
        entry;
      return frameRow(label, "tx", payload, opcode, [
        ...headFields(fin, rsv),
        maskingKey === null ? "not masked" : `masking key ${maskingKey}`,
        ...repeat === null
          ? []
          : [`payload repeated to ${counted(repeat, "octet", "octets")}`],
        ...chop === null
          ? []
          : [`sent in chops of ${counted(chop, "octet", "octets")}`],
        ...sync ? ["sent at once"] : [],
      ]);
    }
    default:
      return eventRow(label, eventText(entry));
  }
}

/** A row about timers and the log itself. */
function eventText(
  entry: Exclude<WireLogEntry, ["RO" | "TO" | "RF" | "TF", ...unknown[]]>,
): string {
  const tagged = (tag: string | null) => tag === null ? "" : ` (${tag})`;
  switch (entry[0]) {
    case "CT":
      return `Goes on after ${entry[1]} s${tagged(entry[2])}`;
    case "CTE":
      return `Goes on${tagged(entry[1])}`;
    case "KL":
      return `Will fail the connection after ${entry[1]} s`;
    case "KLE":
      return "Fails the connection";
    case "TI":
      return `Will close the connection after ${entry[1]} s`;
    case "TIE":
      return "Closes the connection";
    case "WLM":
      return entry[1] ? "Log on" : "Log off";
  }
}

function eventRow(label: string, text: string): Markup {
  return markup`<tr class="event"><th scope="row">${label}</th><td colspan="3">${text}</td></tr>
`;
}

function octetsRow(
  label: string,
  way: "rx" | "tx",
  [length, digits]: LoggedOctets,
  sync: boolean,
): Markup {
  return markup`<tr class="${way}"><th scope="row">${label}</th><td class="way">${
    way === "rx" ? "RX" : "TX"
  } octets</td><td class="number">${grouped(length)}</td><td class="octets">${
    inGroups(digits)
  }${sync ? markup` <span class="quiet">sent at once</span>` : null}</td></tr>
`;
}

function frameRow(
  label: string,
  way: "rx" | "tx",
  payload: LoggedOctets,
  opcode: number,
  fields: readonly string[],
): Markup {
  const [length, excerpt] = payload;
  const code = opcode === 8 ? closeCode(payload) : null;
  const all = code === null ? fields : [...fields, `close code ${code}`];
  return markup`<tr class="${way} frame"><th scope="row">${label}</th><td class="way">${
    way === "rx" ? "RX" : "TX"
  } frame</td><td class="number">${
    grouped(length)
  }</td><td><span class="what">${
    opcodeName(opcode)
  }</span> <span class="quiet">opcode ${opcode} · ${all.join(" · ")}</span>${
    excerpt === ""
      ? null
      : markup`<code class="payload">${visibleText(excerpt)}</code>`
  }</td></tr>
`;
}

function headFields(fin: boolean, rsv: number): string[] {
  const bits = [4, 2, 1].flatMap((bit, index) =>
    rsv & bit ? [`RSV${index + 1}`] : []
  );
  return [
    fin ? "FIN" : "not FIN",
    bits.length === 0 ? `RSV ${rsv}` : `RSV ${rsv} (${bits.join(", ")})`,
  ];
}

/** The code in a close frame; the excerpt is text or hexadecimal digits. */
function closeCode([length, excerpt]: LoggedOctets): number | null {
  if (length < 2) return null;
  const digits = /^0x([0-9a-f]{4})/.exec(excerpt);
  if (digits !== null) return parseInt(digits[1], 16);
  const [high, low] = [excerpt.charCodeAt(0), excerpt.charCodeAt(1)];
  return high < 0x80 && low < 0x80 ? high * 256 + low : null;
}

/** Hexadecimal digits in groups of four octets. */
function inGroups(digits: string): string {
  return digits.replace(/[0-9a-f]{8}(?=[0-9a-f])/g, "$& ");
}

function number(index: number): string {
  return String(index).padStart(3, "0");
}
