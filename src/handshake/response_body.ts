/**
 * The first part of a response's body, which says why a handshake was refused
 * (RFC 7230, section 3.3).
 */

import { joinBytes } from "../codec/byte_buffer.ts";
import type { HeaderEntry } from "./header.ts";
import { equalsIgnoringCase, listContains } from "./header_syntax.ts";

/** How many bytes of a body are kept. */
const maxBody = 1024;

/** How many bytes on the wire are looked at for it. */
const maxOnWire = 4 * maxBody;

/** Takes the bytes of a body. */
export class ResponseBody {
  readonly #chunked: boolean;
  readonly #length: number;
  #onWire: Uint8Array<ArrayBuffer> = new Uint8Array(0);

  /** Reads from a response's head how its body is delimited. */
  constructor(status: number, headers: readonly HeaderEntry[]) {
    const valueOf = (name: string): string | undefined =>
      headers.find(([given]) => equalsIgnoringCase(given, name))?.[1];
    this.#chunked = listContains(valueOf("transfer-encoding") ?? "", "chunked");
    const length = valueOf("content-length");
    this.#length = status === 204 || status === 304
      ? 0
      : length !== undefined && /^\d{1,15}$/.test(length)
      ? Number(length)
      : Infinity;
  }

  /** The first part of the body, as far as it has come. */
  get bytes(): Uint8Array<ArrayBuffer> {
    const bytes = this.#chunked
      ? decodeChunks(this.#onWire).bytes
      : this.#onWire.subarray(0, this.#length);
    return bytes.slice(0, maxBody);
  }

  /** Takes bytes; says whether that is enough. */
  push(chunk: Uint8Array): boolean {
    const taken = chunk.subarray(0, maxOnWire - this.#onWire.length);
    const joined = joinBytes([this.#onWire, taken]);
    this.#onWire = joined;
    if (joined.length === maxOnWire) return true;
    if (!this.#chunked) return joined.length >= Math.min(this.#length, maxBody);
    const { bytes, done } = decodeChunks(joined);
    return done || bytes.length >= maxBody;
  }
}

/** Undoes the chunked transfer coding as far as the bytes go. */
function decodeChunks(
  wire: Uint8Array<ArrayBuffer>,
): { bytes: Uint8Array<ArrayBuffer>; done: boolean } {
  const bytes = new Uint8Array(wire.length);
  let length = 0;
  let position = 0;
  while (true) {
    const lineEnd = wire.indexOf(0x0a, position);
    if (lineEnd === -1) break;
    const line = String.fromCharCode(...wire.subarray(position, lineEnd));
    const size = Number.parseInt(line, 16);
    if (!(size > 0)) return { bytes: bytes.subarray(0, length), done: true };
    const part = wire.subarray(lineEnd + 1, lineEnd + 1 + size);
    bytes.set(part, length);
    length += part.length;
    position = lineEnd + 1 + size + 2;
  }
  return { bytes: bytes.subarray(0, length), done: false };
}
