/**
 * What `node:http` on Bun leaves out for sockets that it did not accept itself,
 * and does on Node and Deno: a body that is not read holds its client up, and a
 * connection on which nothing comes is dropped.
 *
 * @module
 */
import type { IncomingMessage, Server, ServerResponse } from "node:http";
import type { Duplex } from "node:stream";
import { TransportDuplex } from "./transport_duplex.ts";

/**
 * Sees to the sockets that a server is handed with its `"connection"` event.
 *
 * @param headTimeout Milliseconds for the head of a request to arrive.
 * @param onLate Takes a socket on which it has not.
 */
export function superviseOnBun(
  server: Server,
  headTimeout: number,
  onLate: (socket: Duplex) => void,
): void {
  const supervised = new WeakMap<Duplex, SupervisedSocket>();
  server.on("connection", (socket: Duplex) => {
    if (!(socket instanceof TransportDuplex)) return;
    const { keepAliveTimeout } = server;
    supervised.set(
      socket,
      new SupervisedSocket(socket, headTimeout, keepAliveTimeout, onLate),
    );
  });
  server.on("request", (request, response) => {
    supervised.get(request.socket)?.begin(request, response);
  });
  server.on("upgrade", (_request, socket: Duplex) => {
    supervised.get(socket)?.leave();
  });
}

/** One of them. */
class SupervisedSocket {
  readonly #socket: Duplex;
  readonly #headTimeout: number;
  readonly #keepAliveTimeout: number;
  readonly #onLate: (socket: Duplex) => void;
  readonly #onData = (): void => this.#arrived();
  readonly #leave = (): void => this.leave();
  #timer: ReturnType<typeof setTimeout> | undefined;
  /** Whether no byte of the next request has come. */
  #idle = false;
  /** How many requests are not answered. */
  #unanswered = 0;
  /** The one that came last. */
  #request: IncomingMessage | null = null;

  constructor(
    socket: Duplex,
    headTimeout: number,
    keepAliveTimeout: number,
    onLate: (socket: Duplex) => void,
  ) {
    this.#socket = socket;
    this.#headTimeout = headTimeout;
    this.#keepAliveTimeout = keepAliveTimeout;
    this.#onLate = onLate;
    this.#expectHead();
    socket.on("data", this.#onData);
    socket.on("close", this.#leave);
  }

  /** A request has come. */
  begin(request: IncomingMessage, response: ServerResponse): void {
    clearTimeout(this.#timer);
    this.#idle = false;
    this.#unanswered++;
    this.#request = request;
    const read = request._read;
    request._read = (size) => {
      read.call(request, size);
      this.#socket.resume();
    };
    response.once("close", () => this.#answered());
  }

  /** Others see to the socket. */
  leave(): void {
    clearTimeout(this.#timer);
    this.#socket.off("data", this.#onData);
    this.#socket.off("close", this.#leave);
  }

  #answered(): void {
    if (--this.#unanswered > 0) return;
    this.#request = null;
    const socket = this.#socket;
    if (socket.destroyed) return;
    socket.resume();
    this.#idle = true;
    clearTimeout(this.#timer);
    if (this.#keepAliveTimeout > 0) {
      this.#timer = setTimeout(() => socket.destroy(), this.#keepAliveTimeout);
    }
  }

  #arrived(): void {
    const request = this.#request;
    if (this.#idle) {
      this.#idle = false;
      this.#expectHead();
    } else if (
      request !== null && !request.complete &&
      request.readableLength >= request.readableHighWaterMark
    ) {
      this.#socket.pause();
    }
  }

  #expectHead(): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      this.leave();
      this.#onLate(this.#socket);
    }, this.#headTimeout);
  }
}
