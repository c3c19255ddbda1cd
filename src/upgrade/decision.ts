/**
 * The decision on a handshake: its checks, the `upgrade` hook, and refusal
 * (RFC 6455 sections 4.2.1 and 4.2.2).
 *
 * @module
 */
import { report } from "../connection/handler.ts";
import { describe } from "../describe.ts";
import { quote } from "../handshake/header_syntax.ts";
import { isOriginAllowed } from "../handshake/origin.ts";
import {
  checkHandshakeRequest,
  type HandshakeOffer,
  type HandshakeRequest,
} from "../handshake/request.ts";
import { HandshakeError } from "../handshake/response.ts";
import type { Counters } from "../metrics/counters.ts";
import type { HandshakeSocket } from "../transport/handshake_socket.ts";
import {
  cancelBody,
  writeRefusal,
  writeResponse,
} from "../transport/http_message.ts";
import type { HandshakeAcceptor } from "./acceptance.ts";
import type {
  ResolvedUpgradeOptions,
  UpgradeAnswer,
  UpgradeHook,
} from "./options.ts";
import { recordHandshake } from "./record.ts";
import { requestOf } from "./request.ts";

/** Decides on the handshakes of one server. */
export class HandshakeDecider {
  readonly #options: ResolvedUpgradeOptions;
  readonly #acceptor: HandshakeAcceptor;
  readonly #counters: Counters;
  readonly #onDecided: () => void;
  /** Sockets whose `upgrade` hook has not answered yet. */
  readonly #undecided = new Set<HandshakeSocket>();
  #closing = false;

  /**
   * @param acceptor Takes what is accepted.
   * @param onDecided Called when the `upgrade` hook's decision on a handshake is
   * carried out.
   */
  constructor(
    options: ResolvedUpgradeOptions,
    acceptor: HandshakeAcceptor,
    counters: Counters,
    onDecided: () => void,
  ) {
    this.#options = options;
    this.#acceptor = acceptor;
    this.#counters = counters;
    this.#onDecided = onDecided;
  }

  /** How many handshakes wait for the `upgrade` hook. */
  get undecided(): number {
    return this.#undecided.size;
  }

  /** Decides on a handshake and answers it. Never throws. */
  decide(request: HandshakeRequest, socket: HandshakeSocket): void {
    const { upgrade } = this.#options;
    try {
      const offer = this.#check(request);
      if (upgrade === null) {
        this.#acceptor.accept(request, socket, offer, nothingWanted);
      } else {
        this.#ask(upgrade, request, socket, offer);
      }
    } catch (error) {
      this.#refuse(request, socket, error);
    }
  }

  /** Refuses all from now on. */
  close(): void {
    this.#closing = true;
  }

