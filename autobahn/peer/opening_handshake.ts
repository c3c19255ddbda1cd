/**
 * The opening handshake (RFC 6455, section 4) of the fuzzing peer, as a client
 * and as a server: heads written, parsed and checked.
 */
import { createHash, randomBytes } from "node:crypto";

const lineEnd = "\r\n";

/** An HTTP head: its first line and its fields. */
export interface Head {
  firstLine: string;
  /** Values by lower-case name. Fields of one name are joined by `", "`. */
  fields: Map<string, string>;
  /** How often each name occurs. */
  occurrences: Map<string, number>;
}

/** A handshake that cannot go on. The message says why. */
export class HandshakeError extends Error {
  override name = "HandshakeError";
  /** The HTTP status that a server answers with. */
  readonly status: number;

  constructor(message: string, status = 400) {
    super(message);
    this.status = status;
  }
}

/** What the fuzzing client asks for. */
export interface RequestParameters {
  /** The `Host` field: host and port. */
  host: string;
  /** Path and query. */
  target: string;
  /** The `Sec-WebSocket-Key` field. */
  key: string;
  /** The `User-Agent` field. */
  userAgent: string;
  /** The `Origin` field, if there is to be one. */
  origin?: string;
  /** Subprotocols to offer. */
  protocols?: readonly string[];
  /** The `Sec-WebSocket-Extensions` field, or `null` for none. */
  extensions: string | null;
  /** More fields. */
  headers?: Readonly<Record<string, string>>;
}

/** What a client asked the fuzzing server for. */
export interface HandshakeRequest {
  /** The path, without the query. */
  path: string;
  /** The query. */
  parameters: URLSearchParams;
  /** All fields by lower-case name. */
  fields: Map<string, string>;
  /** The subprotocols offered. */
  protocols: string[];
  /** The `Sec-WebSocket-Extensions` field, or `null`. */
  extensions: string | null;
  /** The `Sec-WebSocket-Key` field. */
  key: string;
}

/** A new `Sec-WebSocket-Key`. */
export function createKey(): string {
  return randomBytes(16).toString("base64");
}

