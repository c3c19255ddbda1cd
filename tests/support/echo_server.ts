/** A Weir server in the test's own process, for clients to be tested against. */

import { serve } from "../../mod.ts";
import { certificate, privateKey } from "./certificate.ts";

/** What {@linkcode startEchoServer} takes. */
export interface EchoServerOptions {
  /** Whether to serve over TLS, with the certificate of the tests. */
  readonly secure?: boolean;
  /** The subprotocols to agree to, the preferred one first. */
  readonly protocols?: string[];
  /** In bytes. */
  readonly maxMessageSize?: number;
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
   * - `/echo`: sends every message back;
   * - `/close?closeCode=4000&reason=bye`: closes as soon as it is open;
   * - `/ping?payload=abc`: pings, then sends the round trip in milliseconds
   *   as a text, then echoes.
   */
  expect(path: string): Visit;
  /** Closes every connection and stops listening. */
  shutdown(): Promise<void>;
}

/** Starts an echo server on a free port of 127.0.0.1. */
export async function startEchoServer(
  { secure = false, protocols, maxMessageSize }: EchoServerOptions = {},
): Promise<EchoServer> {
  const observers = new Map<string, (observed: ObservedClose) => void>();
  let visits = 0;

  const server = serve({
    hostname: "127.0.0.1",
    port: 0,
    ...secure ? { cert: certificate, key: privateKey } : {},
    ...protocols === undefined ? {} : { protocols },
    ...maxMessageSize === undefined ? {} : { maxMessageSize },
    fetch: () =>
      new Response("<!doctype html><title>Weir</title>", {
        headers: { "content-type": "text/html" },
      }),
  }, {
    async open(socket) {
      const { pathname, searchParams } = new URL(socket.request.url);
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
    message: (socket, data) => socket.send(data),
    close(socket, { closeCode, reason, wasClean }) {
      const visit = new URL(socket.request.url).searchParams.get("visit") ?? "";
      observers.get(visit)?.({ closeCode, reason, wasClean });
      observers.delete(visit);
    },
  });
  await server.ready;

  return {
    pageUrl: server.url.replace(/^ws/, "http"),
    expect(path) {
      const url = new URL(path, server.url);
      const visit = String(visits++);
      url.searchParams.set("visit", visit);
      const closed = new Promise<ObservedClose>((resolve) => {
        observers.set(visit, resolve);
      });
      return { url: url.href, closed };
    },
    shutdown: () => server.shutdown(),
  };
}
