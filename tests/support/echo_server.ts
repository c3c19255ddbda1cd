/** A Weir server in the test's own process, for clients to be tested against. */

import {
  type CloseResult,
  type ConnectionHooks,
  type DeflateOptions,
  serve,
  type WebSocketConnection,
} from "../../mod.ts";
import { certificate, privateKey } from "./certificate.ts";

/** What {@linkcode startEchoServer} takes. */
export interface EchoServerOptions {
  /** Whether to serve over TLS, with the certificate of the tests. */
  readonly secure?: boolean;
  /** The subprotocols to agree to, the preferred one first. */
  readonly protocols?: string[];
  /** In bytes. */
  readonly maxMessageSize?: number;
  /** How to compress, where a visit says nothing else. */
  readonly deflate?: boolean | DeflateOptions;
}

/** How the server saw a connection end. */
export interface ObservedClose {
  readonly closeCode: number;
  readonly reason: string;
  readonly wasClean: boolean;
}

/** One connection that a client is about to open. */
export interface Visit {
  /** Where the client must connect to: a `ws:` or `wss:` URL. */
  readonly url: string;
  /** Fulfils with the server's `socket.extensions` when it is open. */
  readonly extensions: Promise<string>;
  /** Fulfils when the server's `close` hook has been called. */
  readonly closed: Promise<ObservedClose>;
}

/** A running echo server. */
export interface EchoServer {
  /** The URL of a plain page, from the server's `fetch`. */
  readonly pageUrl: string;
  /**
   * Announces one connection to `path`, which is one of
   *
   * - `/echo`: sends every message back; with `?compress=01-`, the first one
   *   with `compress: false`, the second with `compress: true`, the third as
   *   the threshold has it, and so on, over and over;
   * - `/incoming`: sends every message back as a stream, while it arrives;
   * - `/close?closeCode=4000&reason=bye`: closes as soon as it is open;
   * - `/ping?payload=abc`: pings, then sends the round trip in milliseconds
   *   as a text, then echoes.
   *
   * `deflate` is how to compress on this connection: the `upgrade` hook says so.
   */
  expect(path: string, deflate?: boolean | DeflateOptions): Visit;
  /** Closes every connection and stops listening. */
  shutdown(): Promise<void>;
}

/** What the server keeps of a visit. */
interface Announced {
  readonly deflate: boolean | DeflateOptions | undefined;
  readonly opened: PromiseWithResolvers<string>;
  readonly closed: PromiseWithResolvers<ObservedClose>;
}

/** A connection's data: its visit, if it was announced. */
type Data = Announced | undefined;

/** Starts an echo server on a free port of 127.0.0.1. */
export async function startEchoServer(
  { secure = false, protocols, maxMessageSize, deflate }: EchoServerOptions =
    {},
): Promise<EchoServer> {
  const announced = new Map<string, Announced>();
  let visits = 0;

  const server = serve<Data>({
    hostname: "127.0.0.1",
    port: 0,
    ...secure ? { cert: certificate, key: privateKey } : {},
    ...protocols === undefined ? {} : { protocols },
    ...maxMessageSize === undefined ? {} : { maxMessageSize },
    ...deflate === undefined ? {} : { deflate },
    fetch: () =>
      new Response("<!doctype html><title>Weir</title>", {
        headers: { "content-type": "text/html" },
      }),
    upgrade(request) {
      const { pathname, searchParams } = new URL(request.url);
      const visit = searchParams.get("visit") ?? "";
      // A client may connect more than once; what is observed is the first time.
      const data = announced.get(visit);
      return {
        data,
        handler: pathname === "/incoming"
          ? echoStreams
          : echoMessages(pathname, searchParams),
        ...data?.deflate === undefined ? {} : { deflate: data.deflate },
      };
    },
  }, {});
  await server.ready;

  return {
    pageUrl: server.url.replace(/^ws/, "http"),
    expect(path, deflate) {
      const url = new URL(path, server.url);
      const visit = String(visits++);
      url.searchParams.set("visit", visit);
      const opened = Promise.withResolvers<string>();
      const closed = Promise.withResolvers<ObservedClose>();
      announced.set(visit, { deflate, opened, closed });
      return {
        url: url.href,
        extensions: opened.promise,
        closed: closed.promise,
      };
    },
    shutdown: () => server.shutdown(),
  };
}

/** What `send()` gets as `compress` for each character of `?compress=`. */
const compressFlags: Record<string, boolean | undefined> = {
  "0": false,
  "1": true,
};

/** The hooks of a connection that gets its messages back whole. */
function echoMessages(
  pathname: string,
  searchParams: URLSearchParams,
): ConnectionHooks<Data> {
  const pattern = searchParams.get("compress") ?? "-";
  let echoed = 0;
  return {
    async open(socket) {
      socket.data?.opened.resolve(socket.extensions);
      if (pathname === "/close") {
        const closeCode = Number(searchParams.get("closeCode"));
        const reason = searchParams.get("reason") ?? "";
        socket.close({ closeCode, reason });
      } else if (pathname === "/ping") {
        const payload = searchParams.get("payload") ?? "";
        const roundTrip = await socket.ping(new TextEncoder().encode(payload));
        await socket.send(String(roundTrip));
      }
    },
    message(socket, message) {
      const compress = compressFlags[pattern[echoed++ % pattern.length]];
      return socket.send(message, { compress });
    },
    close: observeClose,
  };
}

/** A handler that sends messages back while they arrive. */
async function echoStreams(socket: WebSocketConnection<Data>): Promise<void> {
  socket.data?.opened.resolve(socket.extensions);
  socket.closed.then(
    (closed) => observeClose(socket, { ...closed, wasClean: true }),
    ({ closeCode, reason }) =>
      observeClose(socket, { closeCode, reason, wasClean: false }),
  );
  for await (const { body, type } of socket.incoming) {
    await socket.send(body, { type });
  }
}

function observeClose(
  { data }: WebSocketConnection<Data>,
  { closeCode, reason, wasClean }: CloseResult,
): void {
  data?.closed.resolve({ closeCode, reason, wasClean });
}
