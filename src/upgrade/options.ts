/**
 * The options of handshakes, for `serve()` and `createUpgradeHandler()`.
 *
 * @module
 */
import type { Backplane } from "../backplane/backplane.ts";
import type { WebSocketConnection } from "../connection/connection.ts";
import {
  checkFunctions,
  type ErrorCallback,
  type Handler,
} from "../connection/handler.ts";
import {
  type ConnectionOptions,
  milliseconds,
  resolveConnectionOptions,
  type ResolvedConnectionOptions,
} from "../connection/options.ts";
import {
  type DeflateOptions,
  type ResolvedDeflateOptions,
  resolveDeflateOptions,
} from "../deflate/options.ts";
import { checkOriginPolicy, type OriginPolicy } from "../handshake/origin.ts";
import { checkProtocols } from "../handshake/subprotocol.ts";
import { checkTopics, Topics } from "../topics/topics.ts";

/** What the `upgrade` hook may give for a connection that it accepts. */
export interface UpgradeAnswer<Data = unknown> {
  /**
   * The subprotocol, one of those that the client offered, or `""` for none. By
   * default it is chosen from the option `protocols`.
   */
  protocol?: string;
  /** Headers for the response, such as `Set-Cookie`. */
  headers?: ConstructorParameters<typeof Headers>[0];
  /** What {@linkcode WebSocketConnection.data} shall be. */
  data?: Data;
  /** Compression for this connection, in place of the option of the same name. */
  deflate?: boolean | DeflateOptions;
  /** A handler for this connection, in place of the one that `serve()` was given. */
  handler?: Handler<Data>;
}

/**
 * Decides on a handshake: a `Response` refuses it, an object or nothing accepts
 * it.
 *
 * The request's `signal` aborts if the client leaves while the hook decides, so
 * that what it waits for can be given up. Of a client that has sent more than
 * 64 KiB behind its request the end may go unseen, as no more is read.
 */
export type UpgradeHook<Data = unknown> = (
  request: Request,
) =>
  | Response
  | UpgradeAnswer<Data>
  | void
  | Promise<Response | UpgradeAnswer<Data> | void>;

/** How handshakes are answered, and what the connections are like. */
export interface UpgradeOptions<Data = unknown> extends ConnectionOptions {
  /** The subprotocols that the server speaks, the preferred one first. Default none. */
  protocols?: readonly string[];
  /**
   * The pages that may connect: `"same-origin"`, `"*"`, a list, or a function.
   * Default `"same-origin"`: the `Origin` header names the same host as `Host`,
   * or is missing, as with clients that are not browsers.
   */
  origins?: OriginPolicy;
  /** Is asked about each valid handshake. By default all are accepted. */
  upgrade?: UpgradeHook<Data>;
  /**
   * Compression of messages (permessage-deflate, RFC 7692) with clients that
   * offer it: `false` for none, or how. Default `true`.
   */
  deflate?: boolean | DeflateOptions;
  /**
   * Milliseconds that a handshake may take, `upgrade` included. Default 10,000;
   * `Infinity` for no limit.
   */
  handshakeTimeout?: number;
  /**
   * The topics that connections subscribe and publish to. Give several servers
   * the same, and they share them. By default each has its own.
   */
  topics?: Topics;
  /**
   * Relays the server's topics to and from other processes, such as a
   * `RedisBackplane` of `@weir/ws/redis`. Default none. With the option `topics`,
   * give it to the `Topics` instead.
   */
  backplane?: Backplane;
  /**
   * Is told what a handler, a hook or `upgrade` failed with. `socket` is missing
   * where there is no connection yet. By default it is written to the console.
   */
  onError?: (error: unknown, socket?: WebSocketConnection) => void;
}

/** {@linkcode UpgradeOptions} with the defaults filled in. */
export interface ResolvedUpgradeOptions {
  /** What connections are like. */
  readonly connection: ResolvedConnectionOptions;
  /** See {@linkcode UpgradeOptions}. */
  readonly protocols: readonly string[];
  /** See {@linkcode UpgradeOptions}; `undefined` for the default. */
  readonly origins: OriginPolicy | undefined;
  /** See {@linkcode UpgradeOptions}; `null` where all are accepted. */
  readonly upgrade: UpgradeHook | null;
  /** See {@linkcode UpgradeOptions}; `null` for none. */
  readonly deflate: ResolvedDeflateOptions | null;
  /** See {@linkcode UpgradeOptions}. */
  readonly handshakeTimeout: number;
  /** See {@linkcode UpgradeOptions}. */
  readonly topics: Topics;
  /** See {@linkcode UpgradeOptions}. */
  readonly onError: ErrorCallback;
}

/**
 * Fills in the defaults.
 *
 * @throws {TypeError} For options that can't be right.
 * @throws {RangeError} For numbers out of range.
 */
export function resolveUpgradeOptions(
  options: UpgradeOptions,
): ResolvedUpgradeOptions {
  checkFunctions(options, "upgrade", "onError");
  const { protocols = [], origins, upgrade = null } = options;
  checkProtocols(protocols);
  if (origins !== undefined) checkOriginPolicy(origins);
  return {
    connection: resolveConnectionOptions(options),
    protocols,
    origins,
    upgrade,
    deflate: resolveDeflateOptions(options.deflate),
    handshakeTimeout: milliseconds(options, "handshakeTimeout", 10_000),
    topics: topicsOf(options),
    onError: options.onError ?? ((error) => console.error(error)),
  };
}

function topicsOf({ topics, backplane, onError }: UpgradeOptions): Topics {
  if (topics === undefined) {
    return new Topics({
      ...backplane === undefined ? {} : { backplane },
      ...onError === undefined ? {} : { onError: (error) => onError(error) },
    });
  }
  if (backplane === undefined) return checkTopics(topics);
  throw new TypeError(
    "the options `topics` and `backplane` are both given: make the topics with new Topics({ backplane })",
  );
}
