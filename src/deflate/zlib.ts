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
import { History } from "./history.ts";
import type { InflateEngine } from "./inflater.ts";
import type { DeflateCapabilities } from "./negotiation/agreement.ts";
import { Scratch } from "./scratch.ts";
import {
  emptyMessage,
  endsInFlushTrailer,
  flushTrailer,
  HeldTail,
} from "./trailer.ts";
import { takesDictionary } from "./zlib_dictionary.ts";
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
export const zlibEngine: InflateEngine = {
  get takesWindow() {
    return takesDictionary();
  },
  inflate(parts, limit, window) {
    const input = joined(parts);
    try {
      const { buffer, engine } = inflateRawSync(input, {
        maxOutputLength: limit,
        // Where all fits into one chunk, it is not copied again.
        chunkSize: Math.min(48 * 1024, Math.max(1024, input.length * 8)),
        ...window !== undefined && window.length > 0
          ? { dictionary: window }
          : {},
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
  },
};

const scratch = new Scratch();

/** Parts one behind the other, until the next call. */
function joined(parts: readonly Uint8Array[]): Bytes {
  let length = 0;
  for (const part of parts) length += part.length;
  const bytes = scratch.take(length);
  let offset = 0;
  for (const part of parts) {
    bytes.set(part, offset);
    offset += part.length;
  }
  return bytes.subarray(0, length);
}

/**
 * Settings for one message alone. zlib gets the memory that so many bytes can
 * make use of: setting up and freeing what it asks for by default, 256 KiB, takes
 * longer than compressing a short message. What comes out is as short.
 */
function settingsFor(
  length: number,
  settings: ZlibSettings,
  dictionary: Bytes | null,
): ZlibOptions {
  const bits = 32 - Math.clz32(length + (dictionary?.length ?? 0));
  return {
    level: settings.level,
    windowBits: Math.min(settings.windowBits, Math.max(9, bits)),
    memLevel: Math.min(settings.memLevel, Math.max(1, bits - 5)),
    // What cannot be compressed grows by a few bytes.
    chunkSize: length + (length >> 8) + 64,
    finishFlush: constants.Z_SYNC_FLUSH,
    ...dictionary !== null && dictionary.length > 0 ? { dictionary } : {},
  };
}

/** What a short message is given of those before it, in bytes. */
const leastContext = 4 * 1024;

/**
 * How much of the context is given to a message. All of it, 32 KiB, takes zlib
 * longer to read than a short message to compress, and makes that hardly
 * shorter than 4 KiB do.
 */
function contextFor(length: number, windowBits: number): number {
  const useful = Math.max(leastContext, 1 << (33 - Math.clz32(length)));
  return Math.min(useful, 1 << windowBits);
}

/**
 * Compresses with `node:zlib`. A compressor is made for each message. With
 * context takeover it is given the end of those before as its dictionary, so that
 * a quiet connection holds no compressor; where the runtime takes no dictionary,
 * one compressor stays for the connection.
 */
export class ZlibDeflater implements Backend {
  /** See {@linkcode Backend}. */
  readonly sequential: boolean;
  readonly #settings: ZlibSettings;
  readonly #history: History | null;
  /** The compressor that stays, once there was something to compress. */
  #lasting: ZlibStream | null = null;

  /** @param contextTakeover Whether messages may refer back to those before. */
  constructor(settings: ZlibSettings, contextTakeover: boolean) {
    this.#settings = settings;
    this.sequential = contextTakeover;
    this.#history = contextTakeover && takesDictionary()
      ? new History(contextFor(0, settings.windowBits))
      : null;
  }

  /** See {@linkcode Backend}. */
  whole(payload: Uint8Array): Bytes | null {
    if (payload.length > atOnceLength) return null;
    const history = this.#history;
    if (this.sequential && history === null) return null;
    if (payload.length === 0) return emptyMessage;
    const length = contextFor(payload.length, this.#settings.windowBits);
    const compressed = deflateRawSync(
      payload,
      settingsFor(
        payload.length,
        this.#settings,
        history && history.last(length),
      ),
    );
    history?.widen(length);
    history?.append(payload);
    return new Uint8Array(
      compressed.buffer as ArrayBuffer,
      compressed.byteOffset,
      compressed.length - flushTrailer.length,
    );
  }

  /** See {@linkcode Backend}. */
  open(): MessageCodec {
    if (this.sequential && this.#history === null) {
      this.#lasting ??= ZlibStream.deflate(this.#settings);
      return new DeflatedMessage(this.#lasting, null, () => {});
    }
    const history = this.#history;
    history?.widen(1 << this.#settings.windowBits);
    const stream = ZlibStream.deflate(this.#settings, history?.bytes.slice());
    return new DeflatedMessage(stream, history, () => stream.close());
  }

  /** See {@linkcode Backend}. */
  close(): void {
    this.#lasting?.close();
  }
}

/** One message that is compressed part by part. */
class DeflatedMessage implements MessageCodec {
  readonly #stream: ZlibStream;
  readonly #history: History | null;
  readonly #release: () => void;
  /** Each part ends in a sync flush; only the last one's trailer is left out. */
  readonly #tail = new HeldTail(flushTrailer.length);

  constructor(
    stream: ZlibStream,
    history: History | null,
    release: () => void,
  ) {
    this.#stream = stream;
    this.#history = history;
    this.#release = release;
  }

  async write(part: Uint8Array, last: boolean, emit: Emit): Promise<void> {
    // Without input since the last flush there is no output either.
    if (part.length > 0) {
      this.#history?.append(part);
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
