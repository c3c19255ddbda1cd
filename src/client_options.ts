/**
 * What the client is given.
 *
 * @module
 */
import type { ConnectionOptions } from "./connection/options.ts";
import type { DeflateOptions } from "./deflate/options.ts";
import { describe } from "./describe.ts";
import { checkRequestHeaders } from "./handshake/client_request.ts";
import type { HeaderEntry } from "./handshake/header.ts";
import { checkProtocols } from "./handshake/subprotocol.ts";
import { checkPem } from "./pem.ts";

/** Options of `WebSocketStream`. */
export interface WebSocketStreamOptions extends ConnectionOptions {
  /**
   * The subprotocols to offer, the preferred one first. Where there are any, the
   * server must choose one of them, as in browsers. Default none.
   */
  protocols?: string | readonly string[];
  /** Gives up the handshake when it aborts. Once the connection is open, it does nothing. */
  signal?: AbortSignal;
  /**
   * Further headers of the request, such as `Authorization`, `Cookie` or
   * `Origin`. Default none.
   */
  headers?: ConstructorParameters<typeof Headers>[0];
  /**
   * Compression of messages (permessage-deflate, RFC 7692), which is offered to
   * the server: `false` for none, or how. Default `true`.
   */
  deflate?: boolean | DeflateOptions;
  /**
   * Certificates of authorities of your own, as PEM, which are trusted for
   * `wss:` beside the well-known ones. Default none.
   */
  caCerts?: readonly string[];
  /**
   * Milliseconds that the handshake may take: the name, TCP, TLS and HTTP
   * together. Default 10,000; `Infinity` for no limit.
   */
  handshakeTimeout?: number;
}

/** @throws {TypeError} If they are no object. */
export function checkOptions(options: unknown): void {
  // As who comes from `WebSocket` may write it.
  if (
    typeof options === "object" && options !== null && !Array.isArray(options)
  ) return;
  throw new TypeError(
    `the options of a WebSocketStream are an object, such as { protocols: ["chat"] }, not ${
      describe(options)
    }`,
  );
}

/**
 * Gives the subprotocols as a list.
 *
 * @throws {DOMException} A `SyntaxError` if one is not a token or occurs twice.
 */
export function readProtocols(
  protocols: string | readonly string[] = [],
): readonly string[] {
  const list = typeof protocols === "string" ? [protocols] : [...protocols];
  try {
    checkProtocols(list);
  } catch (error) {
    throw new DOMException((error as Error).message, "SyntaxError");
  }
  return list;
}

/**
 * Gives the headers in order.
 *
 * @throws {TypeError} If one cannot be sent or belongs to the handshake.
 */
export function readHeaders(
  headers: WebSocketStreamOptions["headers"],
): HeaderEntry[] {
  if (headers === undefined) return [];
  // Names keep their case where they are given in pairs.
  const entries = Array.isArray(headers)
    ? headers.map(([name, value]): HeaderEntry => [name, value])
    : [...new Headers(headers)];
  checkRequestHeaders(entries);
  return entries;
}

/** @throws {TypeError} If they are not PEM. */
export function checkCaCerts(caCerts: unknown): void {
  if (caCerts === undefined) return;
  if (!Array.isArray(caCerts)) {
    throw new TypeError(
      `caCerts is an array of strings, each a certificate as PEM, not ${
        describe(caCerts)
      }`,
    );
  }
  for (const [index, pem] of caCerts.entries()) {
    checkPem(`caCerts[${index}]`, pem);
  }
}
