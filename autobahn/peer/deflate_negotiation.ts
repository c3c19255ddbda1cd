/**
 * The negotiation of permessage-deflate (RFC 7692, section 7.1), as the
 * fuzzing peer does it in both roles. It is deliberately no stricter and no
 * more lenient than the reference suite, whose verdicts depend on it.
 */

import { HandshakeError } from "./opening_handshake.ts";

/** What a client offers in one element of `Sec-WebSocket-Extensions`. */
export interface DeflateOffer {
  /** Offer `client_no_context_takeover`. Default: true. */
  acceptNoContextTakeover: boolean;
  /** Offer `client_max_window_bits`, without a value. Default: true. */
  acceptMaxWindowBits: boolean;
  /** Ask for `server_no_context_takeover`. Default: false. */
  requestNoContextTakeover: boolean;
  /** Ask for `server_max_window_bits`, 8 to 15. Default: 0, do not ask. */
  requestMaxWindowBits: number;
}

/** How a server accepts an offer. */
export interface DeflateAcceptance {
  /** The offer that is accepted. */
  offer: DeflateOffer;
  /** Impose `client_no_context_takeover`. */
  requestNoContextTakeover: boolean;
  /** Impose `client_max_window_bits`, 8 to 15. 0 imposes none. */
  requestMaxWindowBits: number;
}

/** A server's choice among a client's offers; null declines them all. */
export type DeflateAccept = (
  offers: readonly DeflateOffer[],
) => DeflateAcceptance | null;

/** What both sides have agreed on. */
export interface DeflateParameters {
  /** The server begins every message with an empty window. */
  serverNoContextTakeover: boolean;
  /** The client begins every message with an empty window. */
  clientNoContextTakeover: boolean;
  /** The base-2 logarithm of the server's window, 8 to 15. */
  serverMaxWindowBits: number;
  /** The base-2 logarithm of the client's window, 8 to 15. */
  clientMaxWindowBits: number;
}

/** The opening handshake must fail because of its extensions (400). */
export class ExtensionError extends HandshakeError {
  override name = "ExtensionError";
}

/** One element of `Sec-WebSocket-Extensions`. */
interface Extension {
  name: string;
  /** A value is true where the parameter has none. */
  parameters: Map<string, string | true>;
}

const extensionName = "permessage-deflate";
const defaultWindowBits = 15;

/** Reads `Sec-WebSocket-Extensions`; throws where a parameter is repeated. */
function parseExtensions(header: string): Extension[] {
  const extensions: Extension[] = [];
  for (const element of header.split(",")) {
    const [name, ...words] = element.split(";").map((word) => word.trim());
    if (name === "" && words.length === 0) continue;
    const parameters = new Map<string, string | true>();
    for (const word of words) {
      const equals = word.indexOf("=");
      const key = (equals < 0 ? word : word.slice(0, equals)).trim()
        .toLowerCase();
      if (parameters.has(key)) {
        throw new ExtensionError(
          `The extension ${name} has the parameter ${key} more than once.`,
        );
      }
      const value = equals < 0
        ? true
        : word.slice(equals + 1).trim().replace(/^"|"$/g, "");
      parameters.set(key, value);
    }
    extensions.push({ name: name.toLowerCase(), parameters });
  }
  return extensions;
}

function illegalValue(key: string, value: string | true): ExtensionError {
  return new ExtensionError(
    value === true
      ? `The parameter ${key} of ${extensionName} needs a value.`
      : `The parameter ${key} of ${extensionName} has the illegal value ` +
        `${JSON.stringify(value)}.`,
  );
}

function windowBits(key: string, value: string | true): number {
  if (value === true || !/^(?:[89]|1[0-5])$/.test(value)) {
    throw illegalValue(key, value);
  }
  return Number(value);
}

function requireNoValue(key: string, value: string | true): true {
  if (value !== true) throw illegalValue(key, value);
  return true;
}

function unknownParameter(key: string): ExtensionError {
  return new ExtensionError(
    `The extension ${extensionName} has no parameter ${JSON.stringify(key)}.`,
  );
}

/**
 * An offer with the defaults of the reference suite, which accepts what a
 * server may impose on it, and asks the server for nothing.
 */
export function deflateOffer(offer: Partial<DeflateOffer> = {}): DeflateOffer {
  return {
    acceptNoContextTakeover: true,
    acceptMaxWindowBits: true,
    requestNoContextTakeover: false,
    requestMaxWindowBits: 0,
    ...offer,
  };
}

/**
 * The value of `Sec-WebSocket-Extensions` with which a client makes its
 * offers, in order of preference; `""` (send no such header) without offers.
 */
