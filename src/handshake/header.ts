/**
 * A header of an HTTP message, request or response (RFC 7230, section 3.2).
 */

import { isToken, quote } from "./header_syntax.ts";

/** A header's name and its value. */
export type HeaderEntry = readonly [name: string, value: string];

/**
 * Checks that a header can be sent as it is.
 *
 * @throws {TypeError} If its name is not a token, or its value has a line break
 * or another character that would end or split the message.
 */
export function checkHeader(name: string, value: string): void {
  if (!isToken(name)) {
    throw new TypeError(
      `${quote(String(name))} is not a header's name: use letters, digits ` +
        "and !#$%&'*+-.^_`|~ only",
    );
  }
  if (typeof value !== "string" || !isFieldContent(value)) {
    throw new TypeError(
      `The header ${name} has the value ${quote(String(value))}: it must be ` +
        "a string without line breaks and control characters, and with none " +
        "above U+00FF",
    );
  }
}

/**
 * Tells whether a text has only what may stand in a header's value: tab, visible
 * characters, space and `obs-text` (RFC 7230, section 3.2.6).
 *
 * @param start The first character to look at. Default the first of all.
 * @param end The character behind the last. Default the end of the text.
 */
export function isFieldContent(
  text: string,
  start = 0,
  end: number = text.length,
): boolean {
  for (let index = start; index < end; index++) {
    const code = text.charCodeAt(index);
    if ((code < 0x20 && code !== 0x09) || code === 0x7f || code > 0xff) {
      return false;
    }
  }
  return true;
}

/** What to do about a header that only the handshake itself may set. */
export const leaveOut = "leave it out";

/**
 * Checks headers that a program adds to a handshake: each can be sent, and none
 * is one that the handshake itself sets, as all do that begin with
 * `Sec-WebSocket-`.
 *
 * @param headers Names and values.
 * @param message What they are added to.
 * @param reserved The names, in lower case, of others that must not be there,
 * with what to do instead.
 * @throws {TypeError} If one is not right.
 */
export function checkAddedHeaders(
  headers: Iterable<HeaderEntry>,
  message: "request" | "response",
  reserved: ReadonlyMap<string, string>,
): void {
  for (const [name, value] of headers) {
    checkHeader(name, value);
    const lowerCased = name.toLowerCase();
    const advice = reserved.get(lowerCased) ??
      (lowerCased.startsWith("sec-websocket-") ? leaveOut : undefined);
    if (advice !== undefined) {
      throw new TypeError(
        `The ${message} header ${quote(name)} belongs to the handshake and ` +
          `cannot be set: ${advice}`,
      );
    }
  }
}
