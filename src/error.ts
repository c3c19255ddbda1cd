/**
 * The errors of this library, in the terms of the WebSocketStream proposal.
 *
 * @module
 */

/** What a {@linkcode WebSocketError} carries beside its message. */
export interface WebSocketCloseInfo {
  /**
   * The close code (RFC 6455 section 7.4). `undefined` stands for none, or for
   * 1000 where a `reason` is given.
   */
  closeCode?: number;
  /** Why the connection closes: at most 123 bytes of UTF-8. Default `""`. */
  reason?: string;
}

/**
 * A WebSocket connection that ended, or is to end, otherwise than by a clean
 * closing handshake.
 *
 * `connection.closed`, `readable`, `writable` and `send()` reject with it.
 * Aborting `writable` or cancelling `readable` with one closes the connection
 * with its code and reason.
 *
 * @example
 * ```ts
 * import { WebSocketError } from "@weir/ws";
 *
 * const error = new WebSocketError("kicked", { closeCode: 4001, reason: "spam" });
 * console.log(error.closeCode, error.reason); // 4001 spam
 * ```
 */
export class WebSocketError extends DOMException {
  /**
   * The close code: the one that was sent or received in a Close frame, 1006
   * where the connection was lost without one, or `null` where none was given.
   */
  readonly closeCode: number | null;
  /** The reason that belongs to the code, or `""`. */
  readonly reason: string;

  /**
   * Makes an error.
   *
   * @param message What went wrong, for a developer.
   * @param init The close code and reason.
   */
  constructor(message = "", init: WebSocketCloseInfo = {}) {
    super(message, "WebSocketError");
    this.reason = init.reason ?? "";
    this.closeCode = init.closeCode ?? (this.reason === "" ? null : 1000);
  }
}

/**
 * Bytes that break the protocol, or a limit. Its `closeCode` is the one that
 * RFC 6455 section 7.4.1 asks for: 1002 (protocol error), 1007 (text that is
 * not UTF-8), 1009 (message too big). Stages of the codec throw it; a
 * connection answers it with a Close frame of that code.
 */
export class ProtocolError extends WebSocketError {
  /**
   * Makes an error.
   *
   * @param closeCode The code for the Close frame.
   * @param message What was wrong, with the offending value. It is also the
   * reason in the Close frame, cut to what fits there.
   */
  constructor(closeCode: number, message: string) {
    super(message, { closeCode, reason: message });
  }
}
