/**
 * Plain messages to compressed ones: RFC 7692 section 6.1.
 *
 * @module
 */
import type { Stage, StageController } from "../codec/stage.ts";
import { encodeUtf8 } from "../codec/utf8.ts";
import { isControl, Opcode, type OutgoingFrame } from "../frame.ts";
import { type CodedBytes, uncounted } from "../metrics/counters.ts";
import type { Backend } from "./backend.ts";
import { MessageQueue } from "./message_queue.ts";
import type { SharedDeflater } from "./shared_deflater.ts";
import { SharedMessage } from "./shared_message.ts";

/** A frame on its way to be compressed, or not. */
export interface CompressibleFrame extends OutgoingFrame {
  /**
   * In a message's first frame: whether to compress it. By default a whole
   * message is compressed from the `threshold` on, and one of several fragments
   * always.
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
export class DeflateStage implements Stage<CompressibleFrame, OutgoingFrame> {
  readonly #backend: Backend;
  readonly #threshold: number;
  readonly #shared: SharedDeflater | null;
  readonly #counter: CodedBytes;
  #queue: MessageQueue<CompressibleFrame, OutgoingFrame> | null = null;
  #failure: { readonly reason: unknown } | null = null;

  /**
   * Makes the stage of one connection.
   *
   * @param backend Compresses its messages.
   * @param threshold From how many bytes on. Text counts in UTF-16 units.
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
    this.#backend = backend;
    this.#threshold = threshold;
    this.#shared = shared;
    this.#counter = counter;
  }

  /** How many bytes wait here. */
  get waitingBytes(): number {
    return this.#queue?.waitingBytes ?? 0;
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
   * there is room again.
   */
  transform(
    frame: CompressibleFrame,
    controller: StageController<OutgoingFrame>,
  ): void | Promise<void> {
    if (isControl(frame.opcode) && frame.opcode !== Opcode.Close) {
      controller.enqueue(frame);
      return;
    }
    if (frame instanceof SharedMessage) {
      this.#takeShared(frame, controller);
      return this.room;
    }
    this.#queue ??= this.#makeQueue(controller);
    const coded = this.#isCoded(frame);
    // A continuation belongs to what its message's first frame was.
    const asBytes = coded || frame.opcode === Opcode.Continuation;
    this.#queue.push(asBytes ? withBytes(frame) : frame, coded);
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

  /** Takes a message that other connections take as well. */
  #takeShared(
    message: SharedMessage,
    controller: StageController<OutgoingFrame>,
  ): void {
    const coded = message.compress ?? message.payloadLength >= this.#threshold;
    if (coded && this.#shared === null) {
      this.#queue ??= this.#makeQueue(controller);
      this.#queue.push(message, true);
      return;
    }
    const frame = coded ? message.compressedBy(this.#shared!) : message;
    if (frame instanceof Promise) {
      this.#queue ??= this.#makeQueue(controller);
      this.#queue.pushLater(message, frame);
      return;
    }
    if (coded) {
      this.#counter.before += message.payloadLength;
      this.#counter.after += frame.payloadLength;
    }
    if (this.#queue === null || this.#queue.empty) {
      controller.enqueue(frame);
    } else {
      this.#queue.push(frame, false);
    }
  }

  #isCoded(frame: CompressibleFrame): boolean {
    if (frame.opcode !== Opcode.Text && frame.opcode !== Opcode.Binary) {
      return false;
    }
    if (frame.compress !== undefined) return frame.compress;
    return !frame.fin || frame.payload.length >= this.#threshold;
  }

  #makeQueue(
    controller: StageController<OutgoingFrame>,
  ): MessageQueue<CompressibleFrame, OutgoingFrame> {
    const { sequential } = this.#backend;
    return new MessageQueue<CompressibleFrame, OutgoingFrame>(
      {
        backend: this.#backend,
        counter: this.#counter,
        wholeUpTo: 256 * 1024,
        wholeLimit: Infinity,
        part: (opcode, payload, first, fin) => ({
          opcode: first ? opcode : Opcode.Continuation,
          fin,
          rsv1: first,
          payload,
        }),
        whole: (frame, payload) => {
          // With context takeover the peer's window must see what ours saw.
          const better = sequential || frame.compress === true ||
            payload.length < frame.payload.length;
          return {
            opcode: frame.opcode,
            fin: true,
            rsv1: better,
            payload: better ? payload : frame.payload,
          };
        },
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

function withBytes(frame: CompressibleFrame): CompressibleFrame {
  const { opcode, fin, rsv1, compress, payload } = frame;
  if (typeof payload !== "string") return frame;
  return { opcode, fin, rsv1, compress, payload: encodeUtf8(payload) };
}
