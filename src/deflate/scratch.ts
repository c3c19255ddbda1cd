/**
 * Memory for bytes that are needed during one call only.
 *
 * @module
 */
import type { Bytes } from "./backend.ts";

/** Enough for what is worked on in one call: a text takes 48 KiB at most. */
const mostKept = 64 * 1024;

/**
 * Memory that is written over by whoever asks for it next: to allocate some for
 * each message takes longer than to write it.
 */
export class Scratch {
  #bytes: Bytes = new Uint8Array(0);

  /**
   * Room for so many bytes, with anything in it. What an earlier call gave is
   * written over.
   */
  take(length: number): Bytes {
    if (length > mostKept) return new Uint8Array(length);
    if (length > this.#bytes.length) {
      this.#bytes = new Uint8Array(Math.min(mostKept, 2 * length));
    }
    return this.#bytes;
  }
}
