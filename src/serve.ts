/**
 * The server.
 *
 * @module
 */
import type { IncomingMessage, ServerResponse } from "node:http";
import { CloseCode } from "./close.ts";
import {
  checkCloseOptions,
  type Publishable,
  type WebSocketConnection,
} from "./connection/connection.ts";
import { createDeferred, type Deferred } from "./connection/deferred.ts";
import {
  checkFunctions,
  type Handler,
  optionsAndHandler,
  report,
} from "./connection/handler.ts";
import { checkSignal, milliseconds } from "./connection/options.ts";
import { answerWithFetch, type FetchHandler } from "./fetch.ts";
import { listContains } from "./handshake/header_syntax.ts";
import { checkListenOptions, type ListenOptions } from "./listen_options.ts";
import { HttpListener, type ServerAddress } from "./listener.ts";
import type { ServerMetrics } from "./metrics/metrics.ts";
import type { Topics, TopicsPublishOptions } from "./topics/topics.ts";
import type { UpgradeOptions } from "./upgrade/options.ts";
import { Upgrader } from "./upgrade/upgrader.ts";

/** Options of {@linkcode serve}. */
export interface ServeOptions<Data = unknown>
  extends ListenOptions, UpgradeOptions<Data> {
  /**
   * Answers plain HTTP: any fetch-style application, such as Hono's
   * `app.fetch`. By default a plain request gets 426. With `fetch`, a request to
   * upgrade to something else than a WebSocket, such as h2c, is a plain one; on
   * Node before 22.21 it gets 426 all the same.
   *
   * An answer that can't be sent is reported, and answered with 500, or cut off
   * if it has begun: one whose body has other chunks than `Uint8Array`s, or
   * another length than its `Content-Length`. What `fetch()` gives can be passed
   * on. Where it has decoded the body, `Content-Encoding` and `Content-Length`
   * are left out; on Bun that does not show, and such a body fails: fetch it with
   * `decompress: false` there.
   */
  fetch?: FetchHandler;
  /** Is called once the server listens. */
  onListen?: (address: ServerAddress) => void;
  /** Shuts the server down when it aborts. */
  signal?: AbortSignal;
}

/** Options of {@linkcode Server.shutdown}. */
export interface ShutdownOptions {
  /** The code that every connection is closed with. Default 1001 (going away). */
  closeCode?: number;
  /** The reason that goes with it, at most 123 bytes of UTF-8. Default `""`. */
  reason?: string;
  /**
   * Milliseconds after which what is left is dropped. Default 10,000; `Infinity`
   * to wait for all.
   */
  timeout?: number;
}

/**
 * A server that {@linkcode serve} has started.
 *
 * @example
 * ```ts
 * import { serve } from "@weir/ws";
 *
 * const server = serve({ port: 0 }, ({ readable, writable }) => readable.pipeTo(writable));
 * await server.ready;
 * console.log(server.url); // ws://127.0.0.1:…/
 * await server.shutdown();
 * ```
 */
export class Server {
  readonly #listener: HttpListener;
  readonly #upgrader: Upgrader;
  readonly #options: ServeOptions;
  readonly #ready: Deferred<void> = createDeferred();
  readonly #finished: Deferred<void> = createDeferred();
  #watched = false;
  #shutdown: Promise<void> | null = null;

