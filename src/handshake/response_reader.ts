/**
 * An HTTP/1.1 response out of bytes (RFC 7230, section 3), as far as a client
 * needs it that hopes for a 101.
 */

import { WebSocketError } from "../error.ts";
import { joinBytes } from "../codec/byte_buffer.ts";
import { latin1, parseHeaderLine } from "./head_lines.ts";
import { ResponseBody } from "./response_body.ts";
import type { HeaderEntry } from "./header.ts";
import { isFieldContent } from "./header.ts";
import { quote } from "./header_syntax.ts";

/** The head of a response. */
export interface ResponseHead {
  /** The version without its `HTTP/`, such as `1.1`. */
  readonly httpVersion: string;
  /** The status, 100 to 999. */
  readonly status: number;
  /** The reason phrase; often empty. */
  readonly statusText: string;
  /** The headers in order, in the case in which they came. */
  readonly headers: readonly HeaderEntry[];
}

/** A response, and what came behind it. */
export interface ReceivedResponse {
  /** Its head. */
  readonly head: ResponseHead;
  /** The first part of its body; a 101 has none. */
  readonly body: Uint8Array<ArrayBuffer>;
  /** Behind a 101, the first bytes of the connection. */
  readonly rest: Uint8Array<ArrayBuffer>;
}

/** The most bytes that the heads of all responses together may have: 16 KiB. */
export const maxResponseHead: number = 16 * 1024;

const none = new Uint8Array(0);

/**
 * Takes the bytes of a connection until a response is there. Interim responses
 * (1xx, but not 101) are passed over.
 *
 * @example
 * ```ts
 * import { ResponseReader } from "./response_reader.ts";
 *
 * const reader = new ResponseReader();
 * const bytes = new TextEncoder().encode("HTTP/1.1 101 OK\r\nA: b\r\n\r\nmore");
 * const response = reader.push(bytes)!;
 * console.log(response.head.status, response.rest.length); // 101 4
 * ```
 */
export class ResponseReader {
  #pending: Uint8Array<ArrayBuffer> = none;
  /** Where the search for the end of the head goes on. */
  #searched = 0;
  /** How many bytes of interim responses were passed over. */
  #passed = 0;
  #head: ResponseHead | null = null;
  #body: ResponseBody | null = null;

  /** The head, once it is there. */
  get head(): ResponseHead | null {
    return this.#head;
  }

  /**
   * Takes bytes.
   *
   * @returns The response if it is complete, or as much of its body is there as
   * anybody wants to know.
   * @throws {WebSocketError} If this is no HTTP/1.1 response, or its head is
   * longer than {@linkcode maxResponseHead}.
   */
  push(chunk: Uint8Array): ReceivedResponse | null {
    if (this.#body !== null) {
      return this.#body.push(chunk) ? this.finish() : null;
    }
    this.#pending = joinBytes([this.#pending, chunk]);
    checkBeginning(this.#pending);
    while (true) {
      const end = this.#findEnd();
      if (end === null) return null;
      const head = parseHead(this.#pending.subarray(0, end));
      const rest = this.#pending.slice(end);
      if (head.status === 101) return { head, body: none, rest };
      if (head.status >= 200) {
        this.#head = head;
        this.#pending = none;
        this.#body = new ResponseBody(head.status, head.headers);
        return this.#body.push(rest) ? this.finish() : null;
      }
      this.#passed += end;
      this.#pending = rest;
      this.#searched = 0;
      checkBeginning(rest);
    }
  }

  /**
   * No more bytes come, or nobody wants to wait for them.
   *
   * @returns The response as far as it goes.
   * @throws {WebSocketError} If its head is not complete.
   */
  finish(): ReceivedResponse {
    if (this.#head === null || this.#body === null) {
      throw new WebSocketError(
        "The server ended the connection " +
          (this.#pending.length === 0
            ? "without an answer to the handshake"
            : "in the middle of its answer to the handshake: " +
              quote(latin1(this.#pending))),
      );
    }
    return { head: this.#head, body: this.#body.bytes, rest: none };
  }

  /** The index behind the empty line. */
  #findEnd(): number | null {
    const bytes = this.#pending;
    const limit = maxResponseHead - this.#passed;
    for (
      let index = bytes.indexOf(0x0d, this.#searched);
      index !== -1 && index + 3 < bytes.length && index + 4 <= limit;
      index = bytes.indexOf(0x0d, index + 1)
    ) {
      if (
        bytes[index + 1] === 0x0a && bytes[index + 2] === 0x0d &&
        bytes[index + 3] === 0x0a
      ) return index + 4;
    }
    if (bytes.length >= limit) {
      throw new WebSocketError(
        "The head of the server's answer to the handshake has more than " +
          `${maxResponseHead} bytes`,
      );
    }
    this.#searched = Math.max(0, bytes.length - 3);
    return null;
  }
}

/** What speaks something else is found out at its first bytes. */
function checkBeginning(bytes: Uint8Array): void {
  const expected = "HTTP/1.";
  const length = Math.min(bytes.length, expected.length);
  for (let index = 0; index < length; index++) {
    if (bytes[index] === expected.charCodeAt(index)) continue;
    throw new WebSocketError(
      "The server does not answer in HTTP/1.1, but with " +
        `${quote(latin1(bytes.subarray(0, 100)))}: is this the right port, ` +
        "and ws: or wss: as it should be?",
    );
  }
}

function parseHead(bytes: Uint8Array): ResponseHead {
  const lines = latin1(bytes).slice(0, -4).split("\r\n");
  const [, httpVersion, status, statusText = ""] =
    /^HTTP\/(1\.\d) ([1-9]\d\d)(?: ([^\r\n]*))?$/.exec(lines[0]) ?? [];
  if (status === undefined || !isFieldContent(statusText)) {
    throw malformed("the status line", lines[0]);
  }
  return {
    httpVersion,
    status: Number(status),
    statusText,
    headers: lines.slice(1).map(parseLine),
  };
}

function parseLine(line: string): HeaderEntry {
  const header = parseHeaderLine(line);
  if (header === null) throw malformed("the header line", line);
  return header;
}

function malformed(what: string, line: string): WebSocketError {
  return new WebSocketError(
    `The server's answer to the handshake is not valid HTTP/1.1: ${what} is ` +
      quote(line),
  );
}
