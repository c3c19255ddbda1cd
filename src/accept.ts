/**
 * A connection over any duplex of bytes.
 *
 * @module
 */
import { leaveTopics, WebSocketConnection } from "./connection/connection.ts";
import { createContext } from "./connection/context.ts";
import {
  checkHandler,
  type Handler,
  HandlerRunner,
} from "./connection/handler.ts";
import {
  type ConnectionOptions,
  resolveConnectionOptions,
} from "./connection/options.ts";
import { Session } from "./connection/session.ts";
import type { NetworkAddress } from "./connection/transport.ts";
import {
  type DeflateOptions,
  resolveDeflateOptions,
} from "./deflate/options.ts";
import { stagesForAgreed } from "./deflate/permessage_deflate.ts";
import { describe } from "./describe.ts";
import type { Role } from "./frame.ts";
import { checkTopics, joinTopics, type Topics } from "./topics/topics.ts";
import { type ByteDuplex, DuplexTransport } from "./transport/duplex.ts";

/** What {@linkcode accept} has to be told, as it saw no handshake. */
export interface AcceptOptions<Data = unknown> extends ConnectionOptions {
  /** The request of the handshake. */
  request: Request;
  /** The subprotocol that was agreed. Default `""`. */
  protocol?: string;
  /**
   * The extensions that were agreed, as in the response's header, such as
   * `"permessage-deflate; client_no_context_takeover"`. Default `""`: none.
   */
  extensions?: string;
  /** How messages are compressed, where that was agreed. Default `true`. */
  deflate?: boolean | DeflateOptions;
  /** Which end this is. Default `"server"`. */
  role?: Role;
  /** What {@linkcode WebSocketConnection.data} shall be. Default `undefined`. */
  data?: Data;
  /** The peer's address. Default `null`. */
  remoteAddress?: NetworkAddress;
  /** Bytes that were read from the duplex already, behind the handshake. Default none. */
  head?: Uint8Array<ArrayBuffer>;
  /** The topics that the connection can subscribe to. Default none. */
  topics?: Topics;
  /** Is told what the handler failed with. By default it is written to the console. */
  onError?: (error: unknown, socket: WebSocketConnection) => void;
}

/**
 * Makes a connection over any `{ readable, writable }` of bytes whose opening
 * handshake is already done: a `Deno.Conn`, an HTTP/2 or WebTransport stream, a
 * pair of `TransformStream`s in a test.
 *
 * @param duplex The streams; the connection locks them, and unmasks in the
 * chunks that it reads, but keeps none of them. Each chunk that it writes has a
 * buffer of its own, which may be kept, changed or transferred.
 * @param options The request of the handshake, and what the connection is like.
 * @param handler Is called with the connection, as with `serve()`. Default none.
 * @returns The connection, open.
 * @throws {TypeError | RangeError} For options or a handler that can't be right;
 * the streams are not locked then.
 *
 * @example
 * ```ts
 * import { accept } from "@weir/ws";
 *
 * const up = new TransformStream<Uint8Array, Uint8Array>();
 * const down = new TransformStream<Uint8Array, Uint8Array>();
 * const request = new Request("http://localhost/");
 * const server = accept(
 *   { readable: up.readable, writable: down.writable },
 *   { request },
 * );
 * const client = accept(
 *   { readable: down.readable, writable: up.writable },
 *   { request, role: "client" },
 * );
 * client.send("hello");
 * for await (const message of server.readable) {
 *   console.log(message); // hello
 *   break; // closes
 * }
 * await client.closed;
 * ```
 */
export function accept<Data = unknown>(
  duplex: ByteDuplex,
  options: AcceptOptions<Data>,
  handler: Handler<Data> = () => {},
): WebSocketConnection<Data> {
  checkHandler(handler);
  checkRequest(options?.request);
  const { request, remoteAddress = null, role = "server" } = options;
  const { extensions = "" } = options;
  const url = request.url.replace(/^http/, "ws");
  const topics = options.topics === undefined
    ? null
    : checkTopics(options.topics);
  const context = createContext(role, resolveConnectionOptions(options));
  const deflate = resolveDeflateOptions(options.deflate);
  const stages = stagesForAgreed(extensions, role, deflate);
  // The last that can throw, as it locks the streams.
  const transport = new DuplexTransport(duplex, remoteAddress);
  const session = new Session(transport, context, stages);
  const member = topics && joinTopics(topics, session.outbound);
  const connection = new WebSocketConnection<Data>(session, {
    protocol: options.protocol ?? "",
    extensions,
    url,
    join: () => member,
    leave: () => member?.leave(),
    request: () => request,
  }, options.data as Data);
  const runner = new HandlerRunner(
    connection as WebSocketConnection,
    session,
    handler as Handler,
    options.onError ?? ((error) => console.error(error)),
    leaveTopics,
  );
  runner.start(options.head ?? new Uint8Array(0));
  return connection;
}

function checkRequest(request: unknown): void {
  if (typeof (request as Request | null | undefined)?.url === "string") return;
  throw new TypeError(
    `the option \`request\` is the Request of the handshake, not ${
      describe(request)
    }`,
  );
}
