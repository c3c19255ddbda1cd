/**
 * The lexical rules that HTTP headers share: tokens, lists of tokens and
 * optional whitespace (RFC 7230, sections 3.2.3, 3.2.6 and 7).
 *
 * Every function here takes time linear in its input: no regular expression
 * ever sees what a peer sent, except to escape it for an error's message.
 */

const tokenCharacters = new Uint8Array(128);
for (
  const character of "!#$%&'*+-.^_`|~0123456789" +
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
) {
  tokenCharacters[character.charCodeAt(0)] = 1;
}

/**
 * Tells whether a character may stand in a token (`tchar`, RFC 7230, section
 * 3.2.6).
 *
 * @param code The character's UTF-16 code unit; `NaN`, as `charCodeAt()` gives
 * past the end of a string, is no token character.
 */
export function isTokenCharacter(code: number): boolean {
  return code < 128 && tokenCharacters[code] === 1;
}

/**
 * Tells whether a text is a token (RFC 7230, section 3.2.6): one or more
 * letters, digits and characters out of ``!#$%&'*+-.^_`|~``. The names of
 * headers, subprotocols, extensions and their parameters are tokens.
 *
 * @param text The text to check.
 */
export function isToken(text: string): boolean {
  for (let index = 0; index < text.length; index++) {
    if (!isTokenCharacter(text.charCodeAt(index))) return false;
  }
  return text.length > 0;
}

/**
 * Tells whether a character is whitespace that HTTP allows between the parts
 * of a header's value: a space or a tab. Nothing else is; `String.trim()`
 * would also strip U+00A0, which is a byte of the value.
 *
 * @param code The character's UTF-16 code unit.
 */
export function isWhitespace(code: number): boolean {
  return code === 0x20 || code === 0x09;
}

/**
 * Returns a header's value without the spaces and tabs around it.
 *
 * @param text The value as received.
 */
export function trimWhitespace(text: string): string {
  let start = 0;
  let end = text.length;
  while (start < end && isWhitespace(text.charCodeAt(start))) start++;
  while (end > start && isWhitespace(text.charCodeAt(end - 1))) end--;
  return end - start === text.length ? text : text.slice(start, end);
}

/**
 * Tells whether two texts are equal but for the case of the letters A to Z.
 * Unlike a comparison of `toLowerCase()`, no other letter folds: U+212A (the
 * Kelvin sign) is not a `k`.
 *
 * @param text The text to compare.
 * @param lowerCased What to compare it with, already in lower case.
 */
export function equalsIgnoringCase(text: string, lowerCased: string): boolean {
  if (text.length !== lowerCased.length) return false;
  for (let index = 0; index < text.length; index++) {
    let code = text.charCodeAt(index);
    if (code >= 0x41 && code <= 0x5a) code += 0x20;
    if (code !== lowerCased.charCodeAt(index)) return false;
  }
  return true;
}

/**
 * Splits a header's value at its commas and trims each element. Empty elements
 * are left out, as RFC 7230, section 7, asks of a recipient. Meant for lists of
 * tokens: a comma within a quoted string splits too.
 *
 * @param text The value; the values of several header lines joined by commas.
 */
export function splitList(text: string): string[] {
  const elements: string[] = [];
  let start = 0;
  while (start <= text.length) {
    let end = text.indexOf(",", start);
    if (end === -1) end = text.length;
    const element = trimWhitespace(text.slice(start, end));
    if (element !== "") elements.push(element);
    start = end + 1;
  }
  return elements;
}

/**
 * Tells whether a comma-separated list contains a token, ignoring case, as
 * `Connection: keep-alive, Upgrade` contains `upgrade`.
 *
 * @param list The header's value.
 * @param lowerCasedToken The token, in lower case.
 */
export function listContains(list: string, lowerCasedToken: string): boolean {
  if (equalsIgnoringCase(list, lowerCasedToken)) return true;
  if (list.length <= lowerCasedToken.length) return false;
  return splitList(list).some((element) =>
    equalsIgnoringCase(element, lowerCasedToken)
  );
}

/**
 * Tells whether a text is a host with an optional port, as the `Host` header
 * has it (RFC 7230, section 5.4) and an origin after its `://`, and one that
 * the platform's `URL` accepts.
 *
 * @param text The text to check, such as `example.com:8080` or `[::1]`.
 */
export function isHost(text: string): boolean {
  // Most clients of a server mean the same one.
  if (text === lastHost) return true;
  if (!isValidHost(text)) return false;
  lastHost = text;
  return true;
}

let lastHost = "localhost";

function isValidHost(text: string): boolean {
  for (let index = 0; index < text.length; index++) {
    const code = text.charCodeAt(index);
    // A comma is legal in a name, but in practice it joins two Host headers.
    if (
      code <= 0x20 || code >= 0x7f || '"#,/<>?@\\^`{|}'.includes(text[index])
    ) return false;
  }
  return text !== "" && URL.canParse(`http://${text}/`);
}

/**
 * Quotes a text that a peer sent, for an error's message: printable ASCII with
 * everything else escaped, on one line, cut when it is long.
 *
 * @param text The text, of any length and with any characters.
 * @param length How many characters of it are shown. Default 100.
 */
export function quote(text: string, length = 100): string {
  const shown = JSON.stringify(text.slice(0, length)).replace(
    /[^\x20-\x7e]/g,
    (character) =>
      "\\u" + character.charCodeAt(0).toString(16).padStart(4, "0"),
  );
  return text.length > length
    ? `${shown}... (${text.length} characters)`
    : shown;
}
