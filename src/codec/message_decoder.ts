/**
 * Frames to messages: RFC 6455 sections 5.4 to 5.6 and 8.1.
 *
 * @module
 */
import { CloseCode, decodeCloseBody } from "../close.ts";
import { ProtocolError, WebSocketError } from "../error.ts";
import { type Frame, Opcode } from "../frame.ts";
import { giveBack } from "./byte_buffer.ts";
import { MessageBuffer } from "./message_buffer.ts";
import type { ControlMessage, Message, MessageFragment } from "./message.ts";
import type { Stage, StageController } from "./stage.ts";
import { decodeUtf8, Utf8Validator } from "./utf8.ts";

/** Options of {@linkcode MessageDecoder} and {@linkcode MessageDecoderStream}. */
export interface MessageDecoderOptions {
  /**
   * The most bytes that a message may have, all its fragments together. A frame
   * that would go beyond it is refused with 1009 as soon as its header is
   * there. Default 16 MiB (16,777,216).
   */
  maxMessageSize?: number;
}

/** The default of `maxMessageSize`: 16 MiB. */
export const defaultMaxMessageSize: number = 16 * 1024 * 1024;

/** What {@linkcode MessageDecoder} puts out. */
export type DecodedMessage = Message | ControlMessage | MessageFragment;

/**
 * The stage frames → messages, a WHATWG `Transformer`.
 * {@linkcode MessageDecoderStream} is the same as a `TransformStream`.
 *
 * Fragments are put together in one growing buffer, so that their number does
 * not matter; text is checked as UTF-8 while it arrives; control frames are
 * passed on when they come, between the fragments of a message.
 */
export class MessageDecoder implements Stage<Frame, DecodedMessage> {
  /**
   * Whether messages are passed on as {@linkcode MessageFragment}s while they
   * arrive, of any size, in place of whole ones. A change takes effect with the
   * next message. Default `false`.
   */
  fragments = false;

  /**
   * Whether payloads are views on chunks that each have a buffer of their own,
   * which nobody else has. The memory of such a buffer is given back as soon as
   * what stands at its end was copied or decoded, unless that is short: it is
   * detached then. Default `false`.
   */
  given = false;

  readonly #maxMessageSize: number;
  /** The type of the message that is arriving, if any. */
  #type: "text" | "binary" | null = null;
  #fragmenting = false;
  #size = 0;
  #buffer: MessageBuffer | null = null;
  #validator: Utf8Validator | null = null;

  /**
   * Makes a decoder.
   *
   * @param options The limit of size.
   */
  constructor(options: MessageDecoderOptions = {}) {
    this.#maxMessageSize = options.maxMessageSize ?? defaultMaxMessageSize;
  }

  /** Whether no message is half here, so that a new decoder could go on as well. */
  get idle(): boolean {
    return this.#type === null;
  }

  /**
   * Takes a frame, or the part of one that has arrived.
   *
   * @throws {ProtocolError} 1002 for a continuation of nothing, or a new message
   * inside another; 1007 for text that is not UTF-8; 1009 for a message over
   * `maxMessageSize`; and as {@linkcode decodeCloseBody} says.
   */
  transform(
    frame: Frame,
    controller: StageController<DecodedMessage>,
  ): void {
    switch (frame.opcode) {
      case Opcode.Text:
      case Opcode.Binary:
        if (this.#type !== null) {
          throw new ProtocolError(
            CloseCode.ProtocolError,
            `a new message (opcode 0x${frame.opcode}) begins before the last one has ended`,
          );
        }
        if (frame.fin && !this.fragments) {
          this.#checkSize(frame);
          controller.enqueue(
            frame.opcode === Opcode.Text
              ? this.#decodeText(frame)
              : this.#takeWhole(frame),
          );
          return;
        }
        this.#type = frame.opcode === Opcode.Text ? "text" : "binary";
        this.#fragmenting = this.fragments;
        this.#take(frame, true, controller);
        return;
      case Opcode.Continuation:
        if (this.#type === null) {
          throw new ProtocolError(
            CloseCode.ProtocolError,
            "a continuation frame has no message to continue",
          );
        }
        this.#take(frame, false, controller);
        return;
      case Opcode.Ping:
        controller.enqueue({ type: "ping", payload: frame.payload });
        return;
      case Opcode.Pong:
        controller.enqueue({ type: "pong", payload: frame.payload });
        return;
      case Opcode.Close: {
        const { closeCode, reason } = decodeCloseBody(frame.payload);
        controller.enqueue({ type: "close", closeCode, reason });
      }
    }
  }

