/**
 * The header of a frame: RFC 6455 section 5.2.
 *
 * @module
 */
import type { OutgoingFrame } from "../frame.ts";

/** The longest header: that of a masked frame of more than 65,535 bytes. */
export const maxHeaderLength = 14;

/** The length of the header of a frame with so many bytes of payload. */
export function headerLength(length: number, masked: boolean): number {
  return (length <= 125 ? 2 : length <= 0xffff ? 4 : 10) + (masked ? 4 : 0);
}

/**
 * Writes a frame's header.
 *
 * @param length How many bytes of payload follow.
 * @param key The masking key, where the frame is masked.
 */
export function writeHeader(
  bytes: Uint8Array,
  offset: number,
  frame: Pick<OutgoingFrame, "opcode" | "fin" | "rsv1">,
  length: number,
  key: number,
  masked: boolean,
): void {
  bytes[offset++] = (frame.fin ? 0x80 : 0) | (frame.rsv1 ? 0x40 : 0) |
    frame.opcode;
  const mask = masked ? 0x80 : 0;
  if (length <= 125) {
    bytes[offset++] = mask | length;
  } else if (length <= 0xffff) {
    bytes[offset++] = mask | 126;
    bytes[offset++] = length >> 8;
    bytes[offset++] = length & 0xff;
  } else {
    bytes[offset++] = mask | 127;
    let rest = length;
    for (let index = 7; index >= 0; index--) {
      bytes[offset + index] = rest % 0x100;
      rest = Math.floor(rest / 0x100);
    }
    offset += 8;
  }
  if (masked) {
    bytes[offset++] = key >>> 24;
    bytes[offset++] = (key >>> 16) & 0xff;
    bytes[offset++] = (key >>> 8) & 0xff;
    bytes[offset] = key & 0xff;
  }
}
