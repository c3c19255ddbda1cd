/**
 * Upgrades on any `node:http` server.
 *
 * @module
 */
import type { IncomingMessage } from "node:http";
import type { Duplex } from "node:stream";
import { type Handler, optionsAndHandler } from "./connection/handler.ts";
import {
  handshakeRequestOf,
  HttpHandshakeSocket,
} from "./transport/handshake_socket.ts";
import type { UpgradeOptions } from "./upgrade/options.ts";
import { Upgrader } from "./upgrade/upgrader.ts";

/** Answers the `"upgrade"` event of a `node:http` or `node:https` server. */
export type UpgradeListener = (
  request: IncomingMessage,
  socket: Duplex,
  head: Uint8Array,
) => void;

/**
 * Makes a listener for the `"upgrade"` event of a `node:http` or `node:https`
 * server: for Express, Fastify, Koa, Vite, `@hono/node-server`. It answers each
 * upgrade request (RFC 6455 section 4.2), refusals included, and runs the
 * handler on what it accepts.
 *
 * @param options How handshakes are answered, and what the connections are like.
 * @param handler Is called with each connection, or with what happens on it.
 * @throws {TypeError | RangeError} For options or a handler that can't be right.
 *
 * @example
 * ```ts
 * import { createServer } from "node:http";
 * import { createUpgradeHandler } from "@weir/ws";
 *
 * const server = createServer((_request, response) => response.end("hello"));
 * server.on(
 *   "upgrade",
 *   createUpgradeHandler({}, {
 *     message: (socket, message) => socket.send(message),
 *   }),
 * );
 * server.listen(0);
 * ```
 */
export function createUpgradeHandler<Data = unknown>(
  options: UpgradeOptions<Data>,
  handler: Handler<Data>,
): UpgradeListener;
/** The same with default options. */
export function createUpgradeHandler<Data = unknown>(
  handler: Handler<Data>,
): UpgradeListener;
export function createUpgradeHandler(
  ...parameters: [UpgradeOptions, Handler] | [Handler]
): UpgradeListener {
  const [options, handler] = optionsAndHandler(
    "createUpgradeHandler",
    parameters,
  );
  const upgrader = new Upgrader(options, handler);
  upgrader.prepare();
  return (request, socket, head) => {
    upgrader.upgrade(
      handshakeRequestOf(request),
      new HttpHandshakeSocket(socket, head),
    );
  };
}
