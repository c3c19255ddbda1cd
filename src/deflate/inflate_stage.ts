/**
 * Compressed messages to plain ones: RFC 7692 section 6.2.
 *
 * @module
 */
import type { StageController } from "../codec/stage.ts";
import { type Frame, Opcode } from "../frame.ts";
import { type CodedBytes, uncounted } from "../metrics/counters.ts";
import type { Backend } from "./backend.ts";
import type { MessageQueueRules } from "./message_queue.ts";
import { QueuedStage } from "./queued_stage.ts";

/**
 * The stage that inflates the messages of permessage-deflate, a WHATWG
 * `Transformer` between the frame decoder and the message decoder.
 *
 * Messages leave it in the order in which they came, without RSV1. Pings and
 * pongs pass those that are being inflated. What a message inflates to is passed
 * on piece by piece, so that the limit of the message decoder holds while it is
 * inflated. Data that can't be inflated fails the controller, or makes
 * `transform()` throw, with a `ProtocolError` of 1007.
 */
export class InflateStage extends QueuedStage<Frame, Frame> {
  /**
   * Makes the stage of one connection, whose messages the backend inflates.
   *
   * @param counter What it adds to.
   */
  constructor(backend: Backend, counter: CodedBytes = uncounted.inflated) {
    super(backend, counter);
  }

  protected override take(
    frame: Frame,
    controller: StageController<Frame>,
  ): void {
    this.queue(controller).push(frame, frame.rsv1);
  }

  protected override get rules(): MessageQueueRules<Frame, Frame> {
    return rules;
  }
}

const rules: MessageQueueRules<Frame, Frame> = {
  wholeUpTo: 16 * 1024,
  // More of what came in one chunk of bytes must not be held at once.
  wholeLimit: 256 * 1024,
  part: (opcode, payload, first, fin) => ({
    opcode: first ? opcode : Opcode.Continuation,
    fin,
    rsv1: false,
    payload,
    remaining: 0,
  }),
  whole: ({ opcode }, payload) => ({
    opcode,
    fin: true,
    rsv1: false,
    payload,
    remaining: 0,
  }),
  keep: (frame) =>
    frame.own === false
      // Not `slice()`: that of a Node Buffer is a view.
      ? { ...frame, payload: new Uint8Array(frame.payload), own: true }
      : frame,
  pass: (frame) => frame,
};
