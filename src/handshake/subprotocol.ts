/**
 * Subprotocols: the `Sec-WebSocket-Protocol` header and the choice of one
 * (RFC 6455, sections 1.9, 4.1 and 4.2.2).
 */

import { describe } from "../describe.ts";
import { isToken, quote, splitList } from "./header_syntax.ts";

/**
 * Parses the value of a client's `Sec-WebSocket-Protocol` header: one or more
 * tokens, no two of them equal (RFC 6455, section 4.1). Empty elements of the
 * list are ignored (RFC 7230, section 7).
 *
 * @param header The header's value; the values of several lines joined by
 * commas.
 * @returns At least one name, in the client's order of preference.
 * @throws {SyntaxError} If no name is there, one is not a token, or one occurs
 * twice.
 *
 * @example
 * ```ts
 * import { parseProtocols } from "./subprotocol.ts";
 *
 * console.log(parseProtocols("chat.v2, chat.v1")); // ["chat.v2", "chat.v1"]
 * ```
 */
export function parseProtocols(header: string): string[] {
  const protocols = splitList(header);
  const problem = protocols.length === 0
    ? "it names no subprotocol"
    : findProblem(protocols);
  if (problem !== null) {
    throw new SyntaxError(
      `Sec-WebSocket-Protocol is ${quote(header)}: ${problem}` +
        " (RFC 6455, section 4.1)",
    );
  }
  return protocols;
}

/**
 * Checks the subprotocols that a program is configured with, so that a mistake
 * shows when the server starts and not at its first connection.
 *
 * @param protocols The names, in order of preference; may be empty.
 * @throws {TypeError} If it is no list, or a name is not a token or occurs twice.
 */
export function checkProtocols(protocols: readonly string[]): void {
  if (!Array.isArray(protocols)) {
    // Each character of a string would be taken for a name.
    throw new TypeError(
      `The subprotocols are a list, such as ["chat.v2"], not ${
        describe(protocols)
      }`,
    );
  }
  const problem = findProblem(protocols);
  if (problem !== null) {
    throw new TypeError(
      `The subprotocols are ${quote(protocols.join(", "))}: ${problem}` +
        " (RFC 6455, section 4.1)",
    );
  }
}

/**
 * Chooses a subprotocol by the server's preference: the first of `supported`
 * that the client offered too. Names are compared exactly, case included (RFC
 * 6455, section 11.5).
 *
 * @param offered What the client offered; its order does not matter.
 * @param supported What the server supports, most preferred first.
 * @returns The name, or `""` when none matches: the connection then has no
 * subprotocol, and the response no `Sec-WebSocket-Protocol`.
 *
 * @example
 * ```ts
 * import { selectProtocol } from "./subprotocol.ts";
 *
 * console.log(selectProtocol(["v1", "v2"], ["v3", "v2", "v1"])); // v2
 * ```
 */
export function selectProtocol(
  offered: readonly string[],
  supported: readonly string[],
): string {
  return supported.find((protocol) => offered.includes(protocol)) ?? "";
}

/**
 * Checks a subprotocol that the program chose itself: a server may only answer
 * one that the client offered, since clients must fail the connection on any
 * other (RFC 6455, sections 4.1 and 4.2.2).
 *
 * @param protocol The choice; `""` for none is always right.
 * @param offered What the client offered.
 * @throws {TypeError} If the client did not offer it.
 */
export function checkSelectedProtocol(
  protocol: string,
  offered: readonly string[],
): void {
  if (protocol === "" || offered.includes(protocol)) return;
  if (typeof protocol !== "string") {
    throw new TypeError(
      `The subprotocol is a string, or "" for none, not ${describe(protocol)}`,
    );
  }
  throw new TypeError(
    `The subprotocol ${quote(protocol)} was chosen, but the client offered ` +
      (offered.length === 0 ? "none" : quote(offered.join(", "))) +
      ": choose one of those, or none",
  );
}

function findProblem(protocols: readonly string[]): string | null {
  for (const protocol of protocols) {
    if (typeof protocol !== "string") {
      return `${describe(protocol)} is not a string`;
    }
    if (!isToken(protocol)) return `${quote(protocol)} is not a token`;
  }
  if (protocols.length < 2) return null;
  const seen = new Set<string>();
  for (const protocol of protocols) {
    if (seen.has(protocol)) return `${quote(protocol)} occurs twice`;
    seen.add(protocol);
  }
  return null;
}
