/**
 * Reads of Node's TCP sockets, into memory that all of them share.
 *
 * Left to itself a socket takes 64 KiB for each read, and gives back what was not
 * filled: a fifth of what a short message costs. `node:net` can read into memory
 * that it is given (the option `onread`), but documents that for sockets that
 * connect. One that was accepted gets it where its handle is put into a socket
 * that was made with the option, as `node:net` itself makes sockets.
 *
 * @module
 */
import { Socket, type SocketConstructorOpts } from "node:net";
import { copyStart, socketMemory } from "../codec/socket_memory.ts";

type Bytes = Uint8Array<ArrayBuffer>;

/** The most that is read at once: a message of 64 KiB is whole in it. */
const readLength = 128 * 1024;
const shared = socketMemory(copyStart + readLength).subarray(copyStart);

/** Who takes what is read. */
export interface ReadTaker {
  /**
   * Takes bytes, of which the memory is another's once the call has returned.
   *
   * @returns `false` to read no more until the socket's stream wants it.
   */
  takeRead(bytes: Bytes): boolean;
}

/** What holds the system's side of a connection. */
interface HandleOwner {
  _handle?: { readonly useUserBuffer?: unknown } | null;
}

/** What a socket reads, with no stream between. */
export class DirectReads {
  #taker: ReadTaker | null = null;

  /**
   * Makes a socket in place of one that was accepted just now, with
   * `pauseOnConnect`.
   *
   * @returns `null` where a runtime has no way to do that: the accepted one is as
   * it was.
   */
  replace(accepted: Socket): Socket | null {
    const owner = accepted as HandleOwner;
    const handle = owner._handle;
    if (typeof handle?.useUserBuffer !== "function") return null;
    const socket = new Socket(
      {
        handle,
        allowHalfOpen: true,
        onread: {
          buffer: shared,
          callback: (length: number) => this.#read(length),
        },
      } as unknown as SocketConstructorOpts,
    );
    if ((socket as HandleOwner)._handle !== handle) return null;
    owner._handle = null;
    return socket;
  }

  /** Has another take what is read from now on. */
  handTo(taker: ReadTaker): void {
    this.#taker = taker;
  }

  /** So many bytes were read. */
  #read(length: number): boolean {
    return this.#taker!.takeRead(
      new Uint8Array(shared.buffer, copyStart, length),
    );
  }
}
