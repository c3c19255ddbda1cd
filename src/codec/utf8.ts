/**
 * UTF-8 on the platform's own decoders and encoders.
 *
 * @module
 */
import { CloseCode } from "../close.ts";
import { ProtocolError } from "../error.ts";
import { copyStart } from "./socket_memory.ts";

/** The methods of `Buffer.prototype` that are faster than the standard ones. */
interface BufferMethods {
  latin1Slice(start: number, end: number): string;
  utf8Slice(start: number, end: number): string;
  utf8Write(text: string, offset: number, length: number): number;
}

// Read through globalThis: the codec runs where there is no Buffer as well.
const { Buffer } = globalThis as {
  Buffer?: {
    readonly prototype: BufferMethods;
    byteLength(text: string): number;
  };
};
const buffer = Buffer?.prototype;
const fatal = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
const encoder = new TextEncoder();

/** Beyond this length the standard decoder is the faster one. */
const shortText = 2048;

/** From this length on, text that is ASCII is decoded faster as such. */
const asciiFrom = 256;

/** How many characters of a text tell whether it is likely to be ASCII. */
const lookedAt = 16;

/**
 * Bun's strings of some length begin a few bytes behind the start of a page. So
 * does the text of a chunk's first frame, and copies of it are as slow as
 * {@linkcode copyStart} says: to copy it away from there first takes a tenth.
 */
const stringsBeginPages = "Bun" in globalThis;
const nearPage = 16;
const slowCopyFrom = 2048;
/** Longer ones are copied to memory of their own. */
const scratchLength = 64 * 1024;
let scratch: Uint8Array | null = null;

/**
 * Decodes text that is whole.
 *
 * @param bytes The UTF-8.
 * @throws {ProtocolError} 1007 if the bytes are not valid UTF-8.
 */
export function decodeUtf8(bytes: Uint8Array): string {
  if (Buffer !== undefined && bytes.length >= asciiFrom) {
    const text = decodeAscii(bytes, Buffer);
    if (text !== null) return text;
  }
  if (buffer !== undefined && bytes.length <= shortText) {
    const text = buffer.utf8Slice.call(bytes, 0, bytes.length);
    // What is invalid became U+FFFD. Where there is none, all was valid; one
    // that was sent as such is told apart by the decoder below.
    if (!text.includes("\ufffd")) return text;
  }
  try {
    return fatal.decode(bytes);
  } catch {
    throw invalidUtf8();
  }
}

/** Decodes text that is ASCII, which most is; `null` if it is not. */
function decodeAscii(
  bytes: Uint8Array,
  { prototype, byteLength }: NonNullable<typeof Buffer>,
): string | null {
  const { length } = bytes;
  const step = Math.floor(length / lookedAt);
  for (let index = 0; index < length; index += step) {
    if (bytes[index] > 0x7f) return null;
  }
  const text = decodeLatin1(bytes, prototype);
  // What is not ASCII takes two bytes in UTF-8.
  return byteLength(text) === length ? text : null;
}

function decodeLatin1(bytes: Uint8Array, prototype: BufferMethods): string {
  const { byteOffset, length } = bytes;
  const isNearPage = (byteOffset & 0xfff) < nearPage;
  if (!stringsBeginPages || !isNearPage || length < slowCopyFrom) {
    return prototype.latin1Slice.call(bytes, 0, length);
  }
  const copy = length <= scratchLength
    ? scratch ??= new Uint8Array(copyStart + scratchLength)
    : new Uint8Array(copyStart + length);
  copy.set(bytes, copyStart);
  return prototype.latin1Slice.call(copy, copyStart, copyStart + length);
}

/**
 * Validates text that arrives in parts, each as early as its bytes allow: a byte
 * that can't continue what came before is refused at once.
 */
export class Utf8Validator {
  readonly #decoder = new TextDecoder("utf-8", {
    fatal: true,
    ignoreBOM: true,
  });

  /**
   * Takes the next part of the text.
   *
   * @param part Its bytes; a character may go on in the next part.
   * @param last Whether the text ends here. The validator is then ready for the
   * next text.
   * @throws {ProtocolError} 1007.
   */
  validate(part: Uint8Array, last: boolean): void {
    try {
      this.#decoder.decode(part, { stream: !last });
    } catch {
      throw invalidUtf8();
    }
  }
}

/** How many bytes a text has. */
export function utf8Length(text: string): number {
  return Buffer?.byteLength(text) ?? encoder.encode(text).length;
}

/** The bytes of a text. */
export function encodeUtf8(text: string): Uint8Array<ArrayBuffer> {
  return encoder.encode(text);
}

/**
 * Writes a text into bytes that have room for as many as it has UTF-16 units, if
 * it is ASCII. That takes a tenth of the time in which its UTF-8 is made and
 * copied.
 *
 * @param text At least a few hundred characters, or it does not pay.
 * @returns Whether it is, and was written. Otherwise the room may have changed.
 */
export function writeAscii(
  text: string,
  bytes: Uint8Array,
  offset: number,
): boolean {
  const { length } = text;
  const step = Math.max(1, Math.floor(length / lookedAt));
  for (let index = 0; index < length; index += step) {
    if (text.charCodeAt(index) > 0x7f) return false;
  }
  const room = new Uint8Array(bytes.buffer, bytes.byteOffset + offset, length);
  // What is not ASCII takes more than one byte for a unit.
  return encoder.encodeInto(text, room).read === length;
}

/**
 * Writes a text's UTF-8 into bytes that have room for it (three bytes for each
 * UTF-16 unit are always enough).
 *
 * @returns How many bytes were written.
 */
export function writeUtf8(
  text: string,
  bytes: Uint8Array,
  offset: number,
): number {
  if (buffer !== undefined) {
    return buffer.utf8Write.call(bytes, text, offset, bytes.length - offset);
  }
  return encoder.encodeInto(text, bytes.subarray(offset)).written;
}

function invalidUtf8(): ProtocolError {
  return new ProtocolError(
    CloseCode.InvalidPayload,
    "a text message is not valid UTF-8",
  );
}
