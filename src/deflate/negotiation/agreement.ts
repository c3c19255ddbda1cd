/**
 * What the negotiation of permessage-deflate comes to, for either side.
 *
 * @module
 */
import { WebSocketError } from "../../error.ts";
import type { Role } from "../../frame.ts";
import type { ExtensionOffer } from "../../handshake/extension_header.ts";
import type { ResolvedDeflateOptions } from "../options.ts";
import { extensionName, limit, readParameters } from "./parameters.ts";

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

/** The backends that the options allow, the preferred one first. */
export function candidates(
  options: ResolvedDeflateOptions,
  standard: DeflateCapabilities,
  zlib: DeflateCapabilities,
): readonly (readonly [DeflateBackend, DeflateCapabilities])[] {
  return options.backend === "zlib"
    ? [["zlib", zlib]]
    : [["standard", standard], ["zlib", zlib]];
}

/** What a client fails with that cannot accept a response. */
export function refusal(problem: string): WebSocketError {
  return new WebSocketError(
    "The server's Sec-WebSocket-Extensions cannot be accepted: " +
      `${problem} (RFC 7692 section 7.1)`,
  );
}
