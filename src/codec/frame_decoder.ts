/**
 * Bytes to frames: RFC 6455 section 5.2.
 *
 * @module
 */
import { CloseCode } from "../close.ts";
import { ProtocolError, WebSocketError } from "../error.ts";
import { type Frame, isControl, Opcode, type Role } from "../frame.ts";
import { applyMask, copyUnmasked, shortCopy } from "../mask.ts";
import { maxHeaderLength } from "./frame_header.ts";
import type { Stage, StageController } from "./stage.ts";

/** Options of {@linkcode FrameDecoder} and {@linkcode FrameDecoderStream}. */
export interface FrameDecoderOptions {
  /**
   * Which end decodes. A server refuses frames that are not masked, a client
   * those that are (RFC 6455 section 5.1). Default `"server"`.
   */
  role?: Role;
  /**
   * Whether an extension that gives a meaning to RSV1 was negotiated, such as
   * permessage-deflate. Otherwise the bit is refused. Default `false`.
   */
  rsv1?: boolean;
  /**
   * Whether the decoder may unmask in the chunks that it is given and hand out
   * views on them, rather than copies of what was masked. Only for chunks that
   * nobody else reads. Default `false`.
   */
  unmaskInPlace?: boolean;
}

const maxControlLength = 125;
/** A binary payload of at most this many bytes is copied at once out of a chunk of several. */
const shortPayload = 512;
/** See {@linkcode FrameDecoder.shares}. */
const sharedPayload = 4 * 1024;

/**
 * The stage bytes → frames, a WHATWG `Transformer`. {@linkcode FrameDecoderStream} is the same as a
 * `TransformStream`.
 *
 * A data frame's payload is passed on as it arrives (see {@linkcode Frame}), so
 * that a frame of any length needs no memory here. After a Close frame all
 * further bytes are discarded (section 5.5.1).
 */
export class FrameDecoder implements Stage<Uint8Array<ArrayBuffer>, Frame> {
  /**
   * Whether the memory of the chunks is used again once they were decoded.
   * Payloads that are views on it are marked as not {@linkcode Frame.own} then.
   * It may change from chunk to chunk. Default `false`.
   */
  lent = false;

  /**
   * Whether whole binary messages of at most 4 KiB that stand in one chunk with
   * other frames are handed out as views on it, or on one copy of it where it is
   * {@linkcode lent}: a buffer for each takes longer than all else that is done for
   * it. Needs `unmaskInPlace`. Default `false`.
   */
  shares = false;

  readonly #masked: boolean;
  readonly #rsv1: boolean;
  readonly #inPlace: boolean;

  /** A header that has not wholly arrived. */
  #header: Uint8Array<ArrayBuffer> | null = null;
  #headerLength = 0;

  // The frame whose payload is arriving.
  #opcode: Opcode = Opcode.Continuation;
  #fin = false;
  #rsv1Set = false;
  #key = 0;
  #position = 0;
  #remaining = 0;
  /** A control frame's payload while it is not whole. */
  #control: Uint8Array<ArrayBuffer> | null = null;
  #closed = false;
  /** A view on the chunk, where several frames are in it. */
  #view: DataView | null = null;
  /** Whether payloads are views on the chunk, which is not lent then. */
  #sharing = false;

  /**
   * Makes a decoder at the start of a connection.
   *
   * @param options Which end it is, and what was negotiated.
   */
  constructor(options: FrameDecoderOptions = {}) {
    this.#masked = (options.role ?? "server") === "server";
    this.#rsv1 = options.rsv1 ?? false;
    this.#inPlace = options.unmaskInPlace ?? false;
  }

  /** Whether no frame is half here, so that a new decoder could go on as well. */
  get idle(): boolean {
    return this.#remaining === 0 && this.#headerLength === 0 && !this.#closed;
  }

