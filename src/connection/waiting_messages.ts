/**
 * Messages to send that cannot be encoded yet: because their bytes are not at
 * hand, or because such a one is before them.
 *
 * @module
 */
import type { EncodableMessage } from "../codec/message_encoder.ts";
import { utf8Length } from "../codec/utf8.ts";
import { SharedMessage } from "../deflate/shared_message.ts";
import { createDeferred, type Deferred } from "./deferred.ts";
import { isIncomingBody } from "./incoming_message.ts";
import { cancelUnread, type Sendable, type SendOptions } from "./sendable.ts";
import { type StreamChunk, writeStream } from "./stream_message.ts";

/** What the messages are given to when it is their turn. */
export interface WaitingMessagesOwner {
  /**
   * Encodes a message, or a part of one; resolves when there is room for more.
   *
   * @param given Whether its bytes come from this library's own stream, and
   * nobody else has them.
   */
  encodeWaiting(
    message: EncodableMessage | SharedMessage,
    options: SendOptions,
    given: boolean,
  ): Promise<void>;
  /** Resolves when the bytes of what was encoded may be changed. */
  waitingTaken(): Promise<void>;
  /** A message could not be completed after its first part was encoded. */
  waitingBroken(error: unknown): void;
  /** All were encoded. */
  waitingDone(): void;
}

interface Task {
  readonly message: Sendable | SharedMessage;
  readonly options: SendOptions;
  readonly size: number;
  readonly sent: Deferred<void>;
}

/** See the module. */
export class WaitingMessages {
  readonly #owner: WaitingMessagesOwner;
  #tasks: Task[] = [];
  #size = 0;
  /** Settles with the message that is at work. */
  #atWork: Promise<void> | null = null;
  /** Reads the message that is at work, if it is a stream. */
  #reader: ReadableStreamDefaultReader<StreamChunk> | null = null;

  /** @param owner What they are given to. */
  constructor(owner: WaitingMessagesOwner) {
    this.#owner = owner;
  }

  /** How many bytes they have that were not encoded. */
  get size(): number {
    return this.#size;
  }

  /** Settles with the message that is at work. */
  get atWork(): Promise<void> {
    return this.#atWork!;
  }

  /** Takes a message; resolves when its bytes may be changed. */
  push(message: Sendable | SharedMessage, options: SendOptions): Promise<void> {
    const size = sizeOf(message);
    const task: Task = { message, options, size, sent: createDeferred() };
    this.#tasks.push(task);
    this.#size += size;
    if (this.#atWork === null) this.#run();
    return task.sent.promise;
  }

  /** Drops them all: they reject with the reason. */
  abandon(reason: unknown): void {
    const reader = this.#reader;
    const tasks = this.#tasks;
    this.#tasks = [];
    this.#size = 0;
    for (const { sent } of tasks) sent.reject(reason);
    // It may be within a broadcast, which nothing that a source does when it is
    // cancelled may overtake.
    queueMicrotask(() => {
      reader?.cancel(reason).catch(() => {});
      for (const { message } of tasks) cancelUnread(message, reason);
    });
  }

  async #run(): Promise<void> {
    let task: Task | undefined;
    while ((task = this.#tasks.shift()) !== undefined) {
      this.#atWork = task.sent.promise;
      try {
        await this.#perform(task);
        task.sent.resolve();
      } catch (error) {
        task.sent.reject(error);
      }
    }
    this.#owner.waitingDone();
  }

  async #perform({ message, options, size }: Task): Promise<void> {
    if (message instanceof ReadableStream) {
      return await this.#performStream(message, options);
    }
    let bytes: Exclude<typeof message, Blob>;
    try {
      bytes = message instanceof Blob ? await message.arrayBuffer() : message;
    } finally {
      // From here on they are counted where they go through.
      this.#size = Math.max(0, this.#size - size);
    }
    await this.#owner.encodeWaiting(bytes, options, false);
    await this.#owner.waitingTaken();
  }

  async #performStream(
    stream: ReadableStream<StreamChunk>,
    options: SendOptions,
  ): Promise<void> {
    let begun = false;
    const given = isIncomingBody(stream);
    this.#reader = stream.getReader();
    try {
      await writeStream(this.#reader, options.type, (fragment) => {
        begun = true;
        return this.#owner.encodeWaiting(fragment, options, given);
      });
      await this.#owner.waitingTaken();
    } catch (error) {
      if (begun) this.#owner.waitingBroken(error);
      throw error;
    } finally {
      this.#reader = null;
    }
  }
}

function sizeOf(message: Sendable | SharedMessage): number {
  if (typeof message === "string") return utf8Length(message);
  if (message instanceof SharedMessage) return message.payloadLength;
  if (message instanceof Blob) return message.size;
  return message instanceof ReadableStream ? 0 : message.byteLength;
}
