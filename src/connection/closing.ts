/**
 * How a connection ends: RFC 6455 section 7.
 *
 * @module
 */
import { CloseCode } from "../close.ts";
import type { CloseMessage } from "../codec/message.ts";
import { type Deadline, Deadlines } from "../deadlines.ts";
import { WebSocketError } from "../error.ts";

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

/** What the end of a connection needs of its session. */
export interface ClosingOwner {
  /** How many bytes were handed to the system so far. */
  readonly progress: number;
  /** The peer has not done its part within `closeTimeout`. */
  closeTimedOut(): void;
}

/** What there is to know of a connection's end, from when it begins. */
export class Closing {
  /** The peer's Close frame. */
  received: CloseMessage | null = null;
  /** Whether a Close frame was sent. */
  sent = false;
  /** Whether the peer has ended TCP. */
  peerEnded = false;
  /** Whether incoming bytes are not looked at any more. */
  deaf = false;
  /** Why the connection failed, if it did. */
  failure: WebSocketError | null = null;
  /** What the connection is about to be failed with, after this turn. */
  failingWith: WebSocketError | null = null;
  /** How it ended, once it has. */
  result: CloseResult | null = null;
  readonly #owner: ClosingOwner;
  readonly #deadlines: Deadlines<Closing>;
  #deadline: Deadline<Closing> | null = null;
  /** How many quarters of its time the peer has left. */
  #left = 0;
  /** How far it was when the time was given. */
  #progress = 0;
  #refusal: WebSocketError | null = null;

  /**
   * Begins nothing by itself.
   *
   * @param deadlines See {@linkcode sharedClosingDeadlines}.
   */
  constructor(owner: ClosingOwner, deadlines: Deadlines<Closing>) {
    this.#owner = owner;
    this.#deadlines = deadlines;
  }

  /** What is told to those who send. */
  get refusal(): WebSocketError {
    return this.#refusal ??= new WebSocketError(
      "nothing can be sent: the connection is closing or closed",
    );
  }

  /** Whether an error is one that was given to the application from here. */
  gave(error: WebSocketError): boolean {
    return error === this.failure || error === this.#refusal;
  }

  /** Gives the peer its time, and again as long as it takes bytes. */
  giveTime(): void {
    // What was written just now may have ended it.
    if (this.result !== null) return;
    this.#left = 4;
    this.#progress = this.#owner.progress;
    this.#waitAQuarter();
  }

  /** A quarter of the peer's time has passed. */
  quarterPassed(): void {
    this.#left--;
    if (this.#owner.progress !== this.#progress) this.giveTime();
    else if (this.#left > 0) this.#waitAQuarter();
    else this.#owner.closeTimedOut();
  }

  #waitAQuarter(): void {
    this.#deadlines.delete(this.#deadline);
    this.#deadline = this.#deadlines.add(this);
  }

  /**
   * Both directions of the transport are over.
   *
   * @param error What the transport failed with, if it did.
   */
  end(error: Error | null): CloseResult {
    this.#deadlines.delete(this.#deadline);
    this.failure ??= this.failingWith;
    const wasClean = this.failure === null && this.received !== null &&
      this.sent;
    if (wasClean) {
      const { closeCode, reason } = this.received!;
      return this.result = { closeCode, reason, wasClean };
    }
    this.failure ??= lossOf(error, this.received);
    return this.result = {
      closeCode: this.failure.closeCode ?? CloseCode.AbnormalClosure,
      reason: this.failure.reason,
      wasClean,
    };
  }
}

const shared = new Map<number, Deadlines<Closing>>();

/**
 * The waits of all connections with the same `closeTimeout`, each for a quarter of
 * it: then it is looked whether the peer takes bytes. They share a timer, also
 * those of different servers and clients.
 */
export function sharedClosingDeadlines(
  closeTimeout: number,
): Deadlines<Closing> {
  let deadlines = shared.get(closeTimeout);
  if (deadlines === undefined) {
    deadlines = new Deadlines(
      closeTimeout / 4,
      (closing) => closing.quarterPassed(),
    );
    shared.set(closeTimeout, deadlines);
  }
  return deadlines;
}

/** The code is the peer's all the same, if it sent one (RFC 6455 section 7.1.5). */
function lossOf(
  error: Error | null,
  received: CloseMessage | null,
): WebSocketError {
  const lost = error === null
    ? "the connection was lost"
    : `the connection was lost: ${error.message}`;
  if (received !== null) {
    const { closeCode, reason } = received;
    return new WebSocketError(
      `${lost}, before its peer's Close frame was answered`,
      { closeCode, reason },
    );
  }
  return lostError(error === null ? `${lost} without a Close frame` : lost);
}

/** The error of a connection that was lost: 1006. */
export function lostError(message: string): WebSocketError {
  return new WebSocketError(message, { closeCode: CloseCode.AbnormalClosure });
}
