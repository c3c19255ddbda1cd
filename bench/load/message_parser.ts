/**
 * Counts the whole messages in what a server sends, and shows a sample of them.
 *
 * @module
 */

/** Is shown payload as it arrives. */
export interface PayloadSink {
  /**
   * Whether it wants to see the message of that number, counted from 0.
   *
   * @param opcode 1 for text, 2 for binary.
   * @param compressed The bit RSV1.
   */
  wants(message: number, opcode: number, compressed: boolean): boolean;
  /** Gets a part of a message that it wanted: the bytes from `start` to `end`. */
  part(position: number, chunk: Uint8Array, start: number, end: number): void;
  /** Is told of every message that has arrived whole: how many bytes it had. */
  ended?(length: number): void;
  /** Gets a control frame. */
  control(opcode: number, payload: Uint8Array): void;
}

/** The longest header: two bytes, a 64-bit length and a masking key. */
const maxHeaderLength = 14;

/** One connection's parser of frames (RFC 6455 section 5.2). */
export class MessageParser {
  /** How many messages have arrived whole. */
  messages = 0;
  /** How many of them were compressed. */
  compressed = 0;

  readonly #sink: PayloadSink;
  /** A header that has not wholly arrived. */
  readonly #header: Uint8Array = new Uint8Array(maxHeaderLength);
  #headerLength = 0;
  #opcode = 0;
  #fin = false;
  /** Bytes of the frame's payload that are still to come. */
  #remaining = 0;
  /** Bytes of the message's payload that have arrived. */
  #position = 0;
  #wanted = false;
  #control: number[] = [];

  /** @param sink Is shown a sample. */
  constructor(sink: PayloadSink) {
    this.#sink = sink;
  }

  /**
   * Takes bytes, split anywhere.
   *
   * @param start Where in the chunk they start.
   * @returns How many messages they completed.
   */
  push(chunk: Uint8Array, start: number): number {
    const before = this.messages;
    const end = chunk.length;
    let offset = start;
    while (offset < end) {
      if (this.#remaining > 0) {
        const taken = Math.min(this.#remaining, end - offset);
        this.#takePayload(chunk, offset, offset + taken);
        offset += taken;
      } else if (this.#headerLength === 0 && end - offset >= maxHeaderLength) {
        this.#beginFrame(chunk, offset);
        offset += lengthOfHeader(chunk[offset + 1]);
      } else {
        const header = this.#header;
        header[this.#headerLength++] = chunk[offset++];
        if (
          this.#headerLength >= 2 &&
          this.#headerLength === lengthOfHeader(header[1])
        ) {
          this.#headerLength = 0;
          this.#beginFrame(header, 0);
        }
      }
    }
    return this.messages - before;
  }

  #beginFrame(bytes: Uint8Array, offset: number): void {
    const first = bytes[offset];
    this.#opcode = first & 0x0f;
    this.#fin = first >= 0x80;
    if (this.#opcode === 1 || this.#opcode === 2) {
      const compressed = (first & 0x40) !== 0;
      if (compressed) this.compressed++;
      this.#position = 0;
      this.#wanted = this.#sink.wants(
        this.messages,
        this.#opcode,
        compressed,
      );
    }
    this.#remaining = payloadLength(bytes, offset);
    if (this.#remaining === 0) this.#endFrame();
  }

  #takePayload(chunk: Uint8Array, start: number, end: number): void {
    if (this.#opcode >= 8) {
      this.#control.push(...chunk.subarray(start, end));
    } else {
      if (this.#wanted) this.#sink.part(this.#position, chunk, start, end);
      this.#position += end - start;
    }
    this.#remaining -= end - start;
    if (this.#remaining === 0) this.#endFrame();
  }

  #endFrame(): void {
    if (this.#opcode >= 8) {
      const payload = Uint8Array.from(this.#control);
      this.#control = [];
      this.#sink.control(this.#opcode, payload);
    } else if (this.#fin) {
      this.messages++;
      this.#sink.ended?.(this.#position);
    }
  }
}

/** How long a header is, by its second byte. A raw echo's frames are masked. */
function lengthOfHeader(second: number): number {
  const length = second & 0x7f;
  const extended = length < 126 ? 0 : length === 126 ? 2 : 8;
  return 2 + extended + (second >= 0x80 ? 4 : 0);
}

function payloadLength(bytes: Uint8Array, offset: number): number {
  const short = bytes[offset + 1] & 0x7f;
  if (short < 126) return short;
  let length = 0;
  const end = offset + (short === 126 ? 4 : 10);
  for (let index = offset + 2; index < end; index++) {
    length = length * 256 + bytes[index];
  }
  return length;
}
