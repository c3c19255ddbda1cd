/**
 * A stream object of `node:zlib`, driven by promises.
 *
 * @module
 */
import {
  constants,
  createDeflateRaw,
  createInflateRaw,
  type DeflateRaw,
  type InflateRaw,
} from "node:zlib";
import { nextTurn } from "../turn.ts";
import type { Bytes, Emit } from "./backend.ts";

/** Settings of a compressor; zlib's defaults where they are left out. */
export interface ZlibSettings {
  /** The base-2 logarithm of the window, 8 to 15. */
  readonly windowBits: number;
  /** -1 to 9. */
  readonly level: number;
  /** 1 to 9. */
  readonly memLevel: number;
}

/** How much is given to zlib before other work of the process may go on. */
const sliceLength = 64 * 1024;

/** A compressor or an inflater of raw DEFLATE. */
export class ZlibStream {
  readonly #stream: DeflateRaw | InflateRaw;
  #wake: (() => void) | null = null;
  #given = 0;

  private constructor(stream: DeflateRaw | InflateRaw) {
    this.#stream = stream;
    const wake = (): void => this.#wake?.();
    stream.on("readable", wake);
    stream.on("end", wake);
    stream.on("error", wake);
    stream.on("close", wake);
  }

  /** A compressor; it may refer back to the dictionary, if there is one. */
  static deflate(settings: ZlibSettings, dictionary?: Bytes): ZlibStream {
    return new ZlibStream(createDeflateRaw(
      dictionary !== undefined && dictionary.length > 0
        ? { ...settings, dictionary }
        : settings,
    ));
  }

  /** An inflater; its window of 15 bits reads what any smaller one wrote. */
  static inflate(): ZlibStream {
    return new ZlibStream(createInflateRaw({ windowBits: 15 }));
  }

  /**
   * Puts bytes through, up to a sync flush behind them.
   *
   * @param emit Is called with all output that the bytes cause; zlib waits for
   * its promise.
   * @returns How many of the bytes were taken: an inflater takes none beyond a
   * final block.
   * @throws If an inflater is given what is not DEFLATE.
   */
  async process(bytes: Uint8Array, emit: Emit): Promise<number> {
    const before = this.#given;
    let offset = 0;
    do {
      if (offset > 0) await nextTurn();
      const slice = bytes.subarray(offset, offset + sliceLength);
      await this.#processSlice(slice, emit);
      offset += slice.length;
    } while (offset < bytes.length && this.#taken() === this.#given);
    return this.#taken() - before;
  }

  /** Frees its memory. */
  close(): void {
    this.#stream.on("error", () => {});
    this.#stream.close();
    this.#wake?.();
  }

  #taken(): number {
    return this.#stream.bytesWritten;
  }

  async #processSlice(slice: Uint8Array, emit: Emit): Promise<void> {
    const stream = this.#stream;
    let flushed = false;
    this.#given += slice.length;
    if (slice.length > 0) stream.write(slice);
    stream.flush(constants.Z_SYNC_FLUSH, () => {
      flushed = true;
      this.#wake?.();
    });
    while (!stream.destroyed || stream.readableLength > 0) {
      const chunk: Uint8Array<ArrayBuffer> | null = stream.read();
      if (chunk !== null) {
        const { buffer, byteOffset, length } = chunk;
        await emit(new Uint8Array(buffer, byteOffset, length) as Bytes);
      } else if (flushed || stream.errored) {
        break;
      } else {
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
        this.#wake = null;
      }
    }
    if (stream.errored) throw stream.errored;
    if (stream.destroyed) throw new Error("the zlib stream was closed");
  }
}
