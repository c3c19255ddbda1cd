/**
 * The order of messages that are compressed, or inflated, at different speeds.
 *
 * @module
 */
import type { StageController } from "../codec/stage.ts";
import { Opcode } from "../frame.ts";
import type { CodedBytes } from "../metrics/counters.ts";
import { nextTurn } from "../turn.ts";
import type { Backend, Bytes, MessageCodec } from "./backend.ts";

/** How many whole messages are worked on side by side. */
const sideBySide = 4;
/** How many bytes wait before no more are wanted. */
const highWaterMark = 64 * 1024;
/** After so many messages, other work of the process has its turn. */
const messagesInARow = 16;
/** The same, after so many bytes: a few milliseconds of work. */
const bytesInARow = 1024 * 1024;
/** What a frame costs in the queue beside its bytes, so that empty ones count. */
const frameOverhead = 32;

/** What the queue has to know of a frame. */
interface QueuedFrame {
  readonly opcode: Opcode;
  readonly fin: boolean;
  readonly payload: Uint8Array | string;
}

/** A message, or a control frame, that has its place in the order. */
interface QueuedMessage<Input> {
  readonly opcode: Opcode;
  /** The frames that have arrived and were not worked on yet. */
  readonly frames: Input[];
  /** Whether the backend has work with it. */
  readonly coded: boolean;
  /** Whether no more of it will come, though it has not ended. */
  cutOff: boolean;
  /** What comes of it as a whole, once that was begun. */
  result: Bytes | null | Promise<Bytes | null> | undefined;
  /** What is passed on in place of its one frame, where that is not known yet. */
  readonly instead?: Promise<Input>;
}

/** What makes a queue one that inflates, or one that deflates. */
export interface MessageQueueRules<Input, Output> {
  /** Up to which length a message is worked on as a whole, beside others. */
  readonly wholeUpTo: number;
  /** How many bytes may come of such a message. */
  readonly wholeLimit: number;
  /** Makes a frame of a part of what comes of a message; `first` begins it. */
  part(opcode: Opcode, payload: Bytes, first: boolean, fin: boolean): Output;
  /** Makes the frame of a message that the backend worked on as a whole. */
  whole(frame: Input, payload: Bytes, backend: Backend): Output;
  /** What is kept of a frame that waits, where its payload is lent for the call. */
  keep(frame: Input): Input;
  /** What a frame is passed on as that the backend has no work with. */
  pass(frame: Input): Output;
}

/**
 * Messages on their way through a {@linkcode Backend}, and control frames that
 * keep their place among them. They leave in the order in which they came,
 * whichever is ready first.
 */
export class MessageQueue<
  Input extends QueuedFrame,
  Output extends { readonly payload: Uint8Array | string },
