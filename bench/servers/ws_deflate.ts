/**
 * How `ws`, and `crossws` which contains it, are told to compress.
 *
 * @module
 */
import type { PerMessageDeflateOptions } from "ws";
import type { Deflate } from "./arguments.ts";

/**
 * By default off, as it is in `ws`; `takeover` is what `true` would mean, and
 * anything else the example of the README of `ws`, but for the threshold, which
 * would leave short messages as they are.
 */
export function perMessageDeflate(
  deflate: Deflate,
): boolean | PerMessageDeflateOptions {
  if (deflate === "off") return false;
  if (deflate === "takeover") return { threshold: 0 };
  return {
    zlibDeflateOptions: { chunkSize: 1024, memLevel: 7, level: 3 },
    zlibInflateOptions: { chunkSize: 10 * 1024 },
    clientNoContextTakeover: true,
    serverNoContextTakeover: true,
    serverMaxWindowBits: 10,
    concurrencyLimit: 10,
    threshold: 0,
  };
}
