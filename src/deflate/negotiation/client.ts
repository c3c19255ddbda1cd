/**
 * The client's side of the negotiation of permessage-deflate: its offer, and
 * whether it accepts the server's answer.
 *
 * @module
 */
import type { ExtensionOffer } from "../../handshake/extension_header.ts";
import { quote } from "../../handshake/header_syntax.ts";
import type { ResolvedDeflateOptions } from "../options.ts";
import {
  candidates,
  type DeflateAgreement,
  type DeflateCapabilities,
  type DeflateParameters,
  refusal,
} from "./agreement.ts";
import {
  extensionName,
  formatParameters,
  limit,
  readParameters,
  type StatedParameters,
  unlessLargest,
} from "./parameters.ts";

/**
 * Makes a client's offer (RFC 7692 section 7.1): one, which always lets the
 * server choose the client's window, and asks of the server what the options
 * want of it.
 *
 * @param options The client's options.
 * @returns The offers for `Sec-WebSocket-Extensions`, in order.
 *
 * @example
 * ```ts
 * import { formatExtensions } from "../../handshake/extension_header.ts";
 * import { createOffers } from "./client.ts";
 * import { resolveDeflateOptions } from "../options.ts";
 *
 * const offers = createOffers(resolveDeflateOptions()!);
 * console.log(formatExtensions(offers)); // permessage-deflate; client_max_window_bits
 * ```
 */
export function createOffers(
  options: ResolvedDeflateOptions,
): ExtensionOffer[] {
  return [formatParameters({
    serverNoContextTakeover: options.serverNoContextTakeover,
    clientNoContextTakeover: options.clientNoContextTakeover,
    serverMaxWindowBits: unlessLargest(options.serverMaxWindowBits),
    clientMaxWindowBits: unlessLargest(options.clientMaxWindowBits) ?? "any",
  })];
}

/**
 * Checks a server's answer as the client (RFC 7692 sections 5.1 and 7.1). What
 * the client offered to do holds even where the server did not take it up.
 *
 * @param response The extensions in the server's response; none, `[]`, if it
 * has no `Sec-WebSocket-Extensions`.
 * @param offers What the client offered: the result of
 * {@linkcode createOffers}, or `[]` if it offered no compression.
 * @param options The client's options.
 * @param standard What the standard streams can do on this runtime.
 * @param zlib What the backend on `node:zlib` can do.
 * @returns `null` if the server agreed to no compression.
 * @throws {WebSocketError} If the answer is not one to these offers, or none
 * that a backend can keep to. The connection must then be failed.
 */
export function checkResponse(
  response: readonly ExtensionOffer[],
  offers: readonly ExtensionOffer[],
  options: ResolvedDeflateOptions,
  standard: DeflateCapabilities,
  zlib: DeflateCapabilities,
): DeflateAgreement | null {
  const offered = readOffers(offers);
  for (const { name } of response) {
    if (name !== extensionName || offered.length === 0) {
      throw refusal(`the extension ${quote(name)} was not offered`);
    }
  }
  if (response.length === 0) return null;
  if (response.length > 1) {
    throw refusal(`${extensionName} was accepted ${response.length} times`);
  }
  const answer = readParameters(response[0].parameters, "response");
  if (typeof answer === "string") throw refusal(answer);
  const parameters = matchAnswer(answer, offered);
  for (const [backend, can] of candidates(options, standard, zlib)) {
    if (
      parameters.clientMaxWindowBits >= can.minOutboundWindowBits &&
      (parameters.serverNoContextTakeover || can.inboundContextTakeover)
    ) {
      return {
        parameters: {
          ...parameters,
          clientNoContextTakeover: parameters.clientNoContextTakeover ||
            !can.outboundContextTakeover,
        },
        backend,
      };
    }
  }
  throw refusal(
    `no backend can keep to ${JSON.stringify(parameters)} on this runtime`,
  );
}

function readOffers(offers: readonly ExtensionOffer[]): StatedParameters[] {
  return offers
    .filter(({ name }) => name === extensionName)
    .map(({ parameters }) => readParameters(parameters, "offer"))
    .filter((offered) => typeof offered !== "string");
}

/** Finds the offer that was accepted. */
function matchAnswer(
  answer: StatedParameters,
  offers: readonly StatedParameters[],
): DeflateParameters {
  const problems: string[] = [];
  for (const offered of offers) {
    const problem = findMismatch(answer, offered);
    if (problem === null) {
      return {
        serverNoContextTakeover: answer.serverNoContextTakeover,
        clientNoContextTakeover: answer.clientNoContextTakeover ||
          offered.clientNoContextTakeover,
        serverMaxWindowBits: limit(answer.serverMaxWindowBits),
        clientMaxWindowBits: Math.min(
          limit(answer.clientMaxWindowBits),
          limit(offered.clientMaxWindowBits),
        ),
      };
    }
    problems.push(problem);
  }
  throw refusal(problems.join("; or "));
}

/** Says why a response does not accept an offer; `null` if it does. */
function findMismatch(
  answer: StatedParameters,
  offered: StatedParameters,
): string | null {
  if (offered.serverNoContextTakeover && !answer.serverNoContextTakeover) {
    return "server_no_context_takeover was offered and is missing";
  }
  if (offered.serverMaxWindowBits !== null) {
    if (answer.serverMaxWindowBits === null) {
      return `server_max_window_bits=${offered.serverMaxWindowBits} was ` +
        "offered and is missing";
    }
    if (answer.serverMaxWindowBits > offered.serverMaxWindowBits) {
      return `server_max_window_bits is ${answer.serverMaxWindowBits}, above ` +
        `the ${offered.serverMaxWindowBits} that was offered`;
    }
  }
  if (answer.clientMaxWindowBits !== null) {
    if (offered.clientMaxWindowBits === null) {
      return `client_max_window_bits=${answer.clientMaxWindowBits} was not ` +
        "offered";
    }
    if (
      limit(answer.clientMaxWindowBits) > limit(offered.clientMaxWindowBits)
    ) {
      return `client_max_window_bits is ${answer.clientMaxWindowBits}, above ` +
        `the ${offered.clientMaxWindowBits} that was offered`;
    }
  }
  return null;
}
