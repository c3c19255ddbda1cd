/**
 * Messages that `node:zlib` compresses in the same call.
 *
 * @module
 */
import { constants, deflateRawSync } from "node:zlib";
import type { Bytes } from "./backend.ts";
import {
  SynchronousZlib,
  synchronousZlib,
  ZlibOutput,
} from "./synchronous_zlib.ts";
import { flushTrailer } from "./trailer.ts";
import { takesDictionary } from "./zlib_dictionary.ts";
import type { ZlibSettings } from "./zlib_stream.ts";

/**
 * Compresses a message on its own.
 *
 * @returns What goes on the wire: up to the trailer of a sync flush.
 */
export function deflateAlone(
  payload: Uint8Array,
  settings: ZlibSettings,
): Bytes {
  if (!synchronousZlib()) return deflateAnew(payload, settings, null);
  const deflater = deflaterFor(settings);
  deflater.reset();
  return deflateNext(payload, deflater);
}

/** Compresses a message with a compressor that may refer to those before. */
export function deflateNext(
  payload: Uint8Array,
  deflater: SynchronousZlib,
): Bytes {
  output ??= new ZlibOutput(keptOutput);
  output.clear();
  deflater.process(payload, output, Infinity);
  return output.bytes.slice(0, output.length - flushTrailer.length);
}

/**
 * Compresses a message that may refer to those before it, with a compressor that
 * does not know them yet.
 *
 * @param sent The last bytes that were sent.
 * @returns `null` where the runtime knows no way to do that within the call.
 */
export function deflateBehind(
  payload: Uint8Array,
  settings: ZlibSettings,
  sent: Bytes,
): Bytes | null {
  if (takesDictionary()) return deflateAnew(payload, settings, sent);
  if (!synchronousZlib()) return null;
  const deflater = deflaterFor(settings);
  deflater.reset();
  prime(deflater, sent);
  return deflateNext(payload, deflater);
}

/** Has a compressor know what was sent, where it takes no dictionary. */
export function prime(deflater: SynchronousZlib, sent: Bytes): void {
  // What comes of it the peer has had before.
  if (sent.length > 0) deflateNext(sent, deflater);
}

/**
 * Compresses a message with a compressor that is made for it.
 *
 * @param dictionary What it may refer back to, where the runtime takes that.
 */
export function deflateAnew(
  payload: Uint8Array,
  settings: ZlibSettings,
  dictionary: Bytes | null,
): Bytes {
  const useful = payload.length + (dictionary?.length ?? 0);
  const { buffer, byteOffset, length } = deflateRawSync(payload, {
    ...settingsFor(useful, settings),
    // What cannot be compressed grows by a few bytes.
    chunkSize: payload.length + (payload.length >> 8) + 64,
    finishFlush: constants.Z_SYNC_FLUSH,
    ...dictionary !== null && dictionary.length > 0 ? { dictionary } : {},
  });
  return new Uint8Array(
    buffer as ArrayBuffer,
    byteOffset,
    length - flushTrailer.length,
  );
}

/**
 * Settings with which zlib has the memory that so many bytes can make use of: to
 * set up what it asks for by default, 256 KiB, takes longer than to compress a
 * short message. What comes out is as short.
 */
function settingsFor(
  length: number,
  { windowBits, level, memLevel }: ZlibSettings,
): ZlibSettings {
  const bits = 32 - Math.clz32(length);
  return {
    windowBits: Math.min(windowBits, Math.max(9, bits)),
    level,
    memLevel: Math.min(memLevel, Math.max(1, bits - 5)),
  };
}

/** Enough for what is compressed in one call, be it random bytes. */
const keptOutput = 48 * 1024;

let output: ZlibOutput | null = null;

const deflaters = new Map<number, SynchronousZlib>();

/** The compressor for all that need these settings. */
function deflaterFor(settings: ZlibSettings): SynchronousZlib {
  const { windowBits, level, memLevel } = settings;
  const key = (level + 1) * 256 + windowBits * 16 + memLevel;
  let deflater = deflaters.get(key);
  if (deflater === undefined) {
    deflater = SynchronousZlib.deflate(settings);
    deflaters.set(key, deflater);
  }
  return deflater;
}
