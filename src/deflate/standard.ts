/**
 * The backend on the standard `CompressionStream` and `DecompressionStream`.
 *
 * They have no flush, and runtimes differ in what a `CompressionStream` puts out:
 *
 * - one that *flushes* (Deno) ends the output of every small write in a sync
 *   flush, so that its trailer has just to be left out, and one stream can serve
 *   all messages of a connection;
 * - one that *finishes* (Node, Bun) has output only when it is closed, in blocks
 *   of which the last has BFINAL set. RFC 7692 section 7.2.3.5 allows that on
 *   the wire, but Node's own client loses every message after such a one. So the
 *   bit is cleared and the block is ended as a sync flush would have ended it.
 *
 * @module
 */
import { joinBytes } from "../codec/byte_buffer.ts";
import { nextTurn } from "../turn.ts";
import type { Backend, Bytes, Emit, MessageCodec } from "./backend.ts";
import type { InflateEngine, NotInflated } from "./inflater.ts";
import type { DeflateCapabilities } from "./negotiation/agreement.ts";
import {
  emptyMessage,
  endsInFlushTrailer,
  endsInMark,
  HeldTail,
  markLength,
  messageEnd,
} from "./trailer.ts";

/** What kind of `CompressionStream` a runtime has. */
export type CompressionKind = "flushing" | "finishing";

let kind: CompressionKind | null = null;
let finding: Promise<CompressionKind> | null = null;

/** Finds out, once, what kind of `CompressionStream` there is. */
export function findCompressionKind(): Promise<CompressionKind> {
  return finding ??= (async () => {
    const output = await compress(new TextEncoder().encode("Hello"));
    // "… 00 00 ff ff" for the write, "03 00" for the end.
    kind = endsInFlushTrailer(output.subarray(0, -2))
      ? "flushing"
      : "finishing";
    return kind;
  })();
}

/**
 * Whether this runtime's `CompressionStream` flushes. Until
 * {@linkcode findCompressionKind} has resolved, it is taken not to.
 */
export function compressionFlushes(): boolean {
  return kind === "flushing";
}

/**
 * What the standard streams can do here. Until {@linkcode findCompressionKind} has
 * resolved, it is the less of the two.
 */
export function standardCapabilities(): DeflateCapabilities {
  return {
    outboundContextTakeover: compressionFlushes(),
    inboundContextTakeover: true,
    minOutboundWindowBits: 15,
  };
}

/** No deflate stream inflates to more than so many times its length. */
const mostExpansion = 1032;
/** Shorter writes cost more than the memory that they save. */
const leastSlice = 1024;

/**
 * Inflates with a `DecompressionStream`. Some (Deno's) put out all that one write
 * inflates to at once: where that may be far beyond the limit, the input is
 * written in slices, and the next is taken only when the output is read.
 */
export async function inflateWithStandard(
  input: Bytes,
  limit: number,
  storedLength = 0,
): Promise<Bytes | NotInflated> {
  const { readable, writable } = new DecompressionStream("deflate-raw");
  const writer = writable.getWriter();
  const reader = readable.getReader();
  const write = (from: number, to: number): void => {
    const part = from === 0 && to >= input.length
      ? input
      : input.subarray(from, to);
    if (part.length > 0) writer.write(part).catch(ignore);
  };
  write(0, storedLength);
  const slice = Math.max(leastSlice, Math.ceil(limit / mostExpansion));
  for (let offset = storedLength; offset < input.length; offset += slice) {
    write(offset, offset + slice);
  }
  writer.close().catch(ignore);
  const chunks: Bytes[] = [];
  let length = 0;
  try {
    while (true) {
      const { done, value } = await reader.read();
      if (done) return joinBytes(chunks);
      length += value.length;
      if (length > limit) break;
      chunks.push(value);
    }
  } catch {
    return "not plain";
  }
  reader.cancel().catch(ignore);
  return "too long";
}

/** The engine of {@linkcode inflateWithStandard}. */
export const standardEngine: InflateEngine = {
  takesWindow: false,
  inflate: (parts, limit, _window, storedLength) =>
    inflateWithStandard(joinBytes(parts), limit, storedLength),
};

/**
 * Compresses with a `CompressionStream` that flushes. Its output for a write of
 * at most 16 KiB is complete, one chunk, when the write has resolved; that of a
 * larger one may not be.
 */
export class FlushingDeflater implements Backend {
  /** See {@linkcode Backend}. */
  readonly sequential: boolean;
  #context: FlushingStream | null = null;

  /** @param contextTakeover Whether messages may refer back to those before. */
  constructor(contextTakeover: boolean) {
    this.sequential = contextTakeover;
  }

  /** See {@linkcode Backend}. */
  async whole(payload: Uint8Array): Promise<Bytes> {
    const chunks: Bytes[] = [];
    // The first slice is copied in this call.
    const later = payload.length > flushingSlice;
    await this.open().write(
      later ? new Uint8Array(payload) : payload,
      true,
      (bytes) => {
        chunks.push(bytes);
      },
    );
    return joinBytes(chunks);
  }

