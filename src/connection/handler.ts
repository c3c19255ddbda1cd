/**
 * What an application gives to be called with its connections.
 *
 * @module
 */
import type { Message } from "../codec/message.ts";
import { CloseCode } from "../close.ts";
import { describe } from "../describe.ts";
import type { CloseResult } from "./closing.ts";
import type { WebSocketConnection } from "./connection.ts";
import type { MessageHook } from "./inbound.ts";
import type { Session, SessionOwner } from "./session.ts";

/**
 * A function that is called with each connection.
 *
 * One that returns a promise owns the connection: it closes with 1000 when the
 * promise fulfils, and with 1011 when it rejects (or with the code of the
 * `WebSocketError` that it rejects with). One that returns nothing leaves the
 * connection open.
 */
export type ConnectionHandler<Data = unknown> = (
  socket: WebSocketConnection<Data>,
) => void | Promise<unknown>;

/**
 * Functions that are called with what happens on a connection. Each may be
 * async; one that throws or rejects closes the connection with 1011 (or with
 * the code of the `WebSocketError` that it throws).
 */
export interface ConnectionHooks<Data = unknown> {
  /** The connection is open. Messages wait for the returned promise. */
  open?(socket: WebSocketConnection<Data>): unknown;
  /**
   * A message has arrived. The next one waits for the returned promise, and the
   * peer with it once `readableHighWaterMark` is reached. Return what `send()`
   * returned and a peer that does not read its answers is not read either.
   */
  message?(socket: WebSocketConnection<Data>, message: Message): unknown;
  /**
   * There is room again, where `desiredSize` was 0 or less or the transport was
   * full: go on sending.
   */
  drain?(socket: WebSocketConnection<Data>): unknown;
  /**
   * The connection is over. Called once, at once, even while another hook's
   * promise is pending.
   */
  close?(socket: WebSocketConnection<Data>, result: CloseResult): unknown;
}

/** Either form of handler. */
export type Handler<Data = unknown> =
  | ConnectionHandler<Data>
  | ConnectionHooks<Data>;

/** Is told what a handler failed with. */
export type ErrorCallback = (
  error: unknown,
  socket: WebSocketConnection,
) => void;

/** Tells an application of an error; what it fails with itself goes to the console. */
export function report<Rest extends unknown[]>(
  onError: (error: unknown, ...rest: Rest) => unknown,
  error: unknown,
  ...rest: Rest
): void {
  try {
    Promise.resolve(onError(error, ...rest)).catch(console.error);
  } catch (second) {
    console.error(second);
  }
}

/**
 * Checks options that are functions early, where the mistake can be seen.
 *
 * @throws {TypeError} If one is there and is no function.
 */