  /** Made by {@linkcode serve}. */
  constructor(options: ServeOptions, handler: Handler) {
    checkFunctions(options, "fetch", "onListen");
    checkSignal(options.signal);
    // Before there are topics, which a backplane would keep.
    checkListenOptions(options);
    this.#options = options;
    this.#upgrader = new Upgrader(options, handler);
    this.#listener = new HttpListener(options, {
      handshakeTimeout: milliseconds(options, "handshakeTimeout", 10_000),
      closeTimeout: milliseconds(options, "closeTimeout", 5_000),
    }, {
      request: (request, response) => this.#onRequest(request, response),
      // One that a server does not do it may ignore (RFC 9110 section 7.8).
      shouldUpgrade: ({ headers }) =>
        options.fetch === undefined ||
        listContains(headers.upgrade ?? "", "websocket"),
      upgrade: (request, socket) => this.#upgrader.upgrade(request, socket),
      failed: (error) => this.#reportError(error),
    });
    this.#listen();
  }

  /**
   * Where the server listens.
   *
   * @throws {Error} Before {@linkcode ready} has resolved.
   */
  get addr(): ServerAddress {
    return this.#listener.address;
  }

  /**
   * Where clients connect to, such as `ws://127.0.0.1:8000/`. A server on all
   * addresses names the loopback one.
   *
   * @throws {Error} Before {@linkcode ready} has resolved.
   */
  get url(): string {
    const scheme = this.#listener.secure ? "wss" : "ws";
    const { addr } = this;
    if (addr.transport === "unix") return `${scheme}+unix://${addr.path}`;
    const hostname = addr.hostname === "0.0.0.0"
      ? "127.0.0.1"
      : addr.hostname === "::"
      ? "::1"
      : addr.hostname;
    return `${scheme}://${
      hostname.includes(":") ? `[${hostname}]` : hostname
    }:${addr.port}/`;
  }

  /** The open connections, in no particular order. */
  get sockets(): ReadonlySet<WebSocketConnection> {
    return this.#upgrader.sockets;
  }

  /** What the connections subscribe and publish to: the option, or the server's own. */
  get topics(): Topics {
    return this.#upgrader.topics;
  }

  /**
   * Publishes a message to all connections that are subscribed to a topic: the
   * same as `server.topics.publish()`.
   *
   * @param topic The topic.
   * @param message A string, an `ArrayBuffer` or a view. Its bytes are copied.
   * @param options Whom to leave out, and whether to compress.
   * @returns How many connections it is sent to; see {@linkcode Topics.publish}.
   * @throws {TypeError} For a topic or a message of another type.
   *
   * @example
   * ```ts
   * import { serve } from "@weir/ws";
   *
   * const server = serve({ port: 0 }, {
   *   open: (socket) => socket.subscribe("time"),
   * });
   * setInterval(() => server.publish("time", new Date().toISOString()), 1000);
   * ```
   */
  publish(
    topic: string,
    message: Publishable,
    options?: TopicsPublishOptions,
  ): number {
    return this.topics.publish(topic, message, options);
  }

  /**
   * What the server has done so far, and what it is at: connections,
   * handshakes, traffic, compression, closes, keepalive, topics. Counting costs
   * messages next to nothing; asking takes time with the number of open
   * connections and topics, as what waits for each is added up.
   *
   * @returns The numbers of this moment, as an object of its own that can be
   * cloned. It does not change any more.
   *
   * @example
   * ```ts
   * import { serve } from "@weir/ws";
   *
   * const server = serve({ port: 0 }, {
   *   message: (socket, message) => socket.send(message),
   * });
   * const timer = setInterval(() => {
   *   const { connections, received, bufferedBytes } = server.metrics();
   *   console.log(connections.open, received.messages, bufferedBytes);
   * }, 10_000);
   * server.finished.then(() => clearInterval(timer));
   * ```
   */
  metrics(): ServerMetrics {
    return this.#upgrader.metrics();
  }

  /**
   * Fulfils when the server listens. Rejects with the system's error, such as
   * one of the code `EADDRINUSE`, if it can't. If neither this nor `finished` is
   * asked for, that error ends the program.
   */
  get ready(): Promise<void> {
    this.#watched = true;
    return this.#ready.promise;
  }

  /** Fulfils when the server has shut down; rejects as {@linkcode ready} does. */
  get finished(): Promise<void> {
    this.#watched = true;
    return this.#finished.promise;
  }

  /**
   * Shuts down: no connection is accepted any more, each open one is closed
   * behind what was sent on it, and plain requests are answered to their end.
   *
   * @param options What clients are told, and how long they have.
   * @returns A promise that fulfils when nothing is left. Calling again gives
   * the same one.
   * @throws {RangeError} For a code that must not be sent, a reason that is too
   * long, or a timeout that is not above 0.
   */
  shutdown(options: ShutdownOptions = {}): Promise<void> {
    const { closeCode, reason } = checkCloseOptions({
      ...options,
      closeCode: options.closeCode ?? CloseCode.GoingAway,
    });
    const timeout = milliseconds(options, "timeout", 10_000);
    return this.#shutdown ??= this.#close(closeCode, reason, timeout);
  }

  /** Keeps the process running while the server listens; the default. */
  ref(): void {
    this.#listener.ref();
  }

  /**
   * Lets the process end though the server listens. On Deno over TLS it has no
   * effect, as `Deno.TlsListener.unref()` has none there.
   */
  unref(): void {
    this.#listener.unref();
  }

  /** Shuts down with the defaults, for `await using`. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.shutdown();
  }

  async #listen(): Promise<void> {
    const { signal, onListen } = this.#options;
    try {
      await Promise.all([this.#upgrader.prepare(), this.#listener.listen()]);
    } catch (error) {
      this.#ready.reject(error);
      this.#finished.reject(error);
      if (!this.#watched) throw error;
      return;
    }
    this.#ready.resolve();
    if (signal !== undefined) {
      const onAbort = (): void => void this.shutdown();
      if (signal.aborted) onAbort();
      else {
        signal.addEventListener("abort", onAbort);
        this.#finished.promise.then(() =>
          signal.removeEventListener("abort", onAbort)
        );
      }
    }
    onListen?.(this.addr);
  }

  async #close(
    closeCode: number,
    reason: string,
    timeout: number,
  ): Promise<void> {
    // One that never came to listen has nothing to close.
    await this.#ready.promise.catch(() => {});
    const timer = setTimeout(() => {
      this.#upgrader.terminate();
      this.#listener.terminate();
    }, timeout);
    await Promise.all([
      this.#upgrader.close(closeCode, reason),
      this.#listener.close(),
    ]);
    // Handshakes may have been refused meanwhile, whose clients may read why.
    await this.#listener.close();
    clearTimeout(timer);
    this.#finished.resolve();
  }

  #onRequest(request: IncomingMessage, response: ServerResponse): void {
    const { fetch = upgradeRequired } = this.#options;
    answerWithFetch(
      fetch,
      request,
      response,
      this.#listener.secure,
      (error) => this.#reportError(error),
    );
  }

  #reportError(error: unknown): void {
    const { onError = console.error } = this.#options;
    report(onError as (error: unknown) => unknown, error);
  }
}

/**
 * Listens, answers plain HTTP with `fetch`, and upgrades WebSocket handshakes
 * (RFC 6455): on TCP, TLS or a Unix domain socket; on Deno, Bun and Node.
 *
 * @param options Where to listen, how handshakes are answered, and what the
 * connections are like. Every option has a default.
 * @param handler A function that is called with each connection, or an object of
 * hooks.
 * @returns The server, which begins to listen: await `ready` to be sure that it
 * does.
 * @throws {TypeError | RangeError} For options or a handler that can't be right.
 *
 * @example An echo server, as streams
 * ```ts
 * import { serve } from "@weir/ws";
 *
 * serve({ port: 0 }, ({ readable, writable }) => readable.pipeTo(writable));
 * ```
 *
 * @example Hooks, plain HTTP beside them, and a check of who connects
 * ```ts
 * import { serve } from "@weir/ws";
 *
 * serve({
 *   port: 0,
 *   fetch: () => new Response("plain HTTP lives here"),
 *   upgrade: (request) =>
 *     request.headers.has("authorization")
 *       ? { data: { user: "ada" } }
 *       : new Response("Who are you?", { status: 401 }),
 * }, {
 *   message: (socket, message) => socket.send(message),
 * });
 * ```
 */
export function serve<Data = unknown>(
  options: ServeOptions<Data>,
  handler: Handler<Data>,
): Server;
/** The same with default options: port 8000 on all IPv4 addresses. */
export function serve<Data = unknown>(handler: Handler<Data>): Server;
export function serve(
  ...parameters: [ServeOptions, Handler] | [Handler]
): Server {
  const [options, handler] = optionsAndHandler("serve", parameters);
  return new Server(options, handler);
}

function upgradeRequired({ url }: Request): Response {
  const scheme = url.startsWith("https:") ? "wss" : "ws";
  return new Response(
    `This is a WebSocket server: connect to it with ${scheme}://\n`,
    {
      status: 426,
      headers: {
        "upgrade": "websocket",
        "connection": "Upgrade",
        "content-type": "text/plain; charset=utf-8",
      },
    },
  );
}
