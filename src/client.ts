/**
 * The client.
 *
 * @module
 */
import { createHash } from "node:crypto";
import {
  checkCaCerts,
  checkOptions,
  readHeaders,
  readProtocols,
  type WebSocketStreamOptions,
} from "./client_options.ts";
import {
  checkCloseOptions,
  type CloseOptions,
  WebSocketConnection,
} from "./connection/connection.ts";
import { createContext } from "./connection/context.ts";
import { createDeferred, type Deferred } from "./connection/deferred.ts";
import {
  checkSignal,
  milliseconds,
  resolveConnectionOptions,
  type ResolvedConnectionOptions,
} from "./connection/options.ts";
import type { CloseInfo } from "./connection/closing.ts";
import { Session, type SessionOwner } from "./connection/session.ts";
import {
  type ResolvedDeflateOptions,
  resolveDeflateOptions,
} from "./deflate/options.ts";
import {
  checkAnswer,
  createDeflateStages,
  offersFor,
  prepareDeflate,
} from "./deflate/permessage_deflate.ts";
import { WebSocketError } from "./error.ts";
import {
  type ClientRequest,
  clientRequestHeaders,
  createHandshakeKey,
  formatClientRequest,
} from "./handshake/client_request.ts";
import {
  checkHandshakeResponse,
  withCause,
} from "./handshake/client_response.ts";
import { type ClientTarget, parseClientUrl } from "./handshake/client_url.ts";
import { formatExtensions } from "./handshake/extension_header.ts";
import { acceptValue } from "./handshake/request.ts";
import type { ReceivedResponse } from "./handshake/response_reader.ts";
import { connectSocket } from "./transport/client_socket.ts";
import {
  exchangeHandshake,
  HandshakeTimeout,
} from "./transport/handshake_exchange.ts";
import { NodeSocketTransport } from "./transport/node_socket.ts";
import { afterThisTurn } from "./turn.ts";

/**
 * A WebSocket client, in the shape of the WebSocketStream proposal.
 *
 * What `opened` gives is a {@linkcode WebSocketConnection}: it has the `readable`,
 * `writable`, `protocol` and `extensions` of the proposal, and all that a
 * connection of the server has, such as `send()`, `incoming` and `ping()`.
 *
 * @example
 * ```ts
 * import { serve, WebSocketStream } from "@weir/ws";
 *
 * const server = serve({ port: 0 }, ({ readable, writable }) => readable.pipeTo(writable));
 * await server.ready;
 *
 * const stream = new WebSocketStream(server.url);
 * const { readable, writable } = await stream.opened;
 * const writer = writable.getWriter();
 * const reader = readable.getReader();
 * await writer.write("hello");
 * console.log((await reader.read()).value); // hello
 * stream.close({ closeCode: 1000, reason: "done" });
 * console.log(await stream.closed); // { closeCode: 1000, reason: "" }
 * await server.shutdown();
 * ```
 *
 * @example With the methods of a connection, and a server that wants to know who it is
 * ```ts ignore
 * import { WebSocketStream } from "@weir/ws";
 *
 * const stream = new WebSocketStream("wss://example.com/chat", {
 *   headers: { authorization: "Bearer …" },
 *   protocols: ["chat.v2", "chat.v1"],
 *   signal: AbortSignal.timeout(3000),
 * });
 * const socket = await stream.opened;
 * await socket.send("hello");
 * for await (const message of socket.readable) console.log(message);
 * ```
 */
export class WebSocketStream {
  readonly #target: ClientTarget;
  readonly #options: WebSocketStreamOptions;
  readonly #connectionOptions: ResolvedConnectionOptions;
  readonly #handshakeTimeout: number;
  readonly #deflate: ResolvedDeflateOptions | null;
  readonly #request: ClientRequest;
  readonly #opened: Deferred<WebSocketConnection> = createDeferred();
  readonly #closed: Deferred<CloseInfo> = createDeferred();
  /** Aborts with what the handshake fails with. */
  readonly #opening = new AbortController();
  #connection: WebSocketConnection | null = null;

