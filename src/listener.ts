/**
 * The HTTP server below `serve()`: TCP, TLS or a Unix socket, on any runtime.
 *
 * @module
 */
import {
  createServer as createHttpServer,
  type IncomingMessage,
  type Server,
  type ServerResponse,
} from "node:http";
import { createServer as createHttpsServer } from "node:https";
import type { Duplex } from "node:stream";
import type {
  NetworkAddress,
  Transport,
  UnixAddress,
} from "./connection/transport.ts";
import type { HandshakeRequest } from "./handshake/request.ts";
import { HandshakeError } from "./handshake/response.ts";
import type { ListenOptions } from "./listen_options.ts";
import { superviseOnBun } from "./transport/bun_http.ts";
import { isBun, listenOnBun } from "./transport/bun_socket.ts";
import { isDeno } from "./transport/deno_tls_socket.ts";
import { FrontDoor } from "./transport/front_door.ts";
import {
  handshakeRequestOf,
  type HandshakeSocket,
  HttpHandshakeSocket,
} from "./transport/handshake_socket.ts";
import { writeRefusal } from "./transport/http_message.ts";
import { HttpSockets } from "./transport/http_sockets.ts";
import type { NativeListener } from "./transport/native.ts";
import { listenOnNode } from "./transport/node_listener.ts";

/** Where a server listens. */
export type ServerAddress = NetworkAddress | UnixAddress;

/** What a listener calls. */
export interface ListenerEvents {
  /** A plain request. */
  request(request: IncomingMessage, response: ServerResponse): void;
  /**
   * Tells whether a request that asks for an upgrade is taken for one, or for a
   * plain one. Node asks from 22.21 on; before, all are taken for one.
   */
  shouldUpgrade(request: IncomingMessage): boolean;
  /** A request to upgrade. */
  upgrade(request: HandshakeRequest, socket: HandshakeSocket): void;
  /** It does not listen any more, for no asking of ours. */
  failed(error: Error): void;
}

/** Milliseconds; what came in them is not worth more. */
export interface ListenerTimeouts {
  /** For the TLS handshake, and for the head of a request to arrive. */
  readonly handshakeTimeout: number;
  /** For a peer to take a refusal. */
  readonly closeTimeout: number;
}

/** See the module. */
export class HttpListener {
  readonly #server: Server;
  readonly #sockets: HttpSockets;
  readonly #options: ListenOptions;
  readonly #events: ListenerEvents;
  readonly #timeouts: ListenerTimeouts;
  readonly #frontDoor: FrontDoor;
  #native: NativeListener | null = null;
  #address: ServerAddress | null = null;
  #unreffed = false;
  #stopped: Promise<void> | null = null;
  /** Whether it speaks TLS. */
  readonly secure: boolean;