export function formatOffers(offers: readonly DeflateOffer[]): string {
  return offers.map((offer) => {
    const words = [extensionName];
    if (offer.acceptNoContextTakeover) words.push("client_no_context_takeover");
    if (offer.acceptMaxWindowBits) words.push("client_max_window_bits");
    if (offer.requestNoContextTakeover) {
      words.push("server_no_context_takeover");
    }
    if (offer.requestMaxWindowBits !== 0) {
      words.push(`server_max_window_bits=${offer.requestMaxWindowBits}`);
    }
    return words.join("; ");
  }).join(", ");
}

/**
 * A client's check of the server's answer to its offers.
 *
 * @param header The response's `Sec-WebSocket-Extensions`, null without one.
 * @param offers What was offered; empty where nothing was.
 * @returns What was agreed on; null where the server wants no compression.
 * @throws {ExtensionError} for an extension that was not offered, a second
 * permessage-deflate, an unknown or repeated parameter, or an illegal value.
 * Whether the answer grants what the offer asked for is not checked, as the
 * reference suite does not.
 */
export function acceptResponse(
  header: string | null,
  offers: readonly DeflateOffer[],
): DeflateParameters | null {
  let agreed: DeflateParameters | null = null;
  for (const { name, parameters } of parseExtensions(header ?? "")) {
    if (name !== extensionName || offers.length === 0) {
      throw new ExtensionError(
        `The server chose the extension ${JSON.stringify(name)}, ` +
          "which was not offered.",
      );
    }
    if (agreed !== null) {
      throw new ExtensionError(`The server chose ${extensionName} twice.`);
    }
    agreed = {
      serverNoContextTakeover: false,
      clientNoContextTakeover: false,
      serverMaxWindowBits: defaultWindowBits,
      clientMaxWindowBits: defaultWindowBits,
    };
    for (const [key, value] of parameters) {
      switch (key) {
        case "server_no_context_takeover":
          agreed.serverNoContextTakeover = requireNoValue(key, value);
          break;
        case "client_no_context_takeover":
          agreed.clientNoContextTakeover = requireNoValue(key, value);
          break;
        case "server_max_window_bits":
          agreed.serverMaxWindowBits = windowBits(key, value);
          break;
        case "client_max_window_bits":
          agreed.clientMaxWindowBits = windowBits(key, value);
          break;
        default:
          throw unknownParameter(key);
      }
    }
  }
  return agreed;
}

/** Reads one offer of a client. */
function parseOffer(parameters: Extension["parameters"]): DeflateOffer {
  // A client need not announce client_no_context_takeover to have it imposed.
  const offer = deflateOffer({ acceptMaxWindowBits: false });
  for (const [key, value] of parameters) {
    switch (key) {
      case "client_no_context_takeover":
        requireNoValue(key, value);
        break;
      case "client_max_window_bits":
        if (value !== true) windowBits(key, value);
        offer.acceptMaxWindowBits = true;
        break;
      case "server_no_context_takeover":
        offer.requestNoContextTakeover = requireNoValue(key, value);
        break;
      case "server_max_window_bits":
        offer.requestMaxWindowBits = windowBits(key, value);
        break;
      default:
        throw unknownParameter(key);
    }
  }
  return offer;
}

/**
 * A server's answer to a client's offers.
 *
 * @param header The request's `Sec-WebSocket-Extensions`, null without one.
 * @param accept The choice among the offers; null declines them all.
 * @returns What was agreed on, and the value of the response's
 * `Sec-WebSocket-Extensions`; null where there is no compression and no such
 * header. Extensions other than permessage-deflate are declined.
 * @throws {ExtensionError} for an ill permessage-deflate offer.
 */
export function acceptOffers(
  header: string | null,
  accept: DeflateAccept | null,
): { parameters: DeflateParameters; response: string } | null {
  const offers = parseExtensions(header ?? "")
    .filter(({ name }) => name === extensionName)
    .map(({ parameters }) => parseOffer(parameters));
  const acceptance = offers.length > 0 && accept !== null
    ? accept(offers)
    : null;
  if (acceptance === null) return null;
  const { offer, requestNoContextTakeover, requestMaxWindowBits } = acceptance;
  const words = [extensionName];
  if (offer.requestNoContextTakeover) words.push("server_no_context_takeover");
  if (offer.requestMaxWindowBits !== 0) {
    words.push(`server_max_window_bits=${offer.requestMaxWindowBits}`);
  }
  if (requestNoContextTakeover) words.push("client_no_context_takeover");
  if (requestMaxWindowBits !== 0) {
    words.push(`client_max_window_bits=${requestMaxWindowBits}`);
  }
  return {
    parameters: {
      serverNoContextTakeover: offer.requestNoContextTakeover,
      clientNoContextTakeover: requestNoContextTakeover,
      serverMaxWindowBits: offer.requestMaxWindowBits || defaultWindowBits,
      clientMaxWindowBits: requestMaxWindowBits || defaultWindowBits,
    },
    response: words.join("; "),
  };
}
