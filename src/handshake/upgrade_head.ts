/**
 * The head of a request to upgrade, straight from a connection's first bytes
 * (RFC 9112, section 3).
 */

import { latin1, readHeaderLine } from "./head_lines.ts";
import { equalsIgnoringCase, listContains } from "./header_syntax.ts";
import type { HandshakeRequest } from "./request.ts";

/** How long a head may be, as with `node:http`. */
const maxHeadLength = 16 * 1024;

/**
 * A head that was read, and that can be kept for as long as the connection: then
 * as its text alone, which takes a fourth of the memory.
 */
export class ReceivedRequest implements HandshakeRequest {
  readonly #text: string;
  #rawHeaders: readonly string[] | null;

  /**
   * @param text The request line and the header lines.
   * @param rawHeaders What {@linkcode parseHeaders} makes of them.
   */
  constructor(text: string, rawHeaders: readonly string[]) {
    this.#text = text;
    this.#rawHeaders = rawHeaders;
  }

  /** See {@linkcode HandshakeRequest}. */
  get method(): string {
    return "GET";
  }

  /** See {@linkcode HandshakeRequest}. */
  get target(): string {
    return parseRequestLine(requestLineOf(this.#text))!;
  }

  /** See {@linkcode HandshakeRequest}. */
  get httpVersion(): string {
    return "1.1";
  }

  /** See {@linkcode HandshakeRequest}. */
  get rawHeaders(): readonly string[] {
    return this.#rawHeaders ?? parseHeaders(this.#text)!;
  }

  /** The request was answered: the headers are taken out of the text again for who asks. */
  settle(): void {
    this.#rawHeaders = null;
  }
}

/** A request's head, and where it ends. */
export interface UpgradeHead {
  /** The head. */
  readonly request: ReceivedRequest;
  /** How many bytes it has, with the empty line behind it. */
  readonly length: number;
}

/**
 * Reads the head of a request to upgrade to a WebSocket.
 *
 * @param bytes The first bytes of a connection.
 * @param searched How many of them were found incomplete before.
 * @returns `"incomplete"` if more of a head has to come; `"other"` if it is no
 * such request, or unusual in any way: then an HTTP server has to answer it.
 */
export function readUpgradeHead(
  bytes: Uint8Array,
  searched = 0,
): UpgradeHead | "incomplete" | "other" {
  // The name of a method begins with a capital letter.
  if (bytes[0] < 0x41 || bytes[0] > 0x5a) return "other";
  const end = findEnd(bytes, Math.max(0, searched - 3));
  if (end === -1) return bytes.length < maxHeadLength ? "incomplete" : "other";
  const text = latin1(bytes, end);
  if (parseRequestLine(requestLineOf(text)) === null) return "other";
  const rawHeaders = parseHeaders(text);
  if (rawHeaders === null || !asksForWebSocket(rawHeaders)) return "other";
  return { request: new ReceivedRequest(text, rawHeaders), length: end + 4 };
}

/** Names and values in turn; `null` if a line is no header. */
function parseHeaders(text: string): string[] | null {
  const rawHeaders: string[] = [];
  let lineBreak = text.indexOf("\r\n");
  while (lineBreak !== -1) {
    const start = lineBreak + 2;
    lineBreak = text.indexOf("\r\n", start);
    const end = lineBreak === -1 ? text.length : lineBreak;
    if (!readHeaderLine(text, start, end, rawHeaders)) return null;
  }
  return rawHeaders;
}

function asksForWebSocket(rawHeaders: readonly string[]): boolean {
  for (let index = 0; index < rawHeaders.length; index += 2) {
    const name = rawHeaders[index];
    if (
      equalsIgnoringCase(name, "upgrade") &&
      listContains(rawHeaders[index + 1], "websocket")
    ) return true;
  }
  return false;
}

function requestLineOf(text: string): string {
  const end = text.indexOf("\r\n");
  return end === -1 ? text : text.slice(0, end);
}

/** The bytes may be a `Buffer`, whose own makes 300 bytes of garbage in Deno. */
const { indexOf } = Uint8Array.prototype;

/** Where the line break before the empty line begins; -1 if there is none. */
function findEnd(bytes: Uint8Array, start: number): number {
  const limit = Math.min(bytes.length, maxHeadLength) - 3;
  let index = indexOf.call(bytes, 0x0d, start);
  while (index !== -1 && index < limit) {
    if (
      bytes[index + 1] === 0x0a && bytes[index + 2] === 0x0d &&
      bytes[index + 3] === 0x0a
    ) return index;
    index = indexOf.call(bytes, 0x0d, index + 1);
  }
  return -1;
}

/** The target of a GET in HTTP/1.1, which is visible ASCII. */
function parseRequestLine(line: string): string | null {
  const end = line.length - " HTTP/1.1".length;
  if (end <= 4 || !line.startsWith("GET ") || !line.endsWith(" HTTP/1.1")) {
    return null;
  }
  for (let index = 4; index < end; index++) {
    const code = line.charCodeAt(index);
    if (code <= 0x20 || code >= 0x7f) return null;
  }
  return line.slice(4, end);
}