  /**
   * The end of the input.
   *
   * @throws {WebSocketError} 1006 if a message is not whole, also where a Close
   * frame came in the middle of it.
   */
  flush(): void {
    if (this.#type !== null) {
      throw new WebSocketError(
        `the frames end in a ${this.#type} message after ${this.#size} bytes`,
        { closeCode: CloseCode.AbnormalClosure },
      );
    }
  }

  #take(
    frame: Frame,
    first: boolean,
    controller: StageController<DecodedMessage>,
  ): void {
    if (!this.#fragmenting) this.#checkSize(frame);
    const { payload, fin } = frame;
    const lent = frame.own === false;
    const type = this.#type!;
    this.#size += payload.length;
    if (type === "text" && (payload.length > 0 || fin)) {
      this.#validator ??= new Utf8Validator();
      this.#validator.validate(payload, fin);
    }
    if (this.#fragmenting) {
      if (payload.length > 0 || first || fin) {
        controller.enqueue({
          type,
          first,
          fin,
          payload: ownBytes(payload, frame.own),
        });
      }
    } else if (!fin) {
      this.#buffer ??= new MessageBuffer();
      this.#buffer.append(payload, frame.remaining, lent, this.given);
    }
    if (!fin) return;
    this.#type = null;
    this.#size = 0;
    if (this.#fragmenting) return;
    const buffer = this.#buffer ?? new MessageBuffer();
    this.#buffer = null;
    const message = buffer.take(payload, lent, this.given);
    controller.enqueue(type === "text" ? decodeUtf8(message) : message);
  }

  #decodeText({ payload, own }: Frame): string {
    const text = decodeUtf8(payload);
    if (this.given && own === undefined) giveBack(payload);
    return text;
  }

  #takeWhole({ payload, own }: Frame): Uint8Array<ArrayBuffer> {
    const bytes = ownBytes(payload, own);
    if (this.given && own === undefined && bytes !== payload) giveBack(payload);
    return bytes;
  }

  #checkSize(frame: Frame): void {
    const size = this.#size + frame.payload.length + frame.remaining;
    if (size > this.#maxMessageSize) {
      throw new ProtocolError(
        CloseCode.MessageTooBig,
        `a message of ${size} bytes or more is over the limit of ${this.#maxMessageSize}`,
      );
    }
  }
}

/**
 * Bytes that share their buffer with no other message, so that an application
 * may keep or transfer them: the payload as it is where it makes up most of its
 * buffer, to the end, and otherwise a copy.
 */
function ownBytes(
  payload: Uint8Array<ArrayBuffer>,
  known: boolean | undefined,
): Uint8Array<ArrayBuffer> {
  if (known === true) return payload;
  // Not `slice()`: that of a Node Buffer is a view.
  if (known === false) return new Uint8Array(payload);
  const { buffer, byteOffset, length } = payload;
  const own = byteOffset + length === buffer.byteLength &&
    length * 2 > buffer.byteLength;
  return own ? payload : new Uint8Array(payload);
}

/**
 * {@linkcode Frame}s in, messages out, as a `TransformStream`: text as strings,
 * binary as `Uint8Array`s, and the control frames between them as objects with
 * a `type`. It errors with a {@linkcode ProtocolError} for what RFC 6455
 * forbids or the size limit refuses.
 *
 * @example
 * ```ts
 * import { FrameDecoderStream, MessageDecoderStream } from "@weir/ws";
 *
 * const bytes = new Blob([new Uint8Array([0x81, 0x02, 0x48, 0x69])]).stream();
 * const messages = bytes
 *   .pipeThrough(new FrameDecoderStream({ role: "client" }))
 *   .pipeThrough(new MessageDecoderStream());
 * for await (const message of messages) console.log(message); // Hi
 * ```
 */
export class MessageDecoderStream
  extends TransformStream<Frame, Message | ControlMessage> {
  /**
   * Makes the stream.
   *
   * @param options The limit of size.
   */
  constructor(options: MessageDecoderOptions = {}) {
    super(
      new MessageDecoder(options) as Stage<Frame, Message | ControlMessage>,
    );
  }
}
