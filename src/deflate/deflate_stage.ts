/**
 * Plain messages to compressed ones: RFC 7692 section 6.1.
 *
 * @module
 */
import type { StageController } from "../codec/stage.ts";
import { encodeUtf8, writeUtf8 } from "../codec/utf8.ts";
import { Opcode, type OutgoingFrame } from "../frame.ts";
import { type CodedBytes, uncounted } from "../metrics/counters.ts";
import type { Backend } from "./backend.ts";
import type { MessageQueueRules } from "./message_queue.ts";
import { QueuedStage } from "./queued_stage.ts";
import { Scratch } from "./scratch.ts";
import type { SharedDeflater } from "./shared_deflater.ts";
import { SharedMessage } from "./shared_message.ts";

/** A frame on its way to be compressed, or not. */
export interface CompressibleFrame extends OutgoingFrame {
  /**
   * In a message's first frame: whether to compress it. By default a whole
   * message is compressed from the `threshold` on, and one of several fragments
   * unless that is `Infinity`.
   */
  readonly compress?: boolean;
}

/**
 * The stage that compresses messages for permessage-deflate, a WHATWG
 * `Transformer` between the message encoder and the frame encoder.
 *
 * Messages leave it in the order in which they came; those that were compressed
 * have RSV1 in their first frame. Where each is compressed on its own, one that
 * did not become shorter is sent as it was. Control frames pass, but for a Close
 * frame, which is the last one.
 */
export class DeflateStage
  extends QueuedStage<CompressibleFrame, OutgoingFrame> {
  readonly #threshold: number;
  readonly #shared: SharedDeflater | null;

  /**
   * Makes the stage of one connection.
   *
   * @param backend Compresses its messages.
   * @param threshold From how many bytes on. Text counts in UTF-16 units, but for
   * one that many connections share.
   * @param shared Compresses what goes to many connections, once for all that
   * have the same one; `null` where each message needs the connection's own
   * context.
   * @param counter What it adds to.
   */
  constructor(
    backend: Backend,
    threshold: number,
    shared: SharedDeflater | null = null,
    counter: CodedBytes = uncounted.deflated,
  ) {
    super(backend, counter);
    this.#threshold = threshold;
    this.#shared = shared;
  }

  protected override take(
    frame: CompressibleFrame,
    controller: StageController<OutgoingFrame>,
  ): void {
    if (frame instanceof SharedMessage) {
      this.#takeShared(frame, controller);
      return;
    }
    const coded = this.#isCoded(frame);
    // A continuation belongs to what its message's first frame was.
    const asBytes = coded || frame.opcode === Opcode.Continuation;
    this.queue(controller).push(asBytes ? encoded(frame, coded) : frame, coded);
  }

  protected override get rules(): MessageQueueRules<
    CompressibleFrame,
    OutgoingFrame
  > {
    return rules;
  }

  /** Takes a message that other connections take as well. */
  #takeShared(
    message: SharedMessage,
    controller: StageController<OutgoingFrame>,
  ): void {
    const coded = message.compress ?? message.payloadLength >= this.#threshold;
    if (coded && this.#shared === null) {
      this.queue(controller).push(message, true);
      return;
    }
    const frame = coded ? message.compressedBy(this.#shared!) : message;
    if (frame instanceof Promise) {
      this.queue(controller).pushLater(message, frame);
      return;
    }
    if (coded) {
      this.counter.before += message.payloadLength;
      this.counter.after += frame.payloadLength;
    }
    if (this.empty) controller.enqueue(frame);
    else this.queue(controller).push(frame, false);
  }

  #isCoded(frame: CompressibleFrame): boolean {
    if (frame.opcode !== Opcode.Text && frame.opcode !== Opcode.Binary) {
      return false;
    }
    if (frame.compress !== undefined) return frame.compress;
    // Nobody knows how much will come of several fragments.
    return frame.fin
      ? frame.payload.length >= this.#threshold
      : this.#threshold < Infinity;
  }
}

const rules: MessageQueueRules<CompressibleFrame, OutgoingFrame> = {
  wholeUpTo: 256 * 1024,
  wholeLimit: Infinity,
  part: (opcode, payload, first, fin) => ({
    opcode: first ? opcode : Opcode.Continuation,
    fin,
    rsv1: first,
    payload,
  }),
  whole: (frame, compressed, { sequential }) => {
    const { opcode, compress, payload } = frame;
    // With context takeover the peer's window must see what ours saw.
    if (
      sequential || compress === true || compressed.length < payload.length
    ) {
      return { opcode, fin: true, rsv1: true, payload: compressed };
    }
    const plain = frame instanceof BriefText ? frame.text : payload;
    return { opcode, fin: true, rsv1: false, payload: plain };
  },
  keep: (frame) => frame instanceof BriefText ? frame.kept() : frame,
  pass: (frame) => frame,
};

/** Up to so many UTF-16 units, a text's bytes are lent to the backend. */
const briefText = 16 * 1024;

const scratch = new Scratch();

/** A text message whose bytes are there until the next one's. */
class BriefText implements CompressibleFrame {
  readonly opcode: Opcode;
  readonly fin: boolean;
  readonly rsv1: boolean;
  readonly compress: boolean | undefined;
  readonly payload: Uint8Array;
  readonly text: string;

  constructor(
    { opcode, fin, rsv1, compress }: CompressibleFrame,
    text: string,
  ) {
    this.opcode = opcode;
    this.fin = fin;
    this.rsv1 = rsv1;
    this.compress = compress;
    const bytes = scratch.take(text.length * 3);
    this.payload = bytes.subarray(0, writeUtf8(text, bytes, 0));
    this.text = text;
  }

  /** The same with bytes of its own. */
  kept(): CompressibleFrame {
    const { opcode, fin, rsv1, compress, payload } = this;
    return { opcode, fin, rsv1, compress, payload: payload.slice() };
  }
}

/** A frame whose payload is bytes; for a backend, be it for the call only. */
function encoded(frame: CompressibleFrame, coded: boolean): CompressibleFrame {
  const { opcode, fin, rsv1, compress, payload } = frame;
  if (typeof payload !== "string") return frame;
  if (coded && payload.length <= briefText) {
    return new BriefText(frame, payload);
  }
  return { opcode, fin, rsv1, compress, payload: encodeUtf8(payload) };
}
