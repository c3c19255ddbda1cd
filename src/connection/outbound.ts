/**
 * The outgoing half of a connection: which message goes out after which.
 *
 * @module
 */
import type { CloseMessage, PingPongMessage } from "../codec/message.ts";
import {
  type EncodableMessage,
  isBinary,
  MessageEncoder,
  type MessageSource,
} from "../codec/message_encoder.ts";
import type { StageController } from "../codec/stage.ts";
import type { DeflateStage } from "../deflate/deflate_stage.ts";
import { SharedMessage } from "../deflate/shared_message.ts";
import type { OutgoingFrame } from "../frame.ts";
import { closeFrameOf } from "./close_frame.ts";
import type { ConnectionContext } from "./context.ts";
import { createDeferred, rejected } from "./deferred.ts";
import {
  assertSendable,
  cancelUnread,
  type Sendable,
  type SendOptions,
} from "./sendable.ts";
import { nextTurn } from "../turn.ts";
import type { Transport } from "./transport.ts";
import {
  WaitingMessages,
  type WaitingMessagesOwner,
} from "./waiting_messages.ts";
import { WriteBuffer, type WriteBufferOwner } from "./write_buffer.ts";

/** What the outgoing half tells the connection. */
export interface OutboundOwner {
  /** There is room for messages again, where there was none. */
  outboundDrained(): void;
  /** More waits than `maxBufferedBytes` allows. */
  outboundOverflowed(bufferedAmount: number): void;
  /** A message could not be completed after its first part was sent. */
  outboundBroken(error: unknown): void;
}

/** What `send()` returns while nothing has to wait: always the same promise. */
export const alreadySent: Promise<void> = Promise.resolve();

const messageEncoder = new MessageEncoder();
/** What `send()` takes where it is given no options. */
export const noOptions: SendOptions = {};

/** Why no more messages are taken. */
interface Refusal {
  /**
   * Gives what `send()` rejects with. Mostly nobody asks for it, and an error
   * with its stack costs much of a short connection.
   */
  readonly reason: () => unknown;
  /** Whether messages that wait are not sent any more either. */
  readonly sealed: boolean;
}

