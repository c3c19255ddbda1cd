/**
 * The server's side of the opening handshake (RFC 6455, section 4.2): what a
 * client's request must be like, and the key that accepts it. Nothing here does
 * I/O; `upgrade/` brings the request and sends what comes out.
 *
 * The parts of it are in files of their own: `extension_header.ts`,
 * `subprotocol.ts`, `origin.ts` and `response.ts`.
 */

import { type ExtensionOffer, parseExtensions } from "./extension_header.ts";
import { HandshakeError, type HeaderEntry } from "./response.ts";
import {
  equalsIgnoringCase,
  isHost,
  listContains,
  quote,
  trimWhitespace,
} from "./header_syntax.ts";
import { parseProtocols } from "./subprotocol.ts";

/** The head of an HTTP request, as `node:http` gives it. */
export interface HandshakeRequest {
  /** The method, such as `GET`. Methods are case-sensitive. */
  readonly method: string;
  /** The request target as on the wire: a path with a query, or a whole URL. */
  readonly target: string;
  /** The version without its `HTTP/`, such as `1.1`. */
  readonly httpVersion: string;
  /**
   * Names and values of the headers in turn, in the order and case they had on
   * the wire, so that duplicates can be seen: `rawHeaders` of `node:http`.
   */
  readonly rawHeaders: readonly string[];
}

/** What a valid handshake request asks for. */
export interface HandshakeOffer {
  /**
   * The host that the client meant, with a port unless it is the default one.
   * `new URL()` accepts it as a host.
   */
  readonly host: string;
  /** The value of `Sec-WebSocket-Key`, for `acceptValue()`. */
  readonly key: string;
  /** The value of `Origin`, unchecked; `null` without that header. */
  readonly origin: string | null;
  /** The subprotocols offered, most preferred first; often none. */
  readonly protocols: readonly string[];
  /** The extensions offered, most preferred first; often none. */
  readonly extensions: readonly ExtensionOffer[];
}

/**
 * Checks a client's opening handshake (RFC 6455, section 4.2.1), in this order:
 *
 * | what | otherwise |
 * | --- | --- |
 * | the method is GET | 405, `Allow: GET` |
 * | HTTP/1.1 or higher | 400 |
 * | no header twice that may come once | 400 |
 * | no body | 400 |
 * | a valid `Host`, and a target that is a path or an http(s), ws(s) URL | 400 |
 * | `Upgrade` lists `websocket` | 426, `Upgrade: websocket` |
 * | `Connection` lists `upgrade` | 400: `Upgrade` is there, so a proxy did this |
 * | `Sec-WebSocket-Version` is 13 | 426, `Sec-WebSocket-Version: 13` |
 * | `Sec-WebSocket-Key` is 16 bytes in canonical base64 | 400 |
 * | `Sec-WebSocket-Protocol`, if there, is a list of distinct tokens | 400 |
 * | `Sec-WebSocket-Extensions`, if there, keeps to its grammar | 400 |
 *
 * A list may come in several header lines. Who may connect is not checked here:
 * see `isOriginAllowed()`.
 *
 * @param request The request's head.
 * @returns What the client asks for.
 * @throws {HandshakeError} If the request is no valid handshake.
 *
 * @example
 * ```ts
 * import { checkHandshakeRequest } from "./request.ts";
 *
 * const offer = checkHandshakeRequest({
 *   method: "GET",
 *   target: "/chat",
 *   httpVersion: "1.1",
 *   // deno-fmt-ignore
 *   rawHeaders: [
 *     "Host", "server.example.com",
 *     "Upgrade", "websocket",
 *     "Connection", "Upgrade",
 *     "Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ==",
 *     "Sec-WebSocket-Version", "13",
 *     "Sec-WebSocket-Protocol", "chat, superchat",
 *   ],
 * });
 * console.log(offer.host, offer.protocols); // server.example.com ["chat", "superchat"]
 * ```
 */
export function checkHandshakeRequest(
  request: HandshakeRequest,
): HandshakeOffer {
  if (request.method !== "GET") {
    throw new HandshakeError(
      405,
      `The method is ${quote(request.method)}: a WebSocket is opened with GET.`,
      [["Allow", "GET"]],
    );
  }
  checkHTTPVersion(request.httpVersion);
  const headers = readHeaders(request.rawHeaders);
  checkNoBody(headers);
  const host = findHost(request.target, headers.host);
  checkUpgrade(headers);
  checkVersion(headers.version);
  return {
    host,
    key: checkKey(headers.key),
    origin: headers.origin,
    protocols: headers.protocols === null
      ? none
      : parseList(parseProtocols, headers.protocols),
    extensions: headers.extensions === null
      ? none
      : parseList(parseExtensions, headers.extensions),
  };
}

