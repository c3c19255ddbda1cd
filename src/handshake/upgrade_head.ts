/**
 * The head of a request to upgrade, straight from a connection's first bytes
 * (RFC 9112, section 3).
 */

import { latin1, parseHeaderLine } from "./head_lines.ts";
import { listContains } from "./header_syntax.ts";
import type { HandshakeRequest } from "./request.ts";

/** How long a head may be, as with `node:http`. */
const maxHeadLength = 16 * 1024;

/** A request's head, and where it ends. */
export interface UpgradeHead {
  /** The head. */
  readonly request: HandshakeRequest;
  /** How many bytes it has, with the empty line behind it. */
  readonly length: number;
}

/**
 * Reads the head of a request to upgrade to a WebSocket.
 *
 * @param bytes The first bytes of a connection.
 * @returns `"incomplete"` if more of a head has to come; `"other"` if it is no
 * such request, or unusual in any way: then an HTTP server has to answer it.
 */
export function readUpgradeHead(
  bytes: Uint8Array,
): UpgradeHead | "incomplete" | "other" {
  // The name of a method begins with a capital letter.
  if (bytes[0] < 0x41 || bytes[0] > 0x5a) return "other";
  const end = findEnd(bytes);
  if (end === -1) return bytes.length < maxHeadLength ? "incomplete" : "other";
  const lines = latin1(bytes.subarray(0, end)).split("\r\n");
  const target = parseRequestLine(lines[0]);
  if (target === null) return "other";
  const rawHeaders: string[] = [];
  let upgrade = false;
  for (let index = 1; index < lines.length; index++) {
    const header = parseHeaderLine(lines[index]);
    if (header === null) return "other";
    const [name, value] = header;
    rawHeaders.push(name, value);
    if (name.length === 7 && name.toLowerCase() === "upgrade") {
      upgrade ||= listContains(value, "websocket");
    }
  }
  if (!upgrade) return "other";
  return {
    request: { method: "GET", target, httpVersion: "1.1", rawHeaders },
    length: end + 4,
  };
}

/** Where the line break before the empty line begins; -1 if there is none. */
function findEnd(bytes: Uint8Array): number {
  const limit = Math.min(bytes.length, maxHeadLength) - 3;
  let index = bytes.indexOf(0x0d);
  while (index !== -1 && index < limit) {
    if (
      bytes[index + 1] === 0x0a && bytes[index + 2] === 0x0d &&
      bytes[index + 3] === 0x0a
    ) return index;
    index = bytes.indexOf(0x0d, index + 1);
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