/** The `Sec-WebSocket-Accept` that answers `key`. */
export function acceptOf(key: string): string {
  return createHash("sha1")
    .update(key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11")
    .digest("base64");
}

/** The head of a request. */
export function writeRequest(request: RequestParameters): string {
  const lines = [
    `GET ${request.target} HTTP/1.1`,
    `User-Agent: ${request.userAgent}`,
    `Host: ${request.host}`,
    "Upgrade: WebSocket",
    "Connection: Upgrade",
    "Pragma: no-cache",
    "Cache-Control: no-cache",
  ];
  for (const [name, value] of Object.entries(request.headers ?? {})) {
    lines.push(`${name}: ${value}`);
  }
  lines.push(`Sec-WebSocket-Key: ${request.key}`);
  if (request.origin !== undefined) {
    lines.push(`Origin: ${request.origin}`);
  }
  if (request.protocols !== undefined && request.protocols.length > 0) {
    lines.push(`Sec-WebSocket-Protocol: ${request.protocols.join(",")}`);
  }
  if (request.extensions !== null) {
    lines.push(`Sec-WebSocket-Extensions: ${request.extensions}`);
  }
  lines.push("Sec-WebSocket-Version: 13");
  return lines.join(lineEnd) + lineEnd + lineEnd;
}

/** The head of a response that accepts. */
export function writeResponse(response: {
  key: string;
  server: string;
  protocol: string | null;
  extensions: string | null;
}): string {
  const lines = [
    "HTTP/1.1 101 Switching Protocols",
    `Server: ${response.server}`,
    "Upgrade: WebSocket",
    "Connection: Upgrade",
  ];
  if (response.protocol !== null) {
    lines.push(`Sec-WebSocket-Protocol: ${response.protocol}`);
  }
  lines.push(`Sec-WebSocket-Accept: ${acceptOf(response.key)}`);
  if (response.extensions !== null) {
    lines.push(`Sec-WebSocket-Extensions: ${response.extensions}`);
  }
  return lines.join(lineEnd) + lineEnd + lineEnd;
}

/** A whole response that refuses. */
export function writeRefusal(status: number, reason: string): string {
  const body = reason + "\n";
  const lines = [
    `HTTP/1.1 ${status} ${status === 426 ? "Upgrade Required" : "Refused"}`,
    "Content-Type: text/plain; charset=utf-8",
    `Content-Length: ${new TextEncoder().encode(body).length}`,
    "Connection: close",
  ];
  if (status === 426) {
    lines.push("Upgrade: websocket", "Sec-WebSocket-Version: 13");
  }
  return lines.join(lineEnd) + lineEnd + lineEnd + body;
}

/** Reads a head off its text. */
export function parseHead(text: string): Head {
  const [firstLine, ...lines] = text.split(lineEnd);
  const fields = new Map<string, string>();
  const occurrences = new Map<string, number>();
  for (const line of lines) {
    const colon = line.indexOf(":");
    if (colon < 0) {
      continue;
    }
    const name = line.slice(0, colon).trim().toLowerCase();
    const value = line.slice(colon + 1).trim();
    const before = fields.get(name);
    fields.set(name, before === undefined ? value : `${before}, ${value}`);
    occurrences.set(name, (occurrences.get(name) ?? 0) + 1);
  }
  return { firstLine, fields, occurrences };
}

/**
 * Checks a server's response.
 *
 * @throws {HandshakeError} If it does not accept, or not as it has to.
 */
export function checkResponse(
  head: Head,
  request: Pick<RequestParameters, "key" | "protocols">,
): void {
  const [version, status] = head.firstLine.split(/\s+/);
  if (version !== "HTTP/1.1") {
    throw new HandshakeError(
      `the response is not HTTP/1.1: "${head.firstLine}"`,
    );
  }
  if (status !== "101") {
    throw new HandshakeError(
      `the server refused the upgrade: "${head.firstLine}"`,
    );
  }
  checkUpgrade(head);
  const accept = single(head, "Sec-WebSocket-Accept");
  if (accept !== acceptOf(request.key)) {
    throw new HandshakeError(
      `Sec-WebSocket-Accept is "${accept}", not "${acceptOf(request.key)}"`,
    );
  }
  if ((head.occurrences.get("sec-websocket-extensions") ?? 0) > 1) {
    throw new HandshakeError("Sec-WebSocket-Extensions occurs more than once");
  }
  const protocol = head.fields.get("sec-websocket-protocol") ?? "";
  if (protocol !== "" && !(request.protocols ?? []).includes(protocol)) {
    throw new HandshakeError(
      `the subprotocol "${protocol}" was not offered`,
    );
  }
}

/**
 * Checks a client's request.
 *
 * @throws {HandshakeError} If it is not one for a WebSocket, or malformed.
 */
export function checkRequest(head: Head): HandshakeRequest {
  const words = head.firstLine.split(" ");
  if (words.length !== 3 || words[2] !== "HTTP/1.1") {
    throw new HandshakeError(
      `the request is not HTTP/1.1: "${head.firstLine}"`,
    );
  }
  if (words[0] !== "GET") {
    throw new HandshakeError(`the method is ${words[0]}, not GET`, 405);
  }
  single(head, "Host");
  if (!head.fields.has("upgrade")) {
    throw new HandshakeError("this is a WebSocket server", 426);
  }
  checkUpgrade(head);
  const version = single(head, "Sec-WebSocket-Version");
  if (version !== "13") {
    throw new HandshakeError(`Sec-WebSocket-Version is ${version}`, 426);
  }
  const key = single(head, "Sec-WebSocket-Key");
  if (!/^[A-Za-z0-9+/]{22}==$/.test(key)) {
    throw new HandshakeError(`Sec-WebSocket-Key is "${key}"`);
  }
  const url = URL.parse(words[1], "ws://fuzzing.invalid");
  if (url === null) {
    throw new HandshakeError(`the request target is "${words[1]}"`);
  }
  return {
    path: url.pathname,
    parameters: url.searchParams,
    fields: head.fields,
    protocols: list(head.fields.get("sec-websocket-protocol") ?? ""),
    extensions: head.fields.get("sec-websocket-extensions") ?? null,
    key,
  };
}

function checkUpgrade(head: Head): void {
  const upgrade = head.fields.get("upgrade") ?? "";
  if (!list(upgrade.toLowerCase()).includes("websocket")) {
    throw new HandshakeError(`Upgrade is "${upgrade}", not "websocket"`);
  }
  const connection = head.fields.get("connection") ?? "";
  if (!list(connection.toLowerCase()).includes("upgrade")) {
    throw new HandshakeError(
      `Connection is "${connection}", without "upgrade"`,
    );
  }
}

function single(head: Head, name: string): string {
  const occurrences = head.occurrences.get(name.toLowerCase()) ?? 0;
  if (occurrences !== 1) {
    throw new HandshakeError(
      occurrences === 0 ? `${name} is missing` : `${name} occurs repeatedly`,
    );
  }
  return head.fields.get(name.toLowerCase())!;
}

function list(value: string): string[] {
  return value.split(",").map((item) => item.trim()).filter((item) => item);
}
