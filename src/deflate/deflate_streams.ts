/**
 * The stages of permessage-deflate as streams.
 *
 * @module
 */
import type { Frame, OutgoingFrame, Role } from "../frame.ts";
import type { CompressibleFrame } from "./deflate_stage.ts";
import { type DeflateOptions, resolveDeflateOptions } from "./options.ts";
import { type DeflateStages, stagesForAgreed } from "./permessage_deflate.ts";

/** Options of {@linkcode InflateStream} and {@linkcode DeflateStream}. */
export interface DeflateStreamOptions {
  /**
   * What both ends agreed on, as in the handshake's response. Default
   * `"permessage-deflate"`: context takeover both ways, windows of 15 bits.
   */
  extensions?: string;
  /** Which end this is: a server inflates what a client compressed. Default `"server"`. */
  role?: Role;
  /** The backend and its settings. */
  deflate?: DeflateOptions;
}

/**
 * {@linkcode Frame}s in, {@linkcode Frame}s without compression out: the
 * receiving half of permessage-deflate (RFC 7692 section 6.2) as a
 * `TransformStream`, between a `FrameDecoderStream` with `rsv1: true` and a
 * `MessageDecoderStream`. It errors with a `ProtocolError` of 1007 for data that
 * can't be inflated.
 *
 * @example
 * ```ts
 * import { FrameDecoderStream, InflateStream, MessageDecoderStream } from "@weir/ws";
 *
 * const hello = [0xc1, 0x07, 0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00];
 * const messages = new Blob([new Uint8Array(hello)]).stream()
 *   .pipeThrough(new FrameDecoderStream({ role: "client", rsv1: true }))
 *   .pipeThrough(new InflateStream({ role: "client" }))
 *   .pipeThrough(new MessageDecoderStream());
 * for await (const message of messages) console.log(message); // Hello
 * ```
 */
export class InflateStream extends TransformStream<Frame, Frame> {
  /**
   * Makes the stream of one connection.
   *
   * @param options What was agreed, and which end this is.
   * @throws {SyntaxError | RangeError | TypeError | WebSocketError} For options
   * that can't be right.
   */
  constructor(options: DeflateStreamOptions = {}) {
    super(stages(options).inflate);
  }
}

/**
 * Frames in, compressed frames out: the sending half of permessage-deflate (RFC
 * 7692 section 6.1) as a `TransformStream`, between a `MessageEncoderStream` and
 * a `FrameEncoderStream`. A frame says with `compress` whether its message shall
 * be compressed; otherwise `deflate.threshold` does.
 *
 * Close, abort or cancel it in the end. With a context it may have a compressor
 * of its own, and one that is only dropped counts on among those that there is
 * memory for in a process.
 *
 * @example
 * ```ts
 * import { DeflateStream, FrameEncoderStream, MessageEncoderStream } from "@weir/ws";
 *
 * const bytes = new Blob(["Weir ".repeat(1000)]).stream()
 *   .pipeThrough(new MessageEncoderStream())
 *   .pipeThrough(new DeflateStream())
 *   .pipeThrough(new FrameEncoderStream());
 * for await (const chunk of bytes) console.log(chunk.length < 5000); // true
 * ```
 */
export class DeflateStream
  extends TransformStream<CompressibleFrame, OutgoingFrame> {
  /**
   * Makes the stream of one connection.
   *
   * @param options What was agreed, and which end this is.
   * @throws {SyntaxError | RangeError | TypeError | WebSocketError} For options
   * that can't be right.
   */
  constructor(options: DeflateStreamOptions = {}) {
    super(stages(options).deflate);
  }
}

function stages(options: DeflateStreamOptions): DeflateStages {
  const { extensions = "permessage-deflate", role = "server" } = options;
  const deflate = resolveDeflateOptions(options.deflate ?? true);
  const made = stagesForAgreed(extensions, role, deflate);
  if (made === null) {
    throw new TypeError(
      `the extensions ${
        JSON.stringify(extensions)
      } do not have permessage-deflate: leave this stream out`,
    );
  }
  return made;
}