  /** See {@linkcode Backend}. */
  open(): MessageCodec {
    if (!this.sequential) {
      const stream = new FlushingStream();
      return new FlushedMessage(stream, () => stream.close());
    }
    this.#context ??= new FlushingStream();
    return new FlushedMessage(this.#context, () => {});
  }

  /** See {@linkcode Backend}. */
  close(): void {
    this.#context?.close();
  }
}

const flushingSlice = 16 * 1024;
/** After so many slices, a few milliseconds, other work of the process goes on. */
const slicesInARow = 8;

class FlushingStream {
  readonly #writer: WritableStreamDefaultWriter<BufferSource>;
  readonly #reader: ReadableStreamDefaultReader<Bytes>;

  constructor() {
    const { readable, writable } = new CompressionStream("deflate-raw");
    this.#writer = writable.getWriter();
    this.#reader = readable.getReader() as ReadableStreamDefaultReader<Bytes>;
  }

  /** Compresses bytes up to a sync flush behind them. */
  async process(bytes: Uint8Array, emit: Emit): Promise<void> {
    let slices = 0;
    for (let offset = 0; offset < bytes.length; offset += flushingSlice) {
      if (++slices % slicesInARow === 0) {
        await nextTurn();
      }
      // Not `slice()`: that of a Node Buffer is a view.
      const slice = new Uint8Array(
        bytes.subarray(offset, offset + flushingSlice),
      );
      const output = this.#reader.read();
      await this.#writer.write(slice);
      const { value } = await output;
      if (value === undefined || !endsInFlushTrailer(value)) {
        throw new Error("CompressionStream did not flush its output");
      }
      await emit(value);
    }
  }

  close(): void {
    this.#reader.cancel().catch(ignore);
    this.#writer.abort().catch(ignore);
  }
}

class FlushedMessage implements MessageCodec {
  readonly #stream: FlushingStream;
  readonly #release: () => void;
  readonly #tail = new HeldTail(4);

  constructor(stream: FlushingStream, release: () => void) {
    this.#stream = stream;
    this.#release = release;
  }

  async write(part: Uint8Array, last: boolean, emit: Emit): Promise<void> {
    await this.#stream.process(part, async (bytes) => {
      for (const known of this.#tail.push(bytes)) await emit(known);
    });
    if (!last) return;
    this.#release();
    if (this.#tail.bytes.length === 0) await emit(emptyMessage());
  }

  abort(): void {
    this.#release();
  }
}

/** A longer message may become several blocks, whose last can't be found. */
const oneBlockLength = 16 * 1024 - 1;

/**
 * Compresses with a `CompressionStream` that finishes, message by message. What
 * it can't do, messages that are larger or come in parts, is left to another
 * backend.
 */
export class FinishingDeflater implements Backend {
  /** See {@linkcode Backend}. */
  readonly sequential = false;
  readonly #other: Backend;

  /** @param other Compresses what is larger; without context, too. */
  constructor(other: Backend) {
    this.#other = other;
  }

  /** See {@linkcode Backend}. */
  whole(
    payload: Uint8Array,
    limit: number,
  ): Bytes | null | Promise<Bytes | null> {
    if (payload.length === 0) return emptyMessage();
    if (payload.length > oneBlockLength) {
      return this.#other.whole(payload, limit);
    }
    return this.#compress(payload);
  }

  /** See {@linkcode Backend}. */
  open(): MessageCodec {
    return this.#other.open();
  }

  /** See {@linkcode Backend}. */
  close(): void {
    this.#other.close();
  }

  async #compress(payload: Uint8Array): Promise<Bytes | null> {
    return toSyncFlush(await compress(payload), payload.length);
  }
}

/**
 * Turns a stream of one final block into what a sync flush would have made of
 * the same data, less its trailer. The flush adds three bits, the header of an
 * empty stored block: they are in the padding behind the block if that is long
 * enough, and else in one byte more. Which it is, the runtime's own inflater
 * tells.
 *
 * @param finished The stream.
 * @param length How many bytes it inflates to.
 * @returns `null` if the stream is not one block.
 */
export async function toSyncFlush(
  finished: Bytes,
  length: number,
): Promise<Bytes | null> {
  if ((finished[0] & 1) === 0) return null;
  const padded = new Uint8Array(finished.length + 1);
  padded.set(finished);
  padded[0] &= 0xfe;
  for (const candidate of [padded.subarray(0, -1), padded]) {
    const output = await inflateWithStandard(
      joinBytes([candidate, messageEnd]),
      length + markLength,
    );
    if (
      typeof output !== "string" && output.length === length + markLength &&
      endsInMark(output)
    ) {
      return candidate;
    }
  }
  return null;
}

/** Compresses with a stream of its own, to its end. */
async function compress(bytes: Uint8Array): Promise<Bytes> {
  const { readable, writable } = new CompressionStream("deflate-raw");
  const writer = writable.getWriter();
  writer.write(new Uint8Array(bytes)).catch(ignore);
  writer.close().catch(ignore);
  const chunks: Bytes[] = [];
  for await (const chunk of readable) chunks.push(chunk as Bytes);
  return joinBytes(chunks);
}

function ignore(): void {}
