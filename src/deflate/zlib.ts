/**
 * The backend on `node:zlib`: context takeover both ways, every window, level
 * and memory setting.
 *
 * @module
 */
import {
  constants,
  deflateRawSync,
  inflateRawSync,
  type ZlibOptions,
} from "node:zlib";
import type { Backend, Bytes, Emit, MessageCodec } from "./backend.ts";
import type { InflateWhole } from "./inflater.ts";
import type { DeflateCapabilities } from "./negotiation.ts";
import {
  emptyMessage,
  endsInFlushTrailer,
  flushTrailer,
  HeldTail,
} from "./trailer.ts";
import { type ZlibSettings, ZlibStream } from "./zlib_stream.ts";

/** What the backend can do, the same on every runtime. */
export const zlibCapabilities: DeflateCapabilities = {
  outboundContextTakeover: true,
  inboundContextTakeover: true,
  minOutboundWindowBits: 8,
};

/** Up to which length compressing in one call takes well under a millisecond or two. */
const atOnceLength = 32 * 1024;

/** Inflates in the same call. */
export const inflateWithZlib: InflateWhole = (input, limit) => {
  try {
    const { buffer, engine } = inflateRawSync(input, {
      maxOutputLength: limit,
      chunkSize: Math.min(16 * 1024, Math.max(1024, input.length * 8)),
      info: true,
    }) as unknown as {
      buffer: Uint8Array<ArrayBuffer>;
      engine: { bytesWritten: number };
    };
    if (engine.bytesWritten < input.length) return "not plain";
    return new Uint8Array(buffer.buffer, buffer.byteOffset, buffer.length);
  } catch (error) {
    const { code } = error as { code?: string };
    return code === "ERR_BUFFER_TOO_LARGE" ? "too long" : "not plain";
  }
};

/**
 * Settings for one message alone. zlib gets the memory that so many bytes can
 * make use of: setting up and freeing what it asks for by default, 256 KiB, takes
 * longer than compressing a short message. What comes out is as short.
 */
function settingsFor(length: number, settings: ZlibSettings): ZlibOptions {
  const bits = 32 - Math.clz32(length);
  return {
    level: settings.level,
    windowBits: Math.min(settings.windowBits, Math.max(9, bits)),
    memLevel: Math.min(settings.memLevel, Math.max(1, bits - 5)),
    // What cannot be compressed grows by a few bytes.
    chunkSize: length + (length >> 8) + 64,
    finishFlush: constants.Z_SYNC_FLUSH,
  };
}

/** Compresses with `node:zlib`. */
export class ZlibDeflater implements Backend {
  /** See {@linkcode Backend}. */
  readonly sequential: boolean;
  readonly #settings: ZlibSettings;
  /** The compressor that has the context, once there was something to compress. */
  #context: ZlibStream | null = null;

  /** @param contextTakeover Whether messages may refer back to those before. */
  constructor(settings: ZlibSettings, contextTakeover: boolean) {
    this.#settings = settings;
    this.sequential = contextTakeover;
  }

  /** See {@linkcode Backend}. */
  whole(payload: Uint8Array): Bytes | null {
    if (this.sequential || payload.length > atOnceLength) return null;
    if (payload.length === 0) return emptyMessage;
    const { buffer, byteOffset, length } = deflateRawSync(
      payload,
      settingsFor(payload.length, this.#settings),
    );
    const end = length - flushTrailer.length;
    return new Uint8Array(buffer as ArrayBuffer, byteOffset, end);
  }

  /** See {@linkcode Backend}. */
  open(): MessageCodec {
    if (!this.sequential) {
      const stream = ZlibStream.deflate(this.#settings);
      return new DeflatedMessage(stream, () => stream.close());
    }
    this.#context ??= ZlibStream.deflate(this.#settings);
    return new DeflatedMessage(this.#context, () => {});
  }

  /** See {@linkcode Backend}. */
  close(): void {
    this.#context?.close();
  }
}

/** One message that is compressed part by part. */
class DeflatedMessage implements MessageCodec {
  readonly #stream: ZlibStream;
  readonly #release: () => void;
  /** Each part ends in a sync flush; only the last one's trailer is left out. */
  readonly #tail = new HeldTail(flushTrailer.length);

  constructor(stream: ZlibStream, release: () => void) {
    this.#stream = stream;
    this.#release = release;
  }

  async write(part: Uint8Array, last: boolean, emit: Emit): Promise<void> {
    // Without input since the last flush there is no output either.
    if (part.length > 0) {
      await this.#stream.process(part, async (bytes) => {
        for (const known of this.#tail.push(bytes)) await emit(known);
      });
    }
    if (!last) return;
    this.#release();
    const { bytes } = this.#tail;
    if (bytes.length === 0) {
      await emit(emptyMessage);
    } else if (!endsInFlushTrailer(bytes)) {
      throw new Error("zlib's output does not end in a sync flush");
    }
  }

  abort(): void {
    this.#release();
  }
}
