/**
 * The negotiation of permessage-deflate (RFC 7692 sections 5 and 7.1): what a
 * server answers to a client's offers, what a client offers, and what it
 * accepts as an answer.
 *
 * Everything here is a function of its arguments. What a runtime's streams can
 * do comes in as {@linkcode DeflateCapabilities}.
 *
 * @module
 */
import { WebSocketError } from "../error.ts";
import type { Role } from "../frame.ts";
import type {
  ExtensionOffer,
  ExtensionParameter,
} from "../handshake/extension_header.ts";
import { quote } from "../handshake/header_syntax.ts";
import type { ResolvedDeflateOptions } from "./options.ts";

/**
 * The extension's name (RFC 7692 section 7). It is compared as it is written,
 * case included, like its parameters.
 */
export const extensionName = "permessage-deflate";

/** What both ends of a connection agreed on (RFC 7692 section 7.1). */
export interface DeflateParameters {
  /** Whether the server compresses each message on its own. */
  readonly serverNoContextTakeover: boolean;
  /** Whether the client compresses each message on its own. */
  readonly clientNoContextTakeover: boolean;
  /**
   * The base-2 logarithm of the largest window that the server compresses with,
   * in bytes: 8 to 15, and 15 where nothing was said.
   */
  readonly serverMaxWindowBits: number;
  /** The same for the client. */
  readonly clientMaxWindowBits: number;
}

/**
 * What a backend can do, seen from its own end of the connection: outbound is
 * what it compresses, inbound what it inflates.
 *
 * Nothing is said of an inbound window, since every inflater here has 15 bits
 * and so reads what any smaller window produced.
 */
export interface DeflateCapabilities {
  /** Whether its compressor can keep its window from message to message. */
  readonly outboundContextTakeover: boolean;
  /** Whether its inflater can keep its window from message to message. */
  readonly inboundContextTakeover: boolean;
  /**
   * The fewest window bits, 8 to 15, within which its compressor can stay. The
   * standard streams always use 15.
   *
   * zlib is subtle here: for raw deflate it has no window of 8 bits, and Node,
   * Deno and Bun quietly take 9 for 8. It refers back only as far as the window
   * less 262 bytes, though, which for 9 bits is 250 bytes and within the 256
   * that 8 bits allow. A backend on zlib may therefore state 8.
   */
  readonly minOutboundWindowBits: number;
}

/**
 * The backend whose abilities a connection keeps to; `"standard"` is
 * `CompressionStream`.
 */
export type DeflateBackend = "standard" | "zlib";

/** What was agreed, and what carries it out. */
export interface DeflateAgreement {
  /**
   * What holds for the connection. For the own direction it also covers what
   * the backend cannot do: where the backend's compressor keeps no context, no
   * context takeover is stated, whether or not the peer was told.
   */
  readonly parameters: DeflateParameters;
  /** The backend that can keep to the parameters. */
  readonly backend: DeflateBackend;
}

/** A {@linkcode DeflateAgreement} as a server makes it. */
export interface AcceptedOffer extends DeflateAgreement {
  /** What to answer in `Sec-WebSocket-Extensions`. */
  readonly response: ExtensionOffer;
}

/**
 * Answers a client's offers as the server (RFC 7692 sections 5.1 and 7.1): the
 * first one that can be met is accepted, in the client's order of preference,
 * with the standard backend if it can express the result and with zlib
 * otherwise.
 *
 * An offer with a parameter that is unknown, occurs twice or has an ill value
 * is declined, and the next one tried. So is one with a `server_max_window_bits`
 * that no backend can stay within. Other extensions are passed over.
 *
 * The response states what will be done, asked or not: no context takeover
 * where the options want none or the backend has none, and a server's window
 * below 15 bits. Only `client_max_window_bits` needs the client's leave (section
 * 7.1.2.2): without it the client's window is 15 bits, whatever the options say.
 *
 * @param offers The client's offers in order, of all its header lines.
 * @param options The server's options.
 * @param standard What the standard streams can do on this runtime.
 * @param zlib What the backend on `node:zlib` can do.
 * @returns `null` if no offer is accepted: the connection then goes without
 * compression.
 *
 * @example
 * ```ts
 * import { formatExtensions, parseExtensions } from "../handshake/extension_header.ts";
 * import { acceptOffer } from "./negotiation.ts";
 * import { resolveDeflateOptions } from "./options.ts";
 *
 * const accepted = acceptOffer(
 *   parseExtensions("permessage-deflate; server_max_window_bits=10"),
 *   resolveDeflateOptions()!,
 *   { outboundContextTakeover: false, inboundContextTakeover: false, minOutboundWindowBits: 15 },
 *   { outboundContextTakeover: true, inboundContextTakeover: true, minOutboundWindowBits: 8 },
 * )!;
 * console.log(accepted.backend); // zlib
 * console.log(formatExtensions([accepted.response])); // permessage-deflate; server_max_window_bits=10
 * ```
 */
