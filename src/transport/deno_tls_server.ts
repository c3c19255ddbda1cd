/**
 * A TLS socket that Deno's `node:tls` has accepted, as a transport.
 *
 * Where such a socket is paused, Deno reads on, into memory without bound. So what
 * stops is the TCP handle below it. `Deno.listenTls()` reads only when asked, and is
 * no way out: it leaves Nagle's algorithm on, and writes each record by itself, so
 * that the end of a message of more than 16 KiB waits until the client has
 * acknowledged the rest, for 40 ms. It also keeps TCP connections open that were
 * dropped.
 *
 * @module
 */
import { createPrivateKey, X509Certificate } from "node:crypto";
import type { Duplex } from "node:stream";
import { TLSSocket } from "node:tls";
import { giveBack } from "../codec/byte_buffer.ts";
import {
  type NetworkAddress,
  nobody,
  type Transport,
  type TransportReceiver,
} from "../connection/transport.ts";
import { isDeno } from "./deno_tls_socket.ts";
import type { NativeTlsOptions } from "./native.ts";
import { NodeSocketTransport } from "./node_socket.ts";

/** What a TLS socket has and Node does not document, as in Node itself. */
interface Internals {
  readonly _handle: {
    /** The handle of the TCP socket. Deno before 2.8 may have none. */
    readonly _parent?: { readStart(): void; readStop(): void };
  } | null;
}

/** The parts of the global object that are used here. */
interface DenoNamespace {
  readonly Deno: { readonly version: { readonly deno: string } };
}

/** See the module. */
export class DenoTlsServerTransport implements Transport, TransportReceiver {
  readonly #socket: TLSSocket;
  readonly #transport: NodeSocketTransport;
  readonly #alone: boolean;
  #receiver: TransportReceiver = nobody;
  /** See {@linkcode Transport}. */
  readonly gives = false;

  /**
   * @param socket Accepted, with its TLS handshake done.
   * @param alone Whether nobody else can listen to it.
   */
  constructor(socket: TLSSocket, alone: boolean) {
    this.#socket = socket;
    this.#transport = new NodeSocketTransport(socket, alone);
    this.#alone = alone;
  }

  /** See {@linkcode Transport}. */
  get remoteAddress(): NetworkAddress | null {
    return this.#transport.remoteAddress;
  }

  /** See {@linkcode Transport}. */
  get copies(): boolean {
    return this.#transport.copies;
  }

  /** See {@linkcode Transport}. */
  get bufferedAmount(): number {
    return this.#transport.bufferedAmount;
  }

  /** See {@linkcode Transport}. */
  start(receiver: TransportReceiver): void {
    this.#receiver = receiver;
    this.#transport.start(this);
  }

  /** See {@linkcode TransportReceiver}. */
  receive(chunk: Uint8Array<ArrayBuffer>): void {
    if (!this.#alone) {
      this.#receiver.receive(chunk, false);
      return;
    }
    // Who keeps it copies it with `slice()`, which is a view with Node's buffers.
    const bytes = new Uint8Array(chunk.buffer, chunk.byteOffset, chunk.length);
    this.#receiver.receive(bytes, true);
    // Each read has memory of its own, which a collector would come to late.
    giveBack(bytes);
  }

  /** See {@linkcode TransportReceiver}. */
  receiveEnd(): void {
    this.#receiver.receiveEnd();
  }

  /** See {@linkcode TransportReceiver}. */
  transportClosed(error: Error | null): void {
    const receiver = this.#receiver;
    this.#receiver = nobody;
    receiver.transportClosed(error);
  }

  /** See {@linkcode Transport}. */
  pause(): void {
    stopReading(this.#socket);
  }

  /** See {@linkcode Transport}. */
  resume(): void {
    startReading(this.#socket);
  }

  /** See {@linkcode Transport}. */
  write(chunks: readonly Uint8Array[], written?: () => void): void {
    this.#transport.write(chunks, written);
  }

  /** See {@linkcode Transport}. */
  end(): void {
    this.#transport.end();
  }

  /** See {@linkcode Transport}. */
  destroy(): void {
    this.#transport.destroy();
  }
}

/** Whether a socket is TLS, and Deno would read on when it is paused. */
export function isDenoTls(socket: Duplex): socket is TLSSocket {
  return isDeno() && socket instanceof TLSSocket;
}

/** Stops reading what comes to such a socket. */
export function stopReading(socket: TLSSocket): void {
  (socket as TLSSocket & Internals)._handle?._parent?.readStop();
}

/** Reads on. */
export function startReading(socket: TLSSocket): void {
  (socket as TLSSocket & Internals)._handle?._parent?.readStart();
}

/**
 * Checks that Deno's `node:tls` is new enough.
 *
 * @param version Deno's, as in `Deno.version.deno`.
 * @throws {Error} If it is not: connections would fail, or be read without bound.
 */
export function checkDenoVersion(
  version = (globalThis as unknown as DenoNamespace).Deno.version.deno,
): void {
  const [major, minor] = version.split(".").map(Number);
  if (major > 2 || (major === 2 && minor >= 8)) return;
  throw new Error(
    `a server with TLS needs Deno 2.8 or later, not ${version}: deno upgrade`,
  );
}

/**
 * Checks what Deno's `node:tls` finds out with the first client.
 *
 * @throws {Error} If the key is not that of the certificate, or one of both is none.
 */
export function checkKeyPair({ cert, key }: NativeTlsOptions): void {
  let fits: boolean;
  try {
    fits = new X509Certificate(cert).checkPrivateKey(createPrivateKey(key));
  } catch (error) {
    throw new Error(
      `\`cert\` or \`key\` can't be read as PEM: ${(error as Error).message}`,
      { cause: error },
    );
  }
  if (!fits) throw new Error("`key` is not the private key of `cert`");
}
