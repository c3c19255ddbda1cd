/**
 * From an HTTP upgrade request to a connection, on any `node:http` server.
 *
 * @module
 */
import { createHash } from "node:crypto";
import type { IncomingMessage } from "node:http";
import type { Duplex } from "node:stream";
import type { Backplane } from "./backplane/backplane.ts";
import { WebSocketConnection } from "./connection/connection.ts";
import {
  checkFunctions,
  checkHandler,
  type ErrorCallback,
  type Handler,
  HandlerRunner,
  report,
} from "./connection/handler.ts";
import {
  type ConnectionOptions,
  positive,
  resolveConnectionOptions,
  type ResolvedConnectionOptions,
} from "./connection/options.ts";
import { Session } from "./connection/session.ts";
import {
  type DeflateOptions,
  type ResolvedDeflateOptions,
  resolveDeflateOptions,
} from "./deflate/options.ts";
import {
  answerOffers,
  createDeflateStages,
  prepareDeflate,
} from "./deflate/permessage_deflate.ts";
import { formatExtensions } from "./handshake/extension_header.ts";
import {
  checkOriginPolicy,
  isOriginAllowed,
  type OriginPolicy,
} from "./handshake/origin.ts";
import {
  acceptValue,
  checkHandshakeRequest,
  type HandshakeOffer,
  type HandshakeRequest,
} from "./handshake/request.ts";
import {
  checkResponseHeaders,
  formatResponseHead,
  HandshakeError,
  type HeaderEntry,
} from "./handshake/response.ts";
import {
  checkProtocols,
  checkSelectedProtocol,
  selectProtocol,
} from "./handshake/subprotocol.ts";
import { Counters } from "./metrics/counters.ts";
import { collectMetrics, type ServerMetrics } from "./metrics/metrics.ts";
import { checkTopics, joinTopics, Topics } from "./topics/topics.ts";
import {
  publishClose,
  publishConnection,
  publishHandshake,
} from "./transport/diagnostics.ts";
import {
  headersFrom,
  writeRefusal,
  writeResponse,
} from "./transport/http_message.ts";
import {
  handshakeRequestOf,
  type HandshakeSocket,
  HttpHandshakeSocket,
} from "./transport/handshake_socket.ts";

/** What the `upgrade` hook may give for a connection that it accepts. */
export interface UpgradeAnswer<Data = unknown> {
  /**
   * The subprotocol, one of those that the client offered, or `""` for none. By
   * default it is chosen from the option `protocols`.
   */
  protocol?: string;
  /** Headers for the response, such as `Set-Cookie`. */
  headers?: HeadersInit;
  /** What {@linkcode WebSocketConnection.data} shall be. */
  data?: Data;
  /** Compression for this connection, in place of the option of the same name. */
  deflate?: boolean | DeflateOptions;
  /** A handler for this connection, in place of the one that `serve()` was given. */
  handler?: Handler<Data>;
}

/**
 * Decides on a handshake: a `Response` refuses it, an object or nothing accepts
 * it.
 */
export type UpgradeHook<Data = unknown> = (
  request: Request,
) =>
  | Response
  | UpgradeAnswer<Data>
  | void
  | Promise<Response | UpgradeAnswer<Data> | void>;

/** How handshakes are answered, and what the connections are like. */
export interface UpgradeOptions<Data = unknown> extends ConnectionOptions {
  /** The subprotocols that the server speaks, the preferred one first. Default none. */
  protocols?: readonly string[];
  /**
   * The pages that may connect: `"same-origin"`, `"*"`, a list, or a function.
   * Default `"same-origin"`: the `Origin` header names the same host as `Host`,
   * or is missing, as with clients that are not browsers.
   */
  origins?: OriginPolicy;
  /** Is asked about each valid handshake. By default all are accepted. */
  upgrade?: UpgradeHook<Data>;
  /**
   * Compression of messages (permessage-deflate, RFC 7692) with clients that
   * offer it: `false` for none, or how. Default `true`.
   */
  deflate?: boolean | DeflateOptions;
  /** Milliseconds that a handshake may take, `upgrade` included. Default 10,000. */
  handshakeTimeout?: number;
  /**
   * The topics that connections subscribe and publish to. Give several servers
   * the same, and they share them. By default each has its own.
   */
  topics?: Topics;
  /**
   * Relays the server's topics to and from other processes, such as a
   * `RedisBackplane` of `@weir/ws/redis`. Default none. With the option `topics`,
   * give it to the `Topics` instead.
   */
  backplane?: Backplane;
  /**
   * Is told what a handler, a hook or `upgrade` failed with. `socket` is missing
   * where there is no connection yet. By default it is written to the console.
   */
  onError?: (error: unknown, socket?: WebSocketConnection) => void;
}

