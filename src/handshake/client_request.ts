/**
 * The client's side of the opening handshake: the request that it sends (RFC
 * 6455, section 4.1).
 */

import type { ClientTarget } from "./client_url.ts";
import {
  checkAddedHeaders,
  checkHeader,
  type HeaderEntry,
  leaveOut,
} from "./header.ts";
import { equalsIgnoringCase, isHost, quote } from "./header_syntax.ts";

/** What goes into the request of a client. */
export interface ClientRequest {
  /** Where it goes. */
  readonly target: ClientTarget;
  /** The value of `Sec-WebSocket-Key`, of {@linkcode createHandshakeKey}. */
  readonly key: string;
  /** The subprotocols that are offered, the preferred one first. */
  readonly protocols: readonly string[];
  /** The value of `Sec-WebSocket-Extensions`, or `""` for none. */
  readonly extensions: string;
  /** Further headers, which {@linkcode checkRequestHeaders} has seen. */
  readonly headers: readonly HeaderEntry[];
}

/** Makes the value of `Sec-WebSocket-Key`: 16 random bytes in base64. */
export function createHandshakeKey(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return btoa(String.fromCharCode(...bytes));
}

/**
 * All headers of the request, in order. Those that the program gave come last,
 * except that its `Host` and its `Authorization` stand for the URL's.
 */
export function clientRequestHeaders(request: ClientRequest): HeaderEntry[] {
  const { target, protocols, extensions, headers } = request;
  const own = (name: string): boolean =>
    headers.some(([given]) => equalsIgnoringCase(given, name));
  const entries: HeaderEntry[] = [];
  if (!own("host")) entries.push(["Host", target.host]);
  entries.push(
    ["Upgrade", "websocket"],
    ["Connection", "Upgrade"],
    ["Sec-WebSocket-Key", request.key],
    ["Sec-WebSocket-Version", "13"],
  );
  if (protocols.length > 0) {
    entries.push(["Sec-WebSocket-Protocol", protocols.join(", ")]);
  }
  if (extensions !== "") {
    entries.push(["Sec-WebSocket-Extensions", extensions]);
  }
  if (target.authorization !== null && !own("authorization")) {
    entries.push(["Authorization", target.authorization]);
  }
  return [...entries, ...headers];
}

/**
 * Formats the request, up to and with the empty line. To be written as
 * `"latin1"`, as the head of a response is.
 *
 * @throws {TypeError} If a header cannot be sent.
 *
 * @example
 * ```ts
 * import { createHandshakeKey, formatClientRequest } from "./client_request.ts";
 * import { parseClientUrl } from "./client_url.ts";
 *
 * console.log(formatClientRequest({
 *   target: parseClientUrl("ws://example.com/chat"),
 *   key: createHandshakeKey(),
 *   protocols: [],
 *   extensions: "",
 *   headers: [["Cookie", "session=1"]],
 * }));
 * ```
 */
export function formatClientRequest(request: ClientRequest): string {
  let head = `GET ${request.target.path} HTTP/1.1\r\n`;
  for (const [name, value] of clientRequestHeaders(request)) {
    checkHeader(name, value);
    head += `${name}: ${value}\r\n`;
  }
  return head + "\r\n";
}

/**
 * Checks the headers that a program adds to the request, such as `Cookie`: each
 * can be sent, and none is one that the handshake itself sets.
 *
 * @param headers Names and values.
 * @throws {TypeError} If a name is not a token, if a value has a line break or
 * another character that would end or split the request, if `Host` is no host,
 * or if a header is reserved: `Upgrade`, `Connection`, `Content-Length`,
 * `Transfer-Encoding`, `Trailer`, `TE`, `Expect` and all that begin with
 * `Sec-WebSocket-`. The message says what to do instead.
 */
export function checkRequestHeaders(headers: Iterable<HeaderEntry>): void {
  const entries = [...headers];
  checkAddedHeaders(entries, "request", reservedHeaders);
  for (const [name, value] of entries) {
    if (equalsIgnoringCase(name, "host") && !isHost(value)) {
      throw new TypeError(
        `The request header Host has the value ${quote(value)}: it must be a ` +
          "host with an optional port",
      );
    }
  }
}

const noBody = "leave it out, the request has no body";

const reservedHeaders: ReadonlyMap<string, string> = new Map([
  ["upgrade", leaveOut],
  ["connection", leaveOut],
  ["content-length", noBody],
  ["transfer-encoding", noBody],
  ["trailer", noBody],
  ["te", noBody],
  ["expect", noBody],
  ["sec-websocket-protocol", "offer subprotocols with the option protocols"],
  ["sec-websocket-extensions", "set up compression with the option deflate"],
]);
