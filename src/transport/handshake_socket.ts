/**
 * The socket of a request to upgrade, until it is answered.
 *
 * @module
 */
import type { IncomingMessage } from "node:http";
import type { Duplex } from "node:stream";
import type { NetworkAddress, Transport } from "../connection/transport.ts";
import type { HandshakeRequest } from "../handshake/request.ts";
import { addressOf, NodeSocketTransport } from "./node_socket.ts";

/** See the module. */
export interface HandshakeSocket {
  /** Whether it is TLS. */
  readonly secure: boolean;
  /** The client's address; `null` where it has none, or has gone. */
  readonly remoteAddress: NetworkAddress | null;
  /** Whether the client is gone. */
  readonly gone: boolean;
  /** Whom to tell when the client goes away, until it is answered. */
  onGone: (() => void) | null;
  /**
   * Accepts.
   *
   * @param head The head of the response.
   * @returns The connection, and the bytes that came behind the request.
   */
  accept(
    head: string,
  ): { transport: Transport; early: Uint8Array<ArrayBuffer> };
  /** Gives the socket for any other answer. */
  toDuplex(): Duplex;
  /** Drops it. */
  destroy(): void;
}

/** A socket that a `node:http` server has handed out with its `"upgrade"` event. */
export class HttpHandshakeSocket implements HandshakeSocket {
  readonly #socket: Duplex;
  readonly #early: Uint8Array;
  readonly #onClose = (): void => this.onGone?.();
  /** See {@linkcode HandshakeSocket}. */
  onGone: (() => void) | null = null;

  /**
   * @param socket The socket.
   * @param early What came behind the request.
   */
  constructor(socket: Duplex, early: Uint8Array) {
    this.#socket = socket;
    this.#early = early;
    // Until the connection listens itself.
    socket.on("error", ignore);
    socket.on("close", this.#onClose);
  }

  /** See {@linkcode HandshakeSocket}. */
  get secure(): boolean {
    return (this.#socket as { encrypted?: boolean }).encrypted === true;
  }

  /** See {@linkcode HandshakeSocket}. */
  get remoteAddress(): NetworkAddress | null {
    return addressOf(this.#socket);
  }

  /** See {@linkcode HandshakeSocket}. */
  get gone(): boolean {
    return this.#socket.destroyed;
  }

  /** See {@linkcode HandshakeSocket}. */
  accept(
    head: string,
  ): { transport: Transport; early: Uint8Array<ArrayBuffer> } {
    const socket = this.#socket;
    const { buffer, byteOffset, length } = this.#early;
    socket.off("close", this.#onClose);
    socket.write(head, "latin1");
    return {
      transport: new NodeSocketTransport(socket),
      early: new Uint8Array(buffer as ArrayBuffer, byteOffset, length),
    };
  }

  /** See {@linkcode HandshakeSocket}. */
  toDuplex(): Duplex {
    return this.#socket;
  }

  /** See {@linkcode HandshakeSocket}. */
  destroy(): void {
    this.#socket.destroy();
  }
}

/** What counts of a request that a `node:http` server has read. */
export function handshakeRequestOf(request: IncomingMessage): HandshakeRequest {
  const { method = "", url = "", httpVersion, rawHeaders } = request;
  return { method, target: url, httpVersion, rawHeaders };
}

function ignore(): void {}
