/**
 * The HTTP server below `serve()`: TCP, TLS or a Unix socket, on any runtime.
 *
 * @module
 */
import { createServer as createHttpServer, type Server } from "node:http";
import { createServer as createHttpsServer } from "node:https";
import type { Duplex } from "node:stream";
import type { NetworkAddress, UnixAddress } from "./connection/transport.ts";
import { formatRefusal, HandshakeError } from "./handshake/response.ts";
import {
  type DenoListener,
  denoNamespace,
  DenoTlsSocket,
} from "./transport/deno_tls.ts";

/** Where to listen. */
export interface ListenOptions {
  /** The TCP port; 0 for any that is free. Default 8000. */
  port?: number;
  /** The name or address to listen on. Default `"0.0.0.0"`: all of IPv4. */
  hostname?: string;
  /** A Unix domain socket's file, in place of `port` and `hostname`. */
  path?: string;
  /** The certificate chain as PEM, for TLS (`wss:`); goes with `key`. */
  cert?: string;
  /** The private key of the certificate as PEM. */
  key?: string;
}

/** Where a server listens. */
export type ServerAddress = NetworkAddress | UnixAddress;

/** What a listener calls. */
export interface ListenerEvents {
  /** A plain request. */
  request(...parameters: Parameters<HttpRequestListener>): void;
  /** A request to upgrade. */
  upgrade(...parameters: Parameters<HttpUpgradeListener>): void;
  /** It does not listen any more, for no asking of ours. */
  failed(error: Error): void;
}

type HttpRequestListener = (
  request: import("node:http").IncomingMessage,
  response: import("node:http").ServerResponse,
) => void;
type HttpUpgradeListener = (
  request: import("node:http").IncomingMessage,
  socket: Duplex,
  head: Uint8Array,
) => void;

/** See the module. */
export class HttpListener {
  readonly #server: Server;
  readonly #options: ListenOptions;
  readonly #events: ListenerEvents;
  readonly #handshakeTimeout: number;
  readonly #denoSockets = new Set<DenoTlsSocket>();
  #denoListener: DenoListener | null = null;
  #address: ServerAddress | null = null;
  #closed = false;
  /** Whether it speaks TLS. */
  readonly secure: boolean;

  /**
   * @param handshakeTimeout Milliseconds for the head of a request to arrive.
   * @throws {TypeError} For options that contradict each other.
   */
  constructor(
    options: ListenOptions,
    handshakeTimeout: number,
    events: ListenerEvents,
  ) {
    checkListenOptions(options);
    this.#options = options;
    this.#events = events;
    this.#handshakeTimeout = handshakeTimeout;
    this.secure = options.cert !== undefined;
    const settings = {
      headersTimeout: handshakeTimeout,
      connectionsCheckingInterval: Math.max(50, handshakeTimeout / 8),
    };
    this.#server = this.secure && !this.#usesDenoTls()
      ? createHttpsServer({
        ...settings,
        cert: options.cert,
        key: options.key,
        handshakeTimeout,
      })
      : createHttpServer(settings);
    this.#server.on("request", events.request);
    this.#server.on("upgrade", events.upgrade);
    this.#server.on("clientError", answerClientError);
  }

  /**
   * Where it listens.
   *
   * @throws {Error} Before {@linkcode listen} has resolved.
   */
  get address(): ServerAddress {
    if (this.#address === null) {
      throw new Error("the server does not listen yet: await server.ready");
    }
    return this.#address;
  }

