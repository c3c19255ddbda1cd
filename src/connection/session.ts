/**
 * The protocol of one connection over one transport: RFC 6455 sections 5.5 and
 * 7. It joins the stages of the codec to the two halves of the connection and
 * keeps the closing handshake.
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
import type { Role } from "../frame.ts";
import { type Counters, uncounted } from "../metrics/counters.ts";
import { afterThisTurn } from "../turn.ts";
import { createDeferred, type Deferred, rejected } from "./deferred.ts";
import { Inbound, type InboundOwner } from "./inbound.ts";
import {
  type KeepAlive,
  type KeepAliveMember,
  sharedKeepAlive,
} from "./keep_alive.ts";
import type { ResolvedConnectionOptions } from "./options.ts";
import { Outbound, type OutboundOwner } from "./outbound.ts";
import { PendingPings } from "./ping.ts";
import { ReceivingStages } from "./receiving_stages.ts";
import type { Transport, TransportReceiver } from "./transport.ts";

/** How a connection ended. */
export interface CloseInfo {
  /**
   * The code of the peer's Close frame; 1005 if it had none, 1006 if the
   * connection was lost without one. Where the peer broke the protocol, the
   * code that it was told.
   */
  readonly closeCode: number;
  /** The reason that belongs to the code, or `""`. */
  readonly reason: string;
}

/** {@linkcode CloseInfo} with whether the closing handshake was completed. */
export interface CloseResult extends CloseInfo {
  /** Whether both sides sent a Close frame and neither broke the protocol. */
  readonly wasClean: boolean;
}

