/**
 * Writes frames (RFC 6455, section 5.2), also such as the RFC forbids: any
 * opcode, any reserved bits, control frames of any length or fragmented.
 * It is written apart from the library under test, so that a mistake there
 * cannot hide itself here.
 */

/** What is in a frame. */
export interface FrameToWrite {
  /** 0 to 15. */
  opcode: number;
  /** The payload, unmasked. Nothing by default. */
  payload?: Uint8Array;
  /** Whether it is the last frame of its message. True by default. */
  fin?: boolean;
  /** RSV1, RSV2 and RSV3 as a number: 4, 2 and 1. 0 by default. */
  rsv?: number;
  /** The 4 octets to mask with; `null` or absent: not masked. */
  maskingKey?: Uint8Array | null;
}

/**
 * The header of a frame.
 *
 * @param length The payload's length in octets.
 */
export function writeFrameHeader(
  frame: Omit<FrameToWrite, "payload">,
  length: number,
): Uint8Array {
  const extended = length <= 125 ? 0 : length <= 0xffff ? 2 : 8;
  const maskingKey = frame.maskingKey ?? null;
  const header = new Uint8Array(2 + extended + (maskingKey === null ? 0 : 4));
  header[0] = (frame.fin === false ? 0 : 0x80) |
    (((frame.rsv ?? 0) & 7) << 4) | (frame.opcode & 15);
  header[1] = maskingKey === null ? 0 : 0x80;
  const view = new DataView(header.buffer);
  if (extended === 0) {
    header[1] |= length;
  } else if (extended === 2) {
    header[1] |= 126;
    view.setUint16(2, length);
  } else {
    header[1] |= 127;
    view.setBigUint64(2, BigInt(length));
  }
  if (maskingKey !== null) {
    header.set(maskingKey, 2 + extended);
  }
  return header;
}

/** A frame as it goes over the wire. */
export function writeFrame(frame: FrameToWrite): Uint8Array {
  const payload = frame.payload ?? new Uint8Array(0);
  const header = writeFrameHeader(frame, payload.length);
  const octets = new Uint8Array(header.length + payload.length);
  octets.set(header);
  octets.set(payload, header.length);
  if (frame.maskingKey) {
    mask(octets.subarray(header.length), frame.maskingKey, 0);
  }
  return octets;
}

/**
 * Masks, or unmasks, `octets` in place (RFC 6455, section 5.3).
 *
 * @param position How many octets of the payload came before these.
 */
export function mask(
  octets: Uint8Array,
  maskingKey: Uint8Array,
  position: number,
): void {
  for (let index = 0; index < octets.length; index++) {
    octets[index] ^= maskingKey[(position + index) & 3];
  }
}
