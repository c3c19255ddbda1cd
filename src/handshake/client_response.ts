/**
 * The client's side of the opening handshake: whether the server's response
 * accepts it (RFC 6455, sections 4.1 and 4.2.2).
 */

import { WebSocketError } from "../error.ts";
import { type ExtensionOffer, parseExtensions } from "./extension_header.ts";
import {
  equalsIgnoringCase,
  listContains,
  quote,
  trimWhitespace,
} from "./header_syntax.ts";
import type { ReceivedResponse, ResponseHead } from "./response_reader.ts";

/** What the client asked for. */
export interface AskedFor {
  /** The value that `Sec-WebSocket-Accept` must have: see `acceptValue()`. */
  readonly accept: string;
  /** The subprotocols that were offered. */
  readonly protocols: readonly string[];
}

/** What a server that accepts has chosen. */
export interface ServerChoice {
  /** The subprotocol, or `""`. */
  readonly protocol: string;
  /** The value of `Sec-WebSocket-Extensions`, or `""`. */
  readonly extensions: string;
  /** The same, parsed. Whether they were offered is not checked here. */
  readonly agreed: readonly ExtensionOffer[];
}

/**
 * Checks a server's response:
 *
 * - the status is 101, of HTTP/1.1;
 * - `Upgrade` is `websocket`, `Connection` lists `upgrade`;
 * - `Sec-WebSocket-Accept` is there once and belongs to the key;
 * - `Sec-WebSocket-Protocol` is one of those that were offered, and is there if
 *   and only if there were any. That it must be there is the WHATWG
 *   WebSockets standard's rule, and not RFC 6455's;
 * - `Sec-WebSocket-Extensions`, if there, keeps to its grammar.
 *
 * @throws {WebSocketError} If the response does not accept the handshake. For a
 * status other than 101, the message has the first part of the response's body,
 * and its `cause` is the response.
 */
export function checkHandshakeResponse(
  response: ReceivedResponse,
  { accept, protocols }: AskedFor,
): ServerChoice {
  const { head } = response;
  if (head.status !== 101) throw notAccepted(response);
  if (head.httpVersion !== "1.1") {
    throw refusal(`it is of HTTP/${head.httpVersion} where 1.1 is needed`);
  }
  const upgrade = valueOf(head, "upgrade");
  if (upgrade === null || !equalsIgnoringCase(upgrade, "websocket")) {
    throw refusal(wrong("Upgrade", upgrade, '"websocket"'));
  }
  const connection = valueOf(head, "connection");
  if (connection === null || !listContains(connection, "upgrade")) {
    throw refusal(wrong("Connection", connection, '"Upgrade"'));
  }
  const accepted = valueOf(head, "sec-websocket-accept");
  if (accepted !== accept) {
    throw refusal(
      wrong("Sec-WebSocket-Accept", accepted, quote(accept)),
    );
  }
  const extensions = valueOf(head, "sec-websocket-extensions") ?? "";
  return {
    protocol: checkProtocol(
      valueOf(head, "sec-websocket-protocol"),
      protocols,
    ),
    extensions,
    agreed: extensions === "" ? [] : parse(extensions),
  };
}

/** The values of all lines of a header, joined by commas. */
function valueOf(head: ResponseHead, lowerCasedName: string): string | null {
  const values = head.headers
    .filter(([name]) => equalsIgnoringCase(name, lowerCasedName))
    .map(([, value]) => value);
  return values.length === 0 ? null : values.join(", ");
}

function checkProtocol(
  protocol: string | null,
  offered: readonly string[],
): string {
  if (protocol === null) {
    if (offered.length === 0) return "";
    throw refusal(
      `the subprotocols ${quote(offered.join(", "))} were offered and it ` +
        "chooses none",
    );
  }
  if (offered.includes(protocol)) return protocol;
  throw refusal(
    `the header Sec-WebSocket-Protocol is ${quote(protocol)} where ` +
      (offered.length === 0
        ? "no subprotocol was offered"
        : `one of ${quote(offered.join(", "))} was offered`),
  );
}

function parse(extensions: string): ExtensionOffer[] {
  try {
    return parseExtensions(extensions);
  } catch (error) {
    throw refusal((error as Error).message);
  }
}

/** How much of a response's body a message shows. */
const shownLength = 300;

function notAccepted({ head, body }: ReceivedResponse): WebSocketError {
  const text = trimWhitespace(new TextDecoder().decode(body).trim());
  const location = valueOf(head, "location");
  const error = new WebSocketError(
    `The server answered ${head.status}` +
      (head.statusText === "" ? "" : ` ${quote(head.statusText)}`) +
      " and did not open the WebSocket" +
      (location === null
        ? ""
        : ` (a redirection, which is not followed, to ${quote(location)})`) +
      (text === "" ? "" : `: ${quote(text, shownLength)}`),
  );
  return withCause(error, toResponse(head, body));
}

/** Gives an error a `cause`, which `DOMException` has no parameter for. */
export function withCause(
  error: WebSocketError,
  cause: unknown,
): WebSocketError {
  Object.defineProperty(error, "cause", {
    value: cause,
    configurable: true,
    writable: true,
  });
  return error;
}

function toResponse(
  head: ResponseHead,
  body: Uint8Array<ArrayBuffer>,
): Response | undefined {
  try {
    return new Response(body.length === 0 ? null : body, {
      status: head.status,
      statusText: head.statusText,
      headers: head.headers.map(([name, value]): [string, string] => [
        name,
        value,
      ]),
    });
  } catch {
    // A status such as 999 has none.
    return undefined;
  }
}

function wrong(name: string, value: string | null, expected: string): string {
  return value === null
    ? `the header ${name} is missing where ${expected} is expected`
    : `the header ${name} is ${quote(value)} where ${expected} is expected`;
}

function refusal(problem: string): WebSocketError {
  return new WebSocketError(
    `The server's response does not open a WebSocket: ${problem} ` +
      "(RFC 6455, section 4.1)",
  );
}
