/**
 * Compressors that stay for the next message of their connection.
 *
 * @module
 */
import type { Bytes } from "./backend.ts";
import {
  SynchronousZlib,
  synchronousZlib,
  ZlibOutput,
} from "./synchronous_zlib.ts";
import { deflateNext } from "./zlib_deflate.ts";
import { takesDictionary } from "./zlib_dictionary.ts";
import type { ZlibSettings } from "./zlib_stream.ts";

/** How much memory all of them may take together, in bytes. */
const mostMemory = 32 * 1024 * 1024;

const staying = new Set<ContextDeflater>();
let memory = 0;

/**
 * A compressor with the context of one connection. To set one up takes twice as
 * long as to compress a short message, so it stays for those that follow until
 * the connection is quiet. With more connections than there is memory for, those
 * that were not used lately are closed: their connections have to begin again
 * from the plain bytes that they keep.
 */
export class ContextDeflater {
  /** How far back it refers at most, in bytes. */
  readonly contextLength: number;
  readonly #deflater: SynchronousZlib;
  readonly #memory: number;
  #used = true;
  #closed = false;

  private constructor(
    deflater: SynchronousZlib,
    contextLength: number,
    memory: number,
  ) {
    this.#deflater = deflater;
    this.contextLength = contextLength;
    this.#memory = memory;
  }

  /**
   * Makes one that goes on behind what was sent so far.
   *
   * @param settings What it keeps to.
   * @param sent The last bytes that were sent: they are all it can refer to.
   * @param contextLength How far back it shall refer.
   * @returns `null` where zlib does not work in the same call.
   */
  static open(
    settings: ZlibSettings,
    sent: Bytes,
    contextLength: number,
  ): ContextDeflater | null {
    if (!synchronousZlib()) return null;
    const bits = 31 - Math.clz32(contextLength);
    const windowBits = Math.min(settings.windowBits, bits);
    const memLevel = Math.min(settings.memLevel, Math.max(1, windowBits - 7));
    const needed = memoryOf(windowBits, memLevel);
    makeRoom(needed);
    const deflater = openDeflater({ ...settings, windowBits, memLevel }, sent);
    const made = new ContextDeflater(deflater, contextLength, needed);
    staying.add(made);
    memory += needed;
    return made;
  }

  /** Whether it was closed, be it for another's sake. */
  get closed(): boolean {
    return this.#closed;
  }

  /** Compresses the next message: see {@linkcode deflateNext}. */
  compress(payload: Uint8Array): Bytes {
    this.#used = true;
    return deflateNext(payload, this.#deflater);
  }

  /** Frees its memory. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    staying.delete(this);
    memory -= this.#memory;
    this.#deflater.close();
  }

  /** Closes it if it was not used since this was asked before. */
  closeUnlessUsed(): void {
    if (!this.#used) return this.close();
    this.#used = false;
    staying.delete(this);
    staying.add(this);
  }
}

/**
 * What a compressor takes, in bytes: by zlib's own formula, and as much more as
 * the runtimes' zlibs do for tables whose size is not that of the settings.
 */
function memoryOf(windowBits: number, memLevel: number): number {
  return (1 << (windowBits + 2)) + (1 << (memLevel + 9)) + 128 * 1024;
}

/** Closes what was not used lately. What was used is looked at last, next time. */
function makeRoom(needed: number): void {
  for (const deflater of staying) {
    if (memory + needed <= mostMemory) return;
    deflater.closeUnlessUsed();
  }
}

let unread: ZlibOutput | null = null;

function openDeflater(settings: ZlibSettings, sent: Bytes): SynchronousZlib {
  if (takesDictionary()) return SynchronousZlib.deflate(settings, sent);
  const deflater = SynchronousZlib.deflate(settings);
  // What comes of it the peer has had before.
  unread ??= new ZlibOutput(1024);
  unread.clear();
  deflater.process(sent, unread, Infinity);
  return deflater;
}