  /**
   * Takes bytes as they come, split anywhere.
   *
   * @throws {ProtocolError} 1002 for anything that section 5.2 forbids; 1009 for
   * a length beyond 2^53 - 1.
   */
  transform(
    chunk: Uint8Array<ArrayBuffer>,
    controller: StageController<Frame>,
  ): void {
    let offset = 0;
    let end = chunk.length;
    this.#sharing = false;
    while (offset < end && !this.#closed) {
      if (this.#remaining > 0) {
        if (this.shares && this.#beginsSharing(end - offset)) {
          this.#sharing = true;
          if (this.lent) {
            chunk = new Uint8Array(view(chunk, offset, end - offset));
            offset = 0;
            end = chunk.length;
            this.#view = null;
          }
        }
        offset = this.#readPayload(chunk, offset, controller);
        continue;
      }
      if (this.#headerLength > 0) {
        offset = this.#resumeHeader(chunk, offset);
      } else {
        const length = this.#parseHeader(chunk, offset, end);
        if (length === 0) {
          this.#keepHeader(chunk, offset, end);
          break;
        }
        offset += length;
      }
      if (this.#headerLength > 0) break;
      if (this.#remaining === 0) {
        this.#enqueue(new Uint8Array(0), true, controller);
      } else if (offset === end && !isControl(this.#opcode)) {
        // A header on its own is passed on as well: its length may be over a
        // limit, and its message begins.
        this.#enqueue(new Uint8Array(0), false, controller);
        this.#continue();
      }
    }
    this.#view = null;
  }

  /**
   * The end of the input.
   *
   * @throws {WebSocketError} 1006 if a frame is not whole.
   */
  flush(): void {
    if (this.#headerLength > 0 || this.#remaining > 0) {
      throw new WebSocketError(
        this.#remaining > 0
          ? `the bytes end in a frame of which ${this.#remaining} bytes are missing`
          : "the bytes end in the header of a frame",
        { closeCode: CloseCode.AbnormalClosure },
      );
    }
  }

  /** Hands out what of the payload is in the chunk; returns where it ends. */
  #readPayload(
    chunk: Uint8Array<ArrayBuffer>,
    offset: number,
    controller: StageController<Frame>,
  ): number {
    const length = Math.min(this.#remaining, chunk.length - offset);
    if (isControl(this.#opcode)) {
      return this.#readControlPayload(chunk, offset, length, controller);
    }
    let payload: Uint8Array<ArrayBuffer>;
    let own: boolean | undefined;
    if (this.#sharing) {
      if (this.#masked) {
        this.#viewChunk(chunk, offset + length);
        this.#unmask(chunk, offset, length);
      }
      payload = view(chunk, offset, length);
      if (this.#mayShare()) own = true;
    } else if (this.#masked) {
      if (this.#inPlace) {
        this.#viewChunk(chunk, offset + length);
        if (this.#mustCopy(length)) {
          payload = this.#copyPayload(chunk, offset, length);
          own = true;
        } else {
          this.#unmask(chunk, offset, length);
          payload = view(chunk, offset, length);
          if (this.lent) own = false;
        }
      } else {
        payload = new Uint8Array(view(chunk, offset, length));
        applyMask(payload, 0, length, this.#key, this.#position);
      }
    } else {
      payload = view(chunk, offset, length);
      if (this.lent) own = false;
    }
    this.#position += length;
    this.#remaining -= length;
    const whole = this.#remaining === 0;
    this.#enqueue(payload, whole, controller, own);
    if (!whole) this.#continue();
    return offset + length;
  }

  /**
   * Whether a payload is the first of its chunk that can be shared, and more follows.
   *
   * @param left How many bytes of the chunk there are from its start on.
   */
  #beginsSharing(left: number): boolean {
    return !this.#sharing && this.#inPlace && this.#remaining < left &&
      this.#mayShare();
  }

  /** Whether the payload that is arriving can be shared, if it is whole. */
  #mayShare(): boolean {
    return this.shares && this.#opcode === Opcode.Binary && this.#fin &&
      !this.#rsv1Set && this.#remaining <= sharedPayload;
  }

  /**
   * Whether a copy is made here, in the cheapest way, of what its taker would have
   * to copy. Text is decoded, and then its bytes are of no use.
   */
  #mustCopy(length: number): boolean {
    return this.#opcode === Opcode.Binary &&
      (this.lent
        ? this.#fin && length === this.#remaining
        : this.#view !== null && length <= shortPayload);
  }

  /** What was masked, in a buffer of its own. */
  #copyPayload(
    chunk: Uint8Array<ArrayBuffer>,
    offset: number,
    length: number,
  ): Uint8Array<ArrayBuffer> {
    if (length <= shortCopy) {
      const key = this.#key;
      const position = this.#position;
      if (this.#view !== null) {
        return copyUnmasked(this.#view, offset, length, key, position);
      }
      if (this.lent) {
        const start = chunk.byteOffset + offset;
        const lent = viewLent(chunk.buffer);
        return copyUnmasked(lent, start, length, key, position);
      }
    }
    this.#unmask(chunk, offset, length);
    // Not `slice()`: that of a Node Buffer is a view, and V8 takes longer for it.
    return new Uint8Array(view(chunk, offset, length));
  }

  /** Makes the view on a chunk, if there are more frames behind the one that ends. */
  #viewChunk(chunk: Uint8Array<ArrayBuffer>, end: number): void {
    if (this.#view !== null || end === chunk.length) return;
    const { buffer, byteOffset, byteLength } = chunk;
    this.#view = new DataView(buffer, byteOffset, byteLength);
  }

  #unmask(
    chunk: Uint8Array<ArrayBuffer>,
    offset: number,
    length: number,
  ): void {
    const end = offset + length;
    applyMask(chunk, offset, end, this.#key, this.#position, this.#view);
  }

  /** Control frames are handed out whole, in bytes of their own. */
  #readControlPayload(
    chunk: Uint8Array<ArrayBuffer>,
    offset: number,
    length: number,
    controller: StageController<Frame>,
  ): number {
    this.#control ??= new Uint8Array(this.#remaining);
    const at = this.#control.length - this.#remaining;
    this.#control.set(view(chunk, offset, length), at);
    this.#remaining -= length;
    if (this.#remaining === 0) {
      const payload = this.#control;
      this.#control = null;
      if (this.#masked) applyMask(payload, 0, payload.length, this.#key);
      this.#enqueue(payload, true, controller);
    }
    return offset + length;
  }

  #enqueue(
    payload: Uint8Array<ArrayBuffer>,
    whole: boolean,
    controller: StageController<Frame>,
    own?: boolean,
  ): void {
    if (this.#opcode === Opcode.Close) this.#closed = true;
    controller.enqueue({
      opcode: this.#opcode,
      fin: this.#fin && whole,
      rsv1: this.#rsv1Set,
      payload,
      remaining: this.#remaining,
      own,
    });
  }

  /** What follows of the same frame is a continuation of what was passed on. */
  #continue(): void {
    this.#opcode = Opcode.Continuation;
    this.#rsv1Set = false;
  }

  #keepHeader(chunk: Uint8Array, offset: number, end: number): void {
    this.#header ??= new Uint8Array(maxHeaderLength);
    this.#header.set(chunk.subarray(offset, end));
    this.#headerLength = end - offset;
  }

  #resumeHeader(chunk: Uint8Array, offset: number): number {
    const header = this.#header!;
    while (offset < chunk.length) {
      header[this.#headerLength++] = chunk[offset++];
      if (this.#parseHeader(header, 0, this.#headerLength) > 0) {
        this.#headerLength = 0;
        this.#header = null;
        break;
      }
    }
    return offset;
  }

  /**
   * Parses the header at `offset`. What is wrong in as much of it as there is,
   * is refused at once.
   *
   * @returns The header's length, or 0 if there is more of it to come.
   */
  #parseHeader(bytes: Uint8Array, offset: number, end: number): number {
    const first = bytes[offset];
    const opcode = first & 0x0f;
    if ((first & 0x30) !== 0) {
      throw refuse(
        `the reserved bit ${
          (first & 0x20) !== 0 ? "RSV2" : "RSV3"
        } is set, and no extension that uses it was negotiated`,
      );
    }
    if (opcode > Opcode.Pong || (opcode > Opcode.Binary && opcode < 8)) {
      throw refuse(`opcode 0x${opcode.toString(16)} is reserved`);
    }
    const fin = (first & 0x80) !== 0;
    const rsv1 = (first & 0x40) !== 0;
    if (
      rsv1 &&
      !(this.#rsv1 && (opcode === Opcode.Text || opcode === Opcode.Binary))
    ) {
      throw refuse(
        this.#rsv1
          ? `the reserved bit RSV1 is set in a frame of opcode 0x${
            opcode.toString(16)
          }: it belongs to a message's first frame`
          : "the reserved bit RSV1 is set, and no extension that uses it was negotiated",
      );
    }
    if (opcode >= 8 && !fin) {
      throw refuse(`a control frame (0x${opcode.toString(16)}) is fragmented`);
    }
    if (end - offset < 2) return 0;

    const second = bytes[offset + 1];
    if ((second >= 0x80) !== this.#masked) {
      throw refuse(
        this.#masked
          ? "a client's frame is not masked"
          : "a server's frame is masked",
      );
    }
    let length = second & 0x7f;
    let size = 2;
    if (length > maxControlLength) {
      if (opcode >= 8) {
        throw refuse(
          `a control frame (0x${
            opcode.toString(16)
          }) has more than ${maxControlLength} bytes of payload`,
        );
      }
      size = length === 126 ? 4 : 10;
      if (size === 10 && end - offset > 2 && bytes[offset + 2] >= 0x80) {
        throw refuse("the top bit of a 64-bit payload length is set");
      }
      if (end - offset < size) return 0;
      length = size === 4
        ? bytes[offset + 2] * 0x100 + bytes[offset + 3]
        : readLength64(bytes, offset + 2);
      if (length <= (size === 4 ? maxControlLength : 0xffff)) {
        throw refuse(
          `the payload length ${length} is not in its shortest encoding`,
        );
      }
    }
    let key = 0;
    if (this.#masked) {
      if (end - offset < size + 4) return 0;
      const at = offset + size;
      key = (bytes[at] << 24) | (bytes[at + 1] << 16) | (bytes[at + 2] << 8) |
        bytes[at + 3];
      size += 4;
    }
    this.#opcode = opcode as Opcode;
    this.#fin = fin;
    this.#rsv1Set = rsv1;
    this.#key = key;
    this.#position = 0;
    this.#remaining = length;
    return size;
  }
}

/**
 * Bytes in, {@linkcode Frame}s out: the RFC 6455 section 5.2 decoder as a
 * `TransformStream`. It errors with a {@linkcode ProtocolError} for what the
 * section forbids, and with a {@linkcode WebSocketError} of code 1006 if the
 * bytes end inside a frame.
 *
 * @example
 * ```ts
 * import { FrameDecoderStream } from "@weir/ws";
 *
 * const bytes = new Blob([new Uint8Array([0x81, 0x02, 0x48, 0x69])]).stream();
 * const frames = bytes.pipeThrough(new FrameDecoderStream({ role: "client" }));
 * for await (const frame of frames) {
 *   console.log(frame.opcode, new TextDecoder().decode(frame.payload)); // 1 Hi
 * }
 * ```
 */
export class FrameDecoderStream
  extends TransformStream<Uint8Array<ArrayBuffer>, Frame> {
  /**
   * Makes the stream.
   *
   * @param options Which end it is, and what was negotiated.
   */
  constructor(options: FrameDecoderOptions = {}) {
    super(new FrameDecoder(options));
  }
}

function readLength64(bytes: Uint8Array, offset: number): number {
  let length = 0;
  for (let index = 0; index < 8; index++) {
    length = length * 0x100 + bytes[offset + index];
  }
  if (!Number.isSafeInteger(length)) {
    throw new ProtocolError(
      CloseCode.MessageTooBig,
      `a payload length of about ${length} bytes is beyond 2^53 - 1`,
    );
  }
  return length;
}

let lentView = new DataView(new ArrayBuffer(0));

/**
 * A view on memory that was lent, for a frame that is alone in its chunk. Who lends
 * has the same memory for all chunks, and to make a view takes longer than to unmask
 * a short payload. Where many frames are in a chunk, to ask for its memory each time
 * takes longer than to make one view.
 */
function viewLent(memory: ArrayBuffer): DataView {
  if (lentView.buffer !== memory) lentView = new DataView(memory);
  return lentView;
}

// `subarray` of a Node Buffer would make another Buffer: slower, and not what
// the types say.
function view(
  chunk: Uint8Array<ArrayBuffer>,
  offset: number,
  length: number,
): Uint8Array<ArrayBuffer> {
  return new Uint8Array(chunk.buffer, chunk.byteOffset + offset, length);
}

function refuse(message: string): ProtocolError {
  return new ProtocolError(CloseCode.ProtocolError, message);
}
