/**
 * HTML from template literals: whatever is put into one is escaped, unless it
 * is markup itself. What servers and clients under test have sent is hostile
 * by intent, so there is no other way to put text on a page.
 */

/** A piece of HTML that is known to be well formed and escaped. */
export class Markup {
  readonly #source: string;

  /** Takes `source` as it is: only for literals of this suite. */
  constructor(source: string) {
    this.#source = source;
  }

  /** The HTML. */
  toString(): string {
    return this.#source;
  }
}

/** What a `markup` template takes: text, markup, or a list; nothing else. */
export type MarkupValue =
  | string
  | number
  | Markup
  | null
  | undefined
  | readonly MarkupValue[];

/**
 * The tag for templates of HTML. Strings and numbers are escaped for text and
 * for attribute values in double quotes, markup is taken as it is, the items
 * of a list are joined, `null` and `undefined` are nothing.
 *
 * @example
 * ```ts
 * import { markup } from "./markup.ts";
 *
 * const name = "</script>";
 * console.log(`${markup`<b title="${name}">${[name, "!"]}</b>`}`);
 * // <b title="&lt;/script&gt;">&lt;/script&gt;!</b>
 * ```
 */
export function markup(
  parts: TemplateStringsArray,
  ...values: readonly MarkupValue[]
): Markup {
  let source = parts[0];
  for (const [index, value] of values.entries()) {
    source += sourceOf(value) + parts[index + 1];
  }
  return new Markup(source);
}

/**
 * Text of a peer, as HTML in which nothing hides: each control character,
 * invisible or direction-changing character and half surrogate pair stands
 * there as a sign of its own, marked so that it cannot be mistaken for text.
 */
export function visibleText(text: string): Markup {
  const pieces: Markup[] = [];
  let end = 0;
  for (const match of text.matchAll(hidden)) {
    pieces.push(markup`${text.slice(end, match.index)}`);
    pieces.push(
      markup`<span class="control" title="${codePoint(match[0])}">${
        signFor(match[0])
      }</span>`,
    );
    end = match.index + match[0].length;
  }
  return markup`${pieces}${text.slice(end)}`;
}

/**
 * What is not seen when it is printed. Line feeds and carriage returns are
 * among it: where they are wanted as line ends, the caller splits there.
 */
const hidden = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}\p{Noncharacter_Code_Point}]/gu;

const escapes: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&#39;",
};

function sourceOf(value: MarkupValue): string {
  if (value === null || value === undefined) return "";
  if (value instanceof Markup) return value.toString();
  if (typeof value === "object") return value.map(sourceOf).join("");
  return String(value)
    .replace(hidden, signFor)
    .replace(/[&<>"']/g, (character) => escapes[character]);
}

function signFor(character: string): string {
  const code = character.codePointAt(0) ?? 0;
  // The control pictures, for NUL to US and for DEL.
  if (code < 0x20) return String.fromCodePoint(0x2400 + code);
  if (code === 0x7f) return "\u2421";
  if (code >= 0xd800 && code <= 0xdfff) return "\ufffd";
  return `\u27e8${codePoint(character)}\u27e9`;
}

function codePoint(character: string): string {
  const digits = (character.codePointAt(0) ?? 0).toString(16).toUpperCase();
  return `U+${digits.padStart(4, "0")}`;
}
