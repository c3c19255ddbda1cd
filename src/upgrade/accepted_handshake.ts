/**
 * What a handshake that was accepted has settled.
 *
 * @module
 */
import type { ConnectionDetails } from "../connection/connection.ts";
import { type HandshakeRequest, hostOf } from "../handshake/request.ts";
import type { Member } from "../topics/topics.ts";
import { pathOf, requestOf } from "./request.ts";

/** It is kept for each connection: what few ask for is made when they do. */
export class AcceptedHandshake implements ConnectionDetails {
  /** See {@linkcode ConnectionDetails}. */
  readonly protocol: string;
  /** See {@linkcode ConnectionDetails}. */
  readonly extensions: string;
  /** See {@linkcode ConnectionDetails}. */
  readonly membership: Member;
  readonly #request: HandshakeRequest;
  readonly #secure: boolean;

  /**
   * @param request Its head, which was checked.
   * @param secure Whether it came over TLS.
   */
  constructor(
    request: HandshakeRequest,
    secure: boolean,
    protocol: string,
    extensions: string,
    membership: Member,
  ) {
    this.#request = request;
    this.#secure = secure;
    this.protocol = protocol;
    this.extensions = extensions;
    this.membership = membership;
  }

  /** See {@linkcode ConnectionDetails}. */
  get url(): string {
    const scheme = this.#secure ? "wss" : "ws";
    return `${scheme}://${hostOf(this.#request)}${pathOf(this.#request)}`;
  }

  /** See {@linkcode ConnectionDetails}. */
  request(): Request {
    return requestOf(this.#request, this.#secure, hostOf(this.#request));
  }
}
