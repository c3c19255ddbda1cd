/**
 * An object of `node:zlib` that works in the same call, again and again.
 *
 * `deflateRawSync()` and `inflateRawSync()` make a new object for each call,
 * which for a short message takes longer than the work: 9 of 15 µs to compress
 * 512 bytes. The documented way to keep an object is a stream, whose answer comes
 * later and from another thread. What is used here is what those functions call
 * themselves, on the object that a stream has in `_handle`: `writeSync()`. It is
 * not documented, but Node, Deno and Bun have it alike, and packages such as
 * `pngjs` use it. As it may change all the same, {@linkcode synchronousZlib} tries
 * it out before anything relies on it; the documented functions stand in.
 *
 * @module
 */
import {
  constants,
  createDeflateRaw,
  createInflateRaw,
  type DeflateRaw,
  deflateRawSync,
  type InflateRaw,
  inflateRawSync,
} from "node:zlib";
import type { Bytes } from "./backend.ts";
import type { ZlibSettings } from "./zlib_stream.ts";

/** What the streams of `node:zlib` have and do not document. */
interface Internals {
  readonly _handle: {
    /** Is called within `writeSync()`. */
    onerror: (message: string) => void;
    writeSync(
      flush: number,
      input: Uint8Array,
      inputOffset: number,
      inputLength: number,
      output: Uint8Array,
      outputOffset: number,
      outputLength: number,
    ): void;
  };
  /** What the last write left: room in the output, and bytes of the input. */
  readonly _writeState: Uint32Array;
}

/** Memory that zlib writes to, at first what is kept for that, then more. */
export class ZlibOutput {
  readonly #kept: Bytes;
  #bytes: Bytes;
  /** How many bytes were written. */
  length = 0;

  /** @param keptLength How much memory is kept. */
  constructor(keptLength: number) {
    this.#kept = this.#bytes = new Uint8Array(keptLength);
  }

  /** All the memory; what is written goes behind `length`. */
  get bytes(): Bytes {
    return this.#bytes;
  }

  /** What was written: a view, until `clear()`. */
  get written(): Bytes {
    return this.#bytes.subarray(0, this.length);
  }

  /** Begins anew. */
  clear(): void {
    this.#bytes = this.#kept;
    this.length = 0;
  }

  /** Sees to it that there is room for so many bytes. */
  reserve(room: number): void {
    const needed = this.length + room;
    if (needed <= this.#bytes.length) return;
    const bytes = new Uint8Array(Math.max(needed, 2 * this.length));
    bytes.set(this.written);
    this.#bytes = bytes;
  }
}

/** A compressor or an inflater of raw DEFLATE. */
export class SynchronousZlib {
  readonly #stream: DeflateRaw | InflateRaw;
  readonly #state: Uint32Array;
  readonly #compresses: boolean;
  #handle: Internals["_handle"] | null;
  #failure: string | null = null;

  private constructor(stream: DeflateRaw | InflateRaw, compresses: boolean) {
    const { _handle, _writeState } = stream as unknown as Internals;
    this.#stream = stream;
    this.#compresses = compresses;
    this.#handle = _handle;
    this.#state = _writeState;
    // In place of the stream's own, which would destroy it.
    _handle.onerror = (message) => {
      this.#failure = message;
    };
  }

  /** A compressor; it may refer back to the dictionary, if there is one. */
  static deflate(settings: ZlibSettings, dictionary?: Bytes): SynchronousZlib {
    const { windowBits, level, memLevel } = settings;
    return new SynchronousZlib(
      createDeflateRaw({
        windowBits,
        level,
        memLevel,
        chunkSize: leastChunk,
        ...dictionary !== undefined && dictionary.length > 0
          ? { dictionary }
          : {},
      }),
      true,
    );
  }

  /** An inflater; its window of 15 bits reads what any smaller one wrote. */
  static inflate(): SynchronousZlib {
    return new SynchronousZlib(
      createInflateRaw({ windowBits: 15, chunkSize: leastChunk }),
      false,
    );
  }

  /**
   * Puts bytes through, up to a sync flush behind them.
   *
   * @param output Takes what comes of them.
   * @param limit When this has more bytes, no more are put out.
   * @returns How many of the bytes were taken: an inflater takes none beyond a
   * final block.
   * @throws If an inflater is given what is not DEFLATE.
   */
  process(input: Uint8Array, output: ZlibOutput, limit: number): number {
    // A compressor whose room ends with the flush would flush once more; so it
    // gets as much as there is need for at worst.
    const room = this.#compresses
      ? input.length + (input.length >> 2) + 1024
      : 1;
    let offset = 0;
    while (true) {
      output.reserve(room);
      this.#write(input, offset, output.bytes, output.length);
      const [roomLeft, inputLeft] = this.#state;
      offset = input.length - inputLeft;
      output.length = output.bytes.length - roomLeft;
      // Where there is room left, there is nothing more to put out.
      if (roomLeft > 0 || output.length > limit) return offset;
    }
  }

  /** Forgets all it was given, but for the dictionary. */
  reset(): void {
    this.#stream.reset();
  }

  /** Frees its memory. */
  close(): void {
    this.#handle = null;
    this.#stream.close();
  }

  #write(
    input: Uint8Array,
    offset: number,
    output: Bytes,
    outputOffset: number,
  ): void {
    // zlib would end the process.
    if (this.#handle === null) throw new Error("the zlib object is closed");
    this.#handle.writeSync(
      constants.Z_SYNC_FLUSH,
      input,
      offset,
      input.length - offset,
      output,
      outputOffset,
      output.length - outputOffset,
    );
    if (this.#failure === null) return;
    const message = this.#failure;
    this.#failure = null;
    throw new Error(message);
  }
}

/** A stream allocates so much for output that is never put there. */
const leastChunk = 64;

let works: boolean | null = null;

/** Whether {@linkcode SynchronousZlib} does on this runtime what it says. */
export function synchronousZlib(): boolean {
  return works ??= tryOut();
}

function tryOut(): boolean {
  const text = Uint8Array.from({ length: 400 }, (_, at) => at % 90 * at % 61);
  const settings = { windowBits: 10, level: -1, memLevel: 5 };
  const finishFlush = constants.Z_SYNC_FLUSH;
  try {
    const documented = deflateRawSync(text, { ...settings, finishFlush });
    const deflater = SynchronousZlib.deflate(settings);
    const inflater = SynchronousZlib.inflate();
    const outputs = [new ZlibOutput(300), new ZlibOutput(300)] as const;
    const results = [1, 2].map(() => {
      const compressed = putThrough(deflater, text, outputs[0]);
      return same(inflateRawSync(compressed, { finishFlush }), text) &&
        same(putThrough(inflater, documented, outputs[1]), text) &&
        refuses(inflater, outputs[1]);
    });
    deflater.close();
    inflater.close();
    return results.every((result) => result);
  } catch {
    return false;
  }
}

function putThrough(
  zlib: SynchronousZlib,
  bytes: Uint8Array,
  output: ZlibOutput,
): Bytes {
  zlib.reset();
  output.clear();
  const taken = zlib.process(bytes, output, Infinity);
  return taken === bytes.length ? output.written : new Uint8Array(0);
}

/** Whether an inflater throws for what is not DEFLATE. */
function refuses(inflater: SynchronousZlib, output: ZlibOutput): boolean {
  try {
    putThrough(inflater, new Uint8Array(20).fill(0xff), output);
    return false;
  } catch {
    return true;
  }
}

function same(some: Uint8Array, others: Uint8Array): boolean {
  return some.length === others.length &&
    some.every((byte, index) => byte === others[index]);
}
