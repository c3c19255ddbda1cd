/**
 * Frames to bytes: RFC 6455 section 5.2.
 *
 * @module
 */
import type { OutgoingFrame, Role } from "../frame.ts";
import { applyMask, randomMaskingKey } from "../mask.ts";
import { headerLength, maxHeaderLength, writeHeader } from "./frame_header.ts";
import { type FrameBlock, SharedFrame } from "./shared_frame.ts";
import { giveBackToSlab, type Slab, slabLength, slabWithRoom } from "./slab.ts";
import { copyStart, socketMemory } from "./socket_memory.ts";
import type { Stage, StageController } from "./stage.ts";
import { encodeUtf8, writeAscii, writeUtf8 } from "./utf8.ts";

/** Options of {@linkcode FrameEncoder} and {@linkcode FrameEncoderStream}. */
export interface FrameEncoderOptions {
  /**
   * Which end encodes. A client masks every frame with a key of its own from
   * `crypto.getRandomValues()`. Default `"server"`.
   */
  role?: Role;
  /**
   * From how many bytes on a payload that needs no masking is put out as it is,
   * without a copy; one that is {@linkcode OutgoingFrame.settled} from 2,048 on.
   * Smaller ones are copied, so that frames appended one after the other come out
   * as one chunk. The stream, and `transform()`, copy a part of a larger buffer
   * as well: a chunk of theirs has its buffer for itself. Default 65,536.
   */
  copyBelow?: number;
}

/** A string of at most this many UTF-16 units is written straight into a slab. */
const shortText = 4096;
/** Below this length a copy costs less than one more chunk to write. */
const settledCopyBelow = 2048;
/**
 * So many chunks wait where the peer is slow and other connections write in
 * between. Each keeps all of the memory that it is a small part of: what comes
 * behind them is written into memory of the encoder's own.
 */
const manyPieces = 16;
const ownLength = 16 * 1024;

const none = new Uint8Array(0);

/**
 * The stage frames → bytes, a WHATWG `Transformer`. {@linkcode FrameEncoderStream}
 * is the same as a `TransformStream`.
 *
 * A fused pipeline appends frames as they come and takes all their bytes at
 * once, so that what belongs together goes out in one write.
 */