export function acceptOffer(
  offers: readonly ExtensionOffer[],
  options: ResolvedDeflateOptions,
  standard: DeflateCapabilities,
  zlib: DeflateCapabilities,
): AcceptedOffer | null {
  for (const offer of offers) {
    if (offer.name !== extensionName) continue;
    const offered = readParameters(offer.parameters, "offer");
    if (typeof offered === "string") continue;
    for (const [backend, can] of candidates(options, standard, zlib)) {
      const parameters = meetOffer(offered, options, can);
      if (parameters === null) continue;
      return {
        parameters,
        backend,
        response: formatParameters({
          ...parameters,
          // An offered limit is accepted by repeating it, even where it is 15.
          serverMaxWindowBits: offered.serverMaxWindowBits === null
            ? unlessLargest(parameters.serverMaxWindowBits)
            : parameters.serverMaxWindowBits,
          clientMaxWindowBits: unlessLargest(parameters.clientMaxWindowBits),
        }),
      };
    }
  }
  return null;
}

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
 * import { formatExtensions } from "../handshake/extension_header.ts";
 * import { createOffers } from "./negotiation.ts";
 * import { resolveDeflateOptions } from "./options.ts";
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

/**
 * Reads what was agreed elsewhere: the extensions in a handshake's response that
 * both sides keep to already.
 *
 * @param agreed The extensions; the one of this module is looked for.
 * @param role Which end of the connection this is.
 * @param options What chooses the backend.
 * @param standard What the standard streams can do on this runtime.
 * @param zlib What the backend on `node:zlib` can do.
 * @returns `null` if compression was not agreed on.
 * @throws {WebSocketError} If the parameters are none that a response can have.
 */
export function readAgreement(
  agreed: readonly ExtensionOffer[],
  role: Role,
  options: ResolvedDeflateOptions,
  standard: DeflateCapabilities,
  zlib: DeflateCapabilities,
): DeflateAgreement | null {
  const found = agreed.find(({ name }) => name === extensionName);
  if (found === undefined) return null;
  const answer = readParameters(found.parameters, "response");
  if (typeof answer === "string") throw refusal(answer);
  const parameters = {
    serverNoContextTakeover: answer.serverNoContextTakeover,
    clientNoContextTakeover: answer.clientNoContextTakeover,
    serverMaxWindowBits: limit(answer.serverMaxWindowBits),
    clientMaxWindowBits: limit(answer.clientMaxWindowBits),
  };
  const outboundBits = role === "server"
    ? parameters.serverMaxWindowBits
    : parameters.clientMaxWindowBits;
  const inboundAlone = role === "server"
    ? parameters.clientNoContextTakeover
    : parameters.serverNoContextTakeover;
  const [backend, can] =
    candidates(options, standard, zlib).find(([, can]) =>
      outboundBits >= can.minOutboundWindowBits &&
      (inboundAlone || can.inboundContextTakeover)
    ) ?? ["zlib", zlib] as const;
  // A compressor may always leave its context unused.
  if (!can.outboundContextTakeover) {
    if (role === "server") parameters.serverNoContextTakeover = true;
    else parameters.clientNoContextTakeover = true;
  }
  return { parameters, backend };
}

/** The parameters of an offer or a response as they were stated. */
interface StatedParameters {
  serverNoContextTakeover: boolean;
  clientNoContextTakeover: boolean;
  /** `null` where nothing is said of it. */
  serverMaxWindowBits: number | null;
  /** `"any"` stands for the name without a value, which only offers have. */
  clientMaxWindowBits: number | "any" | null;
}

