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

/** `Headers` from names and values in turn; duplicates are joined as Fetch does. */
export function headersFrom(rawHeaders: readonly string[]): Headers {
  const headers = new Headers();
  for (let index = 0; index + 1 < rawHeaders.length; index += 2) {
    headers.append(rawHeaders[index], rawHeaders[index + 1]);
  }
  return headers;
}

/**
 * Refuses a request with a whole response and ends the socket.
 *
 * @param linger See {@linkcode endAfter}.
 */
export function writeRefusal(
  socket: Duplex,
  error: HandshakeError,
  linger: number,
): void {
  if (socket.destroyed) return;
  endAfter(socket, linger, () => socket.end(formatRefusal(error)));
}

/**
 * Writes a `Response` to a socket and ends it.
 *
 * @param linger See {@linkcode endAfter}.
 * @throws What the body fails with; the socket is destroyed then.
 */
export async function writeResponse(
  socket: Duplex,
  response: Response,
  linger: number,
): Promise<void> {
  const headers: HeaderEntry[] = [];
  for (const [name, value] of response.headers) {
    if (!framingHeaders.includes(name)) headers.push([name, value]);
  }
  if (response.body === null) headers.push(["content-length", "0"]);
  headers.push(["connection", "close"]);
  const head = formatResponseHead(
    response.status,
    headers,
    response.statusText || undefined,
  );
  if (response.body === null) {
    endAfter(socket, linger, () => socket.end(head, "latin1"));
    return;
  }
  socket.write(head, "latin1");
  // The body ends where the connection does.
  try {
    await writeBody(socket, response.body);
  } catch (error) {
    socket.destroy();
    throw error;
  }
  endAfter(socket, linger, () => socket.end());
}

/**
 * Writes a body as fast as the other side takes it. If that side goes away, the
 * body is cancelled.
 */
export async function writeBody(
  stream: Writable,
  body: ReadableStream<Uint8Array>,
): Promise<void> {
  const reader = body.getReader();
  const onClose = (): void => {
    reader.cancel(new Error("the client closed the connection")).catch(ignore);
  };
  stream.on("close", onClose);
  try {
    while (!stream.destroyed) {
      const { done, value } = await reader.read();
      if (done) return;
      if (!stream.write(value)) await untilDrained(stream);
    }
    onClose();
  } finally {
    stream.off("close", onClose);
  }
}

/** Resolves when a stream can be written to again, or is closed. */
function untilDrained(stream: Writable): Promise<void> {
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

/**
 * Ends a socket, and drops it when the peer has ended as well or takes too long.
 * What the peer still sends is read and discarded: unread bytes would make the
 * system reset the connection, and the response might never be seen.
 *
 * @param linger How long the peer has, in milliseconds.
 */
function endAfter(socket: Duplex, linger: number, end: () => void): void {
  const timer = setTimeout(() => socket.destroy(), linger);
  socket.on("error", ignore);
  socket.on("close", () => clearTimeout(timer));
  socket.on("end", () => socket.destroySoon?.());
  end();
  // Not to the HTTP parser, which would refuse it again.
  socket.removeAllListeners("data");
  socket.on("data", ignore);
}

declare module "node:stream" {
  interface Duplex {
    destroySoon?(): void;
  }
}

function ignore(): void {}
