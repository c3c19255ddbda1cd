/**
 * A Node socket, plain or TLS, as a transport, on all three runtimes. How Node
 * reads those that it accepted over TCP is in `node_reads.ts`.
 *
 * @module
 */
import { Socket } from "node:net";
import type { Duplex } from "node:stream";
import {
  type NetworkAddress,
  nobody,
  type Transport,
  type TransportReceiver,
} from "../connection/transport.ts";
import { sameHostname } from "./hostname.ts";
import { LargeWrites, mostAtOnce, writeTogether } from "./large_writes.ts";
import { type ReadTaker, withDirectReads } from "./node_reads.ts";
import { TransportDuplex } from "./transport_duplex.ts";

/** What a socket has beside a duplex. */
interface SocketMembers {
  readonly remoteAddress?: string;
  readonly remotePort?: number;
  setNoDelay?(noDelay: boolean): void;
  setTimeout?(milliseconds: number): void;
}

/** Where a socket has its transport. */
const transportKey = Symbol("weir.transport");

/** A socket that a transport listens to. */
interface AttachedSocket {
  [transportKey]: NodeSocketTransport;
}

/** See the module. */
export class NodeSocketTransport implements Transport, ReadTaker {
  // Listeners that all sockets share, as four closures for each weigh as much as
  // the rest of a transport.
  static readonly #listeners = {
    data(this: AttachedSocket, chunk: Uint8Array<ArrayBuffer>): void {
      const transport = this[transportKey];
      const readsDirectlyNext = transport.#readsDirectlyNext;
      transport.#receiver!.receive(chunk, false);
      if (readsDirectlyNext) transport.#readDirectlyIfIdle();
    },
    end(this: AttachedSocket & Duplex): void {
      const transport = this[transportKey];
      // One that another stands for now has had the only end that there is.
      if (this === transport.#socket) transport.#receiver!.receiveEnd();
      else transport.#socket.push(null);
    },
    close(this: AttachedSocket): void {
      const transport = this[transportKey];
      transport.#large = null;
      const receiver = transport.#receiver!;
      // On Deno a closed socket outlives collections of the young generation, and
      // with it all that it leads to.
      transport.#receiver = nobody;
      receiver.transportClosed(transport.#error);
    },
    error(this: AttachedSocket & Duplex, error: Error): void {
      this[transportKey].#error ??= error;
      // A TLS socket is left open if its peer breaks TLS.
      this.destroy();
    },
  };

  #socket: Duplex & SocketMembers;
  /** Whether it may read from below the socket's stream. */
  readonly #mayReadDirectly: boolean;
  #receiver: TransportReceiver | null = null;
  #error: Error | null = null;
  #paused = false;
  /** See {@linkcode readDirectly}. */
  #readsDirectlyNext = false;
  /** There are some while more is on its way than may be handed over at once. */
  #large: LargeWrites | null = null;
  /** See {@linkcode Transport}: any other duplex may keep what it was given. */
  readonly copies: boolean;
  /** See {@linkcode Transport}. */
  readonly gives: boolean;
  // Not to be asked for once the socket has closed. Not an object: a connection has
  // this as long as it lasts, and seldom is asked for it.
  readonly #hostname: string | null = null;
  readonly #port: number = 0;

  /**
   * @param socket A socket.
   * @param alone Whether nobody else can listen to it.
   * @param tcp Whether it is a TCP socket that was accepted.
   */
  constructor(
    socket: Duplex & SocketMembers,
    alone = false,
    tcp = false,
  ) {
    this.#socket = socket;
    this.#mayReadDirectly = tcp;
    this.gives = alone;
    this.copies = socket instanceof Socket || socket instanceof TransportDuplex;
    const address = addressOf(socket);
    if (address !== null) {
      this.#hostname = sameHostname(address.hostname);
      this.#port = address.port;
    }
    socket.setNoDelay?.(true);
    // A limit that the HTTP server may have set ends with the handshake.
    if (!alone) socket.setTimeout?.(0);
  }

  /** The peer's address, where the socket knew it. */
  get remoteAddress(): NetworkAddress | null {
    const hostname = this.#hostname;
    return hostname === null
      ? null
      : { transport: "tcp", hostname, port: this.#port };
  }

  /** See {@linkcode Transport}. */
  get bufferedAmount(): number {
    return this.#socket.writableLength + (this.#large?.length ?? 0);
  }

  /** See {@linkcode Transport}. */
  start(receiver: TransportReceiver): void {
    const socket = this.#socket;
    const first = this.#receiver === null;
    this.#receiver = receiver;
    if (first) this.#listen(socket);
    if (socket.destroyed) {
      queueMicrotask(() => receiver.transportClosed(this.#error));
      return;
    }
    // A paused socket tells of its end all the same.
    if (socket.readableEnded) queueMicrotask(() => receiver.receiveEnd());
    if (first) socket.on("data", NodeSocketTransport.#listeners.data);
    // The handshake may have left it paused.
    if (!this.#paused) socket.resume();
  }

  /**
   * Has the socket read into memory that all share, where that can be done, from
   * behind the next bytes on that do not end the connection: one that is opened and
   * closed does not take the second socket that it needs.
   */
  readDirectly(): void {
    this.#readsDirectlyNext = this.#mayReadDirectly;
  }

  #readDirectlyIfIdle(): void {
    const socket = this.#socket;
    if (
      socket.readableLength > 0 || socket.readableEnded || !socket.writable ||
      this.bufferedAmount > 0
    ) return;
    this.#readsDirectlyNext = false;
    const direct = withDirectReads(socket as Socket, this);
    if (direct === null) return;
    this.#socket = direct;
    this.#listen(direct);
    if (this.#paused) direct.pause();
    else direct.resume();
  }

  /** See {@linkcode ReadTaker}. */
  takeRead(bytes: Uint8Array<ArrayBuffer>): void {
    this.#receiver!.receive(bytes, true);
  }

  #listen(socket: Duplex): void {
    const { end, close, error } = NodeSocketTransport.#listeners;
    (socket as Duplex & Partial<AttachedSocket>)[transportKey] = this;
    socket.on("error", error);
    socket.on("end", end);
    socket.on("close", close);
  }

  /**
   * Lets go of the socket, for others to read it from the next turn on.
   *
   * @param first Bytes that came already, to be read first.
   */
  release(first: readonly Uint8Array[]): Duplex {
    const socket = this.#socket;
    const { data, end, close, error } = NodeSocketTransport.#listeners;
    socket.pause();
    socket.on("error", ignore);
    socket.off("error", error);
    socket.off("end", end);
    socket.off("close", close);
    socket.off("data", data);
    // One that has ended takes nothing back, and nobody reads on.
    if (!socket.readableEnded) {
      for (const chunk of first.toReversed()) socket.unshift(chunk);
    }
    return socket.resume();
  }

  /** See {@linkcode Transport}. */
  pause(): void {
    this.#paused = true;
    this.#socket.pause();
  }

  /** See {@linkcode Transport}. */
  resume(): void {
    this.#paused = false;
    this.#socket.resume();
  }

  /** See {@linkcode Transport}. */
  write(chunks: readonly Uint8Array[], written?: () => void): void {
    const socket = this.#socket;
    if (!socket.writable) return;
    if (this.#large !== null || (this.copies && isMuch(chunks))) {
      this.#large ??= new LargeWrites(socket, () => this.#large = null);
      this.#large.write(chunks, written);
    } else {
      writeTogether(socket, chunks, written);
    }
  }

  /** See {@linkcode Transport}. */
  end(): void {
    if (this.#large !== null) this.#large.end();
    else if (this.#socket.writable) this.#socket.end();
  }

  /** See {@linkcode Transport}. */
  destroy(): void {
    this.#socket.destroy();
  }
}

/** The address of a socket's peer, where there is one and the socket is open. */
export function addressOf(
  socket: Duplex & SocketMembers,
): NetworkAddress | null {
  const { remoteAddress, remotePort } = socket;
  if (remoteAddress === undefined || remotePort === undefined) return null;
  return { transport: "tcp", hostname: remoteAddress, port: remotePort };
}

function isMuch(chunks: readonly Uint8Array[]): boolean {
  let length = 0;
  for (const chunk of chunks) length += chunk.length;
  return length > mostAtOnce;
}

function ignore(): void {}