  /** Drops those that wait for the hook. */
  terminate(): void {
    for (const socket of this.#undecided) socket.destroy();
    this.#undecided.clear();
  }

  #check(request: HandshakeRequest): HandshakeOffer {
    if (this.#closing) throw shuttingDown();
    const offer = checkHandshakeRequest(request);
    if (!isOriginAllowed(offer.origin, offer.host, this.#options.origins)) {
      throw new HandshakeError(
        403,
        `A page of the origin ${
          quote(offer.origin ?? "")
        } may not open a WebSocket here. The server can allow it with its option "origins".`,
      );
    }
    return offer;
  }

  /** Lets the `upgrade` hook decide. */
  async #ask(
    hook: UpgradeHook,
    request: HandshakeRequest,
    socket: HandshakeSocket,
    offer: HandshakeOffer,
  ): Promise<void> {
    this.#undecided.add(socket);
    const gone = new AbortController();
    socket.onGone = () => gone.abort(leftError());
    try {
      const answer = await this.#limit(
        hook(requestOf(request, socket.secure, offer.host, gone.signal)),
        socket,
        gone,
      );
      if (socket.gone) {
        discard(answer, leftError());
        recordHandshake(this.#counters, request, socket, null);
      } else if (isResponse(answer)) {
        await writeResponse(
          socket.toDuplex(),
          answer,
          this.#options.connection.closeTimeout,
        );
        recordHandshake(
          this.#counters,
          request,
          socket,
          answer.status,
          answer.statusText,
        );
      } else {
        const wanted = checkAnswer(answer);
        // Who has only ended could still read why it is refused.
        gone.signal.throwIfAborted();
        if (this.#closing) throw shuttingDown();
        this.#acceptor.accept(request, socket, offer, wanted);
      }
    } catch (error) {
      if (gone.signal.aborted && error === gone.signal.reason) {
        socket.destroy();
        recordHandshake(this.#counters, request, socket, null);
      } else {
        this.#refuse(request, socket, error);
      }
    } finally {
      socket.onGone = null;
      this.#undecided.delete(socket);
      this.#onDecided();
    }
  }

  /**
   * Waits for the hook's promise no longer than a handshake may take, and than
   * there is somebody to answer.
   */
  async #limit(
    answer: ReturnType<UpgradeHook>,
    socket: HandshakeSocket,
    gone: AbortController,
  ): Promise<unknown> {
    if (typeof (answer as PromiseLike<unknown>)?.then !== "function") {
      return answer;
    }
    const { handshakeTimeout } = this.#options;
    const limit = Promise.withResolvers<never>();
    let late = false;
    const giveUp = (error: Error): void => {
      late = true;
      limit.reject(error);
    };
    const timer = setTimeout(() => {
      const refusal = tooSlow(handshakeTimeout);
      gone.abort(new Error(refusal.message));
      giveUp(refusal);
    }, handshakeTimeout);
    socket.onGone = () => {
      gone.abort(leftError());
      // Who has only ended could still read why it is refused.
      if (socket.gone) giveUp(gone.signal.reason);
    };
    try {
      return await Promise.race([answer, limit.promise]);
    } finally {
      clearTimeout(timer);
      if (late) this.#discardLate(answer as PromiseLike<unknown>, gone.signal);
    }
  }

  /** Takes what nobody waits for any more. */
  #discardLate(answer: PromiseLike<unknown>, { reason }: AbortSignal): void {
    answer.then((late) => discard(late, reason), (error) => {
      if (error !== reason) this.#report(error);
    });
  }

  #report(error: unknown): void {
    report(this.#options.onError as (error: unknown) => unknown, error);
  }

  #refuse(
    request: HandshakeRequest,
    socket: HandshakeSocket,
    error: unknown,
  ): void {
    let refusal = error;
    if (!(refusal instanceof HandshakeError)) {
      this.#report(error);
      refusal = new HandshakeError(
        500,
        "The server failed to answer this handshake.",
      );
    }
    if (socket.gone) {
      recordHandshake(this.#counters, request, socket, null);
      return;
    }
    const { status, message } = refusal as HandshakeError;
    writeRefusal(
      socket.toDuplex(),
      refusal as HandshakeError,
      this.#options.connection.closeTimeout,
    );
    recordHandshake(this.#counters, request, socket, status, message);
  }
}

/** The answer of a hook that returns nothing, or that is not there. */
const nothingWanted: UpgradeAnswer = {};

/** Other realms and frameworks have `Response` classes of their own. */
function isResponse(answer: unknown): answer is Response {
  return answer instanceof Response ||
    (typeof answer === "object" && answer !== null && "status" in answer &&
      "headers" in answer && "body" in answer);
}

/** Lets go of what an answer holds that is not sent. */
function discard(answer: unknown, reason: unknown): void {
  if (isResponse(answer)) cancelBody(answer.body, reason);
}

function leftError(): Error {
  return new Error("the client closed the connection");
}

/**
 * What can't be understood must not let anybody in.
 *
 * @throws {TypeError} If it is neither an object nor nothing.
 */
function checkAnswer(answer: unknown): UpgradeAnswer {
  if (answer === undefined) return nothingWanted;
  if (typeof answer === "object" && answer !== null) return answer;
  throw new TypeError(
    `the \`upgrade\` hook returns a Response to refuse, an object or nothing to accept, not ${
      describe(answer)
    }`,
  );
}

function tooSlow(milliseconds: number): HandshakeError {
  return new HandshakeError(
    503,
    `The server did not decide on this handshake within ${milliseconds} ms. Try again later.`,
  );
}

function shuttingDown(): HandshakeError {
  return new HandshakeError(503, "The server is shutting down.");
}
