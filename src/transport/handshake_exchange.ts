/**
 * A request on a client's socket, and the response to it.
 *
 * @module
 */
import type { Duplex } from "node:stream";
import {
  type ReceivedResponse,
  ResponseReader,
} from "../handshake/response_reader.ts";

/** Milliseconds that are waited for the body of a refusal. */
const bodyTimeout = 1000;

/** The reason of a signal that aborts because the handshake takes too long. */
export class HandshakeTimeout extends Error {}

/**
 * Writes a request and reads the response.
 *
 * @param socket A connected socket. It is paused afterwards.
 * @param request The request's head.
 * @param signal Gives up when it aborts; with a {@linkcode HandshakeTimeout}, what
 * has come of a refusal is returned as it is.
 * @throws {WebSocketError} If what comes is no response.
 * @throws The socket's error, or the signal's reason.
 */
export function exchangeHandshake(
  socket: Duplex,
  request: string,
  signal: AbortSignal,
): Promise<ReceivedResponse> {
  const reader = new ResponseReader();
  const { promise, resolve, reject } = Promise.withResolvers<
    ReceivedResponse
  >();
  let bodyTimer: ReturnType<typeof setTimeout> | undefined;
  let settled = false;
  /** Ends with what is returned or thrown, unless that is `null`. */
  const settleWith = (attempt: () => ReceivedResponse | null): void => {
    try {
      const response = attempt();
      if (response === null) return;
      resolve(response);
    } catch (error) {
      reject(error);
    }
    settled = true;
    clearTimeout(bodyTimer);
    signal.removeEventListener("abort", onAbort);
    socket.pause();
    socket.off("data", onData);
    socket.off("end", onEnd);
    socket.off("error", onError);
    socket.off("close", onEnd);
  };
  const onEnd = (): void => settleWith(() => reader.finish());
  const onData = (chunk: Uint8Array): void => {
    settleWith(() => reader.push(chunk));
    if (!settled && reader.head !== null) {
      bodyTimer ??= setTimeout(onEnd, bodyTimeout);
    }
  };
  const onError = (error: Error): void =>
    settleWith(() => {
      // What has come of a refusal says more than that the rest does not.
      if (reader.head !== null) return reader.finish();
      throw error;
    });
  const onAbort = (): void => {
    const { reason } = signal;
    if (reason instanceof HandshakeTimeout) return onError(reason);
    settleWith(() => {
      throw reason;
    });
  };
  if (signal.aborted) {
    reject(signal.reason);
    return promise;
  }
  signal.addEventListener("abort", onAbort);
  socket.on("error", onError);
  socket.on("end", onEnd);
  socket.on("close", onEnd);
  socket.on("data", onData);
  socket.resume();
  socket.write(request, "latin1");
  return promise;
}
