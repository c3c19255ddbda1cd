/**
 * Masking: RFC 6455 section 5.3.
 *
 * @module
 */

import { blockLength, blockMemory, maskBlocks } from "./simd_mask.ts";

/** From this length on, a view of words of its own pays for what it costs. */
const wordwiseFrom = 96;

/**
 * Masks, or unmasks, bytes in place.
 *
 * @param bytes Where the payload stands.
 * @param start The first byte of it.
 * @param end The byte after its last.
 * @param key The masking key: four bytes, the first one in the highest bits.
 * @param position How many bytes of the same frame's payload came before
 * `start`. Default 0.
 * @param view A view on the same bytes, where there is one already: short
 * payloads are masked twice as fast with it.
 */
export function applyMask(
  bytes: Uint8Array,
  start: number,
  end: number,
  key: number,
  position = 0,
  view: DataView | null = null,
): void {
  let turned = turnKey(key, position);
  let index = start;
  const whole = end - 3;
  if (end - start < wordwiseFrom) {
    if (view !== null) {
      for (; index < whole; index += 4) {
        view.setInt32(index, view.getInt32(index) ^ turned);
      }
    }
  } else if (bytes.buffer === blockMemory) {
    const length = end - start - (end - start) % blockLength;
    const first = bytes.byteOffset + start;
    maskBlocks(first, first + length, swapBytes(turned));
    index += length;
  } else {
    while ((bytes.byteOffset + index) & 3) {
      bytes[index++] ^= turned >>> 24;
      turned = (turned << 8) | (turned >>> 24);
    }
    const words = new Int32Array(
      bytes.buffer,
      bytes.byteOffset + index,
      (end - index) >> 2,
    );
    const word = littleEndian ? swapBytes(turned) : turned;
    const length = words.length;
    const last = length - 3;
    let at = 0;
    // V8 unrolls no loop: like that it takes half the time.
    for (; at < last; at += 4) {
      words[at] ^= word;
      words[at + 1] ^= word;
      words[at + 2] ^= word;
      words[at + 3] ^= word;
    }
    for (; at < length; at++) words[at] ^= word;
    index += length << 2;
  }
  const key0 = turned >>> 24;
  const key1 = (turned >>> 16) & 0xff;
  const key2 = (turned >>> 8) & 0xff;
  const key3 = turned & 0xff;
  while (index < whole) {
    bytes[index] ^= key0;
    bytes[index + 1] ^= key1;
    bytes[index + 2] ^= key2;
    bytes[index + 3] ^= key3;
    index += 4;
  }
  if (index < end) bytes[index++] ^= key0;
  if (index < end) bytes[index++] ^= key1;
  if (index < end) bytes[index] ^= key2;
}

/**
 * Copies a short payload and unmasks the copy: up to
 * {@linkcode shortCopy} bytes that costs less than one after the other.
 *
 * @param view A view on the bytes that the payload stands in.
 * @param start Its first byte there.
 * @param length How many bytes it has.
 * @param key See {@linkcode applyMask}.
 * @param position See {@linkcode applyMask}.
 */
export function copyUnmasked(
  view: DataView,
  start: number,
  length: number,
  key: number,
  position: number,
): Uint8Array<ArrayBuffer> {
  const turned = turnKey(key, position);
  const copy = new Uint8Array(length);
  const whole = length - 3;
  let index = 0;
  for (; index < whole; index += 4) {
    const word = view.getInt32(start + index) ^ turned;
    copy[index] = word >>> 24;
    copy[index + 1] = word >>> 16;
    copy[index + 2] = word >>> 8;
    copy[index + 3] = word;
  }
  for (let shift = 24; index < length; index++, shift -= 8) {
    copy[index] = view.getUint8(start + index) ^ (turned >>> shift);
  }
  return copy;
}

/** The longest payload that {@linkcode copyUnmasked} pays for. */
export const shortCopy = 64;

/** The key, turned so that its highest byte belongs to the byte at a position. */
function turnKey(key: number, position: number): number {
  const turn = (position & 3) << 3;
  return turn === 0 ? key : (key << turn) | (key >>> (32 - turn));
}

const littleEndian = new Uint8Array(new Uint32Array([1]).buffer)[0] === 1;

function swapBytes(word: number): number {
  return (word >>> 24) | ((word >>> 8) & 0xff00) | ((word & 0xff00) << 8) |
    (word << 24);
}

const keys = new Uint32Array(256);
let used = keys.length;

/**
 * A masking key from the platform's cryptographic random source, as RFC 6455
 * section 5.3 demands: unpredictable, and new for every frame.
 */
export function randomMaskingKey(): number {
  if (used === keys.length) {
    crypto.getRandomValues(keys);
    used = 0;
  }
  const key = keys[used] | 0;
  // A key that was used is not kept where it could be read again.
  keys[used++] = 0;
  return key;
}
