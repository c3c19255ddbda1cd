/**
 * Whether `node:zlib` can be given what came before a message.
 *
 * @module
 */
import { deflateRawSync, inflateRawSync } from "node:zlib";

let taken: boolean | null = null;

/**
 * Whether this runtime's raw DEFLATE takes the option `dictionary`, as Node's and
 * Bun's do: then a message can refer back to those before it though the
 * compressor, or inflater, is made for it alone. Deno 2.9 leaves the option out
 * without a word.
 */
export function takesDictionary(): boolean {
  return taken ??= tryDictionary();
}

function tryDictionary(): boolean {
  const text = Uint8Array.from({ length: 64 }, (_, index) => index * 37);
  try {
    const compressed = deflateRawSync(text, { dictionary: text });
    if (compressed.length > text.length / 2) return false;
    const inflated = inflateRawSync(compressed, { dictionary: text });
    return inflated.every((byte, index) => byte === text[index]);
  } catch {
    return false;
  }
}