  /** @param options What {@linkcode checkListenOptions} finds nothing wrong with. */
  constructor(
    options: ListenOptions,
    timeouts: ListenerTimeouts,
    events: ListenerEvents,
  ) {
    this.#options = options;
    this.#events = events;
    this.#timeouts = timeouts;
    this.secure = options.cert !== undefined;
    const { handshakeTimeout } = timeouts;
    const headersTimeout = Math.ceil(handshakeTimeout);
    // Node's default, which must not be below the other.
    const requestTimeout = Math.max(300_000, headersTimeout);
    const settings = {
      headersTimeout,
      requestTimeout,
      connectionsCheckingInterval: Math.max(50, Math.ceil(headersTimeout / 8)),
      shouldUpgradeCallback: events.shouldUpgrade,
    };
    const nodeTls = this.secure && !this.#isNative();
    const server = this.#server = nodeTls
      ? createHttpsServer({ ...settings, cert: options.cert, key: options.key })
      : createHttpServer(settings);
    // A head of 16 KiB limits them; of more than this, Deno leaves some out.
    server.maxHeadersCount = 0;
    this.#sockets = new HttpSockets(server, nodeTls, handshakeTimeout);
    server.on("request", (request, response) => {
      // It may have been dropped with requests behind those that were too many.
      if (!request.socket.destroyed) events.request(request, response);
    });
    server.on("upgrade", (request, socket, head) => {
      events.upgrade(
        handshakeRequestOf(request),
        new HttpHandshakeSocket(socket, head),
      );
    });
    const late = (socket: Duplex): void => this.#refuse(socket, tooSlow());
    if (isBun()) {
      superviseOnBun(server, handshakeTimeout, requestTimeout, late);
    }
    this.#frontDoor = new FrontDoor({
      secure: this.secure,
      upgrade: events.upgrade,
      other: (socket) => server.emit("connection", socket),
      refused: (socket) => this.#sockets.follow(socket),
      late,
    }, handshakeTimeout);
    server.on(
      "clientError",
      (error, socket) => this.#answerClientError(error, socket),
    );
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
    if (this.#isNative()) await this.#listenNative();
    else await this.#listenNode();
    // It may have been asked for before there was anything to let go of.
    if (this.#unreffed) this.unref();
  }

  /** Listens no more; resolves when no connection is left, each time it is called. */
  async close(): Promise<void> {
    this.#stopped ??= this.#stopListening();
    await Promise.all([this.#stopped, this.#sockets.close()]);
  }

  /** Drops all connections that are left. */
  terminate(): void {
    this.#sockets.terminate();
  }

  /** Keeps the process running while the server listens; the default. */
  ref(): void {
    this.#unreffed = false;
    this.#native?.ref();
    this.#server.ref();
  }

  /** Lets the process end though the server listens. */
  unref(): void {
    this.#unreffed = true;
    this.#native?.unref();
    this.#server.unref();
  }

  async #stopListening(): Promise<void> {
    this.#frontDoor.close();
    // Its callback is not waited for: on Bun it does not come while a client is
    // in the middle of a TLS handshake.
    this.#server.close();
    await this.#native?.close();
  }

  /**
   * Whether a listener below `node:http` is used, which costs less for each
   * handshake, and on Bun for each message. For TLS, it is what lets the
   * transports of Deno stop reading; and what Bun's `node:https` has upgraded does
   * not close while the peer does not read.
   */
  #isNative(): boolean {
    return this.#options.path === undefined &&
      (!this.secure || isDeno() || isBun());
  }

  #listenNode(): Promise<void> {
    const { path, port = 8000, hostname = "0.0.0.0", reusePort } =
      this.#options;
    const server = this.#server;
    return new Promise((resolve, reject) => {
      server.once("error", reject);
      server.listen(
        path === undefined ? { port, host: hostname, reusePort } : { path },
      );
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

  async #listenNative(): Promise<void> {
    const { port = 8000, hostname = "0.0.0.0", cert, key } = this.#options;
    const options = {
      hostname,
      port,
      reusePort: this.#options.reusePort ?? false,
      onTransport: (transport: Transport) => this.#frontDoor.take(transport),
      onFailed: (error: Error) => this.#events.failed(error),
    };
    const { handshakeTimeout } = this.#timeouts;
    const tls = this.secure
      ? { cert: cert!, key: key!, handshakeTimeout }
      : null;
    const native = tls === null ? listenOnBun(options) : null;
    this.#native = await (native ?? listenOnNode(options, tls));
    this.#address = { transport: "tcp", ...this.#native.address };
    // Only a server that listens has keep-alive and its timeouts.
    Object.defineProperty(this.#server, "listening", { value: true });
    this.#server.emit("listening");
  }

  /** Answers what is no HTTP, or came too slowly. */
  #answerClientError(error: Error & { code?: string }, socket: Duplex): void {
    if (
      !socket.writable || error.code === "ECONNRESET" ||
      error.code?.startsWith("ERR_TLS") || error.code?.startsWith("ERR_SSL")
    ) {
      socket.destroy();
      return;
    }
    const refusal = error.code === "ERR_HTTP_REQUEST_TIMEOUT"
      ? tooSlow()
      : error.code === "HPE_HEADER_OVERFLOW"
      ? new HandshakeError(431, "The head of the request is too long.")
      : new HandshakeError(400, "The request is not valid HTTP/1.1.");
    this.#refuse(socket, refusal);
  }

  #refuse(socket: Duplex, refusal: HandshakeError): void {
    // It would be taken for a part of the answer.
    if (this.#sockets.isAnswering(socket)) socket.destroy();
    else writeRefusal(socket, refusal, this.#timeouts.closeTimeout);
  }
}

function tooSlow(): HandshakeError {
  return new HandshakeError(
    408,
    "The request took too long to arrive.",
  );
}

function toNetworkAddress(
  { address, port }: { address: string; port: number },
): NetworkAddress {
  return { transport: "tcp", hostname: address, port };
}