/** See the module. */
export class Outbound
  implements
    StageController<OutgoingFrame>,
    WriteBufferOwner,
    WaitingMessagesOwner {
  readonly #owner: OutboundOwner;
  readonly #transport: Transport;
  readonly #context: ConnectionContext;
  /** Made when bytes come or go; a quiet connection has none. */
  #buffer: WriteBuffer | null = null;
  readonly #deflate: DeflateStage | null;
  /** The option of the message that is being encoded. */
  #compress: boolean | undefined;
  /** Whether its bytes come from this library's own stream, and nobody else has them. */
  #given = false;
  #heldPong: PingPongMessage | null = null;
  /** There is one while messages wait, as most do not. */
  #waiting: WaitingMessages | null = null;
  #finish: (() => void) | null = null;
  /** There is one once no more messages are taken. */
  #refusing: Refusal | null = null;
  /** Whether {@linkcode #watchRoom} waits. */
  #watching = false;

  /**
   * Makes the outgoing half of a connection.
   *
   * @param deflate Compresses messages, where that was agreed.
   */
  constructor(
    transport: Transport,
    owner: OutboundOwner,
    context: ConnectionContext,
    deflate: DeflateStage | null,
  ) {
    this.#transport = transport;
    this.#owner = owner;
    this.#context = context;
    this.#deflate = deflate;
  }

  /** Bytes that were accepted and not handed to the system yet. */
  get bufferedAmount(): number {
    return (this.#waiting?.size ?? 0) + (this.#deflate?.waitingBytes ?? 0) +
      (this.#buffer ?? this.#transport).bufferedAmount;
  }

  /**
   * How many bytes there is room for below the high-water mark. Who is told that
   * there is none is told when there is.
   */
  get desiredSize(): number {
    const room = this.#room();
    if (room <= 0) this.#watchRoom();
    return room;
  }

  /** Whether the transport holds more than the high-water mark. */
  get full(): boolean {
    return this.#buffer !== null && this.#buffer.full;
  }

  /** Whether it takes no more messages. */
  get refusing(): boolean {
    return this.#refusing !== null;
  }

  // No getters, here and wherever a message passes: V8 calls into its runtime for
  // each read of a private one. Seven took 4 % of an echo's time.

  /** Where frames are written to. */
  #output(): WriteBuffer {
    return this.#buffer ??= new WriteBuffer(
      this.#transport,
      this,
      this.#context,
    );
  }

  /** Whether messages that wait are not sent any more. */
  #isSealed(): boolean {
    return this.#refusing !== null && this.#refusing.sealed;
  }

  #refusal(): unknown {
    return this.#refusing!.reason();
  }

  #room(): number {
    const room = this.#context.options.writableHighWaterMark -
      this.bufferedAmount;
    return this.#isFull() ? Math.min(0, room) : room;
  }

  /** How many bytes were handed to the system so far. */
  get progress(): number {
    return this.#buffer?.progress ?? 0;
  }

  /** Sends a message behind those before it. */
  send(message: Sendable, options: SendOptions): Promise<void> {
    if (this.#refusing !== null) return this.#refuse(message);
    if (typeof message !== "string" && !isBinary(message)) {
      assertSendable(message);
      return this.#wait(message, options);
    }
    if (this.#waiting !== null) return this.#wait(message, options);
    const wasFull = this.#isFull();
    this.#compress = options.compress;
    messageEncoder.transform(message, this);
    if (wasFull) this.#checkOverflow();
    if (this.#isSealed()) return rejected(this.#refusal());
    if (this.#deflate !== null && this.#deflate.waitingBytes > 0) {
      return this.#sendCompressed(message, this.#deflate);
    }
    return this.#output().ready ?? alreadySent;
  }

  /**
   * Sends a message that others send as well, behind those before it. Nobody
   * waits for it: what is too much for `maxBufferedBytes` ends the connection.
   *
   * @param lossy Whether to leave it out while more waits than the high-water
   * mark.
   * @returns Whether it was taken.
   */
  deliver(message: SharedMessage, lossy: boolean): boolean {
    if (this.#refusing !== null) return false;
    if (lossy && this.#room() <= 0) return false;
    if (this.#waiting !== null) {
      this.#wait(message, noOptions);
      return !this.#isSealed();
    }
    const wasFull = this.#isFull();
    this.#encodeShared(message);
    if (wasFull) {
      this.#checkOverflow();
      return !this.#isSealed();
    }
    this.#output().flushIfMuch();
    return true;
  }

  /** Sends a control frame, ahead of messages that wait. */
  control(message: PingPongMessage | CloseMessage): void {
    if (message.type === "pong" && this.full) {
      // Only the most recent ping has to be answered (RFC 6455 section 5.5.3).
      this.#heldPong = message;
      return;
    }
    // Nothing goes out behind a Close frame.
    if (message.type === "close") this.#sendHeldPong();
    if (message.type === "close" && message.reason === "") {
      this.#output().enqueue(closeFrameOf(message.closeCode));
    } else {
      messageEncoder.transform(message, this.#output());
    }
  }

  /** The message encoder's output, on its way through the other stages. */
  enqueue(frame: OutgoingFrame): void {
    const settled = this.#given;
    if (this.#deflate === null) {
      this.#output().enqueue(
        settled ? { ...frame, settled, given: true } : frame,
      );
    } else {
      const compress = this.#compress;
      this.#deflate.transform(
        settled || compress !== undefined
          ? { ...frame, settled, compress }
          : frame,
        this.#output(),
      );
    }
  }

  /** A stage has failed. */
  error(reason: unknown): void {
    this.#owner.outboundBroken(reason);
  }

  /** Keeps what is sent from now on for one write. */
  cork(): void {
    this.#output().cork();
  }

  /** Writes what came together since {@linkcode cork}. */
  uncork(): void {
    this.#output().uncork();
  }

  /** Lets go of what is of use only while messages are sent. */
  rest(): void {
    if (this.#buffer === null) return;
    this.#deflate?.rest();
    // A deflate stage that has work goes on with the one that it was given.
    if (this.#deflate?.resting !== false && this.#buffer.idle) {
      this.#buffer = null;
    } else {
      this.#buffer.rest();
    }
  }

  /**
   * Accepts no more messages and sends a Close frame behind those that wait.
   *
   * @param refusal Gives what `send()` rejects with from now on.
   * @param finished Called when the Close frame was written.
   */
  finish(
    message: CloseMessage,
    refusal: () => unknown,
    finished: () => void,
  ): void {
    this.#refusing = { reason: refusal, sealed: this.#isSealed() };
    this.#finish = () => {
      this.control(message);
      finished();
    };
    this.#runFinish();
  }

  /**
   * Drops the messages that wait; control frames can still be sent.
   *
   * @param refusal See {@linkcode finish}.
   */
  abandon(refusal: () => unknown): void {
    this.#refusing = { reason: refusal, sealed: true };
    this.#finish = null;
    this.#deflate?.close();
    // An error with its stack is not made for nobody.
    if (this.#waiting !== null) this.#waiting.abandon(refusal());
  }

  /** Writes what is pending and ends the transport's outgoing direction. */
  end(): void {
    this.#output().end();
  }

  /** The transport is gone. */
  destroy(refusal: () => unknown): void {
    this.abandon(refusal);
    this.#output().destroy(refusal);
  }

  /** See {@linkcode WriteBufferOwner}. */
  bufferDrained(): void {
    this.#sendHeldPong();
    if (!this.#watching) this.#owner.outboundDrained();
  }

  #sendHeldPong(): void {
    const pong = this.#heldPong;
    if (pong === null) return;
    this.#heldPong = null;
    messageEncoder.transform(pong, this.#output());
  }

  /**
   * Tells when there is room again. It is not always the transport that is full:
   * what waits to be compressed, or behind another message, may never fill it.
   */
  async #watchRoom(): Promise<void> {
    if (this.#watching || this.#refusing !== null) return;
    this.#watching = true;
    while (this.#refusing === null && this.#room() <= 0) {
      const change = this.#waiting?.atWork ?? this.#deflate?.room ??
        this.#deflate?.settled ?? this.#output().ready ?? nextTurn();
      await change.catch(() => {});
    }
    this.#watching = false;
    if (this.#refusing === null) this.#owner.outboundDrained();
  }

  #refuse(message: Sendable): Promise<void> {
    cancelUnread(message, this.#refusal());
    return rejected(this.#refusal());
  }

  /** Runs what {@linkcode finish} has prepared, once nothing waits. */
  #runFinish(): void {
    if (this.#finish === null || this.#waiting !== null) return;
    const compressing = this.#deflate?.settled;
    if (compressing !== undefined) {
      compressing.then(() => this.#runFinish());
      return;
    }
    const finish = this.#finish;
    this.#finish = null;
    finish();
  }

  #isFull(): boolean {
    return this.full || (this.#deflate !== null &&
      this.#deflate.waitingBytes >=
        this.#context.options.writableHighWaterMark);
  }

  #checkOverflow(): void {
    const { bufferedAmount } = this;
    if (bufferedAmount > this.#context.options.maxBufferedBytes) {
      this.#owner.outboundOverflowed(bufferedAmount);
    }
  }

  /** Resolves when the message is compressed, as its bytes are needed until then. */
  #sendCompressed(
    message: MessageSource,
    deflate: DeflateStage,
  ): Promise<void> {
    // A string was copied when it was encoded.
    if (typeof message === "string" && !this.#isFull()) return alreadySent;
    if (this.#room() <= 0) this.#watchRoom();
    const sent = createDeferred<void>();
    (deflate.settled ?? alreadySent).then(() => {
      if (this.#isSealed()) {
        sent.reject(this.#refusal());
      } else {
        const ready = this.#output().ready ?? alreadySent;
        ready.then(sent.resolve, sent.reject);
      }
    });
    return sent.promise;
  }

  #encodeShared(message: SharedMessage): void {
    if (this.#deflate === null) this.#output().enqueue(message);
    else this.#deflate.transform(message, this.#output());
  }

  #wait(
    message: Sendable | SharedMessage,
    options: SendOptions,
  ): Promise<void> {
    const begins = this.#waiting === null;
    const sent = (this.#waiting ??= new WaitingMessages(this))
      .push(message, options);
    if (!begins) this.#checkOverflow();
    if (this.#room() <= 0) this.#watchRoom();
    return sent;
  }

  /** See {@linkcode WaitingMessagesOwner}. */
  encodeWaiting(
    message: EncodableMessage | SharedMessage,
    options: SendOptions,
    given: boolean,
  ): Promise<void> {
    if (this.#isSealed()) return rejected(this.#refusal());
    if (message instanceof SharedMessage) {
      this.#encodeShared(message);
      return alreadySent;
    }
    this.#compress = options.compress;
    this.#given = given;
    messageEncoder.transform(message, this);
    this.#given = false;
    return this.#deflate?.room ?? this.#output().ready ?? alreadySent;
  }

  /** See {@linkcode WaitingMessagesOwner}. */
  async waitingTaken(): Promise<void> {
    await this.#deflate?.settled;
    // What did not become shorter goes out as it was, uncopied if it is large.
    await this.#output().ready;
    if (this.#isSealed()) throw this.#refusal();
  }

  /** See {@linkcode WaitingMessagesOwner}. */
  waitingBroken(error: unknown): void {
    if (!this.#isSealed()) this.#owner.outboundBroken(error);
  }

  /** See {@linkcode WaitingMessagesOwner}. */
  waitingDone(): void {
    this.#waiting = null;
    this.#runFinish();
  }
}
