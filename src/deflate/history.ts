/**
 * The LZ77 window of a connection as plain bytes: what messages with context
 * takeover refer back to (RFC 7692 sections 7.2.1 and 7.2.2).
 *
 * @module
 */
import type { Bytes } from "./backend.ts";

/** The largest window of DEFLATE. */
export const maxWindowLength: number = 32 * 1024;

/** BFINAL 0, BTYPE 00 and padding, then the length twice (RFC 1951 section 3.2.4). */
const storedHeaderLength = 5;

/**
 * The last bytes of all messages so far. It holds no more than was sent, so that
 * a quiet connection costs little.
 */
export class History {
  #windowLength: number;
  #bytes: Bytes = new Uint8Array(0);
  #start = storedHeaderLength;
  #end = storedHeaderLength;

  /** @param windowLength How many bytes are kept: a power of two from 256 on. */
  constructor(windowLength: number = maxWindowLength) {
    this.#windowLength = windowLength;
  }

  /** How many bytes there are: at most the window's length. */
  get length(): number {
    return this.#end - this.#start;
  }

  /** The bytes, oldest first: a view, until the next `append()`. */
  get bytes(): Bytes {
    return this.#bytes.subarray(this.#start, this.#end);
  }

  /** The last of the bytes, as many as asked for or there are: a view as well. */
  last(length: number): Bytes {
    return this.#bytes.subarray(
      Math.max(this.#start, this.#end - length),
      this.#end,
    );
  }

  /** From now on, as many bytes are kept; what was dropped is not there. */
  widen(windowLength: number): void {
    this.#windowLength = Math.max(this.#windowLength, windowLength);
  }

  /**
   * The bytes as a stored DEFLATE block. An inflater that reads it first has the
   * window, and puts these bytes out before any others. A view, until the next
   * `append()`.
   */
  get storedBlock(): Bytes {
    const { length } = this;
    if (length === 0) return this.#bytes.subarray(0, 0);
    // What stands before the window has slid out of it.
    const header = this.#start - storedHeaderLength;
    this.#bytes[header] = 0;
    this.#bytes[header + 1] = length & 0xff;
    this.#bytes[header + 2] = length >> 8;
    this.#bytes[header + 3] = ~length & 0xff;
    this.#bytes[header + 4] = (~length >> 8) & 0xff;
    return this.#bytes.subarray(header, this.#end);
  }

  /** Slides the window over bytes that were sent or received. */
  append(added: Uint8Array): void {
    const windowLength = this.#windowLength;
    if (added.length > windowLength) {
      added = added.subarray(added.length - windowLength);
    }
    if (this.#end + added.length > this.#bytes.length) this.#makeRoom(added);
    this.#bytes.set(added, this.#end);
    this.#end += added.length;
    this.#start = Math.max(this.#start, this.#end - windowLength);
  }

  /** Moves what stays in the window to the front, of a larger buffer if needed. */
  #makeRoom(added: Uint8Array): void {
    const kept = Math.min(this.length, this.#windowLength - added.length);
    const from = this.#end - kept;
    const needed = storedHeaderLength + kept + added.length;
    // Twice the window, so that it seldom has to be moved.
    const most = storedHeaderLength + 2 * this.#windowLength;
    const grown = needed * 2 > this.#bytes.length && this.#bytes.length < most
      ? new Uint8Array(Math.min(most, needed * 2))
      : this.#bytes;
    grown.set(this.#bytes.subarray(from, this.#end), storedHeaderLength);
    this.#bytes = grown;
    this.#start = storedHeaderLength;
    this.#end = storedHeaderLength + kept;
  }
}
