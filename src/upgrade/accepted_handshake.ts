/**
 * What a handshake that was accepted has settled.
 *
 * @module
 */
import type { ConnectionDetails } from "../connection/connection.ts";
import type { NetworkAddress } from "../connection/transport.ts";
import type { HandshakeRequest } from "../handshake/request.ts";
import type { Member } from "../topics/topics.ts";
import { pathOf, requestOf } from "./request.ts";

/** It is kept for each connection: what few ask for is made when they do. */
export class AcceptedHandshake implements ConnectionDetails {
  /** See {@linkcode ConnectionDetails}. */
  readonly protocol: string;
  /** See {@linkcode ConnectionDetails}. */
  readonly extensions: string;
  /** See {@linkcode ConnectionDetails}. */
  readonly remoteAddress: NetworkAddress | null;
  /** See {@linkcode ConnectionDetails}. */
  readonly membership: Member;
  readonly #request: HandshakeRequest;
  readonly #secure: boolean;
  readonly #host: string;

  /**
   * @param request Its head.
   * @param secure Whether it came over TLS.
   * @param host The host that the client meant.
   * @param settled The rest, as it is.
   */
  constructor(
    request: HandshakeRequest,
    secure: boolean,
    host: string,
    settled: Pick<
      AcceptedHandshake,
      "protocol" | "extensions" | "remoteAddress" | "membership"
    >,
  ) {
    this.#request = request;
    this.#secure = secure;
    this.#host = host;
    this.protocol = settled.protocol;
    this.extensions = settled.extensions;
    this.remoteAddress = settled.remoteAddress;
    this.membership = settled.membership;
  }

  /** See {@linkcode ConnectionDetails}. */
  get url(): string {
    const scheme = this.#secure ? "wss" : "ws";
    return `${scheme}://${this.#host}${pathOf(this.#request)}`;
  }

  /** See {@linkcode ConnectionDetails}. */
  request(): Request {
    return requestOf(this.#request, this.#secure, this.#host);
  }
}