/** Whom a session tells of what is not a message. */
export interface SessionOwner {
  /** What waited for the peer has been handed to the system. */
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
    KeepAliveMember {
  /** The incoming half. */
  readonly inbound: Inbound;
  /** The outgoing half. */
  readonly outbound: Outbound;
  /** See {@linkcode KeepAliveMember}. */
  quietTicks = 0;

  readonly #transport: Transport;
  readonly #options: ResolvedConnectionOptions;
  readonly #role: Role;
  readonly #inflate: InflateStage | null;
  /** There are some while a frame or a message is half here. */
  #stages: ReceivingStages | null = null;
  #fragments = false;
  readonly #keepAlive: KeepAlive | null;
  readonly #counters: Counters;
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
  /** Whether incoming bytes are not looked at any more. */
  #deaf = false;
  #received: CloseMessage | null = null;
  #closeSent = false;
  #failure: WebSocketError | null = null;
  /** What the connection is about to be failed with, after this turn. */
  #failingWith: WebSocketError | null = null;
  /** What is told to those who send when the connection closes. */
  #closedError: WebSocketError | null = null;
  #peerEnded = false;
  #closeTimer: ReturnType<typeof setTimeout> | undefined;
  #lastProgress = 0;
  #wasFull = false;
  #result: CloseResult | null = null;
  #closed: Deferred<CloseInfo> | null = null;

  /**
   * Makes the session of an end in the given role; {@linkcode start} begins it.
   *
   * @param counters What it adds to.
   */
  constructor(
    transport: Transport,
    role: Role,
    options: ResolvedConnectionOptions,
    deflate: DeflateStages | null,
    counters: Counters = uncounted,
  ) {
    this.#transport = transport;
    this.#options = options;
    this.#role = role;
    this.#counters = counters;
    this.#inflate = deflate?.inflate ?? null;
    this.inbound = new Inbound(this, options);
    this.outbound = new Outbound(
      transport,
      this,
      role,
      options,
      deflate?.deflate ?? null,
      counters,
    );
    const { keepAlive } = options;
    this.#keepAlive = keepAlive &&
      sharedKeepAlive(keepAlive.interval, keepAlive.timeout);
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
    return error instanceof WebSocketError &&
      (error === this.#failure || error === this.#closedError ||
        error.closeCode === CloseCode.AbnormalClosure);
  }

  /**
   * Begins to read.
   *
   * @param owner Whom to tell.
   * @param head Bytes that arrived with the opening handshake.
   */
  start(owner: SessionOwner, head: Uint8Array<ArrayBuffer>): void {
    this.#owner = owner;
    this.#keepAlive?.add(this);
    if (head.length > 0) this.receive(head);
    this.#transport.start(this);
  }

  /** Begins the closing handshake, behind what waits to be sent. */
  close(closeCode: number, reason: string): void {
    if (this.#state !== "open") return;
    if (this.#received !== null) {
      // The application is done with what came before the peer's Close.
      this.#replyToClose();
      return;
    }
    this.#state = "closing";
    this.inbound.refuse();
    this.outbound.finish(
      { type: "close", closeCode, reason },
      () => this.#refusal(),
      () => this.#closeWasSent(),
    );
    this.#armCloseTimer();
  }

  /**
   * Fails the connection (RFC 6455 section 7.1.7): a Close frame goes out, then
   * TCP is ended; what comes from the peer is not looked at any more.
   */
  fail(error: WebSocketError): void {
    if (this.#failure !== null || this.#state === "closed") return;
    this.#failure = error;
    this.#deaf = true;
    this.#inflate?.close();
    this.outbound.abandon(() => error);
    this.inbound.refuse();
    const closeCode = error.closeCode ?? CloseCode.InternalError;
    if (!this.#closeSent && isSendableCloseCode(closeCode)) {
      this.#closeSent = true;
      this.outbound.control({
        type: "close",
        closeCode,
        reason: truncateReason(error.reason),
      });
    }
    this.#state = "closing";
    this.outbound.end();
    this.#armCloseTimer();
  }

  /** Drops TCP at once. */
  terminate(error: WebSocketError): void {
    if (this.#state === "closed") return;
    const failure = this.#failure ??= error;
    this.#deaf = true;
    this.outbound.abandon(() => failure);
    this.#transport.destroy();
  }

  /** Sends a ping; resolves with milliseconds when its pong arrives. */
  ping(payload: Uint8Array | undefined): Promise<number> {
    if (this.#state !== "open") return rejected(this.#refusal());
    this.#pings ??= new PendingPings();
    const { message, answered } = this.#pings.add(payload);
    this.outbound.control(message);
    return answered;
  }

  /** See {@linkcode TransportReceiver}. */
  receive(chunk: Uint8Array<ArrayBuffer>): void {
    this.quietTicks = 0;
    this.#counters.bytesReceived += chunk.length;
    if (this.#deaf) return;
    this.outbound.cork();
    try {
      this.#decode(chunk);
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

  #decode(chunk: Uint8Array<ArrayBuffer>): void {
    this.#stages ??= new ReceivingStages(
      {
        role: this.#role,
        lent: this.#transport.lends,
        maxMessageSize: this.#options.maxMessageSize,
        fragments: this.#fragments,
      },
      this.#inflate,
      this,
    );
    this.#stages.receive(chunk);
    if (this.#stages.idle) this.#stages = null;
  }

  /** See {@linkcode TransportReceiver}. */
  receiveEnd(): void {
    this.#inflate?.end();
    const inflating = this.#inflate?.settled;
    if (inflating !== undefined && !this.#deaf) {
      // There may be a Close frame behind what is being inflated.
      inflating.then(() => this.receiveEnd());
      return;
    }
    this.#peerEnded = true;
    if (this.#failingWith !== null) return;
    if (this.#received !== null) {
      // The server ends TCP first; a client that did so before the server has
      // answered its Close can still read the answer.
      if (this.#closeSent) this.outbound.end();
      return;
    }
    if (this.#failure === null) {
      this.terminate(lostError("the peer ended TCP without a Close frame"));
    }
  }

  /** See {@linkcode TransportReceiver}. */
  transportClosed(error: Error | null): void {
    if (this.#state === "closed") return;
    this.#state = "closed";
    this.#deaf = true;
    this.#failure ??= this.#failingWith;
    clearTimeout(this.#closeTimer);
    this.#keepAlive?.delete(this);
    this.#inflate?.close();
    this.inboundChanged();
    const wasClean = this.#failure === null && this.#received !== null &&
      this.#closeSent;
    if (wasClean) {
      const { closeCode, reason } = this.#received!;
      this.#result = { closeCode, reason, wasClean };
    } else {
      this.#failure ??= lostError(
        error === null
          ? "the connection was lost without a Close frame"
          : `the connection was lost: ${error.message}`,
      );
      this.#result = {
        closeCode: this.#failure.closeCode ?? CloseCode.AbnormalClosure,
        reason: this.#failure.reason,
        wasClean,
      };
    }
    const refusal = (): WebSocketError => this.#failure ?? this.#refusal();
    this.outbound.destroy(refusal);
    this.#pings?.reject(refusal());
    this.inbound.end(this.#failure);
    this.#settleClosed();
    this.#owner?.sessionClosed(this.#result);
  }

  /** The sink of the fused stages: messages and control frames. */
  enqueue(message: DecodedMessage): void {
    if (this.#deaf) return;
    if (typeof message === "string" || message instanceof Uint8Array) {
      this.#counters.messagesReceived++;
      this.inbound.push(message);
    } else if ("first" in message) {
      if (message.fin) this.#counters.messagesReceived++;
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
    this.#deaf = true;
    // A hook has answered the messages that came before, in the same chunk of
    // bytes; who reads a stream gets them, and can, only after this turn.
    if (this.inbound.isStream) {
      this.#failingWith ??= error;
      afterThisTurn(() => this.fail(error));
    } else {
      this.fail(error);
    }
  }

  /** See {@linkcode InboundOwner}. */
  inboundChanged(): void {
    const open = this.#state === "open" && this.#received === null;
    if (!open || !this.inbound.full) {
      this.#ready?.resolve();
      this.#ready = null;
    }
    const pause = open && (this.inbound.full || this.#inflateFull);
    if (pause === this.#paused) return;
    this.#paused = pause;
    if (pause) this.#transport.pause();
    else this.#transport.resume();
  }

  /** See {@linkcode InboundOwner}. */
  inboundWantsFragments(): void {
    this.#fragments = true;
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
        `${bufferedAmount} bytes wait for a peer that does not read them, more than maxBufferedBytes (${this.#options.maxBufferedBytes}): await send(), or raise the limit`,
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
    // While the system's buffers are full, bytes go only as the peer takes them.
    const taking = this.#hasProgressed() && this.#wasFull;
    this.#wasFull = this.outbound.full;
    return taking || this.#paused || this.#state !== "open" ||
      this.#received !== null;
  }

  /** See {@linkcode KeepAliveMember}. */
  keepAlivePing(): void {
    this.#counters.keepAlivePings++;
    this.#keepAlivePingedAt = performance.now();
    this.outbound.control({ type: "ping", payload: new Uint8Array(0) });
  }

  /** See {@linkcode KeepAliveMember}. */
  keepAliveTimedOut(): void {
    this.#counters.keepAliveTimeouts++;
    const { interval, timeout } = this.#options.keepAlive!;
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
        if (!this.#closeSent) {
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
    this.#counters.roundTrips.add(performance.now() - this.#keepAlivePingedAt);
    this.#keepAlivePingedAt = 0;
  }

  #receiveClose(message: CloseMessage): void {
    this.#received = message;
    this.#deaf = true;
    if (this.#closeSent) {
      this.#endTransport();
    } else if (this.#state === "open") {
      this.#armCloseTimer();
      this.inbound.finish(() => this.#replyToClose());
    }
  }

  /** Echoes the code of the peer's Close frame, behind what waits to be sent. */
  #replyToClose(): void {
    if (this.#state !== "open") return;
    this.#state = "closing";
    this.inbound.refuse();
    this.outbound.finish(
      { type: "close", closeCode: this.#received!.closeCode, reason: "" },
      () => this.#refusal(),
      () => this.#closeWasSent(),
    );
  }

  #closeWasSent(): void {
    this.#closeSent = true;
    if (this.#received !== null) this.#endTransport();
  }

  /** Both Close frames were exchanged: the server ends TCP first (section 7.1.1). */
  #endTransport(): void {
    this.#armCloseTimer();
    if (this.#role === "server" || this.#peerEnded) this.outbound.end();
  }

  /** Whether bytes were handed to the system since the last time this was asked. */
  #hasProgressed(): boolean {
    const { progress } = this.outbound;
    const progressed = progress !== this.#lastProgress;
    this.#lastProgress = progress;
    return progressed;
  }

  /** Gives the peer `closeTimeout`, and again as long as it takes bytes. */
  #armCloseTimer(quarters = 4): void {
    clearTimeout(this.#closeTimer);
    this.#closeTimer = setTimeout(() => {
      if (this.#hasProgressed()) this.#armCloseTimer();
      else if (quarters > 1) this.#armCloseTimer(quarters - 1);
      else this.#closeTimedOut();
    }, this.#options.closeTimeout / 4);
  }

  #closeTimedOut(): void {
    if (this.#state === "open") {
      // The application has not taken what came before the peer's Close.
      this.#replyToClose();
      this.#armCloseTimer();
      return;
    }
    if (this.#received === null) {
      this.#failure ??= lostError(
        `the peer did not answer the Close frame within closeTimeout (${this.#options.closeTimeout} ms)`,
      );
    }
    this.#transport.destroy();
  }

  #refusal(): WebSocketError {
    return this.#closedError ??= new WebSocketError(
      "nothing can be sent: the connection is closing or closed",
    );
  }

  #settleClosed(): void {
    if (this.#closed === null || this.#result === null) return;
    if (this.#failure !== null) {
      this.#closed.reject(this.#failure);
    } else {
      const { closeCode, reason } = this.#result;
      this.#closed.resolve({ closeCode, reason });
    }
  }
}

function lostError(message: string): WebSocketError {
  return new WebSocketError(message, { closeCode: CloseCode.AbnormalClosure });
}
