/**
 * What connects to a native listener, up to the head of its first request. One
 * to upgrade is answered from here; anything else is for an HTTP server.
 *
 * @module
 */
import type { Duplex } from "node:stream";
import { joinBytes } from "../codec/byte_buffer.ts";
import {
  type NetworkAddress,
  nobody,
  type Transport,
  type TransportReceiver,
} from "../connection/transport.ts";
import { type Deadline, Deadlines } from "../deadlines.ts";
import type { HandshakeRequest } from "../handshake/request.ts";
import { readUpgradeHead } from "../handshake/upgrade_head.ts";
import { isBun } from "./bun_socket.ts";
import { type HandshakeSocket, maxEarly } from "./handshake_socket.ts";
import { NodeSocketTransport } from "./node_socket.ts";
import { TransportDuplex } from "./transport_duplex.ts";
import { writeHead } from "./write_head.ts";

/** Who takes what has come in. */
export interface FrontDoorOwner {
  /** Whether the connections are TLS. */
  readonly secure: boolean;
  /** A request to upgrade. */
  upgrade(request: HandshakeRequest, socket: HandshakeSocket): void;
  /** Something else: an HTTP server has to read it. */
  other(socket: Duplex): void;
  /** One that is given out for a refusal. */
  refused(socket: Duplex): void;
  /** No whole head has come in time. */
  late(socket: Duplex): void;
}

/** See the module. */
export class FrontDoor {
  readonly #owner: FrontDoorOwner;
  /** Those of which no whole head has come. */
  readonly #waiting: Deadlines<ArrivingSocket>;
  #closed = false;

  /** @param timeout Milliseconds for a whole head to come. */
  constructor(owner: FrontDoorOwner, timeout: number) {
    this.#owner = owner;
    this.#waiting = new Deadlines(
      timeout,
      (socket) => owner.late(socket.toDuplex()),
    );
  }

  /** Takes a connection that was accepted just now. */
  take(transport: Transport): void {
    if (this.#closed) {
      transport.start(nobody);
      transport.destroy();
      return;
    }
    transport.start(new ArrivingSocket(transport, this.#owner, this.#waiting));
  }

  /** Takes no more, and drops those that wait. */
  close(): void {
    this.#closed = true;
    for (const { member } of this.#waiting.waits) member?.destroy();
    this.#waiting.clear();
  }
}

/** A connection before it is a WebSocket. */
class ArrivingSocket implements TransportReceiver, HandshakeSocket {
  readonly #transport: Transport;
  readonly #owner: FrontDoorOwner;
  readonly #waiting: Deadlines<ArrivingSocket>;
  readonly #deadline: Deadline<ArrivingSocket>;
  #duplex: Duplex | null = null;
  #asked = false;
  #early: Uint8Array<ArrayBuffer>[] = [];
  #earlyLength = 0;
  gone = false;
  onGone: (() => void) | null = null;

  constructor(
    transport: Transport,
    owner: FrontDoorOwner,
    waiting: Deadlines<ArrivingSocket>,
  ) {
    this.#transport = transport;
    this.#owner = owner;
    this.#waiting = waiting;
    this.#deadline = waiting.add(this);
  }

  get secure(): boolean {
    return this.#owner.secure;
  }

  get remoteAddress(): NetworkAddress | null {
    return this.gone ? null : this.#transport.remoteAddress;
  }

  receive(chunk: Uint8Array<ArrayBuffer>, lent: boolean): void {
    if (this.#asked) {
      this.#keep(chunk, lent);
      return;
    }
    let bytes = chunk;
    const searched = this.#earlyLength;
    if (this.#early.length > 0) {
      this.#keep(chunk, lent);
      bytes = joinBytes(this.#early);
      lent = false;
      this.#early = [];
      this.#earlyLength = 0;
    }
    const head = readUpgradeHead(bytes, searched);
    if (typeof head === "object") {
      this.#settle();
      if (head.length < bytes.length) {
        this.#keep(bytes.subarray(head.length), lent);
      }
      this.#owner.upgrade(head.request, this);
      head.request.settle();
      return;
    }
    this.#keep(bytes, lent);
    if (head === "incomplete") return;
    this.#settle();
    this.#owner.other(this.#makeDuplex());
  }

  receiveEnd(): void {
    // Who ends before a request is there wants nothing. Who ends behind it can't
    // have a WebSocket any more, but may read why.
    if (this.#asked) this.onGone?.();
    else this.#transport.end();
  }

  transportClosed(): void {
    this.gone = true;
    this.#waiting.delete(this.#deadline);
    this.onGone?.();
  }

  accept(
    head: string,
  ): { transport: Transport; early: Uint8Array<ArrayBuffer> } {
    if (this.#transport instanceof NodeSocketTransport) {
      this.#transport.readDirectly();
    }
    writeHead(this.#transport, head);
    const early = this.#early.length === 0 ? nothing : joinBytes(this.#early);
    this.#early = [];
    this.#transport.resume();
    return { transport: this.#transport, early };
  }

  toDuplex(): Duplex {
    if (this.#duplex === null) {
      this.#duplex = this.#makeDuplex();
      this.#owner.refused(this.#duplex);
    }
    return this.#duplex;
  }

  destroy(): void {
    this.#transport.destroy();
  }

  #makeDuplex(): Duplex {
    const transport = this.#transport;
    const early = this.#early;
    this.#early = [];
    // Bun's HTTP server knows nothing of the backpressure of a socket that it did
    // not accept itself, and may be told of that of a duplex.
    return transport instanceof NodeSocketTransport && !isBun()
      ? transport.release(early)
      : new TransportDuplex(transport, this.secure, early);
  }

  /** The first request is there. */
  #settle(): void {
    this.#asked = true;
    this.#waiting.delete(this.#deadline);
  }

  #keep(chunk: Uint8Array<ArrayBuffer>, lent: boolean): void {
    this.#early.push(lent ? chunk.slice() : chunk);
    this.#earlyLength += chunk.length;
    if (this.#earlyLength >= maxEarly) this.#transport.pause();
  }
}

const nothing = new Uint8Array(0);
