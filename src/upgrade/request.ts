/**
 * The request of a handshake in the words of Fetch.
 *
 * @module
 */
import type { HandshakeRequest } from "../handshake/request.ts";
import { headersFrom } from "../transport/http_message.ts";

/** The path and the query that a request asks for. */
export function pathOf({ target }: HandshakeRequest): string {
  if (target.startsWith("/")) return target;
  const url = new URL(target);
  return url.pathname + url.search;
}

/**
 * The request, for the `upgrade` hook and for `WebSocketConnection.request`.
 *
 * @param secure Whether it came over TLS.
 * @param host The host that the client meant.
 * @param signal The request's signal. Default one that never aborts.
 */
export function requestOf(
  request: HandshakeRequest,
  secure: boolean,
  host: string,
  signal?: AbortSignal,
): Request {
  const scheme = secure ? "https" : "http";
  return new Request(`${scheme}://${host}${pathOf(request)}`, {
    headers: headersFrom(request.rawHeaders),
    signal,
  });
}
