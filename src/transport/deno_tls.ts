/**
 * TLS on Deno, through its native listener. The client's side is in
 * `deno_tls_client.ts`.
 *
 * Deno's `node:tls` sockets ignore `pause()`, so that a peer could fill the
 * server's memory. Connections of `Deno.listenTls` are read only when asked:
 * each is made into a Node duplex and given to a `node:http` server.
 *
 * @module
 */
import { Duplex } from "node:stream";

/** The parts of `Deno.TlsConn` that are used here. */
export interface DenoConnection {
  /** The peer's address. */
  readonly remoteAddr: { hostname: string; port: number };
  /** Resolves when the TLS handshake is done. */
  handshake(): Promise<unknown>;
  /** Reads some bytes, or `null` at the end. */
  read(bytes: Uint8Array): Promise<number | null>;
  /** Writes some bytes. */
  write(bytes: Uint8Array): Promise<number>;
  /** Ends the outgoing direction. */
  closeWrite(): Promise<void>;
  /** Drops the connection. */
  close(): void;
}

/** The parts of `Deno.TlsListener` that are used here. */
interface DenoListener {
  readonly addr: { hostname: string; port: number };
  accept(): Promise<DenoConnection>;
  close(): void;
  ref(): void;
  unref(): void;
}

/** The parts of the `Deno` namespace that are used here. */
interface DenoNamespace {
  listenTls(
    options: DenoTlsOptions,
  ): DenoListener;
  /** Is there with the flag `--unstable-net` only. */
  listenDatagram?: unknown;
}

/** Whether this is Deno. */
export function hasDenoTls(): boolean {
  return denoNamespace() !== undefined;
}

function denoNamespace(): DenoNamespace | undefined {
  return (globalThis as { Deno?: DenoNamespace }).Deno;
}

/** Where to listen, and as whom. */
export interface DenoTlsOptions {
  /** The TCP port. */
  readonly port: number;
  /** The address. */
  readonly hostname: string;
  /** The certificate chain as PEM. */
  readonly cert: string;
  /** Its private key as PEM. */
  readonly key: string;
  /** Whether other processes may listen on the same port. */
  readonly reusePort: boolean;
}

/** Accepts TLS connections and hands them out as Node sockets. */
export class DenoTlsListener {
  readonly #listener: DenoListener;
  readonly #accepting: Promise<void>;
  #closed = false;

  /**
   * Begins to listen.
   *
   * @param handshakeTimeout Milliseconds for the TLS handshake. Deno has no way
   * to drop the TCP connection of one that is not done; it is let go of.
   * @param onSocket Is given each connection.
   * @param onFailed Is told if the listener is lost.
   * @throws The system's error if it can't listen.
   * @throws {Error} For `reusePort` without `--unstable-net`: Deno would end the
   * process.
   */
  constructor(
    options: DenoTlsOptions,
    handshakeTimeout: number,
    onSocket: (socket: DenoTlsSocket) => void,
    onFailed: (error: Error) => void,
  ) {
    const deno = denoNamespace()!;
    if (options.reusePort && deno.listenDatagram === undefined) {
      throw new Error(
        "reusePort with TLS is unstable in Deno: start it with --unstable-net",
      );
    }
    this.#listener = deno.listenTls({ ...options });
    this.#accepting = this.#accept(handshakeTimeout, onSocket, onFailed);
  }

  /** Where it listens. */
  get address(): { hostname: string; port: number } {
    const { hostname, port } = this.#listener.addr;
    return { hostname, port };
  }

  /** Listens no more; resolves when the port is free. */
  close(): Promise<void> {
    this.#closed = true;
    this.#listener.close();
    return this.#accepting;
  }

  /** See `Deno.Listener.ref()`. */
  ref(): void {
    this.#listener.ref();
  }

  /** See `Deno.Listener.unref()`. */
  unref(): void {
    this.#listener.unref();
  }

  async #accept(
    handshakeTimeout: number,
    onSocket: (socket: DenoTlsSocket) => void,
    onFailed: (error: Error) => void,
  ): Promise<void> {
    while (!this.#closed) {
      try {
        const socket = new DenoTlsSocket(await this.#listener.accept());
        socket.limitHandshake(handshakeTimeout);
        onSocket(socket);
      } catch (error) {
        if (this.#closed) return;
        if ((error as Error).name === "BadResource") {
          onFailed(error as Error);
          return;
        }
        // Accepting one failed, as when descriptors run out: the listener is
        // still there.
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
    }
  }
}

/** The longest TLS record: more is not read at once. */
const readLength = 16 * 1024;

/** A `Deno.TlsConn` as a Node socket: as much of one as HTTP and WebSocket need. */
export class DenoTlsSocket extends Duplex {
  /** Tells the HTTP side that the scheme is `https:`. */
  readonly encrypted = true;
  /** The peer's IP address. */
  readonly remoteAddress: string;
  /** The peer's port. */
  readonly remotePort: number;
  readonly #connection: DenoConnection;
  #timeout: ReturnType<typeof setTimeout> | undefined;

  /** @param connection A connection, accepted or made; it belongs to the socket. */
  constructor(connection: DenoConnection) {
    super({
      allowHalfOpen: true,
      highWaterMark: readLength,
      // A chunk that waits is handed out alone, never joined with the next.
      decodeStrings: true,
    });
    this.#connection = connection;
    this.remoteAddress = connection.remoteAddr.hostname;
    this.remotePort = connection.remoteAddr.port;
  }

  /** Drops a peer that does not finish the TLS handshake in time. */
  limitHandshake(milliseconds: number): void {
    this.#timeout = setTimeout(() => this.destroy(), milliseconds);
    this.#connection.handshake().then(
      () => clearTimeout(this.#timeout),
      () => this.destroy(),
    );
  }

  /** As `net.Socket.setTimeout(0)`; idle time is not limited here. */
  setTimeout(): this {
    return this;
  }

  /**
   * As `net.Socket.setNoDelay()`. Deno has no way to set it on a connection that
   * its TLS listener accepted; on a client's it is set already.
   */
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

  override async _read(): Promise<void> {
    const bytes = new Uint8Array(readLength);
    try {
      const length = await this.#connection.read(bytes);
      this.push(length === null ? null : bytes.subarray(0, length));
    } catch (error) {
      this.destroy(error as Error);
    }
  }

  override async _write(
    chunk: Uint8Array,
    _encoding: string,
    callback: (error?: Error | null) => void,
  ): Promise<void> {
    try {
      let written = 0;
      while (written < chunk.length) {
        written += await this.#connection.write(chunk.subarray(written));
      }
    } catch (error) {
      callback(error as Error);
      return;
    }
    callback();
  }

  override async _final(
    callback: (error?: Error | null) => void,
  ): Promise<void> {
    try {
      await this.#connection.closeWrite();
    } catch {
      // The peer is gone: `close` tells.
    }
    callback();
  }

  override _destroy(
    error: Error | null,
    callback: (error?: Error | null) => void,
  ): void {
    clearTimeout(this.#timeout);
    try {
      this.#connection.close();
    } catch {
      // It was closed already.
    }
    callback(error);
  }
}
