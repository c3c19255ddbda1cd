/**
 * A transport as a Node socket, for a `node:http` server that has to answer what
 * came on it.
 *
 * @module
 */
import { Duplex } from "node:stream";
import { clearTimeout, setTimeout } from "node:timers";
import type { Transport, TransportReceiver } from "../connection/transport.ts";

/** As much of a `net.Socket` as HTTP needs. */
export class TransportDuplex extends Duplex implements TransportReceiver {
  /** Tells the HTTP side that the scheme is `https:`. */
  readonly encrypted: boolean;
  /** The peer's IP address. */
  readonly remoteAddress: string | undefined;
  /** The peer's port. */
  readonly remotePort: number | undefined;
  readonly #transport: Transport;
  #idleTime = 0;
  #idle: ReturnType<typeof setTimeout> | undefined;

  /**
   * @param transport It belongs to the socket.
   * @param secure Whether it is TLS.
   * @param first Bytes that have come already.
   */
  constructor(
    transport: Transport,
    secure: boolean,
    first: readonly Uint8Array[] = [],
  ) {
    // Bun writes the head of a response as text, and names no encoding.
    super({ allowHalfOpen: true, defaultEncoding: "latin1" });
    this.#transport = transport;
    this.encrypted = secure;
    this.remoteAddress = transport.remoteAddress?.hostname;
    this.remotePort = transport.remoteAddress?.port;
    // Until the HTTP side listens itself.
    this.on("error", ignore);
    for (const chunk of first) this.push(chunk);
    transport.start(this);
  }

  /** See {@linkcode TransportReceiver}. */
  receive(chunk: Uint8Array<ArrayBuffer>, lent: boolean): void {
    this.#idle?.refresh();
    if (!this.push(lent ? chunk.slice() : chunk)) this.#transport.pause();
  }

  /** See {@linkcode TransportReceiver}. */
  receiveEnd(): void {
    this.push(null);
  }

  /** See {@linkcode TransportReceiver}. */
  transportClosed(error: Error | null): void {
    this.destroy(error ?? undefined);
  }

  /** As `net.Socket.setTimeout()`: emits `"timeout"` when nothing was read or written. */
  setTimeout(milliseconds: number, listener?: () => void): this {
    clearTimeout(this.#idle);
    this.#idle = undefined;
    this.#idleTime = milliseconds;
    if (listener !== undefined) this.once("timeout", listener);
    if (milliseconds > 0 && !this.destroyed) {
      this.#idle = setTimeout(() => this.emit("timeout"), milliseconds);
    }
    return this;
  }

  /** As `net.Socket.timeout`. */
  get timeout(): number {
    return this.#idleTime;
  }

  /** As `net.Socket.setNoDelay()`; the transport sees to it. */
  setNoDelay(): this {
    return this;
  }

  /** As `net.Socket.setKeepAlive()`. */
  setKeepAlive(): this {
    return this;
  }

  /** Ends the outgoing direction, then drops the connection. */
  override destroySoon(): void {
    if (this.writableFinished) this.destroy();
    else this.once("finish", () => this.destroy()).end();
  }

  override _read(): void {
    this.#transport.resume();
  }

  override _write(
    chunk: Uint8Array,
    _encoding: string,
    callback: () => void,
  ): void {
    this.#idle?.refresh();
    this.#transport.write([chunk], callback);
  }

  override _writev(
    chunks: { chunk: Uint8Array }[],
    callback: () => void,
  ): void {
    this.#idle?.refresh();
    this.#transport.write(chunks.map(({ chunk }) => chunk), callback);
  }

  override _final(callback: () => void): void {
    // It may close within the call, and be destroyed then before it is finished.
    callback();
    this.#transport.end();
  }

  override _destroy(
    error: Error | null,
    callback: (error?: Error | null) => void,
  ): void {
    clearTimeout(this.#idle);
    this.#transport.destroy();
    callback(error);
  }
}

function ignore(): void {}