/** No offers: the same for all connections, which keep what was offered. */
const none: readonly never[] = [];

/**
 * The identifier that turns a `Sec-WebSocket-Key` into a
 * `Sec-WebSocket-Accept` (RFC 6455, section 1.3).
 */
export const webSocketGuid = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

/**
 * Computes the value of `Sec-WebSocket-Accept`, which proves to a client that
 * the server understood its handshake (RFC 6455, section 4.2.2).
 *
 * @param key The value of `Sec-WebSocket-Key`.
 * @param sha1 Computes the SHA-1 digest of an ASCII text, in base64.
 *
 * @example
 * ```ts
 * import { createHash } from "node:crypto";
 * import { acceptValue } from "./request.ts";
 *
 * console.log(acceptValue(
 *   "dGhlIHNhbXBsZSBub25jZQ==",
 *   (text) => createHash("sha1").update(text).digest("base64"),
 * )); // s3pPLMBiTxaQ9kYGzzhZRbK+xOo=
 * ```
 */
export function acceptValue(
  key: string,
  sha1: (text: string) => string,
): string {
  return sha1(key + webSocketGuid);
}

/** The headers that a handshake is about; `null` for one that is not there. */
interface HandshakeHeaders {
  host: string | null;
  origin: string | null;
  key: string | null;
  version: string | null;
  upgrade: string | null;
  connection: string | null;
  protocols: string | null;
  extensions: string | null;
  contentLength: string | null;
  transferEncoding: string | null;
}

function readHeaders(rawHeaders: readonly string[]): HandshakeHeaders {
  const headers: HandshakeHeaders = {
    host: null,
    origin: null,
    key: null,
    version: null,
    upgrade: null,
    connection: null,
    protocols: null,
    extensions: null,
    contentLength: null,
    transferEncoding: null,
  };
  for (let index = 0; index + 1 < rawHeaders.length; index += 2) {
    const name = rawHeaders[index];
    const value = rawHeaders[index + 1];
    // The length alone rules out most headers, without a lower-cased copy.
    switch (name.length) {
      case 4:
        if (equalsIgnoringCase(name, "host")) {
          headers.host = takeOnce(headers.host, name, value);
        }
        break;
      case 6:
        if (equalsIgnoringCase(name, "origin")) {
          headers.origin = takeOnce(headers.origin, name, value);
        }
        break;
      case 7:
        if (equalsIgnoringCase(name, "upgrade")) {
          headers.upgrade = join(headers.upgrade, value);
        }
        break;
      case 10:
        if (equalsIgnoringCase(name, "connection")) {
          headers.connection = join(headers.connection, value);
        }
        break;
      case 14:
        if (equalsIgnoringCase(name, "content-length")) {
          headers.contentLength = join(headers.contentLength, value);
        }
        break;
      case 17:
        if (equalsIgnoringCase(name, "sec-websocket-key")) {
          headers.key = takeOnce(headers.key, name, value);
        } else if (equalsIgnoringCase(name, "transfer-encoding")) {
          headers.transferEncoding = join(headers.transferEncoding, value);
        }
        break;
      case 21:
        if (equalsIgnoringCase(name, "sec-websocket-version")) {
          headers.version = takeOnce(headers.version, name, value);
        }
        break;
      case 22:
        if (equalsIgnoringCase(name, "sec-websocket-protocol")) {
          headers.protocols = join(headers.protocols, value);
        }
        break;
      case 24:
        if (equalsIgnoringCase(name, "sec-websocket-extensions")) {
          headers.extensions = join(headers.extensions, value);
        }
        break;
    }
  }
  return headers;
}

function takeOnce(
  earlier: string | null,
  name: string,
  value: string,
): string {
  if (earlier === null) return trimWhitespace(value);
  throw new HandshakeError(
    400,
    `The header ${name} occurs more than once, first with ${quote(earlier)}, ` +
      `then with ${quote(value)}: send it once.`,
  );
}

function join(earlier: string | null, value: string): string {
  return earlier === null ? trimWhitespace(value) : `${earlier}, ${value}`;
}

