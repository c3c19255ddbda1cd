/**
 * How messages travel from process to process: those that one process published
 * on one topic, one behind the other, in one payload.
 *
 * | bytes | what they are |
 * | --- | --- |
 * | 2 | `W` and the version, 1 |
 * | 16 | the origin: the process that sent it |
 * | 8 | the base: the number at which the origin began to count on this topic |
 * | 8 | the number of the first message |
 * | for each message: 1 | 1 for binary, 2 or 4 to compress it or not, 8 for lossy |
 * | 5 | its length |
 * | … | its bytes; text as UTF-8 |
 *
 * Numbers have seven bits a byte, the highest first. So every byte but those of
 * binary messages is text, and what carries only text takes the envelope as it is.
 *
 * @module
 */
import { decodeUtf8, encodeUtf8, writeUtf8 } from "../codec/utf8.ts";

/** A message as it travels. */
export interface Entry {
  /** Text or bytes. */
  readonly message: string | Uint8Array;
  /** Whether to compress it; `undefined` where each threshold tells. */
  readonly compress: boolean | undefined;
  /** Whether slow receivers do not get it. */
  readonly lossy: boolean;
}

/** A payload that was understood. */
export interface Envelope {
  /** Who sent it. */
  readonly origin: string;
  /** The number at which the origin began to count on this topic. */
  readonly base: number;
  /** The number of the first message. */
  readonly number: number;
  /** The messages, at least one. */
  readonly entries: readonly Entry[];
}

const magic = 0x57;
const version = 1;
const originAt = 2;
const originLength = 16;
const baseAt = originAt + originLength;
const numberAt = baseAt + 8;
const headerLength = numberAt + 8;
const entryHeaderLength = 6;

const binaryFlag = 1;
const compressFlag = 2;
const plainFlag = 4;
const lossyFlag = 8;
const allFlags = 15;

/** Up to this length, text is written with room for the worst case. */
const shortText = 1024;

const originCharacters =
  "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/** Makes a name that no other process has. */
export function createOrigin(): string {
  const random = crypto.getRandomValues(new Uint8Array(originLength));
  return Array.from(random, (byte) => originCharacters[byte & 63]).join("");
}

/** Writes an envelope, message by message. */
export class EnvelopeWriter {
  #bytes = new Uint8Array(256);
  #length = headerLength;
  #count = 0;

  /** How many messages it has. */
  get count(): number {
    return this.#count;
  }

  /** How many bytes it has. */
  get length(): number {
    return this.#length;
  }

  /** Appends a message. Its bytes are copied. */
  add({ message, compress, lossy }: Entry): void {
    const text = typeof message === "string";
    const source = text && message.length > shortText
      ? encodeUtf8(message)
      : message;
    this.#reserve(
      entryHeaderLength + source.length * (typeof source === "string" ? 3 : 1),
    );
    const start = this.#length + entryHeaderLength;
    let length = source.length;
    if (typeof source === "string") {
      length = writeUtf8(source, this.#bytes, start);
    } else {
      this.#bytes.set(source, start);
    }
    this.#bytes[this.#length] = (text ? 0 : binaryFlag) |
      (compress === undefined ? 0 : compress ? compressFlag : plainFlag) |
      (lossy ? lossyFlag : 0);
    writeNumber(this.#bytes, this.#length + 1, 5, length);
    this.#length = start + length;
    this.#count++;
  }

  /** Completes it. Nothing can be added afterwards. */
  finish(
    origin: string,
    base: number,
    number: number,
  ): Uint8Array<ArrayBuffer> {
    const bytes = this.#bytes.subarray(0, this.#length);
    bytes[0] = magic;
    bytes[1] = version;
    for (let index = 0; index < originLength; index++) {
      bytes[originAt + index] = origin.charCodeAt(index);
    }
    writeNumber(bytes, baseAt, 8, base);
    writeNumber(bytes, numberAt, 8, number);
    return bytes;
  }

  #reserve(length: number): void {
    const needed = this.#length + length;
    if (needed <= this.#bytes.length) return;
    const grown = new Uint8Array(Math.max(needed, this.#bytes.length * 2));
    grown.set(this.#bytes.subarray(0, this.#length));
    this.#bytes = grown;
  }
}

/**
 * Reads a payload.
 *
 * @param ownOrigin Who is reading.
 * @returns The envelope; `null` for one that is the reader's own.
 * @throws {Error} If anything of it is not as it must be.
 */
export function readEnvelope(
  payload: Uint8Array,
  ownOrigin: string,
): Envelope | null {
  if (!(payload instanceof Uint8Array)) {
    throw new TypeError(`it is of the type ${typeof payload}`);
  }
  if (payload.length < headerLength) {
    throw new Error(`it has ${payload.length} bytes, too few for the header`);
  }
  if (payload[0] !== magic || payload[1] !== version) {
    throw new Error(
      `it begins with the bytes ${payload[0]} and ${
        payload[1]
      }, not with ${magic} and ${version}`,
    );
  }
  const origin = String.fromCharCode(
    ...payload.subarray(originAt, originAt + originLength),
  );
  if (origin === ownOrigin) return null;
  const base = readNumber(payload, baseAt, 8);
  const number = readNumber(payload, numberAt, 8);
  if (number < base) throw new Error(`its number ${number} is below ${base}`);
  const entries: Entry[] = [];
  let position = headerLength;
  do {
    if (payload.length - position < entryHeaderLength) {
      throw new Error(`it ends within the header of message ${entries.length}`);
    }
    const flags = payload[position];
    const length = readNumber(payload, position + 1, 5);
    position += entryHeaderLength;
    if (payload.length - position < length) {
      throw new Error(
        `message ${entries.length} has ${length} bytes, of which ${
          payload.length - position
        } are there`,
      );
    }
    entries.push(
      readEntry(flags, payload.subarray(position, position + length)),
    );
    position += length;
  } while (position < payload.length);
  if (number + entries.length > Number.MAX_SAFE_INTEGER) {
    throw new Error(`its number ${number} is too high`);
  }
  return { origin, base, number, entries };
}

function readEntry(flags: number, bytes: Uint8Array): Entry {
  const compress = flags & compressFlag;
  const plain = flags & plainFlag;
  if (flags > allFlags || (compress && plain)) {
    throw new Error(`the flags of a message are ${flags}`);
  }
  return {
    message: flags & binaryFlag ? bytes : decodeUtf8(bytes),
    compress: compress ? true : plain ? false : undefined,
    lossy: (flags & lossyFlag) !== 0,
  };
}

function writeNumber(
  bytes: Uint8Array,
  offset: number,
  length: number,
  value: number,
): void {
  for (let index = offset + length - 1; index >= offset; index--) {
    bytes[index] = value % 128;
    value = Math.floor(value / 128);
  }
}

function readNumber(bytes: Uint8Array, offset: number, length: number): number {
  let value = 0;
  for (let index = offset; index < offset + length; index++) {
    if (bytes[index] > 127) throw new Error(`byte ${index} is no digit`);
    value = value * 128 + bytes[index];
  }
  return value;
}
