/**
 * The opening handshake on its way: heads that come in pieces, and the answers
 * to them. What a head says is checked in `opening_handshake.ts`.
 */
import type {
  CompressionAnswer,
  CompressionOffer,
  MessageCompression,
} from "./compression.ts";
import { concatenate } from "./octets.ts";
import {
  checkRequest,
  checkResponse,
  createKey,
  HandshakeError,
  type HandshakeRequest,
  parseHead,
  type RequestParameters,
  writeRefusal,
  writeRequest,
  writeResponse,
} from "./opening_handshake.ts";

/** What a client asks for. */
export interface ClientHandshake {
  role: "client";
  /** What to ask for. */
  request: Omit<RequestParameters, "key" | "extensions">;
  /** What compression to offer; none by default. */
  compression?: CompressionOffer | null;
}

/** What a server agrees to. */
export interface Agreement {
  /** The subprotocol to use, one of those offered. */
  protocol?: string | null;
  /** What compression to agree on; none by default. */
  compression?: CompressionAnswer | null;
}

/** How a server answers. */
export interface ServerHandshake {
  role: "server";
  /** The `Server` field of the response. */
  server: string;
  /**
   * Decides on a request that is well formed.
   *
   * @throws {HandshakeError} To refuse it.
   */
  accept(request: HandshakeRequest): Agreement;
}

/** What comes of a handshake that succeeds. */
export interface HandshakeResult {
  /** What was agreed on. */
  compression: MessageCompression | null;
  /** What came behind the head. */
  rest: Uint8Array;
}

/** The opening handshake of one connection. */
export class HandshakeExchange {
  /** The request's head; empty before there is one. */
  httpRequest = "";
  /** The response's head; empty before there is one. */
  httpResponse = "";
  /** The response's or request's fields by lower-case name. */
  fields: ReadonlyMap<string, string> = new Map();

  #side: ClientHandshake | ServerHandshake;
  #send: (head: string) => void;
  #key = createKey();
  #octets: Uint8Array = new Uint8Array(0);

  /**
   * @param side What this end does.
   * @param send Puts a head on the wire.
   */
  constructor(
    side: ClientHandshake | ServerHandshake,
    send: (head: string) => void,
  ) {
    this.#side = side;
    this.#send = send;
  }

  /** Begins it, as a client does. */
  begin(): void {
    if (this.#side.role === "client") {
      this.httpRequest = writeRequest({
        ...this.#side.request,
        key: this.#key,
        extensions: this.#side.compression?.extensions ?? null,
      });
      this.#send(this.httpRequest);
    }
  }

  /**
   * Takes octets off the wire, and answers them as a server does.
   *
   * @returns `null` if the head is not whole yet.
   * @throws If the handshake cannot go on.
   */
  push(octets: Uint8Array): HandshakeResult | null {
    const whole = concatenate([this.#octets, octets]);
    this.#octets = whole;
    // Latin-1, so that a character is an octet.
    const text = Array.from(
      whole.subarray(0, 65_536),
      (octet) => String.fromCharCode(octet),
    ).join("");
    const end = text.indexOf("\r\n\r\n");
    if (end < 0) {
      return null;
    }
    this.#octets = new Uint8Array(0);
    const head = text.slice(0, end + 4);
    return {
      compression: this.#side.role === "client"
        ? this.#readResponse(head, this.#side)
        : this.#readRequest(head, this.#side),
      rest: whole.subarray(end + 4),
    };
  }

  /** Answers what `push()` threw, as a server does. */
  refuse(error: unknown, reason: string): void {
    if (this.#side.role === "server") {
      const status = error instanceof HandshakeError ? error.status : 500;
      this.httpResponse = writeRefusal(status, reason);
      this.#send(this.httpResponse);
    }
  }

  #readResponse(
    text: string,
    { request, compression }: ClientHandshake,
  ): MessageCompression | null {
    this.httpResponse = text;
    const head = parseHead(text);
    this.fields = head.fields;
    checkResponse(head, { key: this.#key, protocols: request.protocols });
    const extensions = head.fields.get("sec-websocket-extensions");
    if (extensions === undefined) {
      return null;
    }
    if (!compression) {
      throw new HandshakeError(
        `the server uses an extension that was not offered: "${extensions}"`,
      );
    }
    return compression.accept(extensions);
  }

  #readRequest(
    text: string,
    side: ServerHandshake,
  ): MessageCompression | null {
    this.httpRequest = text;
    const head = parseHead(text);
    this.fields = head.fields;
    const request = checkRequest(head);
    const { protocol, compression } = side.accept(request);
    const answer = request.extensions === null
      ? null
      : compression?.answer(request.extensions) ?? null;
    this.httpResponse = writeResponse({
      key: request.key,
      server: side.server,
      protocol: protocol ?? null,
      extensions: answer?.extensions ?? null,
    });
    this.#send(this.httpResponse);
    return answer?.compression ?? null;
  }
}
