/** What the tests of the backends share: all there are here, and how to use one. */

import { Buffer } from "node:buffer";
import { constants, deflateRawSync } from "node:zlib";
import type { Backend } from "../../src/deflate/backend.ts";
import { type InflateEngine, Inflater } from "../../src/deflate/inflater.ts";
import {
  findCompressionKind,
  FinishingDeflater,
  FlushingDeflater,
  standardEngine,
} from "../../src/deflate/standard.ts";
import { flushTrailer } from "../../src/deflate/trailer.ts";
import { ZlibDeflater } from "../../src/deflate/zlib.ts";
import {
  inflaterEach,
  sharedInflater,
} from "../../src/deflate/zlib_inflate.ts";
import type { ZlibSettings } from "../../src/deflate/zlib_stream.ts";
import { concatBytes } from "../support/frames.ts";
import type { SeededRandom } from "../support/seeded_random.ts";

/** zlib's own choice of settings. */
export const usualSettings: ZlibSettings = {
  windowBits: 15,
  level: -1,
  memLevel: 8,
};

/** Whether this runtime's `CompressionStream` can serve a whole connection. */
export const flushing: boolean = await findCompressionKind() === "flushing";

/** Makes a compressor. */
export type MakeDeflater = (settings?: Partial<ZlibSettings>) => Backend;

/** Every compressor of this runtime, with and without context takeover. */
export const deflaters: readonly (readonly [
  name: string,
  takeover: boolean,
  make: MakeDeflater,
])[] = [
  ["zlib with context takeover", true, makeZlib(true)],
  ["zlib without context takeover", false, makeZlib(false)],
  ...flushing
    ? [
      [
        "CompressionStream with context takeover",
        true,
        () => new FlushingDeflater(true),
      ],
      [
        "CompressionStream without context takeover",
        false,
        () => new FlushingDeflater(false),
      ],
    ] as const
    : [
      [
        "CompressionStream without context takeover",
        false,
        (settings) => new FinishingDeflater(makeZlib(false)(settings)),
      ],
    ] as [string, boolean, MakeDeflater][],
];

function makeZlib(takeover: boolean): MakeDeflater {
  return (settings) =>
    new ZlibDeflater({ ...usualSettings, ...settings }, takeover);
}

/** All engines that inflate small messages. */
export const engines: readonly (readonly [string, InflateEngine])[] = [
  ["one zlib", sharedInflater],
  ["zlib for each message", inflaterEach],
  ["DecompressionStream", standardEngine],
];

/** Every inflater, with and without context takeover. */
export const inflaters: readonly (readonly [
  name: string,
  takeover: boolean,
  make: () => Inflater,
])[] = engines.flatMap(([name, engine]) =>
  [true, false].map((takeover) =>
    [
      `${name} ${takeover ? "with" : "without"} context takeover`,
      takeover,
      () => new Inflater(engine, takeover),
    ] as const
  )
);

/**
 * Puts a message through a backend: as a whole, as a stage does with a small
 * one, or part by part.
 */
export async function putThrough(
  backend: Backend,
  message: Uint8Array,
): Promise<Uint8Array<ArrayBuffer>> {
  const whole = await backend.whole(message, 16 * 1024 * 1024);
  return whole === null
    ? await putThroughParts(backend, [message])
    : new Uint8Array(whole);
}

/** Puts a message through a backend part by part, without trying the whole. */
export async function putThroughParts(
  backend: Backend,
  parts: readonly Uint8Array[],
): Promise<Uint8Array<ArrayBuffer>> {
  const codec = backend.open();
  const output: Uint8Array[] = [];
  for (const [index, part] of parts.entries()) {
    await codec.write(part, index === parts.length - 1, (bytes) => {
      output.push(bytes.slice());
    });
  }
  return concatBytes(output);
}

/** What zlib makes of a message with a sync flush, without the trailer. */
export function syncFlushed(
  message: Uint8Array | string,
  settings: Partial<ZlibSettings> & { strategy?: number } = {},
): Uint8Array<ArrayBuffer> {
  const output = deflateRawSync(Buffer.from(message as string), {
    ...settings,
    finishFlush: constants.Z_SYNC_FLUSH,
  });
  return new Uint8Array(output.subarray(0, -flushTrailer.length));
}

/** What zlib makes of a message with a final block (RFC 7692 section 7.2.3.5). */
export function finished(
  message: Uint8Array | string,
): Uint8Array<ArrayBuffer> {
  return concatBytes([deflateRawSync(Buffer.from(message as string)), [0]]);
}

/** UTF-8. */
export function utf8(text: string): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(text);
}

/** Random bytes, no two chunks alike. */
export function randomBytes(
  random: SeededRandom,
  length: number,
): Uint8Array<ArrayBuffer> {
  return Uint8Array.from({ length }, () => random.integer(256));
}

const words = 'price amount symbol {"id": }, [true] false null 0.25 41 müll\n'
  .split(" ");

/** A message such as applications send: words, a run, noise, or some of each. */
export function someMessage(
  random: SeededRandom,
  length: number,
): Uint8Array<ArrayBuffer> {
  const parts: Uint8Array[] = [];
  let size = 0;
  while (size < length) {
    const part = [
      () => utf8(random.pick(words) + " "),
      () => utf8(random.pick(words)),
      () => new Uint8Array(random.integer(600)).fill(random.integer(256)),
      () => randomBytes(random, random.integer(40)),
    ][random.integer(4)]();
    parts.push(part);
    size += part.length;
  }
  return concatBytes(parts).slice(0, length);
}
