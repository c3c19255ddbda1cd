/**
 * Which web pages may open a connection (RFC 6455, sections 4.2.2 and 10.2).
 *
 * A browser lets a page of any site open a WebSocket to any server, sends the
 * user's cookies along, and leaves it to the server to look at `Origin`.
 */

import { describe } from "../describe.ts";
import { equalsIgnoringCase, isHost, quote } from "./header_syntax.ts";

/**
 * Says which origins may connect. A request without an `Origin` header does not
 * come from a web page and is allowed by every policy: no policy is a
 * substitute for authentication, since other programs send any `Origin` they
 * like.
 *
 * - `"same-origin"`: pages of the host and port that the request was sent to.
 *   Schemes are not compared, since a proxy may have ended TLS.
 * - a list: exactly these serialised origins, such as `"https://example.com"`
 *   or `"http://localhost:5173"`; the entry `"same-origin"` adds the above, the
 *   entry `"null"` pages without an origin (sandboxed frames, `file:`).
 * - a function: called with the `Origin` header's value and the `Host` header's;
 *   `true` allows. To decide by more of the request, or asynchronously, use
 *   `"*"` and the `upgrade` hook.
 * - `"*"`: every origin. Right where no cookie and no network position gives a
 *   connection any power.
 */
export type OriginPolicy =
  | "same-origin"
  | "*"
  | readonly string[]
  | ((origin: string, host: string) => boolean);

/**
 * Checks a policy when the server is configured, so that a list that could
 * never match is noticed at once.
 *
 * @param policy The policy, as the program gave it.
 * @throws {TypeError} If it is none of the four kinds, or if a list's entry is
 * not a serialised origin: one with a path or only a trailing slash, a default
 * port, a wildcard, or no scheme. The message says what to write instead.
 *
 * @example
 * ```ts
 * import { checkOriginPolicy } from "./origin.ts";
 *
 * checkOriginPolicy(["https://example.com", "same-origin"]);
 * ```
 */
export function checkOriginPolicy(policy: OriginPolicy): void {
  if (policy === "same-origin" || policy === "*") return;
  if (typeof policy === "function") return;
  if (!Array.isArray(policy)) {
    throw new TypeError(
      `origins is ${describe(policy)}: ` +
        'give "same-origin", "*", a list such as ["https://example.com"], or ' +
        "a function",
    );
  }
  for (const entry of policy) checkEntry(entry);
}

/**
 * Tells whether a request may open a connection under a policy.
 *
 * @param origin The `Origin` header's value; `null` if the request has none.
 * @param host The `Host` header's value.
 * @param policy A policy that passed `checkOriginPolicy()`. Default:
 * `"same-origin"`.
 * @throws {TypeError} If a policy that is a function returns no boolean, as an
 * `async` one does. What the function throws is passed on.
 *
 * @example
 * ```ts
 * import { isOriginAllowed } from "./origin.ts";
 *
 * console.log(isOriginAllowed("https://a.example", "a.example")); // true
 * console.log(isOriginAllowed("https://b.example", "a.example")); // false
 * ```
 */
export function isOriginAllowed(
  origin: string | null,
  host: string,
  policy: OriginPolicy = "same-origin",
): boolean {
  if (origin === null || policy === "*") return true;
  if (policy === "same-origin") return isSameOrigin(origin, host);
  if (typeof policy === "function") {
    const allowed: unknown = policy(origin, host);
    if (typeof allowed === "boolean") return allowed;
    throw new TypeError(
      `The function given as origins returned ${describe(allowed)} for ` +
        `${quote(origin)}: return true or false, and use the upgrade hook ` +
        "for what needs to be awaited",
    );
  }
  return policy.some((entry) =>
    entry === "same-origin"
      ? isSameOrigin(origin, host)
      : equalsIgnoringCase(origin, entry.toLowerCase())
  );
}

function isSameOrigin(origin: string, host: string): boolean {
  const lowerCasedHost = host.toLowerCase();
  if (
    equalsIgnoringCase(origin, "https://" + lowerCasedHost) ||
    equalsIgnoringCase(origin, "http://" + lowerCasedHost)
  ) return true;

  const schemeEnd = origin.indexOf("://");
  if (schemeEnd === -1) return false;
  const scheme = origin.slice(0, schemeEnd).toLowerCase();
  const originHost = origin.slice(schemeEnd + 3);
  if (!webSchemes.includes(scheme)) return false;
  if (!isHost(originHost) || !isHost(host)) return false;
  // Under the origin's scheme, URL drops the default port from either.
  return new URL(`${scheme}://${originHost}`).host ===
    new URL(`${scheme}://${host}`).host;
}

/** The schemes whose origins have a host to compare; some tools send `ws:`. */
const webSchemes: readonly string[] = ["http", "https", "ws", "wss"];

function checkEntry(entry: unknown): void {
  if (entry === "same-origin" || entry === "null") return;
  if (typeof entry !== "string") {
    throw new TypeError(
      `origins has the entry ${describe(entry)}: every entry must be a string`,
    );
  }
  const advice = findEntryProblem(entry);
  if (advice !== null) {
    throw new TypeError(
      `origins has the entry ${quote(entry)}, which no browser would send ` +
        `as an origin: ${advice}`,
    );
  }
}

function findEntryProblem(entry: string): string | null {
  if (entry === "*") return 'to allow every origin, give "*" without a list';
  if (entry.includes("*")) {
    return "there are no wildcards, give a function instead of a list";
  }
  const schemeEnd = entry.indexOf("://");
  if (schemeEnd < 1 || !URL.canParse(entry)) {
    return 'write a scheme, a host and no path, such as "https://example.com"';
  }
  const url = new URL(entry);
  // URL gives schemes that it does not know, such as chrome-extension, no
  // origin of their own.
  const origin = url.origin === "null"
    ? `${url.protocol}//${url.host}`
    : url.origin;
  return entry.toLowerCase() === origin.toLowerCase()
    ? null
    : `write ${quote(origin)}`;
}
