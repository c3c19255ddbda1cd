/**
 * Chunks on their way to a Node socket, no more at once than lets one see
 * whether the peer takes them.
 *
 * @module
 */
import type { Duplex } from "node:stream";

/**
 * So many bytes are handed to a socket at once. Of a write it tells only that
 * all of it has gone: with more, a peer that takes its time could not be told
 * from one that takes nothing.
 */
export const mostAtOnce = 256 * 1024;

/** Hands chunks to a socket, all in one write where it can do that. */
export function writeTogether(
  socket: Duplex,
  chunks: readonly Uint8Array[],
  written: (() => void) | undefined,
): void {
  const last = chunks.length - 1;
  if (last === 0) {
    socket.write(chunks[0], written);
    return;
  }
  socket.cork();
  for (let index = 0; index < last; index++) socket.write(chunks[index]);
  socket.write(chunks[last], written);
  socket.uncork();
}

/** Bytes that the socket was not handed yet, and who waits for them. */
interface Waiting {
  bytes: Uint8Array;
  readonly written: (() => void) | undefined;
}

/** What is handed to a socket part by part. */
export class LargeWrites {
  readonly #socket: Duplex;
  readonly #onDone: () => void;
  #waiting: Waiting[] = [];
  #length = 0;
  #writing = false;
  #ends = false;

  /** @param onDone Called when all was written, or the socket takes no more. */
  constructor(socket: Duplex, onDone: () => void) {
    this.#socket = socket;
    this.#onDone = onDone;
  }

  /** How many bytes the socket was not handed yet. */
  get length(): number {
    return this.#length;
  }

  /** Writes chunks behind those before them. */
  write(
    chunks: readonly Uint8Array[],
    written: (() => void) | undefined,
  ): void {
    const last = chunks.length - 1;
    for (let index = 0; index <= last; index++) {
      const bytes = chunks[index];
      this.#length += bytes.length;
      this.#waiting.push({
        bytes,
        written: index === last ? written : undefined,
      });
    }
    if (!this.#writing) this.#writePart();
  }

  /** Ends the socket's outgoing direction behind all that waits. */
  end(): void {
    this.#ends = true;
  }

  #writePart(): void {
    const parts: Uint8Array[] = [];
    const written: (() => void)[] = [];
    let room = mostAtOnce;
    let taken = 0;
    while (room > 0 && taken < this.#waiting.length) {
      const next = this.#waiting[taken];
      const part = next.bytes.subarray(0, room);
      parts.push(part);
      room -= part.length;
      if (part.length < next.bytes.length) {
        next.bytes = next.bytes.subarray(part.length);
        break;
      }
      if (next.written !== undefined) written.push(next.written);
      taken++;
    }
    this.#waiting.splice(0, taken);
    this.#length -= mostAtOnce - room;
    this.#writing = true;
    writeTogether(this.#socket, parts, () => this.#partWritten(written));
  }

  #partWritten(written: readonly (() => void)[]): void {
    for (const callback of written) callback();
    this.#writing = false;
    const socket = this.#socket;
    if (this.#waiting.length > 0 && socket.writable) {
      this.#writePart();
      return;
    }
    this.#onDone();
    if (this.#ends && socket.writable) socket.end();
  }
}
