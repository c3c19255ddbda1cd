/**
 * Compressors that stay for the next message of their connection.
 *
 * @module
 */
import type { Bytes } from "./backend.ts";
import { SynchronousZlib, synchronousZlib } from "./synchronous_zlib.ts";
import { deflateNext, prime } from "./zlib_deflate.ts";
import { takesDictionary } from "./zlib_dictionary.ts";
import type { ZlibSettings } from "./zlib_stream.ts";

/** How much memory all of them may take together, in bytes. */
const mostMemory = 32 * 1024 * 1024;

let memory = 0;

/** The base-2 logarithm of the window. */
const contextBits = 12;

/** How far back one refers at most, in bytes. */
export const contextLength: number = 1 << contextBits;

/**
 * A compressor with the context of one connection. To set one up takes twice as
 * long as to compress a short message, so it stays for those that follow until
 * the connection is quiet or closes. That is worth it as long as there are not
 * too many: to fetch what has gone cold from memory takes as long.
 */
export class ContextDeflater {
  readonly #deflater: SynchronousZlib;
  readonly #memory: number;

  private constructor(deflater: SynchronousZlib, memory: number) {
    this.#deflater = deflater;
    this.#memory = memory;
  }

  /**
   * Makes one that goes on behind what was sent so far.
   *
   * @param settings What it keeps to, as far as such a context needs it.
   * @param sent The last bytes that were sent: they are all it can refer to.
   * @returns `null` where zlib does not work in the same call, and while others
   * have the memory.
   */
  static open(settings: ZlibSettings, sent: Bytes): ContextDeflater | null {
    if (!synchronousZlib()) return null;
    const windowBits = Math.min(settings.windowBits, contextBits);
    const memLevel = Math.min(settings.memLevel, 5);
    const needed = memoryOf(windowBits, memLevel);
    if (memory + needed > mostMemory) return null;
    const own = { ...settings, windowBits, memLevel };
    const deflater = SynchronousZlib.deflate(own, sent);
    if (!takesDictionary()) prime(deflater, sent);
    memory += needed;
    return new ContextDeflater(deflater, needed);
  }

  /** Compresses the next message: see {@linkcode deflateNext}. */
  compress(payload: Uint8Array): Bytes {
    return deflateNext(payload, this.#deflater);
  }

  /** Frees its memory. It is of no use then. */
  close(): void {
    memory -= this.#memory;
    this.#deflater.close();
  }
}

/**
 * What a compressor takes, in bytes: by zlib's own formula, and as much more as
 * the runtimes' zlibs do for tables whose size is not that of the settings.
 */
function memoryOf(windowBits: number, memLevel: number): number {
  return (1 << (windowBits + 2)) + (1 << (memLevel + 9)) + 128 * 1024;
}
