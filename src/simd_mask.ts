/**
 * Masking by WebAssembly, 16 bytes at a time: JavaScript engines do 4 at most, and
 * take five times as long. It reaches only into a memory of its own, so that is for
 * bytes that are masked where they came to, and then copied from there.
 *
 * @module
 */

/** What {@linkcode maskBlocks} does at a time, in bytes. */
export const blockLength = 64;

/** Where {@linkcode maskBlocks} reaches. `null` before there is any. */
export let blockMemory: ArrayBuffer | null = null;

/**
 * Masks, or unmasks, bytes in {@linkcode blockMemory}.
 *
 * @param start Where the first one stands there.
 * @param end Where the last one ends: some blocks behind `start`, at least one.
 * @param word The masking key, the byte of the first one in its lowest bits.
 */
export let maskBlocks: (start: number, end: number, word: number) => void;

/**
 * Memory that {@linkcode maskBlocks} reaches, where the platform can do that, and
 * other memory where it can't. There is one, for all who ask: none of it may be
 * counted on to be as it was once others had a turn.
 *
 * @param length How many bytes it has at least. It can't be transferred.
 */
export function blockMemoryOf(length: number): ArrayBuffer {
  if (blockMemory !== null && blockMemory.byteLength >= length) {
    return blockMemory;
  }
  try {
    const pages = Math.ceil(length / pageLength);
    const memory = new WebAssembly.Memory({ initial: pages, maximum: pages });
    const module = new WebAssembly.Module(assemble(listing));
    const { exports } = new WebAssembly.Instance(module, { "": { memory } });
    maskBlocks = exports.maskBlocks as typeof maskBlocks;
    return blockMemory = memory.buffer as ArrayBuffer;
  } catch {
    // It is switched off, or there is no address space left for it.
    return new ArrayBuffer(length);
  }
}

const pageLength = 64 * 1024;

/**
 * The module, in hexadecimal, each part behind its length: the sections of types,
 * imports, functions, exports and code.
 */
const listing = `
  00 61 73 6d  01 00 00 00
  01 07  01  60  03 7f 7f 7f  00            ;; (type (func (param i32 i32 i32)))
  02 0c  01  00  06 6d 65 6d 6f 72 79       ;; (import "" "memory"
               02 00 01                     ;;   (memory 1))
  03 02  01  00
  07 0e  01  0a 6d 61 73 6b 42 6c 6f 63 6b 73  00 00  ;; (export "maskBlocks" (func 0))
  0a 5c  01  5a
    01 01 7b                                ;; (local v128)
    20 02  fd 11  21 03                     ;; key ← i32x4.splat(word)
    03 40                                   ;; loop
      20 00  20 00  fd 00 00 00  20 03  fd 51  fd 0b 00 00
      20 00  20 00  fd 00 00 10  20 03  fd 51  fd 0b 00 10
      20 00  20 00  fd 00 00 20  20 03  fd 51  fd 0b 00 20
      20 00  20 00  fd 00 00 30  20 03  fd 51  fd 0b 00 30
                                            ;;   [start + n] ← [start + n] xor key
      20 00  41 c0 00  6a  22 00            ;;   start ← start + 64
      20 01  49  0d 00                      ;;   again while start < end
    0b
  0b
`;

function assemble(listing: string): Uint8Array<ArrayBuffer> {
  const numerals = listing.replaceAll(/;;.*/g, "").trim().split(/\s+/);
  return Uint8Array.from(numerals, (numeral) => Number.parseInt(numeral, 16));
}
