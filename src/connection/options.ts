/**
 * The options of a connection, with their defaults.
 *
 * @module
 */
import { defaultMaxMessageSize } from "../codec/message_decoder.ts";
import { describe } from "../describe.ts";

/** When a silent connection is pinged, and given up. */
export interface KeepAliveOptions {
  /** Milliseconds without a frame from the peer after which it is pinged. Default 30,000. */
  interval?: number;
  /**
   * Milliseconds after that ping within which a frame must come. Default 30,000;
   * `Infinity` to ping, and never to give up.
   */
  timeout?: number;
}

/** Limits, buffers and times of a connection. */
export interface ConnectionOptions {
  /**
   * The most bytes that an incoming message may have, all fragments together
   * and, when compressed, inflated. A larger one closes the connection with
   * 1009. Messages of `incoming` are not limited, except for `text()`,
   * `bytes()` and the like. Default 16 MiB (16,777,216).
   */
  maxMessageSize?: number;
  /**
   * How many bytes of incoming messages wait for the application before the
   * transport is paused. Default 65,536.
   */
  readableHighWaterMark?: number;
  /**
   * How many bytes wait for the peer before the promises of `send()` do.
   * Default 65,536.
   */
  writableHighWaterMark?: number;
  /**
   * How many bytes may wait for a peer that does not read, when `send()` is not
   * awaited, before the connection is dropped. A single message may be larger.
   * Default 16 MiB (16,777,216).
   */
  maxBufferedBytes?: number;
  /**
   * Milliseconds that the peer has to finish the closing handshake and the TCP
   * connection, before it is dropped. Default 5,000; `Infinity` for no limit.
   */
  closeTimeout?: number;
  /** Pings for silent connections; `false` for none. Default both 30 s. */
  keepAlive?: KeepAliveOptions | false;
  /**
   * What stands in the `buffer` of a binary message. `"own"`: nothing else, so that
   * it can be kept and transferred. `"shared"`: those of at most 4 KiB that arrived
   * together, without compression, are views on one buffer, as with `ws`. Heed
   * `byteOffset` and `byteLength` then, do not transfer it, and copy what you keep
   * for long, as it keeps the others. With many short messages on their way at
   * once Deno handles more than twice as many then, as a small buffer takes longer
   * there than all else that a message needs; Node and Bun gain nothing. Does not
   * concern `incoming`. Default `"own"`.
   */
  messageBuffers?: MessageBuffers;
}

/** See {@linkcode ConnectionOptions.messageBuffers}. */
export type MessageBuffers = "own" | "shared";

/** {@linkcode ConnectionOptions} with every default filled in. */
export interface ResolvedConnectionOptions {
  /** See {@linkcode ConnectionOptions.maxMessageSize}. */
  readonly maxMessageSize: number;
  /** See {@linkcode ConnectionOptions.readableHighWaterMark}. */
  readonly readableHighWaterMark: number;
  /** See {@linkcode ConnectionOptions.writableHighWaterMark}. */
  readonly writableHighWaterMark: number;
  /** See {@linkcode ConnectionOptions.maxBufferedBytes}. */
  readonly maxBufferedBytes: number;
  /** See {@linkcode ConnectionOptions.closeTimeout}. */
  readonly closeTimeout: number;
  /** See {@linkcode ConnectionOptions.keepAlive}. */
  readonly keepAlive: Readonly<Required<KeepAliveOptions>> | null;
  /** See {@linkcode ConnectionOptions.messageBuffers}. */
  readonly messageBuffers: MessageBuffers;
}

/**
 * Fills in the defaults.
 *
 * @throws {TypeError | RangeError} For a number that is negative, zero or not a
 * number, a `keepAlive` that is neither `false` nor an object, or
 * `messageBuffers` of another name.
 */
export function resolveConnectionOptions(
  options: ConnectionOptions,
): ResolvedConnectionOptions {
  const keepAlive = options.keepAlive ?? {};
  if (keepAlive !== false && typeof keepAlive !== "object") {
    throw new TypeError(
      `keepAlive is false or { interval, timeout } in milliseconds, not ${
        describe(keepAlive)
      }`,
    );
  }
  const { messageBuffers = "own" } = options;
  if (messageBuffers !== "own" && messageBuffers !== "shared") {
    throw new TypeError(
      `messageBuffers is "own" or "shared", not ${describe(messageBuffers)}`,
    );
  }
  return {
    messageBuffers,
    maxMessageSize: positive(options, "maxMessageSize", defaultMaxMessageSize),
    readableHighWaterMark: positive(options, "readableHighWaterMark", 65536),
    writableHighWaterMark: positive(options, "writableHighWaterMark", 65536),
    maxBufferedBytes: positive(options, "maxBufferedBytes", 16 * 1024 * 1024),
    closeTimeout: milliseconds(options, "closeTimeout", 5000),
    keepAlive: keepAlive === false ? null : {
      interval: milliseconds(keepAlive, "interval", 30_000),
      timeout: milliseconds(keepAlive, "timeout", 30_000),
    },
  };
}

/**
 * Reads a number that must be above 0.
 *
 * @throws {RangeError} If it is not.
 */
export function positive<Name extends string>(
  options: { readonly [name in Name]?: unknown },
  name: Name,
  byDefault: number,
): number {
  const value = options[name] ?? byDefault;
  if (typeof value !== "number" || !(value > 0)) {
    throw new RangeError(
      `${name} is a number above 0 (default ${byDefault}), not ${
        describe(value)
      }`,
    );
  }
  return value;
}

/** The longest that a timer can wait, 25 days: one for longer would fire at once. */
const longestDelay = 2 ** 31 - 1;

/**
 * Reads a number of milliseconds that must be above 0. `Infinity` and all that is
 * longer than a timer can wait stand for the longest that it can.
 *
 * @throws {RangeError} If it is not.
 */
export function milliseconds<Name extends string>(
  options: { readonly [name in Name]?: unknown },
  name: Name,
  byDefault: number,
): number {
  return Math.min(positive(options, name, byDefault), longestDelay);
}

/**
 * Checks an option `signal`.
 *
 * @throws {TypeError} If it is given, and no `AbortSignal`.
 */
export function checkSignal(signal: unknown): void {
  if (signal === undefined) return;
  const given = signal as Partial<AbortSignal> | null;
  if (typeof given?.addEventListener === "function") return;
  throw new TypeError(
    `signal is an AbortSignal, not ${
      describe(signal)
    }: pass the signal of an AbortController`,
  );
}