  /**
   * Begins to connect.
   *
   * @param url An absolute URL with the scheme `ws:` or `wss:`; `http:` and
   * `https:` stand for those. A user name and password in it are sent as
   * `Authorization: Basic`, unless `headers` has an `Authorization`.
   * @param options What to ask for, and what the connection is like.
   * @throws {DOMException} A `SyntaxError` for a URL that is none, has another
   * scheme or a fragment, and for subprotocols that are not tokens or occur
   * twice.
   * @throws {TypeError} For headers that cannot be sent or belong to the
   * handshake, and for other options of the wrong type.
   * @throws {RangeError} For numbers out of range.
   */
  constructor(url: string | URL, options: WebSocketStreamOptions = {}) {
    this.#target = parseClientUrl(url);
    checkOptions(options);
    this.#options = options;
    this.#connectionOptions = resolveConnectionOptions(options);
    this.#handshakeTimeout = milliseconds(options, "handshakeTimeout", 10_000);
    this.#deflate = resolveDeflateOptions(options.deflate);
    checkCaCerts(options.caCerts);
    checkSignal(options.signal);
    this.#request = {
      target: this.#target,
      key: createHandshakeKey(),
      protocols: readProtocols(options.protocols),
      extensions: formatExtensions(offersFor(this.#deflate)),
      headers: readHeaders(options.headers),
    };
    this.#open();
  }

  /**
   * The URL as it was understood, with the scheme `ws:` or `wss:`. A user name
   * and password are left out, so that it can be shown and logged.
   */
  get url(): string {
    return this.#target.url;
  }

  /**
   * Fulfils with the connection when the handshake is done. Rejects with a
   * {@linkcode WebSocketError} if it fails, whose message says why and whose
   * `cause` is the system's error where there is one; where the server answered
   * another status than 101, it is a `Response` with the first 1,024 bytes of the
   * body. Rejects with the signal's reason if that aborted. It is never an
   * unhandled rejection.
   *
   * Messages wait until `readable` or `incoming` is read: nothing is lost if that
   * is later.
   */
  get opened(): Promise<WebSocketConnection> {
    return this.#opened.promise;
  }

  /**
   * Fulfils with the server's close code and reason when the connection has
   * closed cleanly. Rejects as {@linkcode opened} does if the handshake failed,
   * and as {@linkcode WebSocketConnection.closed} if the connection was lost. It
   * is never an unhandled rejection.
   */
  get closed(): Promise<CloseInfo> {
    return this.#closed.promise;
  }

  /**
   * Closes the connection: see {@linkcode WebSocketConnection.close}. While the
   * handshake is under way, it gives that up: `opened` and `closed` reject with a
   * {@linkcode WebSocketError} of the given code and reason.
   *
   * @param options The code and reason. Default 1000 and `""`.
   * @throws {TypeError} If the options are no object.
   * @throws {RangeError} If the code must not be sent or the reason has more
   * than 123 bytes.
   */
  close(options: CloseOptions = {}): void {
    const closeInfo = checkCloseOptions(options);
    if (this.#connection !== null) {
      this.#connection.close(closeInfo);
    } else {
      this.#opening.abort(
        new WebSocketError(
          "close() was called before the handshake was done",
          closeInfo,
        ),
      );
    }
  }

  /** Closes with 1000 and waits until the connection is over, for `await using`. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.close();
    await this.closed.catch(() => {});
  }

  /** Never rejects. */
  async #open(): Promise<void> {
    const { signal } = this.#options;
    const opening = this.#opening;
    const onAbort = (): void => opening.abort(signal!.reason);
    const timer = setTimeout(
      () => opening.abort(tooSlow(this.#handshakeTimeout)),
      this.#handshakeTimeout,
    );
    try {
      if (signal?.aborted) onAbort();
      else signal?.addEventListener("abort", onAbort);
      await this.#connect(opening.signal);
    } catch (error) {
      const { aborted, reason } = opening.signal;
      // A refusal that had come by then says more than that time was up.
      const failure = aborted && !(reason instanceof HandshakeTimeout)
        ? reason
        : toFailure(error, this.#target);
      this.#opened.reject(failure);
      this.#closed.reject(failure);
    } finally {
      clearTimeout(timer);
      signal?.removeEventListener("abort", onAbort);
    }
  }

  async #connect(signal: AbortSignal): Promise<void> {
    const backend = this.#deflate?.backend ?? "zlib";
    if (backend !== "zlib") await prepareDeflate();
    const { hostname, port, secure } = this.#target;
    const { caCerts = [] } = this.#options;
    const socket = await connectSocket({
      hostname,
      port,
      secure,
      caCerts,
      signal,
    });
    try {
      const response = await exchangeHandshake(
        socket,
        formatClientRequest(this.#request),
        signal,
      );
      if (response.head.status === 101) signal.throwIfAborted();
      this.#start(new NodeSocketTransport(socket, true), response);
    } catch (error) {
      socket.destroy();
      throw error;
    }
  }

  #start(transport: NodeSocketTransport, response: ReceivedResponse): void {
    const { key, protocols } = this.#request;
    const { protocol, extensions, agreed } = checkHandshakeResponse(response, {
      accept: acceptValue(key, sha1),
      protocols,
    });
    const agreement = checkAnswer(agreed, this.#deflate);
    const session = new Session(
      transport,
      createContext("client", this.#connectionOptions),
      agreement && createDeflateStages(agreement, "client", this.#deflate!),
    );
    const connection = new WebSocketConnection(session, {
      protocol,
      extensions,
      url: this.#target.url,
      join: () => null,
      leave() {},
      request: () => requestOf(this.#request),
    }, undefined);
    this.#connection = connection;
    connection.closed.then(this.#closed.resolve, this.#closed.reject);
    this.#opened.resolve(connection);
    // The application chooses first how it takes the messages.
    afterThisTurn(() => session.start(nobody, response.rest));
  }
}

/** A client has no hooks to tell. */
const nobody: SessionOwner = {
  sessionDrained() {},
  sessionHookFailed() {},
  sessionClosed() {},
};

function sha1(text: string): string {
  return createHash("sha1").update(text).digest("base64");
}

function requestOf(request: ClientRequest): Request {
  const { url } = request.target;
  return new Request(url.replace(/^ws/, "http"), {
    headers: clientRequestHeaders(request).map(([name, value]) => [
      name,
      value,
    ]),
  });
}

function toFailure(error: unknown, { url }: ClientTarget): unknown {
  if (error instanceof WebSocketError) return error;
  if (error instanceof HandshakeTimeout) {
    return new WebSocketError(error.message);
  }
  // One for each address of a name.
  const errors = error instanceof AggregateError ? error.errors : [error];
  const messages = errors.map((error) =>
    error instanceof Error ? error.message : String(error)
  );
  return withCause(
    new WebSocketError(`cannot connect to ${url}: ${messages.join("; ")}`),
    error,
  );
}

function tooSlow(milliseconds: number): HandshakeTimeout {
  return new HandshakeTimeout(
    `the handshake was not done within handshakeTimeout (${milliseconds} ms)`,
  );
}
