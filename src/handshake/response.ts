/**
 * What the server answers to an opening handshake: the head of a raw HTTP/1.1
 * response, and refusals (RFC 6455, section 4.2.2; RFC 7230, section 3).
 */

import {
  checkAddedHeaders,
  checkHeader,
  type HeaderEntry,
  isFieldContent,
  leaveOut,
} from "./header.ts";
import { quote } from "./header_syntax.ts";

export type { HeaderEntry } from "./header.ts";

/**
 * An opening handshake that is refused with an HTTP response. The message says
 * why and becomes the response's body, so it must hold nothing secret.
 */
export class HandshakeError extends Error {
  /** The error's name, `"HandshakeError"`. */
  override readonly name = "HandshakeError";

  /** The HTTP status of the refusal, 400 to 599. */
  readonly status: number;

  /** Headers that the refusal must carry, such as `Allow` with a 405. */
  readonly headers: readonly HeaderEntry[];

  /**
   * Makes a refusal.
   *
   * @param status The HTTP status of the refusal, 400 to 599.
   * @param message Why the handshake is refused and what to do, for the person
   * who reads the client's log.
   * @param headers Further headers of the response. Not those that follow from
   * the body: `Content-Length`, `Content-Type`, `Transfer-Encoding`.
   * @param options The error behind this one, as `cause`.
   * @throws {RangeError} If the status is no integer from 400 to 599.
   * @throws {TypeError} If a header cannot be sent, or is not plain ASCII: the
   * response as a whole is UTF-8, because of its body.
   */
  constructor(
    status: number,
    message: string,
    headers: readonly HeaderEntry[] = [],
    options?: ErrorOptions,
  ) {
    super(message, options);
    if (!(Number.isInteger(status) && status >= 400 && status <= 599)) {
      throw new RangeError(
        `A refusal's status is ${status}: use an integer from 400 to 599`,
      );
    }
    for (const [name, value] of headers) {
      checkHeader(name, value);
      if (!isASCII(value)) {
        throw new TypeError(
          `The refusal's header ${name} has the value ${quote(value)}: ` +
            "it must be plain ASCII",
        );
      }
      if (bodyHeaders.includes(name.toLowerCase())) {
        throw new TypeError(
          `A refusal's headers must not contain ${quote(name)}: it follows ` +
            "from the message",
        );
      }
    }
    this.status = status;
    this.headers = [...headers];
  }
}

const bodyHeaders: readonly string[] = [
  "content-length",
  "content-type",
  "transfer-encoding",
];

/**
 * Formats the head of a raw HTTP/1.1 response, up to and with the empty line.
 *
 * The characters U+0080 to U+00FF in a value stand for one byte each, as in a
 * `Headers` object: write the result as `"latin1"` where there may be any. For
 * other heads the encoding makes no difference.
 *
 * @param status The status, 100 to 599.
 * @param headers Names and values in the order they are written: an array, a
 * `Headers`, a `Map`.
 * @param statusText The reason phrase. Default: the usual one, empty for a
 * status that has none.
 * @throws {RangeError} If the status is no integer from 100 to 599.
 * @throws {TypeError} If a name is not a token, or if a value or the status
 * text has a line break or another character that would end or split the
 * response.
 *
 * @example
 * ```ts
 * import { formatResponseHead } from "./response.ts";
 *
 * console.log(formatResponseHead(101, [
 *   ["Upgrade", "websocket"],
 *   ["Connection", "Upgrade"],
 *   ["Sec-WebSocket-Accept", "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="],
 * ]));
 * ```
 */
export function formatResponseHead(
  status: number,
  headers: Iterable<HeaderEntry>,
  statusText?: string,
): string {
  return formatStatusLine(status, statusText) + formatHeaders(headers) + "\r\n";
}

/** Formats the first line of {@linkcode formatResponseHead}. */
export function formatStatusLine(
  status: number,
  statusText: string = statusTexts.get(status) ?? "",
): string {
  if (!(Number.isInteger(status) && status >= 100 && status <= 599)) {
    throw new RangeError(
      `A response's status is ${status}: use an integer from 100 to 599`,
    );
  }
  if (!isFieldContent(statusText)) {
    throw new TypeError(
      `A response's status text is ${quote(statusText)}: it must have no ` +
        "line break or control character, and none above U+00FF",
    );
  }
  return `HTTP/1.1 ${status} ${statusText}\r\n`;
}

