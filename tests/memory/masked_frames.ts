/** Frames of a client, built beforehand: what a flood costs is left to the server. */

import { Buffer } from "node:buffer";
import { randomBytes } from "node:crypto";
import type { Opcode } from "../../mod.ts";

const key = Buffer.from([0x37, 0xfa, 0x21, 0x3d]);

/** The header of a masked frame (RFC 6455 section 5.2). */
export function frameHeader(
  opcode: Opcode,
  length: number,
  fin: boolean = true,
): Buffer {
  const size = length <= 125 ? 2 : length <= 0xffff ? 4 : 10;
  const header = Buffer.alloc(size + key.length);
  header[0] = (fin ? 0x80 : 0) | opcode;
  header[1] = 0x80 | (size === 2 ? length : size === 4 ? 126 : 127);
  if (size === 4) header.writeUInt16BE(length, 2);
  if (size === 10) header.writeBigUInt64BE(BigInt(length), 2);
  key.copy(header, size);
  return header;
}

/** A masked frame. */
export function maskedFrame(
  opcode: Opcode,
  payload: string | Uint8Array,
  fin: boolean = true,
): Buffer {
  const bytes = Buffer.from(payload as string);
  return Buffer.concat([frameHeader(opcode, bytes.length, fin), masked(bytes)]);
}

/** The same bytes many times, in one buffer. */
export function repeated(bytes: Buffer, count: number): Buffer {
  return Buffer.alloc(bytes.length * count, bytes);
}

/** A payload without end, that repeats itself: cheap to send and to check. */
export class EndlessPayload {
  // No power of two, so that a chunk that is lost or comes twice is noticed;
  // a multiple of four, so that each repetition is masked alike.
  static readonly #period = 1_000_004;
  readonly #plain: Buffer;
  /** One repetition, masked. */
  readonly masked: Buffer;

  constructor() {
    const once = randomBytes(EndlessPayload.#period);
    this.#plain = Buffer.concat([once, once]);
    this.masked = masked(once);
  }

  /** Whether `bytes` are what stands at `offset`. */
  matches(bytes: Buffer, offset: number): boolean {
    const period = EndlessPayload.#period;
    for (let start = 0; start < bytes.length; start += period) {
      const part = bytes.subarray(start, start + period);
      const at = (offset + start) % period;
      if (!part.equals(this.#plain.subarray(at, at + part.length))) {
        return false;
      }
    }
    return true;
  }
}

function masked(bytes: Buffer): Buffer {
  const result = Buffer.from(bytes);
  for (let index = 0; index < result.length; index++) {
    result[index] ^= key[index & 3];
  }
  return result;
}
