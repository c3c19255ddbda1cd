/**
 * The URL of a WebSocket, as the client takes it: the WHATWG WebSockets
 * standard's rules for `new WebSocket(url)`, and RFC 6455, section 3.
 */

import { quote } from "./header_syntax.ts";

/** Where a client connects to, and what it asks for there. */
export interface ClientTarget {
  /** The URL as it was understood, without a user name and password. */
  readonly url: string;
  /** Whether TLS is spoken: the scheme is `wss:`. */
  readonly secure: boolean;
  /** A name, or an IP address without brackets. */
  readonly hostname: string;
  /** The port. */
  readonly port: number;
  /** The value of `Host`: with brackets, and with a port if not the usual one. */
  readonly host: string;
  /** The request's target: path and query. */
  readonly path: string;
  /** The value of `Authorization`, if the URL has a user name or a password. */
  readonly authorization: string | null;
}

/**
 * Reads the URL of a WebSocket. `http:` and `https:` stand for `ws:` and `wss:`.
 *
 * @param url An absolute URL.
 * @throws {DOMException} A `SyntaxError` for what is no such URL, has another
 * scheme, or has a fragment, even an empty one.
 *
 * @example
 * ```ts
 * import { parseClientUrl } from "./client_url.ts";
 *
 * const target = parseClientUrl("https://[::1]/chat?room=1");
 * console.log(target.url); // wss://[::1]/chat?room=1
 * console.log(target.hostname, target.port); // ::1 443
 * ```
 */
export function parseClientUrl(url: string | URL): ClientTarget {
  const text = String(url);
  if (!URL.canParse(text)) {
    throw syntaxError(
      `${quote(text)} is not an absolute URL: write one like ` +
        "wss://example.com/chat",
    );
  }
  const parsed = new URL(text);
  if (parsed.protocol === "http:") parsed.protocol = "ws:";
  else if (parsed.protocol === "https:") parsed.protocol = "wss:";
  if (parsed.protocol !== "ws:" && parsed.protocol !== "wss:") {
    throw syntaxError(
      `The URL ${quote(text)} has the scheme ${quote(parsed.protocol)}: ` +
        "a WebSocket has ws: or wss: (or http: or https:, which stand for those)",
    );
  }
  if (parsed.href.includes("#")) {
    throw syntaxError(
      `The URL ${quote(text)} has a fragment, which a WebSocket cannot have: ` +
        'leave out "#" and what follows, or write "%23" (RFC 6455, section 3)',
    );
  }
  const authorization = basicAuthorization(parsed);
  parsed.username = "";
  parsed.password = "";
  const secure = parsed.protocol === "wss:";
  return {
    url: parsed.href,
    secure,
    hostname: parsed.hostname.replace(/^\[(.*)\]$/, "$1"),
    port: parsed.port === "" ? (secure ? 443 : 80) : Number(parsed.port),
    host: parsed.host,
    path: parsed.pathname + parsed.search,
    authorization,
  };
}

/** User name and password as RFC 7617 has them, in UTF-8. */
function basicAuthorization({ username, password }: URL): string | null {
  if (username === "" && password === "") return null;
  const decoded = `${decode(username)}:${decode(password)}`;
  const bytes = new TextEncoder().encode(decoded);
  return `Basic ${btoa(String.fromCharCode(...bytes))}`;
}

/** `%` followed by no two digits stands for itself, as in the URL. */
function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

function syntaxError(message: string): DOMException {
  return new DOMException(message, "SyntaxError");
}