function checkHTTPVersion(version: string): void {
  if (version === "1.1") return;
  // One digit each (RFC 7230, section 2.6); HTTP/2 and later have no Upgrade,
  // which is found missing below.
  if (/^(?:1\.[1-9]|[2-9]\.[0-9])$/.test(version)) return;
  throw new HandshakeError(
    400,
    `The HTTP version is ${quote(version)}: a WebSocket needs HTTP/1.1.`,
  );
}

function checkNoBody(headers: HandshakeHeaders): void {
  const { contentLength, transferEncoding } = headers;
  if (
    transferEncoding === null &&
    (contentLength === null || /^0+$/.test(contentLength))
  ) return;
  throw new HandshakeError(
    400,
    (transferEncoding === null
      ? `Content-Length is ${quote(contentLength ?? "")}`
      : `Transfer-Encoding is ${quote(transferEncoding)}`) +
      ": a request that opens a WebSocket has no body.",
  );
}

/**
 * The host that the client meant, as in {@linkcode HandshakeOffer}.
 *
 * @param request One that was found valid.
 */
export function hostOf(request: HandshakeRequest): string {
  return findHost(request.target, readHeaders(request.rawHeaders).host);
}

/** RFC 7230, section 5.4: the host in a whole URL precedes the header. */
function findHost(target: string, host: string | null): string {
  if (host === null || !isHost(host)) {
    throw new HandshakeError(
      400,
      (host === null
        ? "The header Host is missing"
        : `The header Host is ${quote(host)}`) +
        ': send the host and port of the URL, such as "example.com:8080".',
    );
  }
  if (!target.includes("#")) {
    if (target.startsWith("/")) return host;
    if (/^(?:https?|wss?):\/\//i.test(target) && URL.canParse(target)) {
      const { host, username, password } = new URL(target);
      if (username === "" && password === "") return host;
    }
  }
  throw new HandshakeError(
    400,
    `The request target is ${quote(target)}: send a path that starts with ` +
      '"/", or a whole URL, without a fragment.',
  );
}

const upgradeHeaders: readonly HeaderEntry[] = [
  ["Upgrade", "websocket"],
  ["Connection", "Upgrade"],
];

function checkUpgrade({ upgrade, connection }: HandshakeHeaders): void {
  if (upgrade === null || !listContains(upgrade, "websocket")) {
    throw new HandshakeError(
      426,
      (upgrade === null
        ? "The header Upgrade is missing"
        : `The header Upgrade is ${quote(upgrade)}`) +
        ': this address speaks WebSocket, send "Upgrade: websocket". A proxy ' +
        "in between must be set up to pass it on.",
      upgradeHeaders,
    );
  }
  if (connection === null || !listContains(connection, "upgrade")) {
    throw new HandshakeError(
      400,
      (connection === null
        ? "The header Connection is missing"
        : `The header Connection is ${quote(connection)}`) +
        ': send "Connection: Upgrade". A proxy in between must be set up to ' +
        "pass it on.",
    );
  }
}

function checkVersion(version: string | null): void {
  if (version === "13") return;
  throw new HandshakeError(
    426,
    (version === null
      ? "The header Sec-WebSocket-Version is missing"
      : `The header Sec-WebSocket-Version is ${quote(version)}`) +
      ": this server speaks version 13 (RFC 6455).",
    [...upgradeHeaders, ["Sec-WebSocket-Version", "13"]],
  );
}

/** 22 characters of base64, of which the last has four unused bits, and "==". */
function checkKey(key: string | null): string {
  if (key !== null && key.length === 24 && key.endsWith("==")) {
    let index = 0;
    while (index < 21 && isBase64(key.charCodeAt(index))) index++;
    if (index === 21 && "AQgw".includes(key[21])) return key;
  }
  throw new HandshakeError(
    400,
    (key === null
      ? "The header Sec-WebSocket-Key is missing"
      : `The header Sec-WebSocket-Key is ${quote(key)}`) +
      ": send 16 random bytes in base64, which are 24 characters of which the " +
      'last two are "==".',
  );
}

function isBase64(code: number): boolean {
  return (code >= 0x61 && code <= 0x7a) || (code >= 0x41 && code <= 0x5a) ||
    (code >= 0x30 && code <= 0x39) || code === 0x2b || code === 0x2f;
}

function parseList<Element>(
  parse: (header: string) => Element[],
  header: string,
): Element[] {
  try {
    return parse(header);
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    throw new HandshakeError(400, error.message + ".", [], { cause: error });
  }
}
