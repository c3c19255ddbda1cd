/** What all pages have around what they say. */

import { Markup, markup, type MarkupValue } from "./markup.ts";
import { styleSheet } from "./style.ts";
import type { VerdictText } from "./verdict.ts";

/**
 * A whole HTML page. Its security policy lets nothing load and nothing run:
 * should a payload get past the escaping, it still does nothing.
 *
 * @param style The page's own part of the style sheet.
 */
export function page(title: string, style: string, body: MarkupValue): string {
  return `${markup`<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; img-src data:">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>${title}</title>
<link rel="icon" href="data:,">
<style>${new Markup(styleSheet(style))}</style>
</head>
<body>
${body}
</body>
</html>
`}`;
}

/** A verdict's sign and words; a link where `address` is given. */
export function verdictLabel(
  verdict: VerdictText,
  words: string,
  address?: string,
): Markup {
  const content =
    markup`<span aria-hidden="true">${verdict.sign}</span> ${words}`;
  return address === undefined
    ? markup`<span class="verdict ${verdict.tone}">${content}</span>`
    : markup`<a class="verdict ${verdict.tone}" href="${address}">${content}</a>`;
}

/** A region that scrolls by itself, with the keyboard as well. */
export function scrollRegion(label: string, content: Markup): Markup {
  return markup`<div class="scroll" role="region" tabindex="0" aria-label="${label}">${content}</div>`;
}

/** A paragraph for each line. */
export function paragraphs(text: string): Markup {
  const lines = text.split(/\r?\n/).filter((line) => line.trim() !== "");
  return markup`${lines.map((line) => markup`<p>${line}</p>`)}`;
}

/** `1234567` as `1,234,567`; a fraction as it is. */
export function grouped(value: number): string {
  return String(value).replace(
    /^-?\d+/,
    (digits) => digits.replace(/\B(?=(\d{3})+$)/g, ","),
  );
}

/** `one` for 1 and `many` for other counts, with the count before it. */
export function counted(count: number, one: string, many: string): string {
  return `${grouped(count)} ${count === 1 ? one : many}`;
}

/** An ISO 8601 date as `2026-11-21 01:10:35 UTC`; other text as it is. */
export function readableDate(date: string): string {
  return date.replace(
    /^(\d{4}-\d\d-\d\d)T(\d\d:\d\d:\d\d)(?:\.\d+)?Z$/,
    "$1 $2 UTC",
  );
}
