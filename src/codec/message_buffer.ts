/**
 * The payload of a message that arrives in parts.
 *
 * @module
 */
import { ByteBuffer, giveBack, joinBytes } from "./byte_buffer.ts";

/** Shorter parts are copied at once: that costs less than to remember them. */
const keptLength = 4 * 1024;

/**
 * The parts of one message. Large ones are kept as they are until all have
 * arrived, so that each byte is copied once, to where it stays; short ones, and
 * those that make up less than half of the buffer they are in, are copied as they
 * come, so that no more than twice the message's size is held. Of a large one that
 * is lent a copy is kept, unless the rest of its frame is no longer than it: then
 * both are copied to where they stay.
 */
export class MessageBuffer {
  /** What stands before {@linkcode #short}. */
  #parts: Uint8Array[] | null = null;
  #short: ByteBuffer | null = null;
  /** Those of which the memory can be given back. */
  #given: Uint8Array<ArrayBuffer>[] | null = null;

  /**
   * Appends a part.
   *
   * @param part The bytes.
   * @param remaining How many more of its frame are known to follow.
   * @param lent Whether the bytes belong to someone who changes them after this
   * call.
   * @param given Whether nobody else has the buffer that they are in. Default
   * `false`.
   */
  append(
    part: Uint8Array<ArrayBuffer>,
    remaining: number,
    lent: boolean,
    given = false,
  ): void {
    const { length } = part;
    if (
      length < keptLength || length <= (this.#short?.room ?? 0) ||
      (lent
        ? remaining > 0 && remaining <= length
        : length * 2 < part.buffer.byteLength)
    ) {
      this.#short ??= new ByteBuffer();
      this.#short.append(part, remaining);
      // One that is kept may stand before it.
      if (given && this.#parts?.at(-1)?.buffer !== part.buffer) giveBack(part);
    } else {
      this.#parts ??= [];
      this.#finishShort(this.#parts);
      const kept = lent ? new Uint8Array(part) : part;
      this.#parts.push(kept);
      if (given || lent) {
        this.#given ??= [];
        this.#given.push(kept);
      }
    }
  }

  /**
   * Takes the bytes out behind a last part, in a buffer of their own; this one must
   * not be used again.
   *
   * @param last The bytes of the part.
   * @param lent See {@linkcode append}.
   * @param given See {@linkcode append}.
   */
  take(
    last: Uint8Array<ArrayBuffer>,
    lent: boolean,
    given = false,
  ): Uint8Array<ArrayBuffer> {
    if (lent && this.#parts !== null) {
      // All is joined before it is another's.
      this.#finishShort(this.#parts);
      this.#parts.push(last);
    } else {
      this.append(last, 0, lent, given);
    }
    const parts = this.#parts;
    if (parts === null) return this.#short?.take() ?? new Uint8Array(0);
    this.#finishShort(parts);
    const bytes = parts.length === 1
      ? new Uint8Array(parts[0])
      : joinBytes(parts);
    for (const part of this.#given ?? []) giveBack(part);
    return bytes;
  }

  #finishShort(parts: Uint8Array[]): void {
    if (this.#short === null) return;
    parts.push(this.#short.take());
    this.#short = null;
  }
}
