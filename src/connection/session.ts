/**
 * The protocol of one connection over one transport: RFC 6455 sections 5.5 and
 * 7. It joins the stages of the codec to the two halves of the connection, and
 * takes the steps of the closing handshake.
 *
 * @module
 */
import { CloseCode, isSendableCloseCode, truncateReason } from "../close.ts";
import type { CloseMessage, ControlMessage } from "../codec/message.ts";
import type { DecodedMessage } from "../codec/message_decoder.ts";
import type { StageController } from "../codec/stage.ts";
import type { InflateStage } from "../deflate/inflate_stage.ts";
import type { DeflateStages } from "../deflate/permessage_deflate.ts";
import { ProtocolError, WebSocketError } from "../error.ts";
import { afterThisTurn } from "../turn.ts";
import {
  type CloseInfo,
  type CloseResult,
  Closing,
  type ClosingOwner,
  lostError,
} from "./closing.ts";
import type { ConnectionContext } from "./context.ts";
import { createDeferred, type Deferred, rejected } from "./deferred.ts";
import { Inbound, type InboundOwner } from "./inbound.ts";
import type { KeepAliveMember } from "./keep_alive.ts";
import { Outbound, type OutboundOwner } from "./outbound.ts";
import { PendingPings } from "./ping.ts";
import { ReceivingStages } from "./receiving_stages.ts";
import type {
  NetworkAddress,
  Transport,
  TransportReceiver,
} from "./transport.ts";

/** Whom a session tells of what is not a message. */
export interface SessionOwner {
  /** There is room for messages again, where there was none. */
  sessionDrained(): void;
  /** A message hook threw, or its promise rejected. */
  sessionHookFailed(error: unknown): void;
  /** The connection is over. */
  sessionClosed(result: CloseResult): void;
}

type State = "open" | "closing" | "closed";

