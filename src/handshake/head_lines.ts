/**
 * The lines of an HTTP/1.1 message's head (RFC 9112, sections 2 and 5).
 */

import { Buffer } from "node:buffer";
import { encodeUtf8 } from "../codec/utf8.ts";
import { type HeaderEntry, isFieldContent } from "./header.ts";
import { isTokenCharacter, isWhitespace } from "./header_syntax.ts";

/** The first bytes as text, one character each. */
export function latin1(bytes: Uint8Array, length = bytes.length): string {
  // `String.fromCharCode(...bytes)` takes 8 µs for a head, and a TextDecoder of
  // that name decodes windows-1252.
  const { buffer, byteOffset } = bytes;
  return bytes instanceof Buffer
    ? bytes.toString("latin1", 0, length)
    : Buffer.from(buffer, byteOffset, length).toString("latin1");
}

/** Text as bytes, one for each character, which are below U+0100. */
export function toLatin1(text: string): Uint8Array {
  // Nearly always it is ASCII; Deno takes three times as long by way of Buffer.
  const bytes = encodeUtf8(text);
  return bytes.length === text.length ? bytes : Buffer.from(text, "latin1");
}

/**
 * Parses a header line; `null` if it is none. One that begins with whitespace
 * would continue the line before: that is obsolete.
 */
export function parseHeaderLine(line: string): HeaderEntry | null {
  const header: string[] = [];
  return readHeaderLine(line, 0, line.length, header)
    ? header as [string, string]
    : null;
}

/**
 * Adds the name and the value of a header line to others.
 *
 * @param text A head.
 * @param start Where in it the line begins.
 * @param end Where it ends, without its line break.
 * @returns Whether it is one; see {@linkcode parseHeaderLine}.
 */
export function readHeaderLine(
  text: string,
  start: number,
  end: number,
  headers: string[],
): boolean {
  let colon = start;
  while (isTokenCharacter(text.charCodeAt(colon))) colon++;
  if (colon === start || colon >= end || text[colon] !== ":") return false;
  let from = colon + 1;
  while (from < end && isWhitespace(text.charCodeAt(from))) from++;
  while (end > from && isWhitespace(text.charCodeAt(end - 1))) end--;
  if (!isFieldContent(text, from, end)) return false;
  headers.push(text.slice(start, colon), text.slice(from, end));
  return true;
}
