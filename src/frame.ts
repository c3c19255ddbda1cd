/**
 * The words of RFC 6455 section 5: opcodes and frames.
 *
 * @module
 */

/**
 * The opcodes of RFC 6455 section 5.2. All others are reserved.
 *
 * @example
 * ```ts
 * import { Opcode } from "@weir/ws";
 *
 * console.log(Opcode.Ping); // 9
 * ```
 */
export const Opcode = {
  /** A further fragment of the message before it. */
  Continuation: 0x0,
  /** The first, or only, fragment of a text message. */
  Text: 0x1,
  /** The first, or only, fragment of a binary message. */
  Binary: 0x2,
  /** The connection closes. */
  Close: 0x8,
  /** Asks for a pong. */
  Ping: 0x9,
  /** Answers a ping, or just says that the peer is there. */
  Pong: 0xa,
} as const;

/** One of the values of {@linkcode Opcode}. */
export type Opcode = (typeof Opcode)[keyof typeof Opcode];

/** Tells a control frame (RFC 6455 section 5.5) from a data frame. */
export function isControl(opcode: Opcode): boolean {
  return opcode >= 0x8;
}

/**
 * One frame, or the part of a data frame that has arrived.
 *
 * A decoder passes a data frame's payload on as it arrives: each part is a
 * fragment of its own (as RFC 6455 section 5.4 allows an intermediary to
 * fragment), only the last of a final frame has `fin`, and `remaining` says
 * how much of the frame on the wire is still to come. Control frames are
 * always whole.
 */
export interface Frame {
  /** What the frame is. A later part of a data frame is a continuation. */
  readonly opcode: Opcode;
  /** Whether the message ends with this frame. Always `true` for a control frame. */
  readonly fin: boolean;
  /** The bit RSV1: with permessage-deflate, the message is compressed (RFC 7692 section 6). */
  readonly rsv1: boolean;
  /** The payload, unmasked. */
  readonly payload: Uint8Array<ArrayBuffer>;
  /** How many bytes of the same frame on the wire are still to come. */
  readonly remaining: number;
  /**
   * Whether the payload can be kept as it is, where that is known: nothing else
   * stands in its buffer, or it was asked for views. `false`: what keeps the payload
   * longer than the call must copy it.
   */
  readonly own?: boolean;
}

/**
 * A frame to be encoded. A string payload is encoded as UTF-8 straight into the
 * output; any {@linkcode Frame} will do as well.
 */
export interface OutgoingFrame {
  /** What the frame is. */
  readonly opcode: Opcode;
  /** Whether the message ends with this frame. */
  readonly fin: boolean;
  /** The bit RSV1. */
  readonly rsv1: boolean;
  /** The payload, not masked. */
  readonly payload: Uint8Array | string;
  /** Whether the bytes of the payload will not be changed, so that they need not be copied. */
  readonly settled?: boolean;
  /**
   * Whether nobody else has the payload's buffer, so that its memory may be given
   * back as soon as it was written.
   */
  readonly given?: boolean;
}

/** Which end of a connection: a client masks its frames, a server does not (RFC 6455 section 5.1). */
export type Role = "client" | "server";
