/**
 * Messages that `node:zlib` inflates in the same call.
 *
 * @module
 */
import { inflateRawSync } from "node:zlib";
import { joinBytes } from "../codec/byte_buffer.ts";
import type { Bytes } from "./backend.ts";
import type { InflateEngine, NotInflated } from "./inflater.ts";
import {
  SynchronousZlib,
  synchronousZlib,
  ZlibOutput,
} from "./synchronous_zlib.ts";
import { takesDictionary } from "./zlib_dictionary.ts";

/** What inflates on this runtime. */
export function zlibEngine(): InflateEngine {
  return synchronousZlib() ? sharedInflater : inflaterEach;
}

/** One inflater for all messages of all connections. */
export const sharedInflater: InflateEngine = {
  takesWindow: false,
  inflate: inflateAgain,
};

/** An inflater for each message: where {@linkcode synchronousZlib} says no. */
export const inflaterEach: InflateEngine = {
  get takesWindow() {
    return takesDictionary();
  },
  inflate: inflateAnew,
};

/** Enough for a window, and a message that is not large. */
const keptOutput = 64 * 1024;

let shared: { inflater: SynchronousZlib; output: ZlibOutput } | null = null;

function inflateAgain(
  parts: readonly Uint8Array[],
  limit: number,
): Bytes | NotInflated {
  const { inflater, output } = shared ??= {
    inflater: SynchronousZlib.inflate(),
    output: new ZlibOutput(keptOutput),
  };
  inflater.reset();
  output.clear();
  try {
    for (const part of parts) {
      if (part.length === 0) continue;
      const taken = inflater.process(part, output, limit);
      if (output.length > limit) return "too long";
      if (taken < part.length) return "not plain";
    }
  } catch {
    return "not plain";
  }
  return output.written;
}

function inflateAnew(
  parts: readonly Uint8Array[],
  limit: number,
  window: Bytes | undefined,
): Bytes | NotInflated {
  const input = joinBytes(parts);
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
}
