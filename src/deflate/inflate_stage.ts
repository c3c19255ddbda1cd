/**
 * Compressed messages to plain ones: RFC 7692 section 6.2.
 *
 * @module
 */
import type { Stage, StageController } from "../codec/stage.ts";
import { type Frame, isControl, Opcode } from "../frame.ts";
import { type CodedBytes, uncounted } from "../metrics/counters.ts";
import type { Backend } from "./backend.ts";
import { MessageQueue } from "./message_queue.ts";

/**
 * The stage that inflates the messages of permessage-deflate, a WHATWG
 * `Transformer` between the frame decoder and the message decoder.
 *
 * Messages leave it in the order in which they came, without RSV1. Pings and
 * pongs pass those that are being inflated. What a message inflates to is passed
 * on piece by piece, so that the limit of the message decoder holds while it is
 * inflated.
 */
export class InflateStage implements Stage<Frame, Frame> {
  readonly #backend: Backend;
  readonly #counter: CodedBytes;
  #queue: MessageQueue<Frame, Frame> | null = null;
  #failure: { readonly reason: unknown } | null = null;

  /**
   * Makes the stage of one connection, whose messages the backend inflates.
   *
   * @param counter What it adds to.
   */
  constructor(backend: Backend, counter: CodedBytes = uncounted.inflated) {
    this.#backend = backend;
    this.#counter = counter;
  }

  /** Resolves when more is wanted; `undefined` where it is. */
  get room(): Promise<void> | undefined {
    return this.#queue?.room;
  }

  /** Resolves when all has been passed on; `undefined` where nothing waits. */
  get settled(): Promise<void> | undefined {
    return this.#queue?.settled;
  }

  /**
   * Takes a frame. A promise means that enough waits here; it resolves when
   * there is room again. Data that can't be inflated fails the controller, or
   * throws, with a `ProtocolError` of 1007.
   */
  transform(
    frame: Frame,
    controller: StageController<Frame>,
  ): void | Promise<void> {
    if (isControl(frame.opcode) && frame.opcode !== Opcode.Close) {
      controller.enqueue(frame);
      return;
    }
    this.#queue ??= this.#makeQueue(controller);
    this.#queue.push(
      frame.own === false
        ? { ...frame, payload: frame.payload.slice() }
        : frame,
      frame.rsv1,
    );
    return this.room;
  }

  /** The end of the input: resolves when all has been passed on. */
  async flush(): Promise<void> {
    this.end();
    await this.settled;
    this.close();
    if (this.#failure !== null) throw this.#failure.reason;
  }

  /** No more frames come; what waits still goes through. */
  end(): void {
    this.#queue?.cutOff();
  }

  /** A stream that is given up frees what it held. */
  cancel(): void {
    this.close();
  }

  /** Drops what waits and frees what the connection held. */
  close(): void {
    if (this.#queue === null) this.#backend.close();
    else this.#queue.close();
  }

  #makeQueue(controller: StageController<Frame>): MessageQueue<Frame, Frame> {
    return new MessageQueue(
      {
        backend: this.#backend,
        counter: this.#counter,
        wholeUpTo: 16 * 1024,
        // More of what came in one chunk of bytes must not be held at once.
        wholeLimit: 256 * 1024,
        part: (opcode, payload, first, fin): Frame => ({
          opcode: first ? opcode : Opcode.Continuation,
          fin,
          rsv1: false,
          payload,
          remaining: 0,
        }),
        whole: (frame, payload) => ({
          opcode: frame.opcode,
          fin: true,
          rsv1: false,
          payload,
          remaining: 0,
        }),
        pass: (frame) => frame,
      },
      {
        enqueue: (frame) => controller.enqueue(frame),
        error: (reason) => {
          this.#failure = { reason };
          controller.error(reason);
        },
        get ready() {
          return controller.ready;
        },
      },
    );
  }
}