export function checkFunctions<Name extends string>(
  options: { readonly [name in Name]?: unknown },
  ...names: Name[]
): void {
  for (const name of names) {
    const value = options[name];
    if (value !== undefined && typeof value !== "function") {
      const own = (value as { [member: string]: unknown } | null)?.[name];
      throw new TypeError(
        `the option or hook \`${name}\` is a function, not ${describe(value)}${
          typeof own === "function" ? `: pass its method \`${name}\`` : ""
        }`,
      );
    }
  }
}

/**
 * Checks a handler early, where the mistake can be seen.
 *
 * @throws {TypeError} If it is neither a function nor an object of functions.
 */
export function checkHandler(handler: unknown): void {
  if (typeof handler === "function") return;
  if (typeof handler === "object" && handler !== null) {
    checkFunctions(
      handler as ConnectionHooks,
      "open",
      "message",
      "drain",
      "close",
    );
    return;
  }
  throw new TypeError(
    `the handler is a function (socket) => … or an object with the hooks open, message, drain and close, not ${
      describe(handler)
    }`,
  );
}

/**
 * Tells apart what a function was called with that takes options and a handler,
 * or a handler alone.
 *
 * @param caller The function's name.
 * @throws {TypeError} For options that are no object, and for options alone: they
 * would be taken for hooks, and nothing they say would be heard.
 */
export function optionsAndHandler<Options extends object>(
  caller: string,
  parameters: [options: Options, handler: Handler] | [handler: Handler],
): [options: Options | Record<never, never>, handler: Handler] {
  if (parameters.length === 1) {
    const [handler] = parameters;
    checkNoOptions(caller, handler);
    return [{}, handler];
  }
  const [options = {}, handler] = parameters;
  if (typeof options === "object" && options !== null) {
    return [options, handler];
  }
  throw new TypeError(
    `${caller}() takes an object of options and a handler; the options are ${
      describe(options)
    }`,
  );
}

function checkNoOptions(caller: string, handler: Handler): void {
  const names = typeof handler === "object" ? Object.keys(handler ?? {}) : [];
  // Hooks may be methods of a class, whose names are not among its own.
  const hooks = ["open", "message", "drain", "close"];
  if (names.length === 0 || hooks.some((name) => name in handler)) return;
  throw new TypeError(
    `${caller}() was given the options ${
      names.join(", ")
    } and no handler: call it as ${caller}(options, handler)`,
  );
}

/** Is told that a connection is over, before its close hook. */
export type ClosedCallback = (
  socket: WebSocketConnection,
  result: CloseResult,
) => void;

/** Runs a handler on a connection's session. */
export class HandlerRunner implements SessionOwner, MessageHook {
  readonly #socket: WebSocketConnection;
  readonly #session: Session;
  readonly #handler: Handler;
  readonly #onError: ErrorCallback;
  readonly #onClosed: ClosedCallback;
  #message: ConnectionHooks["message"];

  /** @param onClosed Called when the connection is over, before the close hook. */
  constructor(
    socket: WebSocketConnection,
    session: Session,
    handler: Handler,
    onError: ErrorCallback,
    onClosed: ClosedCallback,
  ) {
    this.#socket = socket;
    this.#session = session;
    this.#handler = handler;
    this.#onError = onError;
    this.#onClosed = onClosed;
  }

  /** Calls the handler and begins to read. */
  start(head: Uint8Array<ArrayBuffer>): void {
    if (typeof this.#handler === "function") this.#runFunction(this.#handler);
    else this.#runOpen(this.#handler);
    this.#session.start(this, head);
  }

  /** See {@linkcode MessageHook}. */
  takeMessage(message: Message): unknown {
    return this.#message!.call(
      this.#handler as ConnectionHooks,
      this.#socket,
      message,
    );
  }

  /** See {@linkcode SessionOwner}. */
  sessionDrained(): void {
    if (typeof this.#handler !== "function" && this.#handler.drain) {
      const { drain } = this.#handler;
      this.#runHook(() => drain.call(this.#handler, this.#socket));
    }
  }

  /** See {@linkcode SessionOwner}. */
  sessionHookFailed(error: unknown): void {
    // What a hook meets because the connection is lost is not its failure.
    if (this.#session.isOwnError(error)) return;
    report(this.#onError, error, this.#socket);
  }

  /** See {@linkcode SessionOwner}. */
  sessionClosed(result: CloseResult): void {
    this.#onClosed(this.#socket, result);
    if (typeof this.#handler !== "function" && this.#handler.close) {
      const { close } = this.#handler;
      this.#runHook(() => close.call(this.#handler, this.#socket, result));
    }
  }

  #runFunction(handler: ConnectionHandler): void {
    let returned: void | Promise<unknown>;
    try {
      returned = handler(this.#socket);
    } catch (error) {
      this.#fail(error);
      return;
    }
    if (typeof returned?.then !== "function") return;
    returned.then(
      () => this.#session.close(CloseCode.NormalClosure, ""),
      (error) => this.#fail(error),
    );
  }

  #runOpen(hooks: ConnectionHooks): void {
    const { inbound } = this.#session;
    this.#message = hooks.message;
    if (this.#message !== undefined) inbound.deliverTo(this);
    let opened: unknown;
    try {
      opened = hooks.open?.(this.#socket);
    } catch (error) {
      this.#fail(error);
      return;
    }
    if (typeof (opened as PromiseLike<unknown>)?.then !== "function") {
      inbound.discardUnlessTaken();
      return;
    }
    inbound.hold();
    (opened as PromiseLike<unknown>).then(() => {
      inbound.discardUnlessTaken();
      inbound.release();
    }, (error) => this.#fail(error));
  }

  /** Runs a hook that nothing waits for. */
  #runHook(call: () => unknown): void {
    try {
      const returned = call();
      if (typeof (returned as PromiseLike<unknown>)?.then !== "function") {
        return;
      }
      (returned as PromiseLike<unknown>).then(
        undefined,
        (error) => this.#fail(error),
      );
    } catch (error) {
      this.#fail(error);
    }
  }

  #fail(error: unknown): void {
    this.sessionHookFailed(error);
    this.#session.closeWith(error, CloseCode.InternalError);
  }
}
