/**
 * Frames on their way to the transport: coalesced writes and their backpressure.
 *
 * @module
 */
import { FrameEncoder } from "../codec/frame_encoder.ts";
import type { StageController } from "../codec/stage.ts";
import { isControl, type OutgoingFrame } from "../frame.ts";
import type { ConnectionContext } from "./context.ts";
import { createDeferred, type Deferred } from "./deferred.ts";
import {
  type Flushable,
  manyAreScheduled,
  scheduleFlush,
} from "./flush_schedule.ts";
import { nextTurn } from "../turn.ts";
import type { Transport } from "./transport.ts";

/** So many bytes are better written while they are in the processor's cache. */
const atOnceLength = 16 * 1024;

/** What the buffer tells the outgoing half. */
export interface WriteBufferOwner {
  /** The transport was full and has room again. */
  bufferDrained(): void;
  /** A stage before this one has failed. */
  error(reason: unknown): void;
}

/** The end of the fused outgoing stages. */
export class WriteBuffer implements Flushable, StageController<OutgoingFrame> {
  readonly #transport: Transport;
  readonly #owner: WriteBufferOwner;
  readonly #context: ConnectionContext;
  readonly #highWaterMark: number;
  /** Has what is pending. Made with the first frame; a quiet connection has none. */
  #encoder: FrameEncoder | null = null;
  /** How many bytes the transport was given. */
  #given = 0;
  /** Messages that were encoded since the last write. */
  #messages = 0;
  #corked = false;
  #scheduled = false;
  #full = false;
  #drained: Deferred<void> | null = null;
  #over = false;

  /** @param owner Whom to tell. */
  constructor(
    transport: Transport,
    owner: WriteBufferOwner,
    context: ConnectionContext,
  ) {
    this.#transport = transport;
    this.#owner = owner;
    this.#context = context;
    this.#highWaterMark = context.options.writableHighWaterMark;
  }

  /** Bytes that were taken and not handed to the system yet. */
  get bufferedAmount(): number {
    return this.#pending() + this.#transport.bufferedAmount;
  }

  #pending(): number {
    return this.#encoder === null ? 0 : this.#encoder.length;
  }

  /** How many bytes were handed to the system so far. */
  get progress(): number {
    return this.#given - this.#transport.bufferedAmount;
  }

  /**
   * Whether the transport was filled up to the high-water mark, and has not handed
   * all to the system since: bytes that were not copied are needed until then.
   */
  get full(): boolean {
    return this.#full;
  }

  /** A promise while there is no room, which resolves when there is. */
  get ready(): Promise<void> | undefined {
    if (!this.#full) {
      if (this.#pending() < this.#highWaterMark) return undefined;
      this.flush();
      // A sender whose bytes the system takes at once must let go of the process.
      if (!this.#full) return this.#corked ? undefined : nextTurn();
    }
    this.#drained ??= createDeferred();
    return this.#drained.promise;
  }

  /** Takes a frame; it goes out with the others of this turn. */
  enqueue(frame: OutgoingFrame): void {
    if (this.#over) return;
    this.#encoder ??= new FrameEncoder({
      role: this.#context.role,
      copyBelow: this.#highWaterMark,
    });
    this.#encoder.append(frame);
    if (frame.fin && !isControl(frame.opcode)) this.#messages++;
    if (!this.#corked) this.#schedule();
  }

  /** A stage before this one has failed. */
  error(reason: unknown): void {
    this.#owner.error(reason);
  }

  /** Keeps what is enqueued from now on for one write. */
  cork(): void {
    this.#corked = true;
  }

  /**
   * What came together since {@linkcode cork} goes out after this turn, or now if
   * it is much or many wait for that. Where some connections have something to
   * write, their writes follow one another then, and wake who receives them once.
   */
  uncork(): void {
    this.#corked = false;
    const length = this.#pending();
    if (length === 0) return;
    if (length >= atOnceLength || (!this.#scheduled && manyAreScheduled())) {
      this.flush();
    } else {
      this.#schedule();
    }
  }

  /** Writes what is pending if it is much, for one who does not ask for {@linkcode ready}. */
  flushIfMuch(): void {
    if (!this.#full && this.#pending() >= this.#highWaterMark) {
      this.flush();
    }
  }

  /** Writes what is pending, unless the transport is full. */
  flush(): void {
    this.#scheduled = false;
    if (!this.#full) this.#write();
  }

  /** Whether nothing is on its way, so that a new buffer can go on as well. */
  get idle(): boolean {
    return !this.#corked && !this.#scheduled && !this.#full && !this.#over &&
      this.bufferedAmount === 0;
  }

  /** Lets go of an encoder that has nothing. */
  rest(): void {
    if (this.#pending() === 0) this.#encoder = null;
  }

  /** Writes what is pending and ends the transport's outgoing direction. */
  end(): void {
    if (this.#over) return;
    this.#write();
    this.#over = true;
    this.#transport.end();
  }

  /**
   * The transport is gone.
   *
   * @param refusal Gives the error for who waits.
   */
  destroy(refusal: () => unknown): void {
    this.#over = true;
    this.#encoder = null;
    // Who asks for room from now on must not wait for it.
    this.#full = false;
    this.#drained?.reject(refusal());
    this.#drained = null;
  }

  #schedule(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    scheduleFlush(this);
  }

  #write(): void {
    const encoder = this.#encoder;
    if (encoder === null || encoder.length === 0 || this.#over) return;
    const { length } = encoder;
    const filling =
      length + this.#transport.bufferedAmount >= this.#highWaterMark;
    this.#given += length;
    const { counters } = this.#context;
    counters.bytesSent += length;
    counters.messagesSent += this.#messages;
    this.#messages = 0;
    const { copies } = this.#transport;
    const chunks = copies ? encoder.take() : takeCopies(encoder);
    const given = encoder.takeGiven();
    this.#transport.write(
      chunks,
      given !== null && copies
        ? () => this.#release(given)
        : filling
        ? () => this.#written()
        : undefined,
    );
    const waiting = this.#transport.bufferedAmount;
    this.#full = filling && waiting > 0;
    if (waiting === 0 && copies) encoder.recycle(chunks);
  }

  /** Frees what was written and belonged to nobody else, before any collector would. */
  #release(given: ArrayBuffer[]): void {
    for (const buffer of given) {
      if (!buffer.detached) buffer.transfer(0);
    }
    this.#written();
  }

  #written(): void {
    // It may be an earlier write that is done with.
    if (!this.#full || this.#over || this.#transport.bufferedAmount > 0) return;
    this.#full = false;
    this.#write();
    if (this.#full) return;
    this.#drained?.resolve();
    this.#drained = null;
    this.#owner.bufferDrained();
  }
}

/** For one who may keep the very bytes, change them or transfer their buffer. */
function takeCopies(encoder: FrameEncoder): Uint8Array[] {
  const taken = encoder.take();
  const copies = taken.map((chunk) => new Uint8Array(chunk));
  encoder.recycle(taken);
  return copies;
}
