/**
 * The other end of a connection under test, frame by frame and byte by byte. It
 * shares no code with the library, and checks nothing but the framing: what it
 * is told to send may be wrong, and what it receives is for the test to judge.
 */

import assert from "node:assert/strict";
import type { DuplexEnd } from "./duplex_pair.ts";

/** The opcodes of RFC 6455 section 5.2. */
export const opcodes = {
  continuation: 0x0,
  text: 0x1,
  binary: 0x2,
  close: 0x8,
  ping: 0x9,
  pong: 0xa,
} as const;

/** A frame as it stood on the wire, its payload unmasked. */
export interface RawFrame {
  readonly opcode: number;
  readonly fin: boolean;
  readonly masked: boolean;
  readonly payload: Uint8Array;
}

/** A message as it arrived, put together from its frames. */
export interface RawMessage {
  readonly opcode: number;
  readonly payload: Uint8Array;
  /** In how many frames it came. */
  readonly frames: number;
}

/** What a frame is, beside its payload. */
export interface FrameOptions {
  /** Default `true`. */
  fin?: boolean;
  /** Whether to mask it. By default as the role asks for. */
  masked?: boolean;
  /** The reserved bits, 0x40 to 0x10. Default none. */
  reserved?: number;
}

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** The bytes of one frame. */
export function frameBytes(
  opcode: number,
  payload: Uint8Array | string = "",
  { fin = true, masked = true, reserved = 0 }: FrameOptions = {},
): Uint8Array<ArrayBuffer> {
  const body = typeof payload === "string" ? encoder.encode(payload) : payload;
  const lengthBytes = body.length < 126 ? 0 : body.length < 0x10000 ? 2 : 8;
  const bytes = new Uint8Array(
    2 + lengthBytes + (masked ? 4 : 0) + body.length,
  );
  const view = new DataView(bytes.buffer);
  bytes[0] = (fin ? 0x80 : 0) | reserved | opcode;
  bytes[1] = (masked ? 0x80 : 0) |
    (lengthBytes === 0 ? body.length : lengthBytes === 2 ? 126 : 127);
  if (lengthBytes === 2) view.setUint16(2, body.length);
  if (lengthBytes === 8) view.setBigUint64(2, BigInt(body.length));
  let at = 2 + lengthBytes;
  if (!masked) {
    bytes.set(body, at);
    return bytes;
  }
  const key = [0x37, 0xfa, 0x21, 0x3d];
  bytes.set(key, at);
  at += 4;
  for (let index = 0; index < body.length; index++) {
    bytes[at + index] = body[index] ^ key[index & 3];
  }
  return bytes;
}

/** The body of a Close frame. */
export function closeBody(closeCode: number, reason = ""): Uint8Array {
  return concatenate([
    Uint8Array.of(closeCode >> 8, closeCode & 0xff),
    encoder.encode(reason),
  ]);
}

/** Puts bytes together. */
export function concatenate(
  parts: readonly Uint8Array[],
): Uint8Array<ArrayBuffer> {
  const whole = new Uint8Array(
    parts.reduce((length, part) => length + part.length, 0),
  );
  let offset = 0;
  for (const part of parts) {
    whole.set(part, offset);
    offset += part.length;
  }
  return whole;
}

/** The text of a frame or message. */
export function textOf({ payload }: { payload: Uint8Array }): string {
  return decoder.decode(payload);
}

/** See the module. It reads only while one of its methods waits for bytes. */
export class RawPeer {
  readonly #reader: ReadableStreamDefaultReader<Uint8Array>;
  readonly #writer: WritableStreamDefaultWriter<Uint8Array>;
  readonly #masks: boolean;
  #bytes: Uint8Array = new Uint8Array(0);