/** The handshakes and connections of one server. */
export class Upgrader {
  /** The open connections. */
  readonly sockets: Set<WebSocketConnection> = new Set();
  /** What they subscribe to. */
  readonly topics: Topics;
  readonly #counters = new Counters();
  readonly #options: UpgradeOptions;
  readonly #connectionOptions: ResolvedConnectionOptions;
  readonly #handler: Handler;
  readonly #onError: ErrorCallback;
  readonly #deflate: ResolvedDeflateOptions | null;
  readonly #handshakeTimeout: number;
  /** Sockets whose `upgrade` hook has not answered yet. */
  readonly #undecided = new Set<HandshakeSocket>();
  #closing = false;
  #whenIdle: (() => void) | null = null;

  /**
   * @throws {TypeError} For options or a handler that can't be right.
   * @throws {RangeError} For numbers out of range.
   */
  constructor(options: UpgradeOptions, handler: Handler) {
    checkHandler(handler);
    checkFunctions(options, "upgrade", "onError");
    checkProtocols(options.protocols ?? []);
    if (options.origins !== undefined) checkOriginPolicy(options.origins);
    this.topics = topicsOf(options);
    this.#options = options;
    this.#connectionOptions = resolveConnectionOptions(options);
    this.#deflate = resolveDeflateOptions(options.deflate);
    this.#handshakeTimeout = positive(options, "handshakeTimeout", 10_000);
    this.#handler = handler;
    this.#onError = options.onError ?? ((error) => console.error(error));
  }