/** See the module. */
export class Session
  implements
    TransportReceiver,
    StageController<DecodedMessage>,
    InboundOwner,
    OutboundOwner,
    ClosingOwner,
    KeepAliveMember {
  /** The incoming half. */
  readonly inbound: Inbound;
  /** The outgoing half. */
  readonly outbound: Outbound;
  /** See {@linkcode KeepAliveMember}. */
  quietTicks = 0;
  /** See {@linkcode KeepAliveMember}. */
  keepAliveIndex = -1;

  readonly #transport: Transport;
  readonly #context: ConnectionContext;
  readonly #inflate: InflateStage | null;
  /** Made for bytes that arrive; a quiet connection has none. */
  #stages: ReceivingStages | null = null;
  #owner: SessionOwner | null = null;
  #pings: PendingPings | null = null;
  /** When keepalive has sent the ping whose pong has not come, or 0. */
  #keepAlivePingedAt = 0;

  #state: State = "open";
  #paused = false;
  /** Whether enough waits to be inflated. */
  #inflateFull = false;
  /** What stages on their own time wait for while the application has enough. */
  #ready: Deferred<void> | null = null;
  /** There is one once the connection begins to end, for whatever reason. */
  #closing: Closing | null = null;
  /** How far it was at keepalive's last tick, if the transport was full then, or -1. */
  #progressWhenFull = -1;
  #closed: Deferred<CloseInfo> | null = null;

  /**
   * Makes the session of one connection; {@linkcode start} begins it.
   *
   * @param deflate Its stages of permessage-deflate, where that was agreed.
   */
  constructor(
    transport: Transport,
    context: ConnectionContext,
    deflate: DeflateStages | null,
  ) {
    this.#transport = transport;
    this.#context = context;
    this.#inflate = deflate?.inflate ?? null;
    this.inbound = new Inbound(this, context.options);
    this.outbound = new Outbound(
      transport,
      this,
      context,
      deflate?.deflate ?? null,
    );
  }

  /** The peer's address, where there is one. */
  get remoteAddress(): NetworkAddress | null {
    return this.#transport.remoteAddress;
  }

  /** Where the connection stands. */
  get state(): State {
    return this.#state;
  }

  /** Fulfils after a clean closing handshake, rejects otherwise. */
  get closed(): Promise<CloseInfo> {
    if (this.#closed === null) {
      this.#closed = createDeferred();
      this.#settleClosed();
    }
    return this.#closed.promise;
  }

  /**
   * Whether an error is one that this session gave to the application: what it
   * meets because the connection has closed, or the peer is gone.
   */
  isOwnError(error: unknown): boolean {
    // While this one is open, what was lost is another.
    return error instanceof WebSocketError && this.#closing !== null &&
      (error.closeCode === CloseCode.AbnormalClosure ||
        this.#closing.gave(error));
  }

  /** What those are told who send, once the connection closes. */
  get refusal(): WebSocketError {
    return this.#beginClosing().refusal;
  }

  /**
   * Begins to read.
   *
   * @param owner Whom to tell.
   * @param head Bytes that arrived with the opening handshake.
   */
  start(owner: SessionOwner, head: Uint8Array<ArrayBuffer>): void {
    this.#owner = owner;
    this.#context.keepAlive?.add(this);
    // Others may have it as well, and keep it.
    if (head.length > 0) this.receive(head, true);
    this.#transport.start(this);
  }

  /** Begins the closing handshake, behind what waits to be sent. */
  close(closeCode: number, reason: string): void {
    if (this.#state !== "open") return;
    const closing = this.#beginClosing();
    if (closing.received !== null) {
      // The application is done with what came before the peer's Close.
      this.#replyToClose();
      return;
    }
    this.#sendClose({ type: "close", closeCode, reason });
    closing.giveTime();
  }

  /**
   * Fails the connection (RFC 6455 section 7.1.7): a Close frame goes out, then
   * TCP is ended; what comes from the peer is not looked at any more.
   */
  fail(error: WebSocketError): void {
    if (this.#state === "closed") return;
    const closing = this.#beginClosing();
    if (closing.failure !== null) return;
    closing.failure = error;
    closing.deaf = true;
    this.#inflate?.close();
    this.outbound.abandon(() => error);
    this.inbound.refuse();
    const closeCode = error.closeCode ?? CloseCode.InternalError;
    if (!closing.sent && isSendableCloseCode(closeCode)) {
      closing.sent = true;
      this.outbound.control({
        type: "close",
        closeCode,
        reason: truncateReason(error.reason),
      });
    }
    this.#state = "closing";
    this.outbound.end();
    closing.giveTime();
  }

  /** Drops TCP at once. */
  terminate(error: WebSocketError): void {
    if (this.#state === "closed") return;
    const closing = this.#beginClosing();
    const failure = closing.failure ??= error;
    closing.deaf = true;
    this.outbound.abandon(() => failure);
    this.inbound.refuse();
    this.#transport.destroy();
  }

  /** Sends a ping; resolves with milliseconds when its pong arrives. */
  ping(payload: Uint8Array | undefined): Promise<number> {
    if (this.#state !== "open") {
      return rejected(this.#closing?.failure ?? this.refusal);
    }
    this.#pings ??= new PendingPings();
    const { message, answered } = this.#pings.add(payload);
    this.outbound.control(message);
    return answered;
  }

  /** See {@linkcode TransportReceiver}. */
  receive(chunk: Uint8Array<ArrayBuffer>, lent: boolean): void {
    this.quietTicks = 0;
    this.#context.counters.bytesReceived += chunk.length;
    if (this.#isDeaf()) return;
    this.outbound.cork();
    try {
      this.#decode(chunk, lent);
    } catch (error) {
      this.error(error);
    }
    this.outbound.uncork();
    const room = this.#inflate?.room;
    if (room !== undefined && !this.#inflateFull) {
      this.#inflateFull = true;
      room.then(() => {
        this.#inflateFull = false;
        this.inboundChanged();
      });
    }
    this.inboundChanged();
  }

  #decode(chunk: Uint8Array<ArrayBuffer>, lent: boolean): void {
    this.#stages ??= new ReceivingStages(
      {
        role: this.#context.role,
        maxMessageSize: this.#context.options.maxMessageSize,
        fragments: this.inbound.wantsFragments,
        gives: this.#transport.gives,
        shares: this.#context.options.messageBuffers === "shared",
      },
      this.#inflate,
      this,
    );
    this.#stages.receive(chunk, lent);
  }

  /** See {@linkcode TransportReceiver}. */
  receiveEnd(): void {
    this.#inflate?.end();
    const inflating = this.#inflate?.settled;
    if (inflating !== undefined && !this.#isDeaf()) {
      // There may be a Close frame behind what is being inflated.
      inflating.then(() => this.receiveEnd());
      return;
    }
    const closing = this.#beginClosing();
    closing.peerEnded = true;
    if (closing.failingWith !== null) return;
    if (closing.received !== null) {
      // The server ends TCP first; a client that did so before the server has
      // answered its Close can still read the answer.
      if (closing.sent) this.outbound.end();
      return;
    }
    if (closing.failure === null) {
      this.terminate(lostError("the peer ended TCP without a Close frame"));
    }
  }

  /** See {@linkcode TransportReceiver}. */
  transportClosed(error: Error | null): void {
    if (this.#state === "closed") return;
    this.#state = "closed";
    const closing = this.#beginClosing();
    closing.deaf = true;
    this.#context.keepAlive?.delete(this);
    this.#inflate?.close();
    this.inboundChanged();
    const result = closing.end(error);
    const refusal = (): WebSocketError => closing.failure ?? closing.refusal;
    this.outbound.destroy(refusal);
    this.#pings?.reject(refusal());
    this.inbound.end(closing.failure);
    this.#settleClosed();
    this.#owner?.sessionClosed(result);
  }

  /** The sink of the fused stages: messages and control frames. */
  enqueue(message: DecodedMessage): void {
    if (this.#isDeaf()) return;
    if (typeof message === "string" || message instanceof Uint8Array) {
      this.#context.counters.messagesReceived++;
      this.inbound.push(message);
    } else if ("first" in message) {
      if (message.fin) this.#context.counters.messagesReceived++;
      this.inbound.pushFragment(message);
    } else {
      this.#control(message);
    }
  }

  /** See {@linkcode StageController}. */
  get ready(): Promise<void> | undefined {
    if (this.#state !== "open" || !this.inbound.full) return undefined;
    this.#ready ??= createDeferred();
    return this.#ready.promise;
  }

  /** The fused stages failed: what came from there on is not looked at. */
  error(reason: unknown): void {
    const error = reason instanceof WebSocketError ? reason : new ProtocolError(
      CloseCode.InternalError,
      reason instanceof Error ? reason.message : String(reason),
    );
    const closing = this.#beginClosing();
    closing.deaf = true;
    // A hook has answered the messages that came before, in the same chunk of
    // bytes; who reads a stream gets them, and can, only after this turn.
    if (this.inbound.isStream) {
      closing.failingWith ??= error;
      afterThisTurn(() => this.fail(error));
    } else {
      this.fail(error);
    }
  }

  /** See {@linkcode InboundOwner}. */
  inboundChanged(): void {
    const open = this.#state === "open" && !this.#hasReceivedClose();
    if (!open || !this.inbound.full) {
      this.#ready?.resolve();
      this.#ready = null;
    }
    // What comes behind our own Close frame is inflated as well, up to the peer's.
    const inflating = this.#inflateFull && this.#state !== "closed" &&
      !this.#isDeaf();
    const pause = inflating || (open && this.inbound.full);
    if (pause === this.#paused) return;
    this.#paused = pause;
    if (pause) this.#transport.pause();
    else this.#transport.resume();
  }

  /** See {@linkcode InboundOwner}. */
  inboundWantsFragments(): void {
    this.#stages?.passFragments();
  }

  /** See {@linkcode InboundOwner}. */
  inboundCancelled(reason: unknown): void {
    if (reason instanceof WebSocketError) {
      this.closeWith(reason, CloseCode.NormalClosure);
    } else {
      // A loop that was left by an exception cancels as one that was broken out
      // of: what becomes of the handler's promise in this turn tells.
      setTimeout(() => this.close(CloseCode.NormalClosure, ""), 0);
    }
  }

  /** See {@linkcode InboundOwner}. */
  inboundHookFailed(error: unknown): void {
    this.#owner?.sessionHookFailed(error);
    this.closeWith(error, CloseCode.InternalError);
  }

  /** Closes with the code of a {@linkcode WebSocketError}, or with another. */
  closeWith(error: unknown, otherwise: number): void {
    if (error instanceof WebSocketError) {
      const closeCode = error.closeCode ?? otherwise;
      if (isSendableCloseCode(closeCode)) {
        this.close(closeCode, truncateReason(error.reason));
        return;
      }
    }
    this.close(otherwise, "");
  }

  /** See {@linkcode OutboundOwner}. */
  outboundDrained(): void {
    this.quietTicks = 0;
    this.#owner?.sessionDrained();
  }

  /** See {@linkcode OutboundOwner}. */
  outboundOverflowed(bufferedAmount: number): void {
    this.terminate(
      lostError(
        `${bufferedAmount} bytes wait for a peer that does not read them, more than maxBufferedBytes (${this.#context.options.maxBufferedBytes}): await send(), or raise the limit`,
      ),
    );
  }

  /** See {@linkcode OutboundOwner}. */
  outboundBroken(error: unknown): void {
    this.fail(
      new WebSocketError(
        `a message sent as a stream could not be completed: ${
          error instanceof Error ? error.message : String(error)
        }`,
        { closeCode: CloseCode.InternalError },
      ),
    );
  }

  /** See {@linkcode KeepAliveMember}. */
  keepAliveExcused(): boolean {
    // How far it is with these is asked by who gives them time to close.
    if (this.#state !== "open" || this.#hasReceivedClose()) return true;
    // While the system's buffers are full, bytes go only as the peer takes them.
    const { progress, full } = this.outbound;
    const taking = this.#progressWhenFull !== -1 &&
      this.#progressWhenFull !== progress;
    this.#progressWhenFull = full ? progress : -1;
    return taking || this.#paused;
  }

  /** See {@linkcode KeepAliveMember}. */
  keepAliveQuiet(): void {
    this.#inflate?.rest();
    if (this.#stages?.idle) this.#stages = null;
    this.outbound.rest();
  }

  /** See {@linkcode KeepAliveMember}. */
  keepAlivePing(): void {
    this.#context.counters.keepAlivePings++;
    this.#keepAlivePingedAt = performance.now();
    this.outbound.control({ type: "ping", payload: new Uint8Array(0) });
  }

  /** See {@linkcode KeepAliveMember}. */
  keepAliveTimedOut(): void {
    this.#context.counters.keepAliveTimeouts++;
    const { interval, timeout } = this.#context.options.keepAlive!;
    const message =
      `the peer was silent for ${interval} ms and did not answer a ping within ${timeout} ms`;
    this.fail(
      new WebSocketError(message, {
        closeCode: CloseCode.InternalError,
        reason: "keepalive timeout",
      }),
    );
  }

  #control(message: ControlMessage): void {
    switch (message.type) {
      case "ping":
        if (this.#closing?.sent !== true) {
          this.outbound.control({ type: "pong", payload: message.payload });
        }
        break;
      case "pong":
        if (message.payload.length === 0) this.#keepAliveAnswered();
        this.#pings?.answer(message.payload);
        break;
      case "close":
        this.#receiveClose(message);
    }
  }

  /** The pong has the payload of a keepalive ping: none. */
  #keepAliveAnswered(): void {
    if (this.#keepAlivePingedAt === 0) return;
    this.#context.counters.roundTrips.add(
      performance.now() - this.#keepAlivePingedAt,
    );
    this.#keepAlivePingedAt = 0;
  }

  #beginClosing(): Closing {
    return this.#closing ??= new Closing(this, this.#context.closings);
  }

  #isDeaf(): boolean {
    return this.#closing !== null && this.#closing.deaf;
  }

  #hasReceivedClose(): boolean {
    return this.#closing !== null && this.#closing.received !== null;
  }

  #receiveClose(message: CloseMessage): void {
    const closing = this.#beginClosing();
    closing.received = message;
    closing.deaf = true;
    if (closing.sent) {
      this.#endTransport(closing);
    } else if (this.#state === "open") {
      this.inbound.finish(() => this.#replyToClose());
      // Mostly that is done already, and the time for the end of TCP has begun.
      if (!closing.sent) closing.giveTime();
    }
  }

  /** Echoes the code of the peer's Close frame, behind what waits to be sent. */
  #replyToClose(): void {
    if (this.#state !== "open") return;
    const { closeCode } = this.#closing!.received!;
    this.#sendClose({ type: "close", closeCode, reason: "" });
  }

  /** Takes no more messages, and sends a Close frame behind those that wait. */
  #sendClose(message: CloseMessage): void {
    const closing = this.#beginClosing();
    this.#state = "closing";
    this.inbound.refuse();
    this.outbound.finish(message, () => closing.refusal, () => {
      closing.sent = true;
      if (closing.received !== null) this.#endTransport(closing);
    });
  }

  /** Both Close frames were exchanged: the server ends TCP first (section 7.1.1). */
  #endTransport(closing: Closing): void {
    closing.giveTime();
    if (this.#context.role === "server" || closing.peerEnded) {
      this.outbound.end();
    }
  }

  /** See {@linkcode ClosingOwner}. */
  get progress(): number {
    return this.outbound.progress;
  }

  /** See {@linkcode ClosingOwner}. */
  closeTimedOut(): void {
    const closing = this.#beginClosing();
    if (this.#state === "open") {
      // The application has not taken what came before the peer's Close.
      this.#replyToClose();
      closing.giveTime();
      return;
    }
    if (closing.received === null) {
      closing.failure ??= lostError(
        `the peer did not answer the Close frame within closeTimeout (${this.#context.options.closeTimeout} ms)`,
      );
    }
    this.#transport.destroy();
  }

  #settleClosed(): void {
    const closing = this.#closing;
    if (this.#closed === null || closing === null || closing.result === null) {
      return;
    }
    if (closing.failure !== null) {
      this.#closed.reject(closing.failure);
    } else {
      const { closeCode, reason } = closing.result;
      this.#closed.resolve({ closeCode, reason });
    }
  }
}
