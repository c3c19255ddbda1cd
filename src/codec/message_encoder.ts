/**
 * Messages to frames: RFC 6455 sections 5.4 to 5.6.
 *
 * @module
 */
import { encodeCloseBody } from "../close.ts";
import { describe } from "../describe.ts";
import { Opcode, type OutgoingFrame } from "../frame.ts";
import type { ControlMessage, MessageFragment } from "./message.ts";
import type { Stage, StageController } from "./stage.ts";

/**
 * What can be sent as one message: a string as text; an `ArrayBuffer`, any view
 * on one, or a `Blob` as binary.
 */
export type MessageSource = string | ArrayBuffer | ArrayBufferView | Blob;

/** What {@linkcode MessageEncoder} takes: messages, control frames and fragments. */
export type EncodableMessage = MessageSource | ControlMessage | MessageFragment;

/** The longest payload of a control frame (RFC 6455 section 5.5). */
const maxControlLength = 125;

/**
 * The stage messages → frames, a WHATWG `Transformer`.
 * {@linkcode MessageEncoderStream} is the same as a `TransformStream`.
 */
export class MessageEncoder implements Stage<EncodableMessage, OutgoingFrame> {
  /**
   * Makes a message into a frame. Only a `Blob`, whose bytes have to be read
   * first, makes it return a promise.
   *
   * @throws {TypeError} If it is nothing that can be sent.
   * @throws {RangeError} If a control frame's payload is too long or a close
   * code must not be sent.
   */
  transform(
    message: EncodableMessage,
    controller: StageController<OutgoingFrame>,
  ): void | Promise<void> {
    if (typeof message === "string") {
      controller.enqueue(frame(Opcode.Text, message));
    } else if (message instanceof Uint8Array) {
      controller.enqueue(frame(Opcode.Binary, message));
    } else if (isBinary(message)) {
      controller.enqueue(frame(Opcode.Binary, toBytes(message)));
    } else if (message instanceof Blob) {
      return message.arrayBuffer().then((buffer) => {
        controller.enqueue(frame(Opcode.Binary, new Uint8Array(buffer)));
      });
    } else {
      controller.enqueue(typedFrame(message));
    }
  }
}

/**
 * Messages in, frames out, as a `TransformStream`: strings, `ArrayBuffer`s,
 * views, `Blob`s, and what a {@linkcode MessageDecoderStream} puts out. It errors with a
 * `TypeError` for anything else.
 *
 * @example
 * ```ts
 * import { FrameEncoderStream, MessageEncoderStream } from "@weir/ws";
 *
 * const messages = new ReadableStream<string>({
 *   start(controller) {
 *     controller.enqueue("Hi");
 *     controller.close();
 *   },
 * });
 * const bytes = messages
 *   .pipeThrough(new MessageEncoderStream())
 *   .pipeThrough(new FrameEncoderStream());
 * for await (const chunk of bytes) console.log(chunk); // 81 02 48 69
 * ```
 */
export class MessageEncoderStream
  extends TransformStream<EncodableMessage, OutgoingFrame> {
  /** Makes the stream; it has no options. */
  constructor() {
    super(new MessageEncoder());
  }
}

/** Whether a value is an `ArrayBuffer` or a view on one. */
export function isBinary(
  value: unknown,
): value is ArrayBuffer | ArrayBufferView {
  return ArrayBuffer.isView(value) || value instanceof ArrayBuffer;
}

/** The bytes of an `ArrayBuffer` or a view, not copied. */
export function toBytes(source: ArrayBuffer | ArrayBufferView): Uint8Array {
  return ArrayBuffer.isView(source)
    ? new Uint8Array(source.buffer, source.byteOffset, source.byteLength)
    : new Uint8Array(source);
}

function frame(opcode: Opcode, payload: Uint8Array | string): OutgoingFrame {
  return { opcode, fin: true, rsv1: false, payload };
}

function typedFrame(message: ControlMessage | MessageFragment): OutgoingFrame {
  switch (message?.type) {
    case "text":
    case "binary":
      return {
        opcode: !message.first
          ? Opcode.Continuation
          : message.type === "text"
          ? Opcode.Text
          : Opcode.Binary,
        fin: message.fin,
        rsv1: false,
        payload: message.payload,
      };
    case "ping":
    case "pong":
      if (message.payload.length > maxControlLength) {
        throw new RangeError(
          `a ${message.type} has at most ${maxControlLength} bytes of payload, not ${message.payload.length}`,
        );
      }
      return frame(
        message.type === "ping" ? Opcode.Ping : Opcode.Pong,
        message.payload,
      );
    case "close":
      return frame(
        Opcode.Close,
        encodeCloseBody(message.closeCode, message.reason),
      );
    default:
      throw new TypeError(
        `a message is a string, an ArrayBuffer, a view on one or a Blob, not ${
          describe(message)
        }: serialise it first, for example with JSON.stringify()`,
      );
  }
}
