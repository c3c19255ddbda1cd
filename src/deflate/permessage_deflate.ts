/**
 * permessage-deflate as a whole (RFC 7692): from what was agreed to the stages of
 * a connection.
 *
 * @module
 */
import type { Role } from "../frame.ts";
import { type Counters, uncounted } from "../metrics/counters.ts";
import {
  type ExtensionOffer,
  parseExtensions,
} from "../handshake/extension_header.ts";
import type { Backend } from "./backend.ts";
import { DeflateStage } from "./deflate_stage.ts";
import { InflateStage } from "./inflate_stage.ts";
import { Inflater } from "./inflater.ts";
import {
  type DeflateAgreement,
  readAgreement,
} from "./negotiation/agreement.ts";
import { checkResponse, createOffers } from "./negotiation/client.ts";
import { type AcceptedOffer, acceptOffer } from "./negotiation/server.ts";
import {
  type ResolvedDeflateOptions,
  resolveDeflateOptions,
} from "./options.ts";
import { sharedDeflater } from "./shared_deflater.ts";
import {
  compressionFlushes,
  findCompressionKind,
  FinishingDeflater,
  FlushingDeflater,
  standardCapabilities,
  standardEngine,
} from "./standard.ts";
import { zlibCapabilities, ZlibDeflater } from "./zlib.ts";
import { zlibEngine } from "./zlib_inflate.ts";

/** The two stages of a connection. */
export interface DeflateStages {
  /** Between the frame decoder and the message decoder. */
  readonly inflate: InflateStage;
  /** Between the message encoder and the frame encoder. */
  readonly deflate: DeflateStage;
}

/**
 * Gets the standard backend ready: it has to find out what this runtime's
 * `CompressionStream` is like. Handshakes before that are answered all the same,
 * with less.
 */
export async function prepareDeflate(): Promise<void> {
  await findCompressionKind();
}

/** Answers a client's offers with what this runtime can do; see {@linkcode acceptOffer}. */
export function answerOffers(
  offers: readonly ExtensionOffer[],
  options: ResolvedDeflateOptions,
): AcceptedOffer | null {
  return acceptOffer(offers, options, standardCapabilities(), zlibCapabilities);
}

/** What a client offers; nothing if the options are `null`. */
export function offersFor(
  options: ResolvedDeflateOptions | null,
): ExtensionOffer[] {
  return options === null ? [] : createOffers(options);
}

/**
 * Checks as the client what a server answered to {@linkcode offersFor}; see
 * {@linkcode checkResponse}.
 *
 * @throws {WebSocketError} If the connection must be failed.
 */
export function checkAnswer(
  answer: readonly ExtensionOffer[],
  options: ResolvedDeflateOptions | null,
): DeflateAgreement | null {
  return checkResponse(
    answer,
    offersFor(options),
    options ?? resolveDeflateOptions()!,
    standardCapabilities(),
    zlibCapabilities,
  );
}

/**
 * Makes the stages for what was agreed elsewhere.
 *
 * @param extensions The value of `Sec-WebSocket-Extensions` in the response.
 * @returns `null` if compression was not agreed on, or the options are `null`.
 * @throws {SyntaxError} If it is not such a value.
 * @throws {WebSocketError} If the parameters are none that a response can have.
 */
export function stagesForAgreed(
  extensions: string,
  role: Role,
  options: ResolvedDeflateOptions | null,
): DeflateStages | null {
  if (extensions === "" || options === null) return null;
  const agreement = readAgreement(
    parseExtensions(extensions),
    role,
    options,
    standardCapabilities(),
    zlibCapabilities,
  );
  return agreement && createDeflateStages(agreement, role, options);
}

/**
 * Makes the stages of one connection.
 *
 * @param counters What they add to.
 */
export function createDeflateStages(
  { parameters, backend }: DeflateAgreement,
  role: Role,
  options: ResolvedDeflateOptions,
  counters: Counters = uncounted,
): DeflateStages {
  const server = role === "server";
  const outbound = server
    ? {
      contextTakeover: !parameters.serverNoContextTakeover,
      windowBits: parameters.serverMaxWindowBits,
    }
    : {
      contextTakeover: !parameters.clientNoContextTakeover,
      windowBits: parameters.clientMaxWindowBits,
    };
  const inboundContextTakeover = server
    ? !parameters.clientNoContextTakeover
    : !parameters.serverNoContextTakeover;
  const zlib = new ZlibDeflater({
    windowBits: outbound.windowBits,
    level: options.level,
    memLevel: options.memLevel,
  }, outbound.contextTakeover);
  // zlib has the answer in the same call, and the peer can't tell.
  const standardOnly = backend === "standard" && options.backend === "standard";
  const deflater: Backend = !standardOnly
    ? zlib
    : compressionFlushes()
    ? new FlushingDeflater(outbound.contextTakeover)
    : new FinishingDeflater(zlib);
  const inflater = new Inflater(
    standardOnly ? standardEngine : zlibEngine(),
    inboundContextTakeover,
  );
  const { windowBits } = outbound;
  const { level, memLevel } = options;
  const kind = standardOnly ? "standard" : "zlib";
  const shared = outbound.contextTakeover ? null : sharedDeflater(
    `${kind} ${windowBits} ${level} ${memLevel}`,
    () => deflater,
  );
  return {
    inflate: new InflateStage(inflater, counters.inflated),
    deflate: new DeflateStage(
      deflater,
      options.threshold,
      shared,
      counters.deflated,
    ),
  };
}
