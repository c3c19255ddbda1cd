/**
 * Messages that are made, masked and compressed before anything is measured.
 *
 * @module
 */
import { deflateRawSync } from "node:zlib";
import type { MessageShape } from "./specification.ts";

/** deflate's Z_SYNC_FLUSH: the output ends on a byte, the stream goes on. */
const syncFlush = 2;

/**
 * A ring of different messages as a client's frames. The bytes of the frames
 * stand one behind the other, twice, so that any `count` of them in a row are
 * one slice.
 */
export class FrameRing {
  /** The frames' bytes, the whole ring twice. */
  readonly bytes: Uint8Array;
  /** Where each frame starts, in both halves, and the end. */
  readonly offsets: readonly number[];
  /** What the server shall make of each: the message before compression. */
  readonly payloads: readonly Uint8Array[];
  /** What the frames contain: masked, and compressed if that was asked for. */
  readonly masked: readonly Uint8Array[];
  /** How many messages the ring has. */
  readonly count: number;
  /** 1 for text, 2 for binary. */
  readonly opcode: number;

  /**
   * Makes the messages. They are the same in every run.
   *
   * @param shape What they are like.
   * @param inFlight How many are sent at once: the ring has as many at least.
   */
  constructor(shape: MessageShape, inFlight: number) {
    const random = randomNumbers(1);
    this.opcode = shape.type === "text" ? 1 : 2;
    // More than deflate's window of 32 KiB, so that nothing is seen twice.
    this.count = Math.max(
      inFlight,
      2,
      Math.min(128, Math.ceil(65536 / shape.size) + 1),
    );
    const payloads: Uint8Array[] = [];
    const masked: Uint8Array[] = [];
    const frames: Uint8Array[] = [];
    for (let index = 0; index < this.count; index++) {
      const payload = shape.type === "text"
        ? jsonText(shape.size, random)
        : randomBytes(shape.size, random);
      const sent = shape.compressed
        ? deflateRawSync(payload, { finishFlush: syncFlush }).subarray(0, -4)
        : payload;
      const frame = clientFrame(
        0x80 | (shape.compressed ? 0x40 : 0) | this.opcode,
        sent,
        randomBytes(4, random),
      );
      payloads.push(payload);
      masked.push(frame.subarray(frame.length - sent.length));
      frames.push(frame);
    }
    this.payloads = payloads;
    this.masked = masked;
    this.bytes = Buffer.concat([...frames, ...frames]);
    const offsets = [0];
    for (const { length } of [...frames, ...frames]) {
      offsets.push(offsets[offsets.length - 1] + length);
    }
    this.offsets = offsets;
  }
}

/**
 * A final frame as a client sends it (RFC 6455 section 5.2).
 *
 * @param first The first byte: bits and opcode.
 * @param payload What it contains.
 * @param key The masking key, 4 bytes.
 */
export function clientFrame(
  first: number,
  payload: Uint8Array,
  key: Uint8Array,
): Uint8Array {
  const header = clientFrameHeader(first, payload.length, key);
  const frame = new Uint8Array(header.length + payload.length);
  frame.set(header);
  for (let index = 0; index < payload.length; index++) {
    frame[header.length + index] = payload[index] ^ key[index & 3];
  }
  return frame;
}

/** The header of such a frame. */
export function clientFrameHeader(
  first: number,
  length: number,
  key: Uint8Array,
): Uint8Array {
  const extended = length < 126 ? 0 : length < 65536 ? 2 : 8;
  const header = new Uint8Array(2 + extended + 4);
  const view = new DataView(header.buffer);
  header[0] = first;
  header[1] = 0x80 | (extended === 0 ? length : extended === 2 ? 126 : 127);
  if (extended === 2) view.setUint16(2, length);
  if (extended === 8) view.setBigUint64(2, BigInt(length));
  header.set(key, 2 + extended);
  return header;
}

/** Bytes that cannot be compressed. */
export function randomBytes(length: number, random: () => number): Uint8Array {
  const bytes = new Uint8Array(length);
  for (let index = 0; index < length; index++) bytes[index] = random() * 256;
  return bytes;
}

/** Numbers from 0 to 1, the same for the same seed (the generator of Park and Miller). */
export function randomNumbers(seed: number): () => number {
  let state = seed;
  return () => {
    state = state * 48271 % 0x7fffffff;
    return state / 0x7fffffff;
  };
}

/** Records as an application might send them, cut to a length in bytes. */
function jsonText(size: number, random: () => number): Uint8Array {
  const names = ["Ada", "Grace", "Edsger", "Barbara", "Donald", "Radia"];
  const records: string[] = [];
  for (let length = 0; length < size; length += records.at(-1)!.length + 1) {
    const id = Math.floor(random() * 1e6);
    records.push(JSON.stringify({
      id,
      name: `${names[id % names.length]} ${id % 97}`,
      price: (random() * 100).toFixed(2),
      quantity: Math.floor(random() * 50),
      tags: id % 3 === 0 ? ["new", "sale"] : ["used"],
      active: id % 2 === 0,
    }));
  }
  return Buffer.from(`[${records.join(",")}]`.slice(0, size));
}