export class FrameEncoder
  implements Stage<OutgoingFrame, Uint8Array<ArrayBuffer>> {
  readonly #masked: boolean;
  readonly #copyBelow: number;
  #pieces: Uint8Array<ArrayBuffer>[] = [];
  #given: ArrayBuffer[] | null = null;
  #length = 0;
  // The piece that is still growing. What stands in a slab, which all encoders
  // share, is behind what others took before.
  #open = none;
  #slab: Slab | null = null;
  #openStart = 0;
  #openEnd = 0;
  /** Whether there are bytes among the pieces that were written into a slab. */
  #hasCopied = false;
  #tookCopied = false;
  /** The memory that is this encoder's alone, while there is some. */
  #own = none;
  // Shared frames that stand one behind the other: the last piece, while there
  // is one.
  #shared: FrameBlock | null = null;
  #sharedStart = 0;
  #sharedEnd = 0;

  /**
   * Makes an encoder.
   *
   * @param options Which end it is.
   */
  constructor(options: FrameEncoderOptions = {}) {
    this.#masked = options.role === "client";
    this.#copyBelow = options.copyBelow ?? slabLength;
  }

  /** How many bytes were appended and not taken yet. */
  get length(): number {
    return this.#length;
  }

  /** Encodes a frame and passes its bytes on. */
  transform(
    frame: OutgoingFrame,
    controller: StageController<Uint8Array<ArrayBuffer>>,
  ): void {
    this.append(frame);
    for (const bytes of this.take()) {
      // A chunk that leaves the library must not share its buffer with others.
      const whole = bytes.length === bytes.buffer.byteLength;
      controller.enqueue(whole ? bytes : new Uint8Array(bytes));
    }
  }

  /** Encodes a frame behind those that were not taken yet. */
  append(frame: OutgoingFrame): void {
    if (frame instanceof SharedFrame && !this.#masked) {
      this.#appendShared(frame);
      return;
    }
    const { payload } = frame;
    if (typeof payload !== "string") {
      this.#appendBytes(frame, payload);
    } else if (payload.length <= shortText) {
      this.#appendText(frame, payload);
    } else if (!this.#appendAscii(frame, payload)) {
      this.#appendBytes(frame, encodeUtf8(payload));
    }
  }

  /**
   * Appends bytes that are frames already, such as a frame that many
   * connections share.
   */
  appendEncoded(bytes: Uint8Array<ArrayBuffer>): void {
    if (bytes.length === 0) return;
    this.#closePiece();
    this.#pieces.push(bytes);
    this.#length += bytes.length;
  }

  /** Takes all bytes that were appended since the last call, in order. */
  take(): Uint8Array<ArrayBuffer>[] {
    this.#closePiece();
    const pieces = this.#pieces;
    this.#pieces = [];
    this.#length = 0;
    this.#tookCopied = this.#hasCopied;
    this.#hasCopied = false;
    // An idle encoder keeps no slab alive.
    this.#open = this.#own = none;
    this.#slab = null;
    this.#openStart = this.#openEnd = 0;
    return pieces;
  }

  /** Takes the buffers of payloads that were {@linkcode OutgoingFrame.given}, if there are any. */
  takeGiven(): ArrayBuffer[] | null {
    const given = this.#given;
    this.#given = null;
    return given;
  }

  /**
   * Gives memory back: the chunks that were taken last are not needed any more,
   * and nothing was taken or appended since.
   *
   * @param taken What {@linkcode take} returned.
   */
  recycle(taken: readonly Uint8Array[]): void {
    if (!this.#tookCopied) return;
    for (let index = 0; index < taken.length; index++) {
      giveBackToSlab(taken[index]);
    }
  }

  #appendText(frame: OutgoingFrame, text: string): void {
    this.#reserve(maxHeaderLength + text.length * 3);
    // Most text is ASCII: its header's length follows from the string's.
    const start = this.#openEnd;
    const expected = headerLength(text.length, this.#masked);
    const written = writeUtf8(text, this.#open, start + expected);
    const size = headerLength(written, this.#masked);
    const body = start + size;
    if (size !== expected) {
      this.#open.copyWithin(body, start + expected, start + expected + written);
    }
    this.#finish(frame, body, written);
  }

  /** Writes a text behind its header at once, if it is ASCII. */
  #appendAscii(frame: OutgoingFrame, text: string): boolean {
    const { length } = text;
    const size = headerLength(length, this.#masked);
    this.#reserve(size + length);
    const body = this.#openEnd + size;
    if (!writeAscii(text, this.#open, body)) return false;
    this.#finish(frame, body, length);
    return true;
  }

  #appendBytes(frame: OutgoingFrame, payload: Uint8Array): void {
    const { length } = payload;
    const size = headerLength(length, this.#masked);
    const copied = this.#masked ||
      length < (frame.settled ? settledCopyBelow : this.#copyBelow);
    this.#reserve(size + (copied ? length : 0));
    const body = this.#openEnd + size;
    if (copied) {
      this.#open.set(payload, body);
      this.#finish(frame, body, length);
    } else {
      writeHeader(this.#open, this.#openEnd, frame, length, 0, false);
      this.#advance(body);
      this.#length += size;
      if (frame.given) {
        this.#given ??= [];
        this.#given.push(payload.buffer as ArrayBuffer);
      }
      this.appendEncoded(payload as Uint8Array<ArrayBuffer>);
    }
  }

  /** Puts the header before the payload that stands at `body`, and masks it. */
  #finish(frame: OutgoingFrame, body: number, length: number): void {
    const end = body + length;
    const key = this.#masked ? randomMaskingKey() : 0;
    if (this.#masked) applyMask(this.#open, body, end, key);
    writeHeader(this.#open, this.#openEnd, frame, length, key, this.#masked);
    this.#length += end - this.#openEnd;
    this.#advance(end);
  }

  /** Takes a frame that stands in memory that many share, without a copy. */
  #appendShared({ block, start, end }: SharedFrame): void {
    const length = end - start;
    if (this.#shared === block && this.#sharedEnd === start) {
      this.#sharedEnd = end;
      this.#length += length;
      return;
    }
    // What begins a block is likely to be followed by the rest of it.
    const copyBelow = this.#pieces.length < manyPieces
      ? settledCopyBelow
      : this.#copyBelow;
    if (this.#length > 0 && start > 0 && length < copyBelow) {
      this.#reserve(length);
      this.#open.set(block.view(start, end), this.#openEnd);
      this.#advance(this.#openEnd + length);
    } else {
      this.#closePiece();
      this.#shared = block;
      this.#sharedStart = start;
      this.#sharedEnd = end;
    }
    this.#length += length;
  }

  /** Makes room for so many bytes at `#openEnd`. */
  #reserve(length: number): void {
    if (this.#shared !== null) this.#closePiece();
    if (
      this.#openEnd + length <= this.#open.length &&
      (this.#slab === null
        ? this.#open === this.#own
        : this.#openEnd === this.#slab.used)
    ) {
      return;
    }
    this.#closePiece();
    if (length > slabLength) {
      this.#openMemory(new Uint8Array(copyStart + length));
    } else if (this.#pieces.length >= manyPieces && length <= ownLength) {
      this.#openMemory(this.#own = socketMemory(copyStart + ownLength));
    } else {
      const slab = slabWithRoom(length);
      this.#openMemory(slab.bytes, slab);
    }
  }

  #openMemory(bytes: Uint8Array<ArrayBuffer>, slab: Slab | null = null): void {
    this.#open = bytes;
    this.#slab = slab;
    this.#openStart = this.#openEnd = slab === null ? copyStart : slab.used;
  }

  /** The open piece goes on to here. */
  #advance(end: number): void {
    this.#openEnd = end;
    if (this.#slab !== null) this.#slab.used = end;
  }

  #closePiece(): void {
    if (this.#shared !== null) {
      this.#pieces.push(this.#shared.view(this.#sharedStart, this.#sharedEnd));
      this.#shared = null;
    }
    if (this.#openEnd > this.#openStart) {
      this.#pieces.push(this.#open.subarray(this.#openStart, this.#openEnd));
      this.#hasCopied = true;
    }
    this.#openStart = this.#openEnd;
  }
}

/**
 * Frames in, bytes out: the RFC 6455 section 5.2 encoder as a `TransformStream`.
 *
 * @example
 * ```ts
 * import { FrameEncoderStream, Opcode } from "@weir/ws";
 *
 * const { readable, writable } = new FrameEncoderStream();
 * const writer = writable.getWriter();
 * writer.write({ opcode: Opcode.Text, fin: true, rsv1: false, payload: "Hi" });
 * writer.close();
 * for await (const bytes of readable) console.log(bytes); // 81 02 48 69
 * ```
 */
export class FrameEncoderStream
  extends TransformStream<OutgoingFrame, Uint8Array<ArrayBuffer>> {
  /**
   * Makes the stream.
   *
   * @param options Which end it is.
   */
  constructor(options: FrameEncoderOptions = {}) {
    super(new FrameEncoder(options));
  }
}