/** Reads parameters, or says what is wrong with them. */
function readParameters(
  parameters: readonly ExtensionParameter[],
  where: "offer" | "response",
): StatedParameters | string {
  const stated: StatedParameters = {
    serverNoContextTakeover: false,
    clientNoContextTakeover: false,
    serverMaxWindowBits: null,
    clientMaxWindowBits: null,
  };
  const seen = new Set<string>();
  for (const { name, value } of parameters) {
    const bits = windowBits(value);
    switch (name) {
      case "server_no_context_takeover":
        if (value !== null) return wrongValue(name, value, "no value");
        stated.serverNoContextTakeover = true;
        break;
      case "client_no_context_takeover":
        if (value !== null) return wrongValue(name, value, "no value");
        stated.clientNoContextTakeover = true;
        break;
      case "server_max_window_bits":
        if (bits === null) return wrongValue(name, value, "8 to 15");
        stated.serverMaxWindowBits = bits;
        break;
      case "client_max_window_bits":
        if (value === null && where === "offer") {
          stated.clientMaxWindowBits = "any";
          break;
        }
        if (bits === null) return wrongValue(name, value, "8 to 15");
        stated.clientMaxWindowBits = bits;
        break;
      default:
        return `${extensionName} has no parameter ${quote(name)}`;
    }
    if (seen.has(name)) return `the parameter ${name} occurs twice`;
    seen.add(name);
  }
  return stated;
}

/** Reads a decimal integer from 8 to 15 without leading zeros. */
function windowBits(value: string | null): number | null {
  const bits = Number(value);
  return String(bits) === value && Number.isInteger(bits) && bits >= 8 &&
      bits <= 15
    ? bits
    : null;
}

function wrongValue(
  name: string,
  value: string | null,
  expected: string,
): string {
  return `the parameter ${name} has ${
    value === null ? "no value" : `the value ${quote(value)}`
  } where ${expected} is expected`;
}

/** Writes parameters in the order in which section 7.1 has them. */
function formatParameters(stated: StatedParameters): ExtensionOffer {
  const parameters: ExtensionParameter[] = [];
  const add = (name: string, value: string | null = null) =>
    parameters.push({ name, value });
  if (stated.serverNoContextTakeover) add("server_no_context_takeover");
  if (stated.clientNoContextTakeover) add("client_no_context_takeover");
  if (stated.serverMaxWindowBits !== null) {
    add("server_max_window_bits", String(stated.serverMaxWindowBits));
  }
  if (stated.clientMaxWindowBits === "any") {
    add("client_max_window_bits");
  } else if (stated.clientMaxWindowBits !== null) {
    add("client_max_window_bits", String(stated.clientMaxWindowBits));
  }
  return { name: extensionName, parameters };
}

/** The backends that the options allow, the preferred one first. */
function candidates(
  options: ResolvedDeflateOptions,
  standard: DeflateCapabilities,
  zlib: DeflateCapabilities,
): readonly (readonly [DeflateBackend, DeflateCapabilities])[] {
  return options.backend === "zlib"
    ? [["zlib", zlib]]
    : [["standard", standard], ["zlib", zlib]];
}

/** What a server with this backend makes of an offer; `null` if it cannot. */
function meetOffer(
  offered: StatedParameters,
  options: ResolvedDeflateOptions,
  can: DeflateCapabilities,
): DeflateParameters | null {
  const serverMaxWindowBits = Math.min(
    limit(offered.serverMaxWindowBits),
    options.serverMaxWindowBits,
  );
  if (serverMaxWindowBits < can.minOutboundWindowBits) return null;
  return {
    serverNoContextTakeover: offered.serverNoContextTakeover ||
      options.serverNoContextTakeover || !can.outboundContextTakeover,
    clientNoContextTakeover: offered.clientNoContextTakeover ||
      options.clientNoContextTakeover || !can.inboundContextTakeover,
    serverMaxWindowBits,
    clientMaxWindowBits: offered.clientMaxWindowBits === null
      ? largestWindowBits
      : Math.min(
        limit(offered.clientMaxWindowBits),
        options.clientMaxWindowBits,
      ),
  };
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

/** The window's bits where nothing limits them. */
const largestWindowBits = 15;

function limit(bits: number | "any" | null): number {
  return typeof bits === "number" ? bits : largestWindowBits;
}

function unlessLargest(bits: number): number | null {
  return bits === largestWindowBits ? null : bits;
}

function refusal(problem: string): WebSocketError {
  return new WebSocketError(
    "The server's Sec-WebSocket-Extensions cannot be accepted: " +
      `${problem} (RFC 7692 section 7.1)`,
  );
}
