/**
 * What the two stages of permessage-deflate do alike.
 *
 * @module
 */
import type { Stage, StageController } from "../codec/stage.ts";
import { isControl, Opcode, type OutgoingFrame } from "../frame.ts";
import type { CodedBytes } from "../metrics/counters.ts";
import type { Backend } from "./backend.ts";
import { MessageQueue, type MessageQueueRules } from "./message_queue.ts";

/**
 * A stage whose messages go through a {@linkcode MessageQueue}, so that they
 * leave it in the order in which they came. Pings and pongs pass them. The queue
 * is made for the first frame that needs it.
 */
export abstract class QueuedStage<
  Input extends Output,
  Output extends OutgoingFrame,
> implements Stage<Input, Output> {
  /** Compresses, or inflates. */
  protected readonly backend: Backend;
  /** What the stage adds to. */
  protected readonly counter: CodedBytes;
  #queue: MessageQueue<Input, Output> | null = null;

  /**
   * Makes the stage of one connection.
   *
   * @param backend Works on its messages, and is closed with the stage.
   * @param counter What it adds to.
   */
  constructor(backend: Backend, counter: CodedBytes) {
    this.backend = backend;
    this.counter = counter;
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
    frame: Input,
    controller: StageController<Output>,
  ): void | Promise<void> {
    if (isControl(frame.opcode) && frame.opcode !== Opcode.Close) {
      controller.enqueue(frame);
      return;
    }
    this.take(frame, controller);
    return this.room;
  }

  /** The end of the input: resolves when all has been passed on. */
  async flush(): Promise<void> {
    this.end();
    await this.settled;
    this.close();
    const failure = this.#queue?.failure;
    if (failure) throw failure.reason;
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
    if (this.#queue === null) this.backend.close();
    else this.#queue.close();
  }

  /** Whether it holds nothing of messages, nor of who takes its output. */
  get resting(): boolean {
    return this.#queue === null;
  }

  /** Lets go of what is of use only while messages come, if none is on its way. */
  rest(): void {
    if (this.#queue?.idle) this.#queue = null;
    if (this.#queue === null) this.backend.rest?.();
  }

  /** Whether nothing waits, so that a frame may pass. */
  protected get empty(): boolean {
    return this.#queue === null || this.#queue.empty;
  }

  /** The queue, whose output goes to the controller that it was made with. */
  protected queue(
    controller: StageController<Output>,
  ): MessageQueue<Input, Output> {
    return this.#queue ??= new MessageQueue(
      this.rules,
      this.backend,
      this.counter,
      controller,
    );
  }

  /** Takes a frame of a message, or a Close frame. */
  protected abstract take(
    frame: Input,
    controller: StageController<Output>,
  ): void;

  /** Says what the queue does with its messages. */
  protected abstract get rules(): MessageQueueRules<Input, Output>;
}
