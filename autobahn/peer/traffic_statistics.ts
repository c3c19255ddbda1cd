/**
 * Counts the octets, frames and messages of one connection at three levels:
 * on the wire, as payloads of WebSocket frames, and as the application's
 * messages.
 */

import type { TrafficStatistics } from "../case_result.ts";

/** A quotient, or null where there is nothing to divide by. */
function ratio(numerator: number, denominator: number): number | null {
  return denominator > 0 ? numerator / denominator : null;
}

/**
 * The counters of one connection. The fuzzing peer adds to the fields as
 * octets and frames pass; a case takes a {@linkcode TrafficCounter.snapshot}
 * when it is done.
 */
export class TrafficCounter {
  /** Octets read from the transport once the connection was open. */
  incomingOctetsWireLevel = 0;
  /** Octets of payload in the data frames received, as they were sent. */
  incomingOctetsWebSocketLevel = 0;
  /** The same octets once inflated. */
  incomingOctetsAppLevel = 0;
  /** Data frames received. */
  incomingWebSocketFrames = 0;
  /** Messages received. */
  incomingWebSocketMessages = 0;
  /** Octets written to the transport once the connection was open. */
  outgoingOctetsWireLevel = 0;
  /** Octets of payload in the messages sent, as they went out. */
  outgoingOctetsWebSocketLevel = 0;
  /** The same octets before they were deflated. */
  outgoingOctetsAppLevel = 0;
  /** Frames of messages sent. */
  outgoingWebSocketFrames = 0;
  /** Messages sent. */
  outgoingWebSocketMessages = 0;
  /** Octets read before the connection was open: the opening handshake. */
  preopenIncomingOctetsWireLevel = 0;
  /** Octets written before the connection was open. */
  preopenOutgoingOctetsWireLevel = 0;

  /**
   * The counts as they are now, with what follows from them: how much smaller
   * compression made the messages, and what the protocol added on the wire,
   * each as a share and null where nothing was sent.
   */
  snapshot(): TrafficStatistics {
    return {
      incomingCompressionRatio: ratio(
        this.incomingOctetsWebSocketLevel,
        this.incomingOctetsAppLevel,
      ),
      outgoingCompressionRatio: ratio(
        this.outgoingOctetsWebSocketLevel,
        this.outgoingOctetsAppLevel,
      ),
      incomingOctetsWireLevel: this.incomingOctetsWireLevel,
      incomingOctetsWebSocketLevel: this.incomingOctetsWebSocketLevel,
      incomingOctetsAppLevel: this.incomingOctetsAppLevel,
      incomingWebSocketFrames: this.incomingWebSocketFrames,
      incomingWebSocketMessages: this.incomingWebSocketMessages,
      incomingWebSocketOverhead: ratio(
        this.incomingOctetsWireLevel - this.incomingOctetsWebSocketLevel,
        this.incomingOctetsWebSocketLevel,
      ),
      outgoingOctetsWireLevel: this.outgoingOctetsWireLevel,
      outgoingOctetsWebSocketLevel: this.outgoingOctetsWebSocketLevel,
      outgoingOctetsAppLevel: this.outgoingOctetsAppLevel,
      outgoingWebSocketFrames: this.outgoingWebSocketFrames,
      outgoingWebSocketMessages: this.outgoingWebSocketMessages,
      outgoingWebSocketOverhead: ratio(
        this.outgoingOctetsWireLevel - this.outgoingOctetsWebSocketLevel,
        this.outgoingOctetsWebSocketLevel,
      ),
      preopenIncomingOctetsWireLevel: this.preopenIncomingOctetsWireLevel,
      preopenOutgoingOctetsWireLevel: this.preopenOutgoingOctetsWireLevel,
    };
  }
}