> {
  readonly #rules: MessageQueueRules<Input, Output>;
  readonly #backend: Backend;
  readonly #counter: CodedBytes;
  readonly #controller: StageController<Output>;
  #messages: QueuedMessage<Input>[] = [];
  /** The message whose next frame is awaited, if it does not just pass. */
  #arriving: QueuedMessage<Input> | null = null;
  #waitingBytes = 0;
  /** How many bytes were compressed or inflated since other work had its turn. */
  #bytesSinceTurn = 0;
  #running = false;
  #open: MessageCodec | null = null;
  #frameArrived: (() => void) | null = null;
  #room: PromiseWithResolvers<void> | null = null;
  #settled: PromiseWithResolvers<void> | null = null;
  #failure: { readonly reason: unknown } | null = null;
  #over = false;

  /**
   * Makes a queue by its rules.
   *
   * @param backend Compresses, or inflates.
   * @param counter Counts the payloads of messages that the backend worked on.
   * @param controller Takes what leaves the queue.
   */
  constructor(
    rules: MessageQueueRules<Input, Output>,
    backend: Backend,
    counter: CodedBytes,
    controller: StageController<Output>,
  ) {
    this.#rules = rules;
    this.#backend = backend;
    this.#counter = counter;
    this.#controller = controller;
  }

  /** How many bytes wait here. */
  get waitingBytes(): number {
    return this.#waitingBytes;
  }

  /** Whether nothing waits, so that a frame may pass. */
  get empty(): boolean {
    return this.#messages.length === 0;
  }

  /** Whether nothing is on its way, so that a new queue can go on as well. */
  get idle(): boolean {
    return this.empty && this.#arriving === null && !this.#running &&
      !this.#over;
  }

  /** Why it came to an end, if it failed. */
  get failure(): { readonly reason: unknown } | null {
    return this.#failure;
  }

  /** Resolves when more is wanted; `undefined` where it is. */
  get room(): Promise<void> | undefined {
    if (this.#waitingBytes < highWaterMark) return undefined;
    this.#room ??= Promise.withResolvers();
    return this.#room.promise;
  }

  /** Resolves when nothing waits any more; `undefined` where nothing does. */
  get settled(): Promise<void> | undefined {
    if (this.empty) return undefined;
    this.#settled ??= Promise.withResolvers();
    return this.#settled.promise;
  }

  /**
   * Takes a frame.
   *
   * @param coded Whether the backend has work with the message that it begins.
   */
  push(frame: Input, coded: boolean): void {
    if (this.#over) return;
    if (frame.opcode === Opcode.Continuation) {
      if (this.#arriving === null) {
        this.#controller.enqueue(this.#rules.pass(frame));
        return;
      }
      this.#append(this.#arriving, frame);
    } else {
      this.cutOff();
      const result = this.empty ? this.#passAtOnce(frame, coded) : undefined;
      if (result === passed) return;
      this.#arriving = {
        opcode: frame.opcode,
        frames: [],
        coded,
        cutOff: false,
        result,
      };
      this.#messages.push(this.#arriving);
      this.#append(this.#arriving, frame);
    }
    if (frame.fin) this.#arriving = null;
    this.#startAhead();
    if (!this.#running) this.#run();
  }

  /**
   * Takes a message of one frame that something else is at work with.
   *
   * @param frame Stands for it while it waits.
   * @param instead What is to be passed on when its turn comes.
   */
  pushLater(frame: Input, instead: Promise<Input>): void {
    if (this.#over) return;
    this.cutOff();
    const message: QueuedMessage<Input> = {
      opcode: frame.opcode,
      frames: [],
      coded: false,
      cutOff: false,
      result: undefined,
      instead,
    };
    this.#messages.push(message);
    this.#append(message, frame);
    if (!this.#running) this.#run();
  }

  /**
   * No more comes of the message that is arriving: what of it is there goes
   * through, and then what is behind it.
   */
  cutOff(): void {
    if (this.#arriving === null) return;
    this.#arriving.cutOff = true;
    this.#arriving = null;
    this.#frameArrived?.();
  }

  /** Drops what waits and frees what the backend holds. */
  close(): void {
    if (this.#over) return;
    this.#over = true;
    this.#messages = [];
    this.#waitingBytes = 0;
    this.#open?.abort();
    this.#backend.close();
    this.#frameArrived?.();
    this.#notify();
  }

  /** With nothing before it, a frame may be done with in the same call. */
  #passAtOnce(
    frame: Input,
    coded: boolean,
  ): typeof passed | null | undefined | Promise<Bytes | null> {
    if (!coded) {
      this.#controller.enqueue(this.#rules.pass(frame));
      return passed;
    }
    // What follows may have enough, and much can come of little.
    if (
      !this.#isWhole(frame) || this.#controller.ready ||
      this.#bytesSinceTurn >= bytesInARow
    ) return undefined;
    const result = this.#begin(frame);
    if (result === null || result instanceof Promise) return result;
    this.#enqueueWhole(frame, result);
    return passed;
  }

  #enqueueWhole(frame: Input, result: Bytes): void {
    const output = this.#rules.whole(frame, result, this.#backend);
    this.#count(frame, output);
    this.#controller.enqueue(output);
  }

  #count(
    { payload }: QueuedFrame,
    coded: { readonly payload: Uint8Array | string },
  ): void {
    const counter = this.#counter;
    // What is passed on as the text that it was has as many bytes as before.
    const after = typeof coded.payload === "string"
      ? payload.length
      : coded.payload.length;
    counter.before += payload.length;
    counter.after += after;
    this.#bytesSinceTurn += Math.max(payload.length, after);
  }

  #isWhole(frame: Input): boolean {
    return frame.fin && frame.payload.length <= this.#rules.wholeUpTo;
  }

  #begin(frame: Input): Bytes | null | Promise<Bytes | null> {
    const result = this.#backend.whole(
      frame.payload as Uint8Array,
      this.#rules.wholeLimit,
    );
    // Its failure is met when its turn comes.
    if (result instanceof Promise) result.catch(() => {});
    return result;
  }

  /** Begins with whole messages that are not the first in the order. */
  #startAhead(): void {
    if (this.#backend.sequential) return;
    const { length } = this.#messages;
    for (let index = 0; index < sideBySide && index < length; index++) {
      const message = this.#messages[index];
      const [frame] = message.frames;
      if (
        message.coded && message.result === undefined && frame !== undefined &&
        frame.opcode === message.opcode && this.#isWhole(frame)
      ) {
        message.result = this.#begin(frame);
      }
    }
  }

  #append(message: QueuedMessage<Input>, frame: Input): void {
    message.frames.push(this.#rules.keep(frame));
    this.#waitingBytes += frame.payload.length + frameOverhead;
    this.#frameArrived?.();
  }

  async #run(): Promise<void> {
    this.#running = true;
    let messages = 0;
    try {
      while (!this.empty) {
        if (
          ++messages % messagesInARow === 0 ||
          this.#bytesSinceTurn >= bytesInARow
        ) {
          await nextTurn();
          this.#bytesSinceTurn = 0;
        }
        if (this.#over) return;
        await this.#perform(this.#messages[0]);
        if (this.#over) return;
        this.#messages.shift();
        this.#startAhead();
        this.#notify();
      }
    } catch (error) {
      if (this.#over) return;
      this.#failure = { reason: error };
      this.close();
      this.#controller.error(error);
    } finally {
      this.#running = false;
    }
  }

  async #perform(message: QueuedMessage<Input>): Promise<void> {
    await this.#controller.ready;
    if (!message.coded) {
      await this.#performPass(message);
    } else if (!await this.#performWhole(message)) {
      await this.#performParts(message);
    }
  }

  async #performPass(message: QueuedMessage<Input>): Promise<void> {
    let frame: Input | undefined;
    do {
      frame = message.frames[0] ?? await this.#nextFrame(message);
      if (frame === undefined) return;
      const { instead } = message;
      const output = instead === undefined ? frame : await instead;
      if (this.#over) return;
      if (instead !== undefined) this.#count(frame, output);
      this.#controller.enqueue(this.#rules.pass(output));
      this.#release(message);
      await this.#controller.ready;
    } while (!frame.fin);
  }

  async #performWhole(message: QueuedMessage<Input>): Promise<boolean> {
    const [frame] = message.frames;
    if (message.result === undefined && this.#isWhole(frame)) {
      message.result = this.#begin(frame);
    }
    const result = await message.result;
    if (this.#over) return true;
    if (result === undefined || result === null) return false;
    await this.#controller.ready;
    if (this.#over) return true;
    this.#enqueueWhole(frame, result);
    this.#release(message);
    return true;
  }

  async #performParts(message: QueuedMessage<Input>): Promise<void> {
    const codec = this.#open = this.#backend.open();
    const counter = this.#counter;
    let first = true;
    // One chunk is held back while more may come at once, so that the last one
    // can end the message.
    let held: Bytes | null = null;
    const enqueue = (bytes: Bytes, fin: boolean): void => {
      if (this.#over) return;
      const { opcode } = message;
      this.#controller.enqueue(this.#rules.part(opcode, bytes, first, fin));
      first = false;
      counter.after += bytes.length;
    };
    const emit = (bytes: Bytes): void | Promise<void> => {
      if (bytes.length === 0) return;
      const before = held;
      held = bytes;
      if (before === null) return;
      enqueue(before, false);
      return this.#controller.ready;
    };
    let frame: Input | undefined;
    do {
      frame = message.frames[0] ?? await this.#nextFrame(message);
      if (frame === undefined) {
        // What follows has to know that a message began.
        if (first) enqueue(new Uint8Array(0), false);
        break;
      }
      counter.before += frame.payload.length;
      await codec.write(frame.payload as Uint8Array, frame.fin, emit);
      if (this.#over) return;
      if (frame.fin || held !== null) {
        enqueue(held ?? new Uint8Array(0), frame.fin);
      }
      held = null;
      this.#release(message);
      await this.#controller.ready;
    } while (!frame.fin && !this.#over);
    if (!frame?.fin && !this.#over) codec.abort();
    this.#open = null;
  }

  /** Waits for a message's next frame; `undefined` if none will come. */
  async #nextFrame(
    message: QueuedMessage<Input>,
  ): Promise<Input | undefined> {
    while (
      message.frames.length === 0 && !this.#over && !message.cutOff
    ) {
      await new Promise<void>((resolve) => {
        this.#frameArrived = resolve;
      });
      this.#frameArrived = null;
    }
    return message.frames[0];
  }

  /** The message's first frame is done with. */
  #release(message: QueuedMessage<Input>): void {
    const frame = message.frames.shift();
    if (frame === undefined || this.#over) return;
    this.#waitingBytes -= frame.payload.length + frameOverhead;
    this.#notify();
  }

  #notify(): void {
    if (this.#waitingBytes < highWaterMark) {
      this.#room?.resolve();
      this.#room = null;
    }
    if (this.empty) {
      this.#settled?.resolve();
      this.#settled = null;
    }
  }
}

/** Says that a frame has left the queue already. */
const passed = Symbol("passed");
