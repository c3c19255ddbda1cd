/**
 * What is kept of a handshake once it is decided on.
 *
 * @module
 */
import type { WebSocketConnection } from "../connection/connection.ts";
import type { HandshakeRequest } from "../handshake/request.ts";
import type { Counters } from "../metrics/counters.ts";
import {
  handshakesAreHeard,
  publishHandshake,
} from "../transport/diagnostics.ts";
import type { HandshakeSocket } from "../transport/handshake_socket.ts";

/**
 * Counts a handshake that was decided on, and tells those who listen.
 *
 * @param status The status of the response; `null` where the client left first.
 * @param reason Why it was refused. Default `""`.
 * @param connection What has come of it. Default `null`: it was refused.
 */
export function recordHandshake(
  counters: Counters,
  request: HandshakeRequest,
  socket: HandshakeSocket,
  status: number | null,
  reason = "",
  connection: WebSocketConnection | null = null,
): void {
  if (connection === null) {
    counters.handshakesRefused.add(
      status === null ? "aborted" : String(status),
    );
  } else {
    counters.handshakesAccepted++;
  }
  if (!handshakesAreHeard()) return;
  publishHandshake({
    request,
    remoteAddress: socket.remoteAddress,
    status,
    reason,
    socket: connection,
  });
}
