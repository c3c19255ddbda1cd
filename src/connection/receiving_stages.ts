/**
 * The fused stages that take apart what arrives: bytes to frames to messages.
 *
 * @module
 */
import { FrameDecoder } from "../codec/frame_decoder.ts";
import {
  type DecodedMessage,
  MessageDecoder,
} from "../codec/message_decoder.ts";
import { fuse, type StageController } from "../codec/stage.ts";
import type { InflateStage } from "../deflate/inflate_stage.ts";
import type { Frame, Role } from "../frame.ts";

/** What the stages are like. */
export interface ReceivingOptions {
  /** See `FrameDecoderOptions`. */
  readonly role: Role;
  /** See `MessageDecoderOptions`. */
  readonly maxMessageSize: number;
  /** See {@linkcode MessageDecoder.fragments}. */
  readonly fragments: boolean;
  /** See `Transport`. */
  readonly gives: boolean;
  /** See {@linkcode FrameDecoder.shares}. */
  readonly shares: boolean;
}

/**
 * See the module. They are made for bytes that arrive, and let go of when the
 * connection is quiet and they are {@linkcode idle}.
 */
export class ReceivingStages {
  readonly #decoder: FrameDecoder;
  readonly #messages: MessageDecoder;
  readonly #frames: StageController<Frame>;
  readonly #inflate: InflateStage | null;
  readonly #gives: boolean;

  /**
   * @param inflate Inflates messages, where that was agreed.
   * @param sink Takes the messages and control frames.
   */
  constructor(
    { role, maxMessageSize, fragments, gives, shares }: ReceivingOptions,
    inflate: InflateStage | null,
    sink: StageController<DecodedMessage>,
  ) {
    this.#inflate = inflate;
    // What is inflated has other buffers, and others have those; what is shared is
    // of use for longer than one message.
    this.#gives = gives && inflate === null && !shares;
    this.#decoder = new FrameDecoder({
      role,
      rsv1: inflate !== null,
      unmaskInPlace: true,
    });
    // What is read while it arrives is transferred to who reads it.
    this.#decoder.shares = shares && !fragments;
    this.#messages = new MessageDecoder({ maxMessageSize });
    this.#messages.fragments = fragments;
    const plainFrames = fuse(this.#messages, sink);
    this.#frames = inflate === null ? plainFrames : fuse(inflate, plainFrames);
  }

  /** Whether nothing is half here, so that new stages can go on as well. */
  get idle(): boolean {
    // What is being inflated will go on to the message decoder.
    return this.#inflate?.resting !== false && this.#decoder.idle &&
      this.#messages.idle;
  }

  /** Has messages passed on while they arrive, from the next one on. */
  passFragments(): void {
    this.#messages.fragments = true;
    this.#decoder.shares = false;
  }

  /**
   * Takes bytes apart.
   *
   * @param lent See {@linkcode FrameDecoder.lent}.
   * @throws {ProtocolError} As the stages do.
   */
  receive(chunk: Uint8Array<ArrayBuffer>, lent: boolean): void {
    this.#decoder.lent = lent;
    this.#messages.given = this.#gives && !lent &&
      chunk.length === chunk.buffer.byteLength;
    this.#decoder.transform(chunk, this.#frames);
  }
}
