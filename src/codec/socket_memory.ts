/**
 * Memory for bytes on their way to a socket.
 *
 * @module
 */

type Bytes = Uint8Array<ArrayBuffer>;

// Read through globalThis: the codec runs where there is no Buffer as well.
const { Buffer } = globalThis as {
  Buffer?: { from(memory: ArrayBuffer): Bytes };
};

/**
 * Where in memory of their own bytes begin that are copied there. What they are
 * copied from often begins at the start of a page, or a few bytes behind. If the
 * copy does too, but 1 to 15 bytes farther from the start of a page, some
 * processors (Zen 4) take 16 times as long for 2 KiB and more.
 */
export const copyStart: number = 1024;

/**
 * So many cleared bytes in a buffer of their own. Where there is a `Buffer`, they
 * are one, and so are their parts: the sockets of Node and Deno take nothing else
 * without making one of it first.
 */
export function socketMemory(length: number): Bytes {
  const memory = new ArrayBuffer(length);
  return Buffer === undefined ? new Uint8Array(memory) : Buffer.from(memory);
}
