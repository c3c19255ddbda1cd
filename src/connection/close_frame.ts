/**
 * Close frames without a reason (RFC 6455 section 5.5.1): nearly all are, and one of
 * each code does for every connection. On Deno a body's buffer takes a microsecond.
 *
 * @module
 */
import { encodeCloseBody } from "../close.ts";
import { Opcode, type OutgoingFrame } from "../frame.ts";

const frames = new Map<number, OutgoingFrame>();

/**
 * The Close frame of a code. It must not be changed.
 *
 * @throws {RangeError} As {@linkcode encodeCloseBody} does.
 */
export function closeFrameOf(closeCode: number): OutgoingFrame {
  let frame = frames.get(closeCode);
  if (frame === undefined) {
    const payload = encodeCloseBody(closeCode);
    frame = { opcode: Opcode.Close, fin: true, rsv1: false, payload };
    frames.set(closeCode, frame);
  }
  return frame;
}
