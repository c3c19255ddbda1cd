/**
 * HTTP messages on a raw socket, in the words of Fetch.
 *
 * @module
 */
import type { Duplex, Writable } from "node:stream";
import { describe } from "../describe.ts";
import { toLatin1 } from "../handshake/head_lines.ts";
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
  endAfter(socket, linger, () => socket.end(formatRefusal(error), "utf8"));
}

/**
 * Writes a `Response` to a socket and ends it.
 *
 * @param linger See {@linkcode endAfter}.
 * @throws If the head can't be written; the socket is as before then.
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
  let head: string;
  try {
    head = formatResponseHead(
      response.status,
      headers,
      response.statusText || undefined,
    );
  } catch (error) {
    cancelBody(response.body, error);
    throw error;
  }
  if (response.body === null) {
    endAfter(socket, linger, () => socket.end(toLatin1(head)));
    return;
  }
  socket.write(toLatin1(head));
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
 *
 * @param length How many bytes it has to have; `null` for any.
 * @throws What the body fails with, or a `TypeError` if it is not of bytes, or
 * not of that length. It is cancelled then.
 */
export async function writeBody(
  stream: Writable,
  body: ReadableStream<Uint8Array>,
  length: number | null = null,
): Promise<void> {
  const reader = body.getReader();
  let closed = false;
  const onClose = (): void => {
    closed = true;
    reader.cancel(new Error("the client closed the connection")).catch(ignore);
  };
  stream.on("close", onClose);
  let written = 0;
  try {
    while (!stream.destroyed) {
      const { done, value } = await reader.read();
      if (closed) return;
      if (done) {
        if (length !== null && written < length) throw wrongLength(length);
        return;
      }
      checkChunk(value);
      written += value.length;
      if (length !== null && written > length) throw wrongLength(length);
      if (!stream.write(value)) await untilDrained(stream);
    }
    onClose();
  } catch (error) {
    reader.cancel(error).catch(ignore);
    throw error;
  } finally {
    stream.off("close", onClose);
  }
}

/** Lets a body know that nobody reads it any more, unless somebody has a reader. */
export function cancelBody(
  body: ReadableStream<Uint8Array> | null,
  reason: unknown,
): void {
  if (body?.locked === false) body.cancel(reason).catch(ignore);
}

/** What is said of a body that is longer or shorter than `Content-Length`. */
export function wrongLength(length: number): TypeError {
  return new TypeError(
    `the response's body does not have the ${length} bytes of its header ` +
      "Content-Length: leave the header out, and Content-Encoding as well if " +
      "fetch() has decoded the body",
  );
}

/** As Fetch has it: what text becomes would depend on the socket. */
function checkChunk(chunk: unknown): void {
  if (chunk instanceof Uint8Array) return;
  throw new TypeError(
    `a response's body has Uint8Arrays, not ${
      describe(chunk)
    }: pipe text through a TextEncoderStream`,
  );
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
  socket.on("error", ignore);
  if (socket.destroyed) return;
  const timer = setTimeout(() => socket.destroy(), linger);
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
