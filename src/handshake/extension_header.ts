/**
 * The `Sec-WebSocket-Extensions` header (RFC 6455, section 9.1): text to
 * offers and back. What the offers mean is for the extensions themselves.
 */

import {
  isToken,
  isTokenCharacter,
  isWhitespace,
  quote,
} from "./header_syntax.ts";

/** One parameter of an extension, such as `server_max_window_bits=10`. */
export interface ExtensionParameter {
  /** The parameter's name, a token, in the case it was written in. */
  readonly name: string;
  /** Its value, unquoted; `null` when the name stands alone. */
  readonly value: string | null;
}

/**
 * One element of a `Sec-WebSocket-Extensions` header: an extension that a
 * client offers, or one that a server accepted.
 */
export interface ExtensionOffer {
  /** The extension's name, a token, in the case it was written in. */
  readonly name: string;
  /**
   * Its parameters in the order they were written. A name may occur more than
   * once here: whether that is an error is for the extension to say.
   */
  readonly parameters: readonly ExtensionParameter[];
}

/**
 * Parses the value of a `Sec-WebSocket-Extensions` header (RFC 6455, section
 * 9.1). Duplicates, of extensions and of parameters, are kept in order.
 *
 * Spaces and tabs may stand between any two parts (section 4.3, "implied
 * LWS"), and elements of the list may be empty (RFC 7230, section 7), but one
 * extension at least must be there. A quoted value must be a token once it is
 * unquoted. Takes time linear in the header's length.
 *
 * @param header The header's value; the values of several lines joined by
 * commas.
 * @returns At least one offer.
 * @throws {SyntaxError} If the value breaks the grammar; the message names the
 * offending text and its position, counted from 0.
 *
 * @example
 * ```ts
 * import { parseExtensions } from "./extension_header.ts";
 *
 * const [first, second] = parseExtensions(
 *   'permessage-deflate; server_max_window_bits="10", permessage-deflate',
 * );
 * console.log(first.parameters[0]); // { name: "server_max_window_bits", value: "10" }
 * console.log(second.parameters); // []
 * ```
 */
export function parseExtensions(header: string): ExtensionOffer[] {
  const scanner = new Scanner(header);
  const offers: ExtensionOffer[] = [];
  for (;;) {
    scanner.skipWhitespace();
    if (scanner.take(comma)) continue;
    if (scanner.atEnd) break;
    offers.push(readExtension(scanner));
    if (!scanner.atEnd && !scanner.take(comma)) {
      throw scanner.unexpected('",", ";" or the end');
    }
  }
  if (offers.length === 0) throw scanner.unexpected("an extension's name");
  return offers;
}

/**
 * Formats offers as the value of a `Sec-WebSocket-Extensions` header (RFC 6455,
 * section 9.1), so that `parseExtensions()` gives the same offers back. Nothing
 * is ever quoted, since section 9.1 makes a value a token even where it is
 * quoted.
 *
 * @param offers The extensions, in order. Without any the result is empty, and
 * the header must be left out.
 * @throws {TypeError} If a name or a value is not a token.
 *
 * @example
 * ```ts
 * import { formatExtensions } from "./extension_header.ts";
 *
 * console.log(formatExtensions([{
 *   name: "permessage-deflate",
 *   parameters: [
 *     { name: "server_no_context_takeover", value: null },
 *     { name: "server_max_window_bits", value: "10" },
 *   ],
 * }])); // permessage-deflate; server_no_context_takeover; server_max_window_bits=10
 * ```
 */
export function formatExtensions(offers: readonly ExtensionOffer[]): string {
  return offers.map(({ name, parameters }) =>
    [checkToken(name, "extension's name"), ...parameters.map(formatParameter)]
      .join("; ")
  ).join(", ");
}

function formatParameter({ name, value }: ExtensionParameter): string {
  checkToken(name, "parameter's name");
  if (value === null) return name;
  return `${name}=${checkToken(value, `value of the parameter ${name}`)}`;
}

function checkToken(text: string, what: string): string {
  if (isToken(text)) return text;
  throw new TypeError(
    `The ${what} is ${quote(text)}, which is not a token: use ` +
      "letters, digits and !#$%&'*+-.^_`|~ only (RFC 6455, section 9.1)",
  );
}

function readExtension(scanner: Scanner): ExtensionOffer {
  const name = scanner.readToken("an extension's name");
  const parameters: ExtensionParameter[] = [];
  scanner.skipWhitespace();
  while (scanner.take(semicolon)) {
    scanner.skipWhitespace();
    const name = scanner.readToken("a parameter's name");
    scanner.skipWhitespace();
    let value: string | null = null;
    if (scanner.take(equals)) {
      scanner.skipWhitespace();
      value = scanner.readValue();
      scanner.skipWhitespace();
    }
    parameters.push({ name, value });
  }
  return { name, parameters };
}

const quotationMark = 0x22;
const comma = 0x2c;
const semicolon = 0x3b;
const equals = 0x3d;
const backslash = 0x5c;

/** A position in a header's value that only ever moves forwards. */
class Scanner {
  readonly #text: string;
  #position = 0;

  constructor(text: string) {
    this.#text = text;
  }

  get atEnd(): boolean {
    return this.#position === this.#text.length;
  }

  #code(): number {
    return this.#text.charCodeAt(this.#position);
  }

  skipWhitespace(): void {
    while (isWhitespace(this.#code())) this.#position++;
  }

  /** Steps over a character if it is the next one. */
  take(code: number): boolean {
    if (this.#code() !== code) return false;
    this.#position++;
    return true;
  }

  readToken(expected: string): string {
    const start = this.#position;
    while (isTokenCharacter(this.#code())) this.#position++;
    if (this.#position === start) throw this.unexpected(expected);
    return this.#text.slice(start, this.#position);
  }

  /** Reads a token or a quoted string (RFC 7230, section 3.2.6). */
  readValue(): string {
    if (!this.take(quotationMark)) {
      return this.readToken("a parameter's value");
    }
    const parts: string[] = [];
    let start = this.#position;
    while (this.#code() !== quotationMark) {
      if (this.#code() === backslash) {
        parts.push(this.#text.slice(start, this.#position++));
        start = this.#position;
      }
      // A backslash escapes one character, which must be a token's as well.
      if (!isTokenCharacter(this.#code())) {
        throw this.unexpected(
          "a token's character or a closing quotation mark",
        );
      }
      this.#position++;
    }
    parts.push(this.#text.slice(start, this.#position));
    const value = parts.join("");
    if (value === "") throw this.unexpected("a quoted value that is not empty");
    this.#position++;
    return value;
  }

  unexpected(expected: string): SyntaxError {
    const found = this.atEnd
      ? "the end"
      : quote(this.#text.charAt(this.#position));
    return new SyntaxError(
      `Sec-WebSocket-Extensions is ${quote(this.#text)}: expected ` +
        `${expected} at position ${this.#position}, not ${found} ` +
        "(RFC 6455, section 9.1)",
    );
  }
}
