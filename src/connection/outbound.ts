/**
 * The outgoing half of a connection: order, coalesced writes, backpressure.
 *
 * @module
 */
import { FrameEncoder } from "../codec/frame_encoder.ts";
import type { CloseMessage, PingPongMessage } from "../codec/message.ts";
import {
  describe,
  type EncodableMessage,
  isBinary,
  MessageEncoder,
  type MessageSource,
} from "../codec/message_encoder.ts";
import type { StageController } from "../codec/stage.ts";
import type { OutgoingFrame, Role } from "../frame.ts";
import { createDeferred, type Deferred, rejected } from "./deferred.ts";
import { type Flushable, scheduleFlush } from "./flush_schedule.ts";
import type { ResolvedConnectionOptions } from "./options.ts";
import { type StreamChunk, writeStream } from "./stream_message.ts";
import type { Transport } from "./transport.ts";

/** Options of a single message. */
export interface SendOptions {
  /**
   * For a `ReadableStream`: whether it becomes a text or a binary message. By
   * default its first chunk tells: a string begins a text message.
   */
  type?: "text" | "binary";
  /**
   * Whether to compress the message, where that was negotiated. By default its
   * size tells.
   */
  compress?: boolean;
}

/** What can be sent: see {@linkcode MessageSource}; a `ReadableStream` becomes one fragmented message. */
export type Sendable = MessageSource | ReadableStream<StreamChunk>;

/** What the outgoing half tells the connection. */
export interface OutboundOwner {
  /** All that waited has been handed to the system. */
  outboundDrained(): void;
  /** More waits than `maxBufferedBytes` allows. */
  outboundOverflowed(bufferedAmount: number): void;
  /** A message could not be completed after its first part was sent. */
  outboundBroken(error: unknown): void;
}

/** A message that waits for one before it, or whose bytes are not at hand. */
interface Task {
  readonly message: Sendable;
  readonly options: SendOptions;
  readonly size: number;
  readonly sent: Deferred<void>;
}

/** What `send()` returns while nothing has to wait: always the same promise. */
export const alreadySent: Promise<void> = Promise.resolve();

const messageEncoder = new MessageEncoder();

/** See the module. */
export class Outbound implements Flushable, StageController<OutgoingFrame> {
  readonly #transport: Transport;
  readonly #owner: OutboundOwner;
  readonly #highWaterMark: number;
  readonly #maxBufferedBytes: number;
  readonly #encoder: FrameEncoder;
  readonly #onWritten = (): void => this.#written();

  #corked = false;
  #scheduled = false;
  /** Whether the transport holds more than the high-water mark. */
  #full = false;
  #drained: Deferred<void> | null = null;
  #heldPong: PingPongMessage | null = null;
  #tasks: Task[] = [];
  #taskSize = 0;
  #running = false;
  #reader: ReadableStreamDefaultReader<StreamChunk> | null = null;
  #finish: (() => void) | null = null;
  /** What `send()` rejects with, once the connection closes. */
  #refusal: unknown = null;
  /** Whether messages that wait are not sent any more either. */
  #sealed = false;
  /** Whether nothing at all is sent any more. */
  #over = false;