/** Formats the lines of headers; see {@linkcode formatResponseHead}. */
export function formatHeaders(headers: Iterable<HeaderEntry>): string {
  let lines = "";
  for (const [name, value] of headers) {
    checkHeader(name, value);
    lines += `${name}: ${value}\r\n`;
  }
  return lines;
}

/**
 * Formats a refusal as a complete HTTP/1.1 response, after which the connection
 * is to be closed. The body is the error's message as plain text, which a
 * browser must not take for HTML even where the message quotes the request.
 *
 * @param error The refusal.
 * @param date The response's `Date`. Default: now.
 * @returns The response, to be written as UTF-8.
 *
 * @example
 * ```ts
 * import { formatRefusal, HandshakeError } from "./response.ts";
 *
 * console.log(formatRefusal(new HandshakeError(403, "Members only.")));
 * ```
 */
export function formatRefusal(
  error: HandshakeError,
  date: Date = new Date(),
): string {
  const bytes = new TextEncoder().encode(error.message + "\n");
  // Back from the bytes that Content-Length counts: a lone surrogate has
  // become U+FFFD.
  const body = new TextDecoder("utf-8", { ignoreBOM: true }).decode(bytes);
  const connection = error.headers
    .filter(([name]) => name.toLowerCase() === "connection")
    .map(([, value]) => value);
  const others = error.headers
    .filter(([name]) => name.toLowerCase() !== "connection");
  const head = formatResponseHead(error.status, [
    ["Date", date.toUTCString()],
    ["Connection", [...connection, "close"].join(", ")],
    ["Content-Type", "text/plain; charset=utf-8"],
    ["Content-Length", String(bytes.byteLength)],
    ["X-Content-Type-Options", "nosniff"],
    ...others,
  ]);
  return head + body;
}

/**
 * Checks the headers that a program adds to the response that accepts a
 * handshake, such as `Set-Cookie`: each can be sent, and none is one that the
 * handshake itself sets.
 *
 * @param headers Names and values: an array, a `Headers`, a `Map`.
 * @throws {TypeError} If a name is not a token, if a value has a line break or
 * another character that would end or split the response, or if a header is
 * reserved: `Upgrade`, `Connection`, `Content-Length`, `Transfer-Encoding` and
 * all that begin with `Sec-WebSocket-`. The message says what to do instead.
 *
 * @example
 * ```ts
 * import { checkResponseHeaders } from "./response.ts";
 *
 * checkResponseHeaders(new Headers({ "Set-Cookie": "seen=1; HttpOnly" }));
 * ```
 */
export function checkResponseHeaders(headers: Iterable<HeaderEntry>): void {
  checkAddedHeaders(headers, "response", reservedHeaders);
}

const noBody =
  "leave it out, a response that accepts a WebSocket has no body (to refuse, " +
  "return a Response)";

const reservedHeaders: ReadonlyMap<string, string> = new Map([
  ["upgrade", leaveOut],
  ["connection", leaveOut],
  ["content-length", noBody],
  ["transfer-encoding", noBody],
  ["sec-websocket-protocol", "choose a subprotocol with protocol"],
  ["sec-websocket-extensions", "set up compression with the option deflate"],
]);

function isASCII(text: string): boolean {
  for (let index = 0; index < text.length; index++) {
    if (text.charCodeAt(index) > 0x7f) return false;
  }
  return true;
}

/** The reason phrases of the statuses that answer a handshake. */
const statusTexts: ReadonlyMap<number, string> = new Map([
  [101, "Switching Protocols"],
  [200, "OK"],
  [204, "No Content"],
  [301, "Moved Permanently"],
  [302, "Found"],
  [303, "See Other"],
  [307, "Temporary Redirect"],
  [308, "Permanent Redirect"],
  [400, "Bad Request"],
  [401, "Unauthorized"],
  [402, "Payment Required"],
  [403, "Forbidden"],
  [404, "Not Found"],
  [405, "Method Not Allowed"],
  [406, "Not Acceptable"],
  [408, "Request Timeout"],
  [409, "Conflict"],
  [410, "Gone"],
  [413, "Content Too Large"],
  [414, "URI Too Long"],
  [421, "Misdirected Request"],
  [426, "Upgrade Required"],
  [429, "Too Many Requests"],
  [431, "Request Header Fields Too Large"],
  [451, "Unavailable For Legal Reasons"],
  [500, "Internal Server Error"],
  [501, "Not Implemented"],
  [502, "Bad Gateway"],
  [503, "Service Unavailable"],
  [504, "Gateway Timeout"],
  [505, "HTTP Version Not Supported"],
]);
