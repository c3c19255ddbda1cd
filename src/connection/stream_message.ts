/**
 * A `ReadableStream` sent as one fragmented message (RFC 6455 section 5.4).
 *
 * @module
 */
import type { MessageFragment } from "../codec/message.ts";
import { isBinary, toBytes } from "../codec/message_encoder.ts";
import { encodeUtf8, Utf8Validator } from "../codec/utf8.ts";
import { describe } from "../describe.ts";

/** A part of a message that is sent as a stream. */
export type StreamChunk = string | ArrayBuffer | ArrayBufferView;

const empty = new Uint8Array(0);

/**
 * Reads a stream to its end and writes each chunk as a fragment.
 *
 * @param reader The stream. It is cancelled if a fragment can't be written.
 * @param type What the message is; by default the first chunk tells.
 * @param write Takes a fragment; the next chunk is read when its promise
 * resolves.
 * @throws What the stream fails with; a `TypeError` for a chunk that is neither
 * text nor bytes, or that does not fit the type.
 */
export async function writeStream(
  reader: ReadableStreamDefaultReader<StreamChunk>,
  type: "text" | "binary" | undefined,
  write: (fragment: MessageFragment) => Promise<void>,
): Promise<void> {
  let first = true;
  const text = new TextParts();
  try {
    while (true) {
      const { done, value } = await reader.read();
      if (done) break;
      type ??= typeof value === "string" ? "text" : "binary";
      const payload = type === "text" ? text.take(value) : bytesOf(value);
      if (payload.length === 0) continue;
      await write({ type, first, fin: false, payload });
      first = false;
    }
    type ??= "binary";
    const rest = type === "text" ? text.end() : empty;
    await write({ type, first, fin: true, payload: rest });
  } catch (error) {
    reader.cancel(error).catch(() => {});
    throw error;
  }
}

function bytesOf(chunk: StreamChunk): Uint8Array<ArrayBuffer> {
  if (typeof chunk === "string") {
    throw new TypeError(
      `a stream sent as a binary message has bytes in its chunks, not ${
        describe(chunk)
      }: pass { type: "text" }`,
    );
  }
  if (!isBinary(chunk)) {
    throw new TypeError(
      `a stream sent as a message has strings, ArrayBuffers or views as its chunks, not ${
        describe(chunk)
      }`,
    );
  }
  return toBytes(chunk) as Uint8Array<ArrayBuffer>;
}

/** The parts of a text: whole characters from strings, valid UTF-8 from bytes. */
class TextParts {
  #validator: Utf8Validator | null = null;
  /** The first half of a character whose second half is in the next string. */
  #half = "";

  take(chunk: StreamChunk): Uint8Array<ArrayBuffer> {
    if (typeof chunk !== "string") return this.#takeBytes(bytesOf(chunk));
    // A character of bytes can't be continued by a string.
    this.#validator?.validate(empty, true);
    let text = this.#half + chunk;
    const last = text.charCodeAt(text.length - 1);
    this.#half = last >= 0xd800 && last <= 0xdbff ? text.slice(-1) : "";
    if (this.#half !== "") text = text.slice(0, -1);
    return encodeUtf8(text);
  }

  #takeBytes(bytes: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer> {
    this.#validator ??= new Utf8Validator();
    this.#validator.validate(bytes, false);
    if (this.#half === "") return bytes;
    // Nor can half a character of a string be completed by bytes.
    const half = encodeUtf8(this.#half);
    this.#half = "";
    const joined = new Uint8Array(half.length + bytes.length);
    joined.set(half);
    joined.set(bytes, half.length);
    return joined;
  }

  end(): Uint8Array<ArrayBuffer> {
    this.#validator?.validate(empty, true);
    return encodeUtf8(this.#half);
  }
}