  /** Makes the outgoing half of a connection in the given role. */
  constructor(
    transport: Transport,
    owner: OutboundOwner,
    role: Role,
    options: ResolvedConnectionOptions,
  ) {
    this.#transport = transport;
    this.#owner = owner;
    this.#highWaterMark = options.writableHighWaterMark;
    this.#maxBufferedBytes = options.maxBufferedBytes;
    this.#encoder = new FrameEncoder({
      role,
      copyBelow: options.writableHighWaterMark,
    });
  }

  /** Bytes that were accepted and not handed to the system yet. */
  get bufferedAmount(): number {
    return this.#taskSize + this.#encoder.length +
      this.#transport.bufferedAmount;
  }

  /** How many bytes there is room for below the high-water mark. */
  get desiredSize(): number {
    return this.#highWaterMark - this.bufferedAmount;
  }

  /** Sends a message behind those before it. */
  send(message: Sendable, options: SendOptions): Promise<void> {
    if (this.#refusal !== null) return rejected(this.#refusal);
    if (typeof message !== "string" && !isBinary(message)) {
      assertSendable(message);
      return this.#queue(message, options);
    }
    if (this.#running) return this.#queue(message, options);
    messageEncoder.transform(message, this);
    if (this.#encoder.length < this.#highWaterMark && !this.#full) {
      if (!this.#corked) this.#schedule();
      return alreadySent;
    }
    return this.#settle();
  }

  /** Sends a control frame, ahead of messages that wait. */
  control(message: PingPongMessage | CloseMessage): void {
    if (this.#over) return;
    if (message.type === "pong" && this.#full) {
      // Only the most recent ping has to be answered (RFC 6455 section 5.5.3).
      this.#heldPong = message;
      return;
    }
    messageEncoder.transform(message, this);
    if (!this.#corked) this.#schedule();
  }

  /** The sink of the fused stages. */
  enqueue(frame: OutgoingFrame): void {
    this.#encoder.append(frame);
  }

  /** A fused stage failed. */
  error(reason: unknown): void {
    this.#owner.outboundBroken(reason);
  }

  /** Keeps what is sent from now on for one write. */
  cork(): void {
    this.#corked = true;
  }

  /** Writes what came together since {@linkcode cork}. */
  uncork(): void {
    this.#corked = false;
    this.flush();
  }

  /** Writes what is pending, unless the transport is full. */
  flush(): void {
    this.#scheduled = false;
    if (!this.#full) this.#write();
  }

  /**
   * Accepts no more messages and sends a Close frame behind those that wait.
   *
   * @param refusal What `send()` rejects with from now on.
   * @param finished Called when the Close frame was written.
   */
  finish(
    message: CloseMessage,
    refusal: unknown,
    finished: () => void,
  ): void {
    this.#refusal = refusal;
    this.#finish = () => {
      this.control(message);
      finished();
    };
    if (!this.#running) this.#runFinish();
  }

  /** Drops the messages that wait; control frames can still be sent. */
  abandon(error: unknown): void {
    this.#refusal = error;
    this.#sealed = true;
    this.#finish = null;
    this.#dropTasks(error);
  }

  /** Writes what is pending and ends the transport's outgoing direction. */
  end(): void {
    if (this.#over) return;
    this.#write();
    this.#over = true;
    this.#transport.end();
  }

  /** The transport is gone. */
  destroy(error: unknown): void {
    this.abandon(error);
    this.#over = true;
    this.#encoder.take();
    this.#drained?.reject(error);
    this.#drained = null;
  }

  #dropTasks(error: unknown): void {
    this.#reader?.cancel(error).catch(() => {});
    const tasks = this.#tasks;
    this.#tasks = [];
    this.#taskSize = 0;
    for (const { message, sent } of tasks) {
      if (message instanceof ReadableStream && !message.locked) {
        message.cancel(error).catch(() => {});
      }
      sent.reject(error);
    }
  }

  #runFinish(): void {
    const finish = this.#finish;
    this.#finish = null;
    finish?.();
  }

  #schedule(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    scheduleFlush(this);
  }

  #write(): void {
    const length = this.#encoder.length;
    if (length === 0 || this.#over) return;
    const filling =
      length + this.#transport.bufferedAmount >= this.#highWaterMark;
    this.#transport.write(
      this.#encoder.take(),
      filling ? this.#onWritten : undefined,
    );
    this.#full = filling &&
      this.#transport.bufferedAmount >= this.#highWaterMark;
  }

  #written(): void {
    if (
      !this.#full || this.#over ||
      this.#transport.bufferedAmount >= this.#highWaterMark
    ) {
      return;
    }
    this.#full = false;
    const pong = this.#heldPong;
    if (pong !== null) {
      this.#heldPong = null;
      messageEncoder.transform(pong, this);
    }
    this.#write();
    if (this.#full) return;
    this.#drained?.resolve();
    this.#drained = null;
    this.#owner.outboundDrained();
  }

  /** Resolves when there is room. */
  #settle(): Promise<void> {
    const wasFull = this.#full;
    this.flush();
    if (!this.#full) return alreadySent;
    if (wasFull) this.#checkOverflow();
    if (this.#over) return rejected(this.#refusal);
    this.#drained ??= createDeferred();
    return this.#drained.promise;
  }

  #checkOverflow(): void {
    const { bufferedAmount } = this;
    if (bufferedAmount > this.#maxBufferedBytes) {
      this.#owner.outboundOverflowed(bufferedAmount);
    }
  }

  #queue(message: Sendable, options: SendOptions): Promise<void> {
    const size = sizeOf(message);
    const task: Task = { message, options, size, sent: createDeferred() };
    this.#tasks.push(task);
    this.#taskSize += size;
    if (!this.#running) this.#run();
    else this.#checkOverflow();
    return task.sent.promise;
  }

  async #run(): Promise<void> {
    this.#running = true;
    let task: Task | undefined;
    while ((task = this.#tasks.shift()) !== undefined) {
      try {
        await this.#perform(task);
        task.sent.resolve();
      } catch (error) {
        task.sent.reject(error);
      }
    }
    this.#running = false;
    this.#runFinish();
  }

  async #perform({ message, options, size }: Task): Promise<void> {
    if (message instanceof ReadableStream) {
      return await this.#performStream(message, options);
    }
    try {
      const bytes = message instanceof Blob
        ? await message.arrayBuffer()
        : message;
      await this.#encode(bytes);
    } finally {
      this.#taskSize = Math.max(0, this.#taskSize - size);
    }
  }

  async #performStream(
    stream: ReadableStream<StreamChunk>,
    options: SendOptions,
  ): Promise<void> {
    let begun = false;
    this.#reader = stream.getReader();
    try {
      await writeStream(this.#reader, options.type, (fragment) => {
        begun = true;
        return this.#encode(fragment);
      });
    } catch (error) {
      if (begun && !this.#sealed) this.#owner.outboundBroken(error);
      throw error;
    } finally {
      this.#reader = null;
    }
  }

  /** Encodes the message whose turn it is; resolves when there is room. */
  #encode(message: EncodableMessage): Promise<void> {
    if (this.#sealed) return rejected(this.#refusal);
    messageEncoder.transform(message, this);
    this.#schedule();
    return this.#full || this.#encoder.length >= this.#highWaterMark
      ? this.#settle()
      : alreadySent;
  }
}

function assertSendable(message: unknown): void {
  if (message instanceof Blob || message instanceof ReadableStream) return;
  throw new TypeError(
    `send() takes a string, an ArrayBuffer, a view on one, a Blob or a ReadableStream, not ${
      describe(message)
    }: serialise it first, for example with JSON.stringify()`,
  );
}

function sizeOf(message: Sendable): number {
  if (typeof message === "string") return message.length;
  if (message instanceof Blob) return message.size;
  return message instanceof ReadableStream ? 0 : message.byteLength;
}
