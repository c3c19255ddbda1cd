/**
 * The sockets of an HTTP server, so that it can be shut down without waiting for
 * those that ask for nothing, and none becomes a WebSocket before its turn.
 *
 * @module
 */
import type { IncomingMessage, Server, ServerResponse } from "node:http";
import type { Duplex } from "node:stream";
import { Deadlines } from "../deadlines.ts";

/**
 * How many answers a socket may owe. No client asks for so much at once, and each
 * request takes kilobytes until it is answered.
 */
const maxOwed = 100;

/** What tells the two sockets of one TLS connection to belong together. */
interface PeerAddress {
  readonly remoteAddress?: string;
  readonly remotePort?: number;
}

/** See the module. */
export class HttpSockets {
  readonly #server: Server;
  /** All that are open, but for those in `#securing`. */
  readonly #open = new Set<Duplex>();
  /**
   * The answers that those with requests still owe: they may send the next before
   * they are answered. None for those that were upgraded.
   */
  readonly #busy = new Map<Duplex, Set<ServerResponse>>();
  /** Those whose TLS handshake is not done. */
  readonly #securing: Deadlines<Duplex & PeerAddress>;
  #closing = false;
  #whenNoneIsOpen: (() => void) | null = null;

  /**
   * Follows a server's sockets.
   *
   * @param secure Whether the server does the TLS handshakes itself.
   * @param handshakeTimeout Milliseconds for a TLS handshake.
   */
  constructor(server: Server, secure: boolean, handshakeTimeout: number) {
    this.#server = server;
    this.#securing = new Deadlines(
      handshakeTimeout,
      (socket) => socket.destroy(),
    );
    if (secure) {
      server.on("connection", (socket: Duplex) => this.#secure(socket));
      server.on("secureConnection", (socket: Duplex) => this.#add(socket));
    } else {
      server.on("connection", (socket: Duplex) => this.#add(socket));
    }
    server.on("request", (request, response) => {
      this.#onRequest(request, response);
    });
    server.on("upgrade", (_request, socket: Duplex) => {
      this.#onUpgrade(socket);
    });
  }

  /** Follows a socket that the server never had: it is refused from elsewhere. */
  follow(socket: Duplex): void {
    if (socket.destroyed) return;
    this.#track(socket);
    this.#busy.set(socket, new Set());
  }

  /** Whether an answer has begun, and has not ended. */
  isAnswering(socket: Duplex): boolean {
    for (const response of this.#busy.get(socket) ?? []) {
      if (response.headersSent && !response.writableEnded) return true;
    }
    return false;
  }

  /** Drops what asks for nothing; resolves when none is left. */
  close(): Promise<void> {
    this.#closing = true;
    for (const { member } of this.#securing.waits) member?.destroy();
    for (const socket of this.#open) {
      if (!this.#busy.has(socket)) socket.destroy();
    }
    return new Promise((resolve) => {
      this.#whenNoneIsOpen = resolve;
      this.#settle();
    });
  }

  /** Drops all. */
  terminate(): void {
    for (const { member } of this.#securing.waits) member?.destroy();
    for (const socket of this.#open) socket.destroy();
    this.#server.closeAllConnections();
  }

  #secure(socket: Duplex & PeerAddress): void {
    const deadline = this.#securing.add(socket);
    socket.on("close", () => {
      this.#securing.delete(deadline);
      this.#settle();
    });
  }

  #add(socket: Duplex & PeerAddress): void {
    for (const deadline of this.#securing.waits) {
      const raw = deadline.member!;
      if (
        raw.remotePort !== socket.remotePort ||
        raw.remoteAddress !== socket.remoteAddress
      ) continue;
      this.#securing.delete(deadline);
    }
    this.#track(socket);
    if (this.#closing) socket.destroy();
  }

  #track(socket: Duplex): void {
    this.#open.add(socket);
    socket.on("close", () => {
      this.#open.delete(socket);
      this.#busy.delete(socket);
      this.#settle();
    });
  }

  #onRequest(request: IncomingMessage, response: ServerResponse): void {
    const { socket } = request;
    const owed = this.#busy.get(socket) ?? new Set();
    this.#busy.set(socket, owed.add(response));
    // To read no more would not do: it can be asked for thousands in one segment.
    if (owed.size > maxOwed) socket.destroy();
    response.on("close", () => {
      owed.delete(response);
      if (owed.size > 0 || this.#busy.get(socket) !== owed) return;
      this.#busy.delete(socket);
      // A browser would keep it for later requests.
      if (this.#closing) socket.destroySoon();
      this.#settle();
    });
  }

  #onUpgrade(socket: Duplex): void {
    const owed = this.#busy.get(socket) ?? [];
    this.#busy.set(socket, new Set());
    for (const response of owed) {
      // It would be written into the WebSocket.
      if (!isHandedOver(response)) socket.destroy();
    }
  }

  #settle(): void {
    if (!this.#closing) return;
    // Also those that Bun does not tell of before their first bytes.
    if (this.#busy.size === 0) this.#server.closeAllConnections();
    if (this.#open.size > 0 || this.#securing.size > 0) return;
    this.#whenNoneIsOpen?.();
  }
}

/** Whether all of an answer is with its socket, and so in front of what comes next. */
function isHandedOver(response: ServerResponse): boolean {
  // It has no socket before its turn, and none when it is done.
  return response.writableEnded &&
    (response.socket !== null || response.writableFinished);
}
