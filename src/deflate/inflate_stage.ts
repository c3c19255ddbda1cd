/**
 * Compressed messages to plain ones: RFC 7692 section 6.2.
 *
 * @module
 */
import type { StageController } from "../codec/stage.ts";
import { type Frame, Opcode } from "../frame.ts";
import { type CodedBytes, uncounted } from "../metrics/counters.ts";
import type { Backend, Bytes } from "./backend.ts";
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

  protected override createRules(): MessageQueueRules<Frame, Frame> {
    return new InflateRules(this.backend, this.counter);
  }
}

class InflateRules implements MessageQueueRules<Frame, Frame> {
  readonly backend: Backend;
  readonly counter: CodedBytes;

  constructor(backend: Backend, counter: CodedBytes) {
    this.backend = backend;
    this.counter = counter;
  }

  get wholeUpTo(): number {
    return 16 * 1024;
  }

  get wholeLimit(): number {
    // More of what came in one chunk of bytes must not be held at once.
    return 256 * 1024;
  }

  part(opcode: Opcode, payload: Bytes, first: boolean, fin: boolean): Frame {
    return {
      opcode: first ? opcode : Opcode.Continuation,
      fin,
      rsv1: false,
      payload,
      remaining: 0,
    };
  }

  whole({ opcode }: Frame, payload: Bytes): Frame {
    return { opcode, fin: true, rsv1: false, payload, remaining: 0 };
  }

  keep(frame: Frame): Frame {
    return frame.own === false
      ? { ...frame, payload: frame.payload.slice(), own: true }
      : frame;
  }

  pass(frame: Frame): Frame {
    return frame;
  }
}
