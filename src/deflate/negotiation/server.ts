/**
 * The server's side of the negotiation of permessage-deflate: its answer to a
 * client's offers.
 *
 * @module
 */
import type { ExtensionOffer } from "../../handshake/extension_header.ts";
import type { ResolvedDeflateOptions } from "../options.ts";
import {
  candidates,
  type DeflateAgreement,
  type DeflateCapabilities,
  type DeflateParameters,
} from "./agreement.ts";
import {
  extensionName,
  formatParameters,
  largestWindowBits,
  limit,
  readParameters,
  type StatedParameters,
  unlessLargest,
} from "./parameters.ts";

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
 * where the options want none, which the backend `"auto"` stands for, or the
 * backend has none; and a server's window below 15 bits. Only
 * `client_max_window_bits` needs the client's leave (section 7.1.2.2): without
 * it the client's window is 15 bits, whatever the options say.
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
 * import { formatExtensions, parseExtensions } from "../../handshake/extension_header.ts";
 * import { acceptOffer } from "./server.ts";
 * import { resolveDeflateOptions } from "../options.ts";
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
  const alone = options.backend === "auto";
  return {
    serverNoContextTakeover: alone || offered.serverNoContextTakeover ||
      options.serverNoContextTakeover || !can.outboundContextTakeover,
    clientNoContextTakeover: alone || offered.clientNoContextTakeover ||
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
