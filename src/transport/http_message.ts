/**
 * HTTP messages on a raw socket, in the words of Fetch.
 *
 * @module
 */
import type { Duplex, Writable } from "node:stream";
import {
  formatRefusal,
  formatResponseHead,
  type HandshakeError,
  type HeaderEntry,
} from "../handshake/response.ts";

/**
 * A GET request from the headers as they came on the wire.
 *
 * @param url The whole URL.
 * @param rawHeaders Names and values in turn.
 */
export function requestFromHeaders(
  url: string,
  rawHeaders: readonly string[],
): Request {
  return new Request(url, { headers: headersFrom(rawHeaders) });
}

/** `Headers` from names and values in turn; duplicates are joined as Fetch does. */
export function headersFrom(rawHeaders: readonly string[]): Headers {
  const headers = new Headers();
  for (let index = 0; index + 1 < rawHeaders.length; index += 2) {
    headers.append(rawHeaders[index], rawHeaders[index + 1]);
  }
  return headers;
}

/** Refuses a handshake with a whole response and ends the socket. */
export function writeRefusal(socket: Duplex, error: HandshakeError): void {
  if (socket.destroyed) return;
  endAfter(socket, () => socket.end(formatRefusal(error)));
}

/**
 * Writes a `Response` to a socket and ends it.
 *
 * @param withoutBody Whether the request was a HEAD.
 */
export async function writeResponse(
  socket: Duplex,
  response: Response,
  withoutBody: boolean,
): Promise<void> {
  const headers: HeaderEntry[] = [];
  for (const [name, value] of response.headers) {
    if (!framingHeaders.includes(name)) headers.push([name, value]);
  }
  const hasBody = response.body !== null && !withoutBody;
  if (response.body === null) headers.push(["content-length", "0"]);
  headers.push(["connection", "close"]);
  const head = formatResponseHead(
    response.status,
    headers,
    response.statusText || undefined,
  );
  if (!hasBody) {
    endAfter(socket, () => socket.end(head, "latin1"));
    return;
  }
  socket.write(head, "latin1");
  // The body ends where the connection does.
  for await (const chunk of response.body!) {
    if (socket.destroyed) return;
    if (!socket.write(chunk)) await untilDrained(socket);
  }
  endAfter(socket, () => socket.end());
}

/** Resolves when a stream can be written to again, or is closed. */
export function untilDrained(stream: Writable): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      stream.off("drain", done);
      stream.off("close", done);
      resolve();
    };
    stream.on("drain", done);
    stream.on("close", done);
  });
}

const framingHeaders: readonly string[] = [
  "connection",
  "content-length",
  "transfer-encoding",
  "upgrade",
];

/** How long a peer has to take a last response, in milliseconds. */
const lingerTimeout = 5000;

/**
 * Ends a socket, and drops it when the peer has ended as well or takes too long.
 * What the peer still sends is read and discarded: unread bytes would make the
 * system reset the connection, and the response might never be seen.
 */
function endAfter(socket: Duplex, end: () => void): void {
  const timer = setTimeout(() => socket.destroy(), lingerTimeout);
  socket.on("error", () => {});
  socket.on("close", () => clearTimeout(timer));
  socket.on("end", () => socket.destroySoon?.());
  end();
  socket.resume();
}

declare module "node:stream" {
  interface Duplex {
    destroySoon?(): void;
  }
}
