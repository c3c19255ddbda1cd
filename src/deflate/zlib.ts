/**
 * The backend on `node:zlib`: context takeover both ways, every window, level
 * and memory setting.
 *
 * @module
 */
import type { Backend, Bytes, Emit, MessageCodec } from "./backend.ts";
import { History } from "./history.ts";
import type { DeflateCapabilities } from "./negotiation/agreement.ts";
import {
  emptyMessage,
  endsInFlushTrailer,
  flushTrailer,
  HeldTail,
} from "./trailer.ts";
import { ContextDeflater, contextLength } from "./zlib_context.ts";
import { deflateAlone, deflateBehind } from "./zlib_deflate.ts";
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

/**
 * How much of the context is given to a message. All of it, 32 KiB, takes zlib
 * longer to read than a short message to compress, and makes that hardly
 * shorter than 4 KiB do.
 */
function contextFor(length: number, windowBits: number): number {
  const useful = Math.max(contextLength, 1 << (33 - Math.clz32(length)));
  return Math.min(useful, 1 << windowBits);
}

/**
 * Compresses with `node:zlib`. With context takeover, the end of what was sent is
 * kept as plain bytes, and for short messages a {@linkcode ContextDeflater} where
 * there is memory for it. Any other message is compressed by one that is given
 * those bytes first.
 */
export class ZlibDeflater implements Backend {
  readonly #settings: ZlibSettings;
  readonly #history: History | null;
  #deflater: ContextDeflater | null = null;

  /** @param contextTakeover Whether messages may refer back to those before. */
  constructor(settings: ZlibSettings, contextTakeover: boolean) {
    this.#settings = settings;
    this.#history = contextTakeover
      ? new History(contextFor(0, settings.windowBits))
      : null;
  }

  /** See {@linkcode Backend}. */
  get sequential(): boolean {
    return this.#history !== null;
  }

  /** See {@linkcode Backend}. */
  whole(payload: Uint8Array): Bytes | null {
    if (payload.length > atOnceLength) return null;
    if (payload.length === 0) return emptyMessage();
    const history = this.#history;
    return history === null
      ? deflateAlone(payload, this.#settings)
      : this.#deflateWithContext(history, payload);
  }

  /** See {@linkcode Backend}. */
  open(): MessageCodec {
    // It will not see this message, which the next one may refer to.
    this.rest();
    const history = this.#history;
    history?.widen(1 << this.#settings.windowBits);
    return new DeflatedMessage(this.#settings, history);
  }

  /** See {@linkcode Backend}. */
  rest(): void {
    this.#deflater?.close();
    this.#deflater = null;
  }

  /** See {@linkcode Backend}. */
  close(): void {
    this.rest();
  }

  /** Compresses a message that may refer to those before. */
  #deflateWithContext(history: History, payload: Uint8Array): Bytes | null {
    const settings = this.#settings;
    const length = contextFor(payload.length, settings.windowBits);
    history.widen(length);
    const deflater = this.#contextDeflater(history, length);
    const compressed = deflater !== null
      ? deflater.compress(payload)
      : deflateBehind(payload, settings, history.last(length));
    if (compressed !== null) history.append(payload);
    return compressed;
  }

  /** The compressor that stays, if the message is one for it. */
  #contextDeflater(history: History, length: number): ContextDeflater | null {
    // To read a large context again costs less than memory that has gone cold.
    if (length > contextLength) {
      this.rest();
      return null;
    }
    return this.#deflater ??= ContextDeflater.open(
      this.#settings,
      history.last(length),
    );
  }
}

/** One message that is compressed part by part. */
class DeflatedMessage implements MessageCodec {
  readonly #settings: ZlibSettings;
  readonly #history: History | null;
  #stream: ZlibStream | null = null;
  #aborted = false;
  /** Each part ends in a sync flush; only the last one's trailer is left out. */
  readonly #tail = new HeldTail(flushTrailer.length);

  constructor(settings: ZlibSettings, history: History | null) {
    this.#settings = settings;
    this.#history = history;
  }

  async write(part: Uint8Array, last: boolean, emit: Emit): Promise<void> {
    // Without input since the last flush there is no output either.
    if (part.length > 0) {
      this.#stream ??= await this.#openStream();
      if (this.#aborted) return this.#stream.close();
      this.#history?.append(part);
      await this.#stream.process(part, async (bytes) => {
        for (const known of this.#tail.push(bytes)) await emit(known);
      });
    }
    if (!last) return;
    this.#stream?.close();
    const { bytes } = this.#tail;
    if (bytes.length === 0) {
      await emit(emptyMessage());
    } else if (!endsInFlushTrailer(bytes)) {
      throw new Error("zlib's output does not end in a sync flush");
    }
  }

  abort(): void {
    this.#aborted = true;
    this.#stream?.close();
  }

  /** A compressor that goes on behind what was sent so far. */
  async #openStream(): Promise<ZlibStream> {
    const sent = this.#history?.bytes.slice();
    if (sent === undefined || takesDictionary()) {
      return ZlibStream.deflate(this.#settings, sent);
    }
    const stream = ZlibStream.deflate(this.#settings);
    // What comes of it the peer has had before.
    await stream.process(sent, () => {});
    return stream;
  }
}
