/**
 * What a handshake that was accepted has settled.
 *
 * @module
 */
import type { ConnectionDetails } from "../connection/connection.ts";
import type { Outbound } from "../connection/outbound.ts";
import { type HandshakeRequest, hostOf } from "../handshake/request.ts";
import { joinTopics, type Member, type Topics } from "../topics/topics.ts";
import { pathOf, requestOf } from "./request.ts";

/** It is kept for each connection: what few ask for is made when they do. */
export class AcceptedHandshake implements ConnectionDetails {
  /** See {@linkcode ConnectionDetails}. */
  readonly protocol: string;
  /** See {@linkcode ConnectionDetails}. */
  readonly extensions: string;
  readonly #request: HandshakeRequest;
  readonly #secure: boolean;
  readonly #topics: Topics;
  #member: Member | null = null;
  /** Made when it is asked for: the host has to be found in the head again. */
  #url: string | null = null;

  /**
   * @param request Its head, which was checked.
   * @param secure Whether it came over TLS.
   * @param topics What the connection can subscribe to.
   */
  constructor(
    request: HandshakeRequest,
    secure: boolean,
    protocol: string,
    extensions: string,
    topics: Topics,
  ) {
    this.#request = request;
    this.#secure = secure;
    this.protocol = protocol;
    this.extensions = extensions;
    this.#topics = topics;
  }

  /** See {@linkcode ConnectionDetails}. */
  get url(): string {
    return this.#url ??= `${this.#secure ? "wss" : "ws"}://${
      hostOf(this.#request)
    }${pathOf(this.#request)}`;
  }

  /** See {@linkcode ConnectionDetails}. */
  join(outbound: Outbound): Member {
    return this.#member ??= joinTopics(this.#topics, outbound);
  }

  /** See {@linkcode ConnectionDetails}. */
  leave(): void {
    this.#member?.leave();
  }

  /** See {@linkcode ConnectionDetails}. */
  request(): Request {
    return requestOf(this.#request, this.#secure, hostOf(this.#request));
  }
}
