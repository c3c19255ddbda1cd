/**
 * Frames that are encoded once and sent by many connections.
 *
 * @module
 */
import type { Opcode, OutgoingFrame } from "../frame.ts";
import { headerLength, maxHeaderLength, writeHeader } from "./frame_header.ts";
import { socketMemory } from "./socket_memory.ts";
import { encodeUtf8, writeUtf8 } from "./utf8.ts";

type Bytes = Uint8Array<ArrayBuffer>;

const blockLength = 64 * 1024;
/** A frame that may become longer than this gets a block of its own. */
const sharedBlockUpTo = 16 * 1024;

/** Memory that frames are written into one behind the other, and never again. */
export class FrameBlock {
  /** The memory. */
  readonly bytes: Bytes;
  #view: Bytes | null = null;
  #start = 0;
  #end = 0;

  /** @param length How many bytes it has. */
  constructor(length: number) {
    this.bytes = socketMemory(length);
  }

  /** A part of it. Asked for the same part again, it gives the same object. */
  view(start: number, end: number): Bytes {
    if (this.#view === null || start !== this.#start || end !== this.#end) {
      this.#view = this.bytes.subarray(start, end);
      this.#start = start;
      this.#end = end;
    }
    return this.#view;
  }
}

/** A frame, with the bytes that it is on the wire when a server sends it. */
export class SharedFrame implements OutgoingFrame {
  /** See {@linkcode OutgoingFrame}. */
  readonly opcode: Opcode;
  /** Always the whole message. */
  readonly fin = true;
  /** See {@linkcode OutgoingFrame}. */
  readonly rsv1: boolean;
  /** Where its bytes stand, header included. */
  readonly block: FrameBlock;
  /** Where they begin. */
  readonly start: number;
  /** Where they end. */
  readonly end: number;
  readonly #payloadStart: number;
  #payload: Bytes | null = null;

  /** Says where a frame stands; {@linkcode FrameLog} writes it there. */
  constructor(place: FramePlace) {
    this.opcode = place.opcode;
    this.rsv1 = place.rsv1;
    this.block = place.block;
    this.start = place.start;
    this.end = place.end;
    this.#payloadStart = place.payloadStart;
  }

  /** The payload: a part of what all who send it share, not to be changed. */
  get payload(): Bytes {
    return this.#payload ??= this.block.bytes.subarray(
      this.#payloadStart,
      this.end,
    );
  }

  /** How many bytes of payload it has. */
  get payloadLength(): number {
    return this.end - this.#payloadStart;
  }
}

/** Where {@linkcode FrameLog} has written a frame. */
export interface FramePlace {
  /** What the frame is. */
  readonly opcode: Opcode;
  /** Whether it is compressed. */
  readonly rsv1: boolean;
  /** See {@linkcode SharedFrame.block}. */
  readonly block: FrameBlock;
  /** See {@linkcode SharedFrame.start}. */
  readonly start: number;
  /** Where the payload begins. */
  readonly payloadStart: number;
  /** See {@linkcode SharedFrame.end}. */
  readonly end: number;
}

/**
 * Writes frames one behind the other: those that a connection sends one after
 * the other are one piece of memory, which goes out without a copy.
 */
export class FrameLog {
  #block: FrameBlock | null = null;
  #used = 0;

  /**
   * Encodes a frame that is a whole message. The payload is copied.
   *
   * @param rsv1 Whether it is compressed.
   */
  append(
    opcode: Opcode,
    rsv1: boolean,
    payload: string | Uint8Array,
  ): FramePlace {
    if (typeof payload === "string") {
      if (payload.length * 3 <= sharedBlockUpTo) {
        return this.#appendText(opcode, rsv1, payload);
      }
      payload = encodeUtf8(payload);
    }
    const { length } = payload;
    const size = headerLength(length, false);
    const block = this.#reserve(size + length);
    const body = this.#used + size;
    block.bytes.set(payload, body);
    return this.#finish(block, opcode, rsv1, body, length);
  }

  #appendText(opcode: Opcode, rsv1: boolean, text: string): FramePlace {
    const block = this.#reserve(maxHeaderLength + text.length * 3);
    const { bytes } = block;
    // Most text is ASCII: its header's length follows from the string's.
    const expected = this.#used + headerLength(text.length, false);
    const written = writeUtf8(text, bytes, expected);
    const body = this.#used + headerLength(written, false);
    if (body !== expected) bytes.copyWithin(body, expected, expected + written);
    return this.#finish(block, opcode, rsv1, body, written);
  }

  #finish(
    block: FrameBlock,
    opcode: Opcode,
    rsv1: boolean,
    payloadStart: number,
    length: number,
  ): FramePlace {
    const start = this.#used;
    const end = payloadStart + length;
    writeHeader(
      block.bytes,
      start,
      { opcode, fin: true, rsv1 },
      length,
      0,
      false,
    );
    this.#used = end;
    if (block.bytes.length !== blockLength) this.#block = null;
    return { opcode, rsv1, block, start, payloadStart, end };
  }

  /** The block that has room for so many bytes at `#used`. */
  #reserve(length: number): FrameBlock {
    const block = this.#block;
    if (block !== null && this.#used + length <= blockLength) return block;
    this.#used = 0;
    return this.#block = new FrameBlock(
      length > sharedBlockUpTo ? length : blockLength,
    );
  }
}
