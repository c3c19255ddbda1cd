/**
 * Reads frames (RFC 6455, section 5.2) of octets that come in pieces. It does
 * not judge them: what a header may say is for the fuzzing peer to decide.
 */
import { mask } from "./frame_writer.ts";
import { concatenate } from "./octets.ts";

/** What a frame's header says. */
export interface FrameHeader {
  opcode: number;
  fin: boolean;
  /** RSV1, RSV2 and RSV3 as a number: 4, 2 and 1. */
  rsv: number;
  /** The payload's length in octets. */
  length: number;
  /** The 4 octets that it is masked with, or `null`. */
  maskingKey: Uint8Array | null;
  /** Whether the length is written in the fewest octets that can hold it. */
  minimal: boolean;
}

/** What the reader has come across. */
export type FrameEvent =
  | { type: "header"; header: FrameHeader }
  | { type: "payload"; header: FrameHeader; octets: Uint8Array }
  | { type: "end"; header: FrameHeader };

/**
 * Turns octets into headers, pieces of payload (unmasked) and ends of frames.
 *
 * @example
 * ```ts
 * const reader = new FrameReader();
 * reader.push(new Uint8Array([0x81, 0x02, 0x48, 0x69]));
 * for (let event; (event = reader.next()) !== null;) {
 *   console.log(event.type); // header, payload, end
 * }
 * ```
 */
export class FrameReader {
  #pieces: Uint8Array[] = [];
  #length = 0;
  #header: FrameHeader | null = null;
  #position = 0;

  /** Takes octets off the wire. They are kept until `next()` hands them out. */
  push(octets: Uint8Array): void {
    if (octets.length > 0) {
      this.#pieces.push(octets);
      this.#length += octets.length;
    }
  }

  /** What comes next, or `null` if that needs more octets. */
  next(): FrameEvent | null {
    const header = this.#header;
    if (header === null) {
      const next = this.#readHeader();
      if (next === null) {
        return null;
      }
      this.#header = next;
      this.#position = 0;
      return { type: "header", header: next };
    }
    if (this.#position === header.length) {
      this.#header = null;
      return { type: "end", header };
    }
    const piece = this.#pieces[0];
    if (piece === undefined) {
      return null;
    }
    let octets = this.#take(
      Math.min(piece.length, header.length - this.#position),
    );
    if (header.maskingKey !== null) {
      octets = octets.slice();
      mask(octets, header.maskingKey, this.#position);
    }
    this.#position += octets.length;
    return { type: "payload", header, octets };
  }

  #readHeader(): FrameHeader | null {
    if (this.#length < 2) {
      return null;
    }
    while (this.#pieces.length > 1 && this.#pieces[0].length < 14) {
      this.#pieces.splice(0, 2, concatenate(this.#pieces.slice(0, 2)));
    }
    const [first, second] = this.#pieces[0];
    const short = second & 0x7f;
    const extended = short === 126 ? 2 : short === 127 ? 8 : 0;
    const masked = (second & 0x80) !== 0;
    const size = 2 + extended + (masked ? 4 : 0);
    if (this.#length < size) {
      return null;
    }
    const octets = this.#take(size);
    const view = new DataView(octets.buffer, octets.byteOffset, size);
    const length = extended === 2
      ? view.getUint16(2)
      : extended === 8
      ? Number(view.getBigUint64(2))
      : short;
    return {
      opcode: first & 15,
      fin: (first & 0x80) !== 0,
      rsv: (first >> 4) & 7,
      length,
      maskingKey: masked ? octets.slice(size - 4) : null,
      minimal: extended === 0 || length > (extended === 2 ? 125 : 0xffff),
    };
  }

  /** Takes `count` octets, which the first piece must hold. */
  #take(count: number): Uint8Array {
    const piece = this.#pieces[0];
    this.#length -= count;
    if (piece.length === count) {
      this.#pieces.shift();
      return piece;
    }
    this.#pieces[0] = piece.subarray(count);
    return piece.subarray(0, count);
  }
}
