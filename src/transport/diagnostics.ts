/**
 * What other parts of a program can listen to with `node:diagnostics_channel`.
 *
 * @module
 */
import { channel } from "node:diagnostics_channel";
import type { WebSocketConnection } from "../connection/connection.ts";
import type { CloseResult } from "../connection/closing.ts";
import type { NetworkAddress } from "../connection/transport.ts";
import type { HandshakeRequest } from "../handshake/request.ts";

/**
 * A handshake that was decided on: the message of the channel `weir:handshake`.
 *
 * @example
 * ```ts
 * import { subscribe } from "node:diagnostics_channel";
 * import type { HandshakeDiagnostic } from "@weir/ws";
 *
 * subscribe("weir:handshake", (message) => {
 *   const { status, reason, request } = message as HandshakeDiagnostic;
 *   if (status !== 101) console.warn(request.target, status, reason);
 * });
 * ```
 */
export interface HandshakeDiagnostic {
  /** The head of the request, as it came. */
  readonly request: HandshakeRequest;
  /** The client's address; `null` where it has none, or has gone. */
  readonly remoteAddress: NetworkAddress | null;
  /**
   * The status of the response: 101 where there is a connection now; `null`
   * where the client left before it was answered.
   */
  readonly status: number | null;
  /**
   * Why the handshake was refused; `""` where it was not. Of an answer of the
   * `upgrade` hook, it is the status text.
   */
  readonly reason: string;
  /** The connection that has come of it, or `null`. */
  readonly socket: WebSocketConnection | null;
}

/**
 * A connection that is open, before its handler is called: the message of the
 * channel `weir:connection`.
 */
export interface ConnectionDiagnostic {
  /** The connection. */
  readonly socket: WebSocketConnection;
}

/**
 * A connection that is over, before its `close` hook is called: the message of
 * the channel `weir:close`.
 */
export interface CloseDiagnostic extends CloseResult {
  /** The connection. */
  readonly socket: WebSocketConnection;
}

const handshakes = channel("weir:handshake");
const connections = channel("weir:connection");
const closes = channel("weir:close");

/** Whether anybody listens for {@linkcode publishHandshake}. */
export function handshakesAreHeard(): boolean {
  return handshakes.hasSubscribers;
}

/** Publishes a {@linkcode HandshakeDiagnostic}. */
export function publishHandshake(diagnostic: HandshakeDiagnostic): void {
  // What keeps a head as its text shows nothing when it is printed.
  const { method, target, httpVersion, rawHeaders } = diagnostic.request;
  handshakes.publish({
    ...diagnostic,
    request: { method, target, httpVersion, rawHeaders },
  });
}

/** Publishes a {@linkcode ConnectionDiagnostic}, if anybody listens. */
export function publishConnection(socket: WebSocketConnection): void {
  if (connections.hasSubscribers) {
    connections.publish({ socket } satisfies ConnectionDiagnostic);
  }
}

/** Publishes a {@linkcode CloseDiagnostic}, if anybody listens. */
export function publishClose(
  socket: WebSocketConnection,
  result: CloseResult,
): void {
  if (closes.hasSubscribers) {
    closes.publish({ socket, ...result } satisfies CloseDiagnostic);
  }
}
