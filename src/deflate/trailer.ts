/**
 * The bytes that stand between messages in the DEFLATE streams of RFC 7692, and
 * are not on the wire.
 *
 * @module
 */
import { joinBytes } from "../codec/byte_buffer.ts";
import type { Bytes } from "./backend.ts";

/**
 * The end of a sync flush (section 7.2.1): the length fields of an empty stored
 * block. A sender leaves them out, a receiver puts them back.
 */
export const flushTrailer: Bytes = new Uint8Array([0x00, 0x00, 0xff, 0xff]);

/**
 * An empty message, compressed (section 7.2.3.6). Who gets it may transfer it, so
 * that each is another.
 */
export function emptyMessage(): Bytes {
  return new Uint8Array([0x00]);
}

/** Whether bytes end in {@linkcode flushTrailer}. */
export function endsInFlushTrailer(bytes: Uint8Array): boolean {
  const { length } = bytes;
  return length >= 4 && bytes[length - 1] === 0xff &&
    bytes[length - 2] === 0xff && bytes[length - 3] === 0 &&
    bytes[length - 4] === 0;
}

/** What an inflater puts out for the last part of {@linkcode messageEnd}. */
const mark: Bytes = new Uint8Array(
  [0xa7, 0x3c, 0xe1, 0x95, 0xd2, 0x8b, 0xf6, 0xb4],
);

/** How many bytes of output {@linkcode messageEnd} adds. */
export const markLength: number = mark.length;

/**
 * What is put behind a message that is inflated on its own: the trailer that was
 * left out, and a final block that inflates to a mark of eight bytes. If the
 * output ends in the mark, the message was whole: inflaters do not all tell, and
 * in a message that was cut off the mark is read as something else.
 */
export const messageEnd: Bytes = new Uint8Array([
  ...flushTrailer,
  // BFINAL 1, BTYPE 01, the mark in the fixed Huffman code, end of block.
  ...[0x5b, 0x6e, 0xf3, 0x70, 0xea, 0xa5, 0xee, 0x6f, 0x5b, 0x00],
]);

/** Whether an inflater's output ends in the mark of {@linkcode messageEnd}. */
export function endsInMark(output: Uint8Array): boolean {
  const start = output.length - mark.length;
  if (start < 0) return false;
  for (let index = 0; index < mark.length; index++) {
    if (output[start + index] !== mark[index]) return false;
  }
  return true;
}

/** Holds back the last bytes of a stream of chunks. */
export class HeldTail {
  readonly #length: number;
  #held: Bytes = new Uint8Array(0);

  /** @param length How many bytes to hold back. */
  constructor(length: number) {
    this.#length = length;
  }

  /** The bytes held back: all there were, or as many as asked for. */
  get bytes(): Bytes {
    return this.#held;
  }

  /** Takes a chunk and gives what is now known not to be among the last bytes. */
  push(chunk: Bytes): Bytes[] {
    if (chunk.length >= this.#length) {
      const cut = chunk.length - this.#length;
      const out = [this.#held, chunk.subarray(0, cut)];
      this.#held = chunk.slice(cut);
      return out;
    }
    const joined = joinBytes([this.#held, chunk]);
    const cut = Math.max(0, joined.length - this.#length);
    this.#held = joined.slice(cut);
    return [joined.subarray(0, cut)];
  }
}
