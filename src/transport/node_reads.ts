/**
 * Reads of TCP sockets of `node:net` into memory that all of them share.
 *
 * Left to itself a socket takes memory for each read, and gives back or copies what
 * was not filled: a fifth of what a short message costs. `node:net` can read into
 * memory that it is given (the option `onread`), but documents that for sockets
 * that connect. One that was accepted gets it where its handle is put into a socket
 * that was made with the option, as `node:net` itself makes sockets.
 *
 * @module
 */
import { Socket, type SocketConstructorOpts } from "node:net";
import { copyStart } from "../codec/socket_memory.ts";
import { blockMemoryOf } from "../simd_mask.ts";

type Bytes = Uint8Array<ArrayBuffer>;

/** The most that is read at once: a message of 64 KiB is whole in it. */
const readLength = 128 * 1024;
let shared: Bytes | null = null;

/** What holds the system's side of a connection. */
interface HandleOwner {
  _handle?: { readonly useUserBuffer?: unknown } | null;
}

/** Who takes what is read. */
export interface ReadTaker {
  /** Takes bytes, of which the memory is another's once the call has returned. */
  takeRead(bytes: Bytes): void;
}

/**
 * Makes a socket in place of one that was accepted, on which nothing is on its way
 * either way.
 *
 * @returns `null` where a runtime has no way to do that: the socket is as it was.
 */
export function withDirectReads(
  socket: Socket,
  taker: ReadTaker,
): Socket | null {
  const owner = socket as HandleOwner;
  const handle = owner._handle;
  if (typeof handle?.useUserBuffer !== "function") return null;
  const direct = new Socket(
    {
      handle,
      allowHalfOpen: true,
      onread: {
        buffer: shared ??= makeShared(),
        callback(length: number): boolean {
          taker.takeRead(new Uint8Array(shared!.buffer, copyStart, length));
          return true;
        },
      },
    } as unknown as SocketConstructorOpts,
  );
  if ((direct as HandleOwner)._handle !== handle) return null;
  owner._handle = null;
  return direct;
}

function makeShared(): Bytes {
  const memory = blockMemoryOf(copyStart + readLength);
  return new Uint8Array(memory, copyStart, readLength);
}
