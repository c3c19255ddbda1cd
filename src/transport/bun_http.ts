/**
 * What `node:http` on Bun leaves out for sockets that it did not accept itself,
 * and does on Node and Deno: a body that is not read holds its client up, a
 * connection on which nothing comes is dropped, and so is one on which a request
 * does not come to its end.
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
 * @param requestTimeout Milliseconds for the rest of it.
 * @param onLate Takes a socket on which one of them has not.
 */
export function superviseOnBun(
  server: Server,
  headTimeout: number,
  requestTimeout: number,
  onLate: (socket: Duplex) => void,
): void {
  const supervised = new WeakMap<Duplex, SupervisedSocket>();
  server.on("connection", (socket: Duplex) => {
    if (!(socket instanceof TransportDuplex)) return;
    const { keepAliveTimeout } = server;
    supervised.set(
      socket,
      new SupervisedSocket(
        socket,
        headTimeout,
        requestTimeout,
        keepAliveTimeout,
        onLate,
      ),
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
  readonly #requestTimeout: number;
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
    requestTimeout: number,
    keepAliveTimeout: number,
    onLate: (socket: Duplex) => void,
  ) {
    this.#socket = socket;
    this.#headTimeout = headTimeout;
    this.#requestTimeout = requestTimeout;
    this.#keepAliveTimeout = keepAliveTimeout;
    this.#onLate = onLate;
    this.#expect(() => false, headTimeout);
    socket.on("data", this.#onData);
    socket.on("close", this.#leave);
  }

  /** A request has come. */
  begin(request: IncomingMessage, response: ServerResponse): void {
    this.#idle = false;
    this.#unanswered++;
    this.#request = request;
    this.#expect(() => request.complete, this.#requestTimeout);
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
      this.#expect(() => false, this.#headTimeout);
    } else if (
      request !== null && !request.complete &&
      request.readableLength >= request.readableHighWaterMark
    ) {
      this.#socket.pause();
    }
  }

  /** Gives the socket up if it takes longer until something is there. */
  #expect(isThere: () => boolean, milliseconds: number): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      if (isThere()) return;
      this.leave();
      this.#onLate(this.#socket);
    }, milliseconds);
  }
}
