/**
 * Sockets that do what a test tells them to, as `Bun.listen()` and
 * `Deno.listen()` would hand them out, and receivers that write down what a
 * transport tells them. They run on every runtime.
 */

import { setImmediate } from "node:timers";
import type {
  Transport,
  TransportReceiver,
} from "../../src/connection/transport.ts";
import { BunSocketTransport } from "../../src/transport/bun_socket.ts";
import {
  type DenoConnection,
  DenoTlsTransport,
} from "../../src/transport/deno_tls_socket.ts";
import { concatBytes } from "../support/frames.ts";

/** Bytes that are not all alike. */
export function someBytes(length: number, from = 0): Uint8Array<ArrayBuffer> {
  return Uint8Array.from({ length }, (_, index) => (from + index * 7) & 0xff);
}

/** Lets all that was put off until after this turn happen. */
export function settled(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

/** Writes down what it is told. Lent bytes are copied, as their taker must. */
export class Recorder implements TransportReceiver {
  readonly name: string;
  /** In the order of the calls: `"receive"`, `"end"`, `"closed"`. */
  readonly events: string[] = [];
  readonly chunks: Uint8Array[] = [];
  /** Whether each chunk was lent. */
  readonly lent: boolean[] = [];
  /** What `transportClosed()` was told; `undefined` before. */
  error: Error | null | undefined;
  /** Is called within each of them. */
  within: (event: string, chunk: Uint8Array<ArrayBuffer>) => void = () => {};

  constructor(name = "receiver") {
    this.name = name;
  }

  /** All bytes in order. */
  get bytes(): Uint8Array<ArrayBuffer> {
    return concatBytes(this.chunks);
  }

  receive(chunk: Uint8Array<ArrayBuffer>, lent: boolean): void {
    this.events.push("receive");
    this.chunks.push(new Uint8Array(chunk));
    this.lent.push(lent);
    this.within("receive", chunk);
    // As the memory is used again.
    if (lent) chunk.fill(0x55);
  }

  receiveEnd(): void {
    this.events.push("end");
    this.within("end", new Uint8Array(0));
  }

  transportClosed(error: Error | null): void {
    this.events.push("closed");
    this.error = error;
    this.within("closed", new Uint8Array(0));
  }
}

/** What a test does to a transport, whatever socket is below. */
export interface Script {
  readonly transport: Transport;
  /** The bytes that the system took, in order. */
  readonly sent: Uint8Array<ArrayBuffer>;
  /** Whether the outgoing direction was ended, how often. */
  readonly ends: number;
  /** Whether the socket was closed by the transport. */
  readonly dropped: boolean;
  /** The bytes that the system takes before it makes the writer wait. */
  capacity: number;
  /** The system takes so many bytes more. */
  drain(capacity: number): Promise<void>;
  /** The peer sends bytes. */
  deliver(bytes: Uint8Array): Promise<void>;
  /** The peer ends its direction. */
  deliverEnd(): Promise<void>;
  /** The connection breaks. */
  fail(error: Error): Promise<void>;
}

type BunSocketParameter = ConstructorParameters<typeof BunSocketTransport>[0];

/** A `Bun.Socket`, as far as the transport uses it. */
export class ScriptedBunSocket implements Script, BunSocketParameter {
  data: BunSocketTransport;
  readonly remoteAddress = "192.0.2.1";
  readonly remotePort = 4711;
  readonly transport: BunSocketTransport;
  /** Calls of its methods, but for `write()`. */
  readonly calls: string[] = [];
  /** How many bytes each call of `write()` was given. */
  readonly writes: number[] = [];
  ends = 0;
  dropped = false;
  capacity = Infinity;
  closed = false;
  paused = false;
  #sent: Uint8Array[] = [];
  /** What arrived while it was paused. */
  #held: (() => void)[] = [];
  /** Whether the end of a dropped socket is told within the call. */
  readonly #closesAtOnce: boolean;

  constructor({ closesAtOnce = true } = {}) {
    this.#closesAtOnce = closesAtOnce;
    this.transport = new BunSocketTransport(this);
    this.data = this.transport;
  }

  get sent(): Uint8Array<ArrayBuffer> {
    return concatBytes(this.#sent);
  }

  setNoDelay(noDelay: boolean): boolean {
    this.calls.push(`setNoDelay ${noDelay}`);
    return true;
  }

  write(bytes: Uint8Array): number {
    this.writes.push(bytes.length);
    if (this.closed || this.ends > 0) return -1;
    const length = Math.min(bytes.length, this.capacity);
    this.capacity -= length;
    this.#sent.push(bytes.slice(0, length));
    return length;
  }

  pause(): void {
    this.calls.push("pause");
    this.paused = true;
  }

  resume(): void {
    this.calls.push("resume");
    this.paused = false;
    queueMicrotask(() => {
      while (!this.paused && this.#held.length > 0) this.#held.shift()!();
    });
  }

  shutdown(): void {
    this.calls.push("shutdown");
    this.ends++;
  }

  end(): void {
    this.calls.push("end");
    this.#drop();
  }

  close(): void {
    this.calls.push("close");
    this.#drop();
  }

  async drain(capacity: number): Promise<void> {
    // An event of its own, behind the microtasks of the one before.
    await settled();
    this.capacity = capacity;
    if (!this.closed) this.data.drained();
    await settled();
  }

  deliver(bytes: Uint8Array): Promise<void> {
    return this.#arrive(() => this.data.received(new Uint8Array(bytes)));
  }

  deliverEnd(): Promise<void> {
    return this.#arrive(() => this.data.ended());
  }

  async fail(error: Error): Promise<void> {
    if (!this.closed) {
      this.closed = true;
      this.data.failed(error);
      this.data.closed(null);
    }
    await settled();
  }

  async #arrive(event: () => void): Promise<void> {
    const arrived = (): void => {
      if (!this.closed) event();
    };
    if (this.paused) this.#held.push(arrived);
    else arrived();
    await settled();
  }

  #drop(): void {
    this.dropped = true;
    if (this.closed) return;
    this.closed = true;
    if (this.#closesAtOnce) this.data.closed(null);
    else queueMicrotask(() => this.data.closed(null));
  }
}

interface PendingRead {
  readonly memory: Uint8Array;
  readonly resolve: (length: number | null) => void;
  readonly reject: (error: Error) => void;
}

interface PendingWrite {
  readonly bytes: Uint8Array;
  readonly resolve: (length: number) => void;
  readonly reject: (error: Error) => void;
}

/** A `Deno.TlsConn`, as far as the transport uses it. */
export class ScriptedDenoConnection implements Script, DenoConnection {
  readonly remoteAddr = { hostname: "192.0.2.1", port: 4711 };
  readonly transport: DenoTlsTransport;
  ends = 0;
  dropped = false;
  capacity = Infinity;
  /** The read that waits, if any. */
  pendingRead: PendingRead | null = null;
  /** The lengths of the memory of all reads so far. */
  readonly readLengths: number[] = [];
  /** What `closeWrite()` fails with. */
  closeWriteError: Error | null = null;
  #sent: Uint8Array[] = [];
  #arrived: Uint8Array = new Uint8Array(0);
  #peerEnded = false;
  #error: Error | null = null;
  #pendingWrite: PendingWrite | null = null;

  constructor() {
    this.transport = new DenoTlsTransport(this);
  }

  handshake(): Promise<void> {
    return Promise.resolve();
  }

  get sent(): Uint8Array<ArrayBuffer> {
    return concatBytes(this.#sent);
  }

  /** Whether bytes have arrived that were not read. */
  get unread(): number {
    return this.#arrived.length;
  }

  read(memory: Uint8Array): Promise<number | null> {
    if (this.pendingRead !== null) throw new Error("two reads at once");
    if (memory.length === 0) throw new Error("a read into no memory");
    this.readLengths.push(memory.length);
    return new Promise((resolve, reject) => {
      this.pendingRead = { memory, resolve, reject };
      this.#fill();
    });
  }

  write(bytes: Uint8Array): Promise<number> {
    if (this.#pendingWrite !== null) throw new Error("two writes at once");
    if (this.ends > 0) throw new Error("a write after closeWrite()");
    return new Promise((resolve, reject) => {
      this.#pendingWrite = { bytes, resolve, reject };
      this.#take();
    });
  }

  closeWrite(): Promise<void> {
    this.ends++;
    return this.closeWriteError === null
      ? Promise.resolve()
      : Promise.reject(this.closeWriteError);
  }

  close(): void {
    if (this.dropped) throw new Error("closed twice");
    this.dropped = true;
    const error = new Error("the connection was closed");
    this.pendingRead?.reject(error);
    this.#pendingWrite?.reject(error);
  }

  async drain(capacity: number): Promise<void> {
    this.capacity = capacity;
    this.#take();
    await settled();
  }

  async deliver(bytes: Uint8Array): Promise<void> {
    this.#arrived = concatBytes([this.#arrived, bytes]);
    this.#fill();
    await settled();
  }

  async deliverEnd(): Promise<void> {
    this.#peerEnded = true;
    this.#fill();
    await settled();
  }

  async fail(error: Error): Promise<void> {
    this.#error = error;
    this.#fill();
    this.#take();
    await settled();
  }

  #fill(): void {
    const read = this.pendingRead;
    if (read === null) return;
    if (this.#error !== null) {
      this.pendingRead = null;
      read.reject(this.#error);
    } else if (this.#arrived.length > 0) {
      this.pendingRead = null;
      const length = Math.min(read.memory.length, this.#arrived.length);
      read.memory.set(this.#arrived.subarray(0, length));
      this.#arrived = this.#arrived.subarray(length);
      read.resolve(length);
    } else if (this.#peerEnded) {
      this.pendingRead = null;
      read.resolve(null);
    }
  }

  #take(): void {
    const write = this.#pendingWrite;
    if (write === null) return;
    if (this.#error !== null) {
      this.#pendingWrite = null;
      write.reject(this.#error);
      return;
    }
    const length = Math.min(write.bytes.length, this.capacity);
    if (length === 0 && write.bytes.length > 0) return;
    this.#pendingWrite = null;
    this.capacity -= length;
    this.#sent.push(write.bytes.slice(0, length));
    write.resolve(length);
  }
}

/** Both kinds, under the names of their runtimes. */
export const scripts: Record<"bun" | "deno", () => Script> = {
  bun: () => new ScriptedBunSocket(),
  deno: () => new ScriptedDenoConnection(),
};