  /** Begins to listen. Rejects with the system's error if that fails. */
  async listen(): Promise<void> {
    if (this.#usesDenoTls()) this.#listenDenoTls();
    else await this.#listenNode();
  }

  /** Listens no more; resolves when the last plain request is answered. */
  close(): Promise<void> {
    this.#closed = true;
    this.#denoListener?.close();
    if (!this.#server.listening) return Promise.resolve();
    return new Promise((resolve) => {
      this.#server.close(() => resolve());
      this.#server.closeIdleConnections();
    });
  }

  /** Drops all connections that are left. */
  terminate(): void {
    this.#server.closeAllConnections();
    for (const socket of this.#denoSockets) socket.destroy();
  }

  /** Keeps the process running while the server listens; the default. */
  ref(): void {
    this.#denoListener?.ref();
    this.#server.ref();
  }

  /** Lets the process end though the server listens. */
  unref(): void {
    this.#denoListener?.unref();
    this.#server.unref();
  }

  #usesDenoTls(): boolean {
    return this.secure && this.#options.path === undefined &&
      denoNamespace() !== undefined;
  }

  #listenNode(): Promise<void> {
    const { path, port = 8000, hostname = "0.0.0.0" } = this.#options;
    const server = this.#server;
    return new Promise((resolve, reject) => {
      server.once("error", reject);
      server.listen(path === undefined ? { port, host: hostname } : { path });
      server.once("listening", () => {
        server.off("error", reject);
        server.on("error", (error) => this.#events.failed(error));
        this.#address = path === undefined
          ? toNetworkAddress(
            server.address() as { address: string; port: number },
          )
          : { transport: "unix", path };
        resolve();
      });
    });
  }

  #listenDenoTls(): void {
    const { port = 8000, hostname = "0.0.0.0", cert, key } = this.#options;
    const listener = denoNamespace()!
      .listenTls({ port, hostname, cert: cert!, key: key! });
    this.#denoListener = listener;
    const { addr } = listener;
    this.#address = {
      transport: "tcp",
      hostname: addr.hostname,
      port: addr.port,
    };
    this.#acceptDenoTls(listener);
  }

  async #acceptDenoTls(listener: DenoListener): Promise<void> {
    while (!this.#closed) {
      try {
        const socket = new DenoTlsSocket(await listener.accept());
        socket.limitHandshake(this.#handshakeTimeout);
        this.#denoSockets.add(socket);
        socket.on("close", () => this.#denoSockets.delete(socket));
        this.#server.emit("connection", socket);
      } catch (error) {
        if (this.#closed) return;
        // Accepting one connection failed, as when descriptors run out: the
        // listener is still there.
        if ((error as Error).name === "BadResource") {
          this.#events.failed(error as Error);
          return;
        }
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
    }
  }
}

function checkListenOptions(options: ListenOptions): void {
  const { port, path, hostname, cert, key } = options;
  if (
    port !== undefined &&
    !(Number.isInteger(port) && port >= 0 && port <= 65535)
  ) {
    throw new RangeError(`port is an integer from 0 to 65535, not ${port}`);
  }
  if (path !== undefined && (port !== undefined || hostname !== undefined)) {
    throw new TypeError(
      `path (${
        JSON.stringify(path)
      }) names a Unix socket, which has no port or hostname: leave those out`,
    );
  }
  if ((cert === undefined) !== (key === undefined)) {
    throw new TypeError(
      `TLS needs both cert and key; ${
        cert === undefined ? "cert" : "key"
      } is missing`,
    );
  }
}

function toNetworkAddress(
  { address, port }: { address: string; port: number },
): NetworkAddress {
  return { transport: "tcp", hostname: address, port };
}

/** Answers what is no HTTP, or came too slowly. */
function answerClientError(
  error: Error & { code?: string },
  socket: Duplex,
): void {
  if (!socket.writable || error.code === "ECONNRESET") {
    socket.destroy();
    return;
  }
  const refusal = error.code === "ERR_HTTP_REQUEST_TIMEOUT"
    ? new HandshakeError(
      408,
      "The head of the request took too long to arrive.",
    )
    : error.code === "HPE_HEADER_OVERFLOW"
    ? new HandshakeError(431, "The head of the request is too long.")
    : new HandshakeError(400, "The request is not valid HTTP/1.1.");
  socket.end(formatRefusal(refusal), () => socket.destroy());
}
