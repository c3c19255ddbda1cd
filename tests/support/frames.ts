/**
 * Frames as bytes, written down from RFC 6455 section 5.2 and independent of
 * `src/`: what a peer may send, and what it must not.
 */
import { Buffer } from "node:buffer";

/** What a frame is to look like on the wire. */
export interface RawFrame {
  /** The four bits of the opcode, reserved ones as well. */
  opcode: number;
  /** Default `true`. */
  fin?: boolean;
  /** The reserved bits: 4 is RSV1, 2 is RSV2, 1 is RSV3. Default 0. */
  rsv?: number;
  /** The payload, a string as UTF-8. Default empty. */
  payload?: Uint8Array | string;
  /** The four bytes of the masking key. Without it the frame is not masked. */
  key?: ArrayLike<number>;
  /** How the length is encoded. Default: in its shortest form. */
  lengthBits?: 7 | 16 | 64;
  /** The length that the header announces. Default: the payload's. */
  announced?: bigint;
}

/** The bytes of a frame. */
export function frameBytes(frame: RawFrame): Uint8Array<ArrayBuffer> {
  const { opcode, fin = true, rsv = 0, key } = frame;
  const payload = typeof frame.payload === "string"
    ? new TextEncoder().encode(frame.payload)
    : frame.payload ?? new Uint8Array(0);
  const length = frame.announced ?? BigInt(payload.length);
  const bits = frame.lengthBits ??
    (length < 126n ? 7 : length < 0x10000n ? 16 : 64);
  const mask = key === undefined ? 0 : 0x80;
  const header = [(fin ? 0x80 : 0) | (rsv << 4) | opcode];
  if (bits === 7) {
    header.push(mask | Number(length));
  } else {
    header.push(mask | (bits === 16 ? 126 : 127));
    for (let shift = bits - 8; shift >= 0; shift -= 8) {
      header.push(Number((length >> BigInt(shift)) & 0xffn));
    }
  }
  if (key === undefined) return concatBytes([header, payload]);
  return concatBytes([
    header,
    key,
    payload.map((byte, index) => byte ^ key[index % 4]),
  ]);
}

/** All the bytes, one part after the other, in a buffer of their own. */
export function concatBytes(
  parts: readonly ArrayLike<number>[],
): Uint8Array<ArrayBuffer> {
  const length = parts.reduce((sum, part) => sum + part.length, 0);
  const bytes = new Uint8Array(length);
  let offset = 0;
  for (const part of parts) {
    bytes.set(part, offset);
    offset += part.length;
  }
  return bytes;
}

/** The bytes that hexadecimal digits such as `"81 02 48 69"` stand for. */
export function fromHex(digits: string): Uint8Array<ArrayBuffer> {
  const pairs = digits.match(/[0-9a-f]{2}/g) ?? [];
  return Uint8Array.from(pairs, (pair) => parseInt(pair, 16));
}

/** Bytes as hexadecimal digits, to compare and to print. */
export function toHex(bytes: Uint8Array): string {
  const { buffer, byteOffset, byteLength } = bytes;
  return Buffer.from(buffer, byteOffset, byteLength).toString("hex");
}
