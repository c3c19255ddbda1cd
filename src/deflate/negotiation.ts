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
export {
  type DeflateAgreement,
  type DeflateBackend,
  type DeflateCapabilities,
  type DeflateParameters,
  readAgreement,
} from "./negotiation/agreement.ts";
export { checkResponse, createOffers } from "./negotiation/client.ts";
export { type AcceptedOffer, acceptOffer } from "./negotiation/server.ts";