  /** Gets ready what handshakes need; they are answered with less before. */
  async prepare(): Promise<void> {
    const backend = this.#deflate?.backend ?? "zlib";
    if (backend !== "zlib" || this.#options.upgrade) await prepareDeflate();
  }

  /** Answers an upgrade request. Never throws. */
  upgrade(request: HandshakeRequest, socket: HandshakeSocket): void {
    try {
      const offer = this.#check(request);
      if (this.#options.upgrade === undefined) {
        this.#accept(request, socket, offer, {});
      } else {
        this.#ask(this.#options.upgrade, request, socket, offer);
      }
    } catch (error) {
      this.#refuse(request, socket, error);
    }
  }

  /** See {@linkcode ServerMetrics}. */
  metrics(): ServerMetrics {
    return collectMetrics(this.#counters, this.sockets, this.topics);
  }

  /** Accepts no more, and resolves when no connection is left. */
  close(closeCode: number, reason: string): Promise<void> {
    this.#closing = true;
    for (const socket of this.sockets) socket.close({ closeCode, reason });
    return new Promise((resolve) => {
      if (this.#isIdle()) resolve();
      else this.#whenIdle = resolve;
    });
  }

  /** Drops all that is left. */
  terminate(): void {
    for (const socket of this.#undecided) socket.destroy();
    this.#undecided.clear();
    for (const socket of this.sockets) socket.terminate();
    this.#settleIdle();
  }

  #check(request: HandshakeRequest): HandshakeOffer {
    if (this.#closing) throw shuttingDown();
    const offer = checkHandshakeRequest(request);
    if (!isOriginAllowed(offer.origin, offer.host, this.#options.origins)) {
      throw new HandshakeError(
        403,
        `A page of the origin ${
          JSON.stringify(offer.origin)
        } may not open a WebSocket here. The server can allow it with its option "origins".`,
      );
    }
    return offer;
  }

  /** Lets the `upgrade` hook decide. */
  async #ask(
    hook: UpgradeHook,
    request: HandshakeRequest,
    socket: HandshakeSocket,
    offer: HandshakeOffer,
  ): Promise<void> {
    this.#undecided.add(socket);
    const gone = new AbortController();
    socket.onGone = () =>
      gone.abort(new Error("the client closed the connection"));
    try {
      const answer = await this.#limit(
        hook(requestOf(request, socket.secure, offer, gone.signal)),
      );
      if (socket.gone) {
        this.#tell(request, socket, null);
      } else if (isResponse(answer)) {
        await writeResponse(
          socket.toDuplex(),
          answer,
          this.#connectionOptions.closeTimeout,
        );
        this.#tell(request, socket, answer.status, answer.statusText);
      } else {
        if (this.#closing) throw shuttingDown();
        this.#accept(request, socket, offer, checkAnswer(answer));
      }
    } catch (error) {
      this.#refuse(request, socket, error);
    } finally {
      socket.onGone = null;
      this.#undecided.delete(socket);
      this.#settleIdle();
    }
  }

  /** Rejects if the hook's promise takes longer than a handshake may. */
  async #limit(answer: ReturnType<UpgradeHook>): Promise<unknown> {
    if (typeof (answer as PromiseLike<unknown>)?.then !== "function") {
      return answer;
    }
    const limit = Promise.withResolvers<never>();
    const timer = setTimeout(
      () => limit.reject(tooSlow(this.#handshakeTimeout)),
      this.#handshakeTimeout,
    );
    try {
      return await Promise.race([answer, limit.promise]);
    } finally {
      clearTimeout(timer);
    }
  }

  #accept(
    request: HandshakeRequest,
    socket: HandshakeSocket,
    offer: HandshakeOffer,
    answer: UpgradeAnswer,
  ): void {
    const handler = answer.handler ?? this.#handler;
    if (answer.handler !== undefined) checkHandler(answer.handler);
    let protocol = answer.protocol;
    if (protocol === undefined) {
      protocol = selectProtocol(offer.protocols, this.#options.protocols ?? []);
    } else {
      checkSelectedProtocol(protocol, offer.protocols);
    }
    const deflateOptions = answer.deflate === undefined
      ? this.#deflate
      : resolveDeflateOptions(answer.deflate);
    const agreement = deflateOptions &&
      answerOffers(offer.extensions, deflateOptions);
    const extensions = agreement ? formatExtensions([agreement.response]) : "";
    const responseHead = acceptingHead(
      offer,
      protocol,
      extensions,
      answer.headers,
    );
    if (socket.gone) {
      this.#tell(request, socket, null);
      return;
    }
    const { secure } = socket;
    const { transport, early } = socket.accept(responseHead);
    const session = new Session(
      transport,
      "server",
      this.#connectionOptions,
      agreement && createDeflateStages(
        agreement,
        "server",
        deflateOptions!,
        this.#counters,
      ),
      this.#counters,
    );
    const member = joinTopics(this.topics, session.outbound);
    const connection = new WebSocketConnection(session, {
      protocol,
      extensions,
      url: `${secure ? "wss" : "ws"}://${offer.host}${pathOf(request)}`,
      remoteAddress: transport.remoteAddress,
      data: answer.data,
      membership: member,
      request: () => requestOf(request, secure, offer),
    });
    this.sockets.add(connection);
    const runner = new HandlerRunner(
      connection,
      session,
      handler,
      this.#onError,
      (result) => {
        member.leave();
        this.sockets.delete(connection);
        this.#counters.closes.add(result.closeCode);
        publishClose(connection, result);
        this.#settleIdle();
      },
    );
    this.#tell(request, socket, 101, "", connection);
    publishConnection(connection);
    runner.start(early);
  }

  #refuse(
    request: HandshakeRequest,
    socket: HandshakeSocket,
    error: unknown,
  ): void {
    let refusal = error;
    if (!(refusal instanceof HandshakeError)) {
      report(this.#onError as (error: unknown) => unknown, error);
      refusal = new HandshakeError(
        500,
        "The server failed to answer this handshake.",
      );
    }
    const { closeTimeout } = this.#connectionOptions;
    if (socket.gone) {
      this.#tell(request, socket, null);
      return;
    }
    const { status, message } = refusal as HandshakeError;
    writeRefusal(socket.toDuplex(), refusal as HandshakeError, closeTimeout);
    this.#tell(request, socket, status, message);
  }

  /** Counts a handshake that was decided on, and tells those who listen. */
  #tell(
    request: HandshakeRequest,
    socket: HandshakeSocket,
    status: number | null,
    reason = "",
    connection: WebSocketConnection | null = null,
  ): void {
    if (connection === null) {
      this.#counters.handshakesRefused.add(
        status === null ? "aborted" : String(status),
      );
    } else {
      this.#counters.handshakesAccepted++;
    }
    publishHandshake(() => ({
      request,
      remoteAddress: socket.remoteAddress,
      status,
      reason,
      socket: connection,
    }));
  }

  #isIdle(): boolean {
    return this.sockets.size === 0 && this.#undecided.size === 0;
  }

  #settleIdle(): void {
    if (this.#whenIdle !== null && this.#isIdle()) this.#whenIdle();
  }
}

/** Answers the `"upgrade"` event of a `node:http` or `node:https` server. */
export type UpgradeListener = (
  request: IncomingMessage,
  socket: Duplex,
  head: Uint8Array,
) => void;

/**
 * Makes a listener for the `"upgrade"` event of a `node:http` or `node:https`
 * server: for Express, Fastify, Koa, Vite, `@hono/node-server`. It answers each
 * upgrade request (RFC 6455 section 4.2), refusals included, and runs the
 * handler on what it accepts. On Deno over TLS, prefer {@linkcode serve}: there a
 * `node:https` socket can't be paused.
 *
 * @param options How handshakes are answered, and what the connections are like.
 * @param handler Is called with each connection, or with what happens on it.
 * @throws {TypeError | RangeError} For options or a handler that can't be right.
 *
 * @example
 * ```ts
 * import { createServer } from "node:http";
 * import { createUpgradeHandler } from "@weir/ws";
 *
 * const server = createServer((_request, response) => response.end("hello"));
 * server.on(
 *   "upgrade",
 *   createUpgradeHandler({}, {
 *     message: (socket, message) => socket.send(message),
 *   }),
 * );
 * server.listen(0);
 * ```
 */
export function createUpgradeHandler<Data = unknown>(
  options: UpgradeOptions<Data>,
  handler: Handler<Data>,
): UpgradeListener;
/** The same with default options. */
export function createUpgradeHandler<Data = unknown>(
  handler: Handler<Data>,
): UpgradeListener;
export function createUpgradeHandler(
  ...parameters: [UpgradeOptions, Handler] | [Handler]
): UpgradeListener {
  const [options, handler] = parameters.length === 1
    ? [{}, parameters[0]]
    : parameters;
  const upgrader = new Upgrader(options, handler);
  upgrader.prepare();
  return (request, socket, head) => {
    upgrader.upgrade(
      handshakeRequestOf(request),
      new HttpHandshakeSocket(socket, head),
    );
  };
}

function topicsOf({ topics, backplane, onError }: UpgradeOptions): Topics {
  if (topics === undefined) {
    return new Topics({
      ...backplane === undefined ? {} : { backplane },
      ...onError === undefined ? {} : { onError: (error) => onError(error) },
    });
  }
  if (backplane === undefined) return checkTopics(topics);
  throw new TypeError(
    "the options `topics` and `backplane` are both given: make the topics with new Topics({ backplane })",
  );
}

function acceptingHead(
  offer: HandshakeOffer,
  protocol: string,
  extensions: string,
  headers: HeadersInit | undefined,
): string {
  const lines: HeaderEntry[] = [
    ["Upgrade", "websocket"],
    ["Connection", "Upgrade"],
    ["Sec-WebSocket-Accept", acceptValue(offer.key, sha1)],
  ];
  if (protocol !== "") lines.push(["Sec-WebSocket-Protocol", protocol]);
  if (extensions !== "") lines.push(["Sec-WebSocket-Extensions", extensions]);
  if (headers !== undefined) {
    const own = new Headers(headers);
    checkResponseHeaders(own);
    lines.push(...own);
  }
  return formatResponseHead(101, lines);
}

function sha1(text: string): string {
  return createHash("sha1").update(text).digest("base64");
}

function pathOf({ target }: HandshakeRequest): string {
  if (target.startsWith("/")) return target;
  const url = new URL(target);
  return url.pathname + url.search;
}

function requestOf(
  request: HandshakeRequest,
  secure: boolean,
  offer: HandshakeOffer,
  signal?: AbortSignal,
): Request {
  const scheme = secure ? "https" : "http";
  return new Request(`${scheme}://${offer.host}${pathOf(request)}`, {
    headers: headersFrom(request.rawHeaders),
    signal,
  });
}

/** Other realms and frameworks have `Response` classes of their own. */
function isResponse(answer: unknown): answer is Response {
  return answer instanceof Response ||
    (typeof answer === "object" && answer !== null && "status" in answer &&
      "headers" in answer && "body" in answer);
}

/**
 * What can't be understood must not let anybody in.
 *
 * @throws {TypeError} If it is neither an object nor nothing.
 */
function checkAnswer(answer: unknown): UpgradeAnswer {
  if (answer === undefined) return {};
  if (typeof answer === "object" && answer !== null) return answer;
  throw new TypeError(
    `the \`upgrade\` hook returns a Response to refuse, an object or nothing to accept, not ${
      String(answer)
    }`,
  );
}

function tooSlow(milliseconds: number): HandshakeError {
  return new HandshakeError(
    503,
    `The server did not decide on this handshake within ${milliseconds} ms. Try again later.`,
  );
}

function shuttingDown(): HandshakeError {
  return new HandshakeError(503, "The server is shutting down.");
}