  /** Plays the given role, on one end of a pair. */
  constructor(duplex: DuplexEnd, role: "client" | "server" = "client") {
    this.#reader = duplex.readable.getReader();
    this.#writer = duplex.writable.getWriter();
    this.#masks = role === "client";
    // A connection that is lost is seen where the test reads or writes.
    for (const promise of [this.#reader.closed, this.#writer.closed]) {
      promise.catch(() => {});
    }
  }

  /** Sends bytes as they are; resolves when they are under way. */
  sendBytes(...parts: readonly Uint8Array[]): Promise<void> {
    const sent = this.#writer.write(concatenate(parts));
    sent.catch(() => {});
    return sent;
  }

  /** Sends a frame. */
  send(
    opcode: number,
    payload: Uint8Array | string = "",
    options: FrameOptions = {},
  ): Promise<void> {
    return this.sendBytes(this.frame(opcode, payload, options));
  }

  /** The bytes of a frame, masked as the role asks for. */
  frame(
    opcode: number,
    payload: Uint8Array | string = "",
    options: FrameOptions = {},
  ): Uint8Array<ArrayBuffer> {
    return frameBytes(opcode, payload, { masked: this.#masks, ...options });
  }

  /** Sends a text message. */
  text(text: string): Promise<void> {
    return this.send(opcodes.text, text);
  }

  /** Sends a binary message. */
  binary(bytes: Uint8Array): Promise<void> {
    return this.send(opcodes.binary, bytes);
  }

  /** Sends a Close frame; without a code, an empty one. */
  close(closeCode?: number, reason = ""): Promise<void> {
    return this.send(
      opcodes.close,
      closeCode === undefined ? "" : closeBody(closeCode, reason),
    );
  }

  /** Ends its direction. */
  end(): Promise<void> {
    return this.#writer.close();
  }

  /** Resets the connection: both directions are gone. */
  destroy(error: Error = new Error("the peer reset the connection")): void {
    this.#reader.cancel(error).catch(() => {});
    this.#writer.abort(error).catch(() => {});
  }

  /** The next frame, or `null` where the other end has ended its direction. */
  async readFrame(): Promise<RawFrame | null> {
    const start = await this.#peek(2);
    if (start === null) return null;
    const lengthBytes = (start[1] & 0x7f) < 126
      ? 0
      : (start[1] & 0x7f) === 126
      ? 2
      : 8;
    const masked = start[1] >= 0x80;
    const headerLength = 2 + lengthBytes + (masked ? 4 : 0);
    const header = await this.#peek(headerLength);
    assert.ok(header, "the bytes end in the header of a frame");
    const view = new DataView(
      header.buffer,
      header.byteOffset,
      header.byteLength,
    );
    const length = lengthBytes === 0
      ? start[1] & 0x7f
      : lengthBytes === 2
      ? view.getUint16(2)
      : Number(view.getBigUint64(2));
    const [first] = header;
    const key = header.slice(headerLength - 4, headerLength);
    const whole = await this.#peek(headerLength + length);
    assert.ok(whole, "the bytes end in the payload of a frame");
    const payload = whole.slice(headerLength, headerLength + length);
    if (masked) {
      for (let index = 0; index < length; index++) {
        payload[index] ^= key[index & 3];
      }
    }
    this.#bytes = this.#bytes.subarray(headerLength + length);
    assert.equal(first & 0x70, 0, "no reserved bit is set");
    assert.equal(masked, !this.#masks, "only a client's frames are masked");
    return { opcode: first & 0x0f, fin: first >= 0x80, masked, payload };
  }

  /** The next message, put together from its frames; control frames fail it. */
  async readMessage(): Promise<RawMessage> {
    const parts: Uint8Array[] = [];
    let opcode: number | null = null;
    while (true) {
      const frame = await this.readFrame();
      assert.ok(frame, "the connection ended where a message was expected");
      if (opcode === null) {
        assert.ok(
          frame.opcode === opcodes.text || frame.opcode === opcodes.binary,
          `a message was expected, not opcode ${frame.opcode}: ${
            textOf(frame)
          }`,
        );
        opcode = frame.opcode;
      } else {
        assert.equal(frame.opcode, opcodes.continuation);
      }
      parts.push(frame.payload);
      if (frame.fin) {
        return { opcode, payload: concatenate(parts), frames: parts.length };
      }
    }
  }

  /** The next message, which is a text. */
  async readText(): Promise<string> {
    const message = await this.readMessage();
    assert.equal(message.opcode, opcodes.text);
    return textOf(message);
  }

  /** The next frame, which is a Close frame. */
  async readClose(): Promise<{ closeCode: number | null; reason: string }> {
    const frame = await this.readFrame();
    assert.ok(frame, "the connection ended without a Close frame");
    assert.equal(
      frame.opcode,
      opcodes.close,
      `a Close frame was expected, not opcode ${frame.opcode}: ${
        textOf(frame).slice(0, 100)
      }`,
    );
    const { payload } = frame;
    if (payload.length === 0) return { closeCode: null, reason: "" };
    return {
      closeCode: payload[0] * 0x100 + payload[1],
      reason: decoder.decode(payload.subarray(2)),
    };
  }

  /** Sends a ping and waits for its pong: all that was sent before has been processed. */
  async fence(payload = "fence"): Promise<void> {
    await this.send(opcodes.ping, payload);
    const frame = await this.readFrame();
    assert.ok(frame, "the connection ended where a pong was expected");
    assert.deepEqual([frame.opcode, textOf(frame)], [opcodes.pong, payload]);
  }

  /** Fails if anything comes before the other end ends its direction. */
  async expectEnd(): Promise<void> {
    assert.equal(await this.readFrame(), null);
  }

  /** Finishes a closing handshake that the other end began, and expects that. */
  async answerClose(closeCode = 1000, reason = ""): Promise<void> {
    assert.deepEqual(await this.readClose(), { closeCode, reason });
    await this.close(closeCode);
    await this.expectEnd();
    await this.end();
  }

  /** The first `length` bytes that were not taken yet, or `null` at a clean end. */
  async #peek(length: number): Promise<Uint8Array | null> {
    const parts = [this.#bytes];
    let available = this.#bytes.length;
    while (available < length) {
      const { done, value } = await this.#reader.read();
      if (done) {
        assert.equal(available, 0, "the bytes end in a frame");
        return null;
      }
      parts.push(value);
      available += value.length;
    }
    if (parts.length > 1) this.#bytes = concatenate(parts);
    return this.#bytes;
  }
}
