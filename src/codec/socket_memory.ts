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
 * So many cleared bytes in a buffer of their own. Where there is a `Buffer`, they
 * are one, and so are their parts: the sockets of Node and Deno take nothing else
 * without making one of it first.
 */
export function socketMemory(length: number): Bytes {
  const memory = new ArrayBuffer(length);
  return Buffer === undefined ? new Uint8Array(memory) : Buffer.from(memory);
}
