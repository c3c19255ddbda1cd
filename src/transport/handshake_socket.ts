/**
 * The socket of a request to upgrade, until it is answered.
 *
 * @module
 */
import type { IncomingMessage } from "node:http";
import type { Duplex } from "node:stream";
import { joinBytes } from "../codec/byte_buffer.ts";
import type { NetworkAddress, Transport } from "../connection/transport.ts";
import { toLatin1 } from "../handshake/head_lines.ts";
import type { HandshakeRequest } from "../handshake/request.ts";
import {
  DenoTlsServerTransport,
  isDenoTls,
  startReading,
  stopReading,
} from "./deno_tls_server.ts";
import { addressOf, NodeSocketTransport } from "./node_socket.ts";

/** How many bytes behind a request are taken before it is answered. */
export const maxEarly: number = 64 * 1024;

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
  readonly #early: Uint8Array[];
  #earlyLength: number;
  #onGone: (() => void) | null = null;
  #watched = false;
  readonly #tellGone = (): void => this.#onGone?.();
  readonly #keep = (chunk: Uint8Array): void => {
    this.#early.push(chunk);
    this.#earlyLength += chunk.length;
    if (this.#earlyLength < maxEarly) return;
    this.#socket.pause();
    if (isDenoTls(this.#socket)) stopReading(this.#socket);
  };

  /**
   * @param socket The socket.
   * @param early What came behind the request.
   */
  constructor(socket: Duplex, early: Uint8Array) {
    const { buffer, byteOffset, length } = early;
    this.#socket = socket;
    this.#early = [new Uint8Array(buffer, byteOffset, length)];
    this.#earlyLength = length;
    // Until the connection listens itself.
    socket.on("error", ignore);
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
  get onGone(): (() => void) | null {
    return this.#onGone;
  }

  set onGone(listener: (() => void) | null) {
    this.#onGone = listener;
    if (listener === null) this.#unwatch();
    else this.#watch();
  }

  /** See {@linkcode HandshakeSocket}. */
  accept(
    head: string,
  ): { transport: Transport; early: Uint8Array<ArrayBuffer> } {
    this.#unwatch();
    const socket = this.#socket;
    // As bytes: of text in that encoding, Deno makes UTF-8 over TLS.
    socket.write(toLatin1(head));
    return {
      transport: isDenoTls(socket)
        ? new DenoTlsServerTransport(socket, false)
        : new NodeSocketTransport(socket),
      early: joinBytes(this.#early),
    };
  }

  /** See {@linkcode HandshakeSocket}. */
  toDuplex(): Duplex {
    this.#unwatch();
    // What has come is for nobody any more, and the rest must not be stuck.
    return this.#socket.resume();
  }

  /** See {@linkcode HandshakeSocket}. */
  destroy(): void {
    this.#socket.destroy();
  }

  /** Reads on, as the end of what comes shows in no other way. */
  #watch(): void {
    if (this.#watched) return;
    this.#watched = true;
    this.#socket.on("data", this.#keep);
    this.#socket.on("end", this.#tellGone);
    this.#socket.on("close", this.#tellGone);
  }

  #unwatch(): void {
    if (!this.#watched) return;
    this.#watched = false;
    if (isDenoTls(this.#socket)) startReading(this.#socket);
    this.#socket.off("data", this.#keep);
    this.#socket.off("end", this.#tellGone);
    this.#socket.off("close", this.#tellGone);
  }
}

/** What counts of a request that a `node:http` server has read. */
export function handshakeRequestOf(request: IncomingMessage): HandshakeRequest {
  const { method = "", url = "", httpVersion, rawHeaders } = request;
  return { method, target: url, httpVersion, rawHeaders };
}

function ignore(): void {}
