/**
 * Bytes that come in parts: one growing buffer for those of a message, chunks
 * that are joined, and memory that is given back.
 *
 * @module
 */

const none = new Uint8Array(0);

/**
 * Bytes that are appended part by part. It grows by doubling and never ahead of
 * what has arrived by more than that, so that a length that is only announced
 * costs nothing, and a million empty parts cost nothing either.
 */
export class ByteBuffer {
  #bytes: Uint8Array<ArrayBuffer> = none;
  #length = 0;

  /** How many bytes there are. */
  get length(): number {
    return this.#length;
  }

  /** How many more bytes have their place already. */
  get room(): number {
    return this.#bytes.length - this.#length;
  }

  /**
   * Appends a part.
   *
   * @param part The bytes; they are copied.
   * @param remaining How many more are known to follow. Default 0.
   */
  append(part: Uint8Array, remaining = 0): void {
    const needed = this.#length + part.length;
    if (needed > this.#bytes.length) {
      // A known end is not overshot, but growing by less than half each time
      // would let a peer of many short fragments have all copied for each.
      const factor = remaining === 0 ? 2 : 1.5;
      // Room for a part of the rest is of no use to one who appends all of it.
      const capacity = Math.max(
        needed,
        remaining <= needed
          ? needed + remaining
          : Math.min(needed + remaining, this.#bytes.length * 2),
        part.length === 0 ? 0 : Math.min(needed + remaining, 1024),
        Math.floor(this.#bytes.length * factor),
      );
      const grown = capacity === needed + remaining
        ? allocateUncleared(capacity)
        : new Uint8Array(capacity);
      grown.set(this.#bytes.subarray(0, this.#length));
      this.#bytes = grown;
    }
    this.#bytes.set(part, this.#length);
    this.#length = needed;
  }

  /**
   * Takes the bytes out; the buffer is empty afterwards. They are cut from a
   * larger buffer only where little of it is wasted.
   */
  take(): Uint8Array<ArrayBuffer> {
    const bytes = this.#length * 2 > this.#bytes.length
      ? this.#bytes.subarray(0, this.#length)
      : this.#bytes.slice(0, this.#length);
    this.#bytes = none;
    this.#length = 0;
    return bytes;
  }
}

/** To give back the memory of less costs more than a collector does. */
const givenBackLength = 1024;

/**
 * Gives back the memory of a buffer that nobody else has, and which such bytes
 * end, unless they are short: it is detached. A collector would come to it when
 * it has left the caches, and has to count it until then.
 */
export function giveBack(
  { buffer, byteOffset, length }: Uint8Array<ArrayBuffer>,
): void {
  if (length < givenBackLength) return;
  // What follows in the buffer may be of use yet.
  if (byteOffset + length === buffer.byteLength) buffer.transfer(0);
}

// Read through globalThis: the codec runs where there is no Buffer as well.
const { Buffer } = globalThis as {
  Buffer?: { allocUnsafeSlow(length: number): Uint8Array<ArrayBuffer> };
};

/** To clear fewer bytes than that costs less than the way around it. */
const clearedBelow = 4096;

/** Memory that may hold anything: all of it has to be written over. */
function allocateUncleared(length: number): Uint8Array<ArrayBuffer> {
  return Buffer === undefined || length < clearedBelow
    ? new Uint8Array(length)
    : new Uint8Array(Buffer.allocUnsafeSlow(length).buffer);
}

/** Joins chunks; a single one is given back as it is. */
export function joinBytes(
  chunks: readonly Uint8Array[],
): Uint8Array<ArrayBuffer> {
  if (chunks.length === 1) return chunks[0] as Uint8Array<ArrayBuffer>;
  let length = 0;
  for (const chunk of chunks) length += chunk.length;
  const joined = allocateUncleared(length);
  let offset = 0;
  for (const chunk of chunks) {
    joined.set(chunk, offset);
    offset += chunk.length;
  }
  return joined;
}
