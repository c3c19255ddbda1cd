/**
 * The option `deflate`: what a program may say about permessage-deflate (RFC
 * 7692), with the defaults.
 *
 * @module
 */
import { describe } from "../describe.ts";

/**
 * How messages are compressed with permessage-deflate (RFC 7692).
 *
 * The four options named after extension parameters are wishes about the
 * connection, and a peer may ask for less still. On a server they shape the
 * answer to a client's offer, on a client the offer.
 *
 * @example
 * ```ts
 * import { resolveDeflateOptions } from "./options.ts";
 *
 * const options = resolveDeflateOptions({ backend: "zlib", memLevel: 5 });
 * console.log(options?.threshold); // 1024
 * ```
 */
export interface DeflateOptions {
  /**
   * What compresses and inflates, and whether it keeps a context from message to
   * message. `"auto"` is for many connections: a server agrees that both ends
   * compress each message on its own, and takes what is fastest, which is
   * `node:zlib` on each runtime. `"zlib"` takes `node:zlib` with contexts both
   * ways, unless they are declined. `"standard"` takes the platform's
   * `CompressionStream` and `DecompressionStream` for every connection whose
   * parameters they can keep to, and `node:zlib` for the others; they can keep
   * an inbound context, and on Deno an outbound one. A client agrees to the same
   * for `"auto"` as for `"standard"`. Default `"auto"`.
   */
  backend?: DeflateBackendOption;
  /**
   * Messages of fewer bytes than this are sent as they are, unless
   * `send(message, { compress: true })` asks otherwise. A text counts by its
   * `length`, and one that is published by its bytes of UTF-8. 0 compresses every
   * message, `Infinity` none. Default 1,024.
   */
  threshold?: number;
  /**
   * `true` makes the server compress each message on its own (RFC 7692 section
   * 7.1.1.1): less memory for each connection, larger messages. On a client it
   * is a demand that a server may answer only with compliance or without
   * compression. `false` leaves it to the peer and to the backend; a server
   * with `"auto"` does it anyway. Default `false`.
   */
  serverNoContextTakeover?: boolean;
  /**
   * `true` makes the client compress each message on its own (section 7.1.1.2).
   * `false` leaves it to the peer and to the backend. Default `false`.
   */
  clientNoContextTakeover?: boolean;
  /**
   * The base-2 logarithm of the largest window, in bytes, that the server
   * compresses with (section 7.1.2.1): an integer from 8 to 15. Below 15 takes
   * `node:zlib` on a server. On a client it is a demand, as above. Default 15
   * (32 KiB).
   */
  serverMaxWindowBits?: number;
  /**
   * The same for the client (section 7.1.2.2): an integer from 8 to 15. A server
   * may ask it only of a client that offers `client_max_window_bits`; others,
   * Firefox among them, are accepted with 15. Default 15 (32 KiB).
   */
  clientMaxWindowBits?: number;
  /**
   * zlib's compression level, an integer from -1 (zlib's own choice, now 6) and
   * 0 (stored) to 9 (smallest, slowest). It holds where `node:zlib` compresses;
   * the standard streams have no such setting. Default -1.
   */
  level?: number;
  /**
   * How much memory zlib's compressor takes, an integer from 1 (least) to 9
   * (most, fastest). It holds where `node:zlib` compresses. Default 8.
   */
  memLevel?: number;
}

/** What compresses and inflates; see {@linkcode DeflateOptions.backend}. */
export type DeflateBackendOption = "auto" | "standard" | "zlib";

/** {@linkcode DeflateOptions} with every default filled in. */
export interface ResolvedDeflateOptions {
  /** See {@linkcode DeflateOptions.backend}. */
  readonly backend: DeflateBackendOption;
  /** See {@linkcode DeflateOptions.threshold}. */
  readonly threshold: number;
  /** See {@linkcode DeflateOptions.serverNoContextTakeover}. */
  readonly serverNoContextTakeover: boolean;
  /** See {@linkcode DeflateOptions.clientNoContextTakeover}. */
  readonly clientNoContextTakeover: boolean;
  /** See {@linkcode DeflateOptions.serverMaxWindowBits}. */
  readonly serverMaxWindowBits: number;
  /** See {@linkcode DeflateOptions.clientMaxWindowBits}. */
  readonly clientMaxWindowBits: number;
  /** See {@linkcode DeflateOptions.level}. */
  readonly level: number;
  /** See {@linkcode DeflateOptions.memLevel}. */
  readonly memLevel: number;
}

/**
 * Checks the option `deflate` and fills in the defaults.
 *
 * @param deflate `true` for permessage-deflate with the defaults, `false` for
 * none, or what differs from the defaults. Default `true`.
 * @returns `null` for `false`.
 * @throws {TypeError} For a value that is neither a boolean nor an object, a
 * backend that does not exist, or a `...NoContextTakeover` that is no boolean.
 * @throws {RangeError} For a number out of its range.
 */
export function resolveDeflateOptions(
  deflate: boolean | DeflateOptions = true,
): ResolvedDeflateOptions | null {
  if (deflate === false) return null;
  const options = deflate === true ? {} : deflate;
  if (
    typeof options !== "object" || options === null || Array.isArray(options)
  ) {
    throw new TypeError(
      "deflate is true, false or an object of options (default true), " +
        `not ${describe(options)}`,
    );
  }
  return {
    backend: backend(options),
    threshold: threshold(options),
    serverNoContextTakeover: flag(options, "serverNoContextTakeover"),
    clientNoContextTakeover: flag(options, "clientNoContextTakeover"),
    serverMaxWindowBits: integer(options, "serverMaxWindowBits", 8, 15, 15),
    clientMaxWindowBits: integer(options, "clientMaxWindowBits", 8, 15, 15),
    level: integer(options, "level", -1, 9, -1),
    memLevel: integer(options, "memLevel", 1, 9, 8),
  };
}

function backend(options: DeflateOptions): DeflateBackendOption {
  const value = options.backend ?? "auto";
  if (value !== "auto" && value !== "standard" && value !== "zlib") {
    throw new TypeError(
      `deflate.backend is "auto", "standard" or "zlib" (default "auto"), not ${
        describe(value)
      }`,
    );
  }
  return value;
}

function threshold(options: DeflateOptions): number {
  const value = options.threshold ?? 1024;
  if (typeof value !== "number" || !(value >= 0)) {
    throw new RangeError(
      "deflate.threshold is a number of bytes, 0 or above (default 1024), " +
        `not ${describe(value)}`,
    );
  }
  return value;
}

function flag(
  options: DeflateOptions,
  name: "serverNoContextTakeover" | "clientNoContextTakeover",
): boolean {
  const value = options[name] ?? false;
  if (typeof value !== "boolean") {
    throw new TypeError(
      `deflate.${name} is true or false (default false), not ${
        describe(value)
      }`,
    );
  }
  return value;
}

function integer(
  options: DeflateOptions,
  name: "serverMaxWindowBits" | "clientMaxWindowBits" | "level" | "memLevel",
  least: number,
  most: number,
  byDefault: number,
): number {
  const value = options[name] ?? byDefault;
  if (!Number.isInteger(value) || value < least || value > most) {
    throw new RangeError(
      `deflate.${name} is an integer from ${least} to ${most} ` +
        `(default ${byDefault}), not ${describe(value)}`,
    );
  }
  return value;
}
