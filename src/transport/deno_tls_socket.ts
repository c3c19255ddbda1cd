/**
 * A TLS connection of Deno's own, as a client has it: see `deno_tls_client.ts`. It is
 * read only when asked. What a server accepts is in `deno_tls_server.ts`.
 *
 * @module
 */
import { joinBytes } from "../codec/byte_buffer.ts";
import type {
  NetworkAddress,
  Transport,
  TransportReceiver,
} from "../connection/transport.ts";

/** The parts of `Deno.TlsConn` that are used here. */
export interface DenoConnection {
  /** The peer's address. */
  readonly remoteAddr: { hostname: string; port: number };
  /** Reads some bytes, or `null` at the end. */
  read(bytes: Uint8Array): Promise<number | null>;
  /** Writes some bytes. */
  write(bytes: Uint8Array): Promise<number>;
  /** Ends the outgoing direction. */
  closeWrite(): Promise<void>;
  /** Drops the connection. */
  close(): void;
  /** Resolves when the TLS handshake is done. */
  handshake(): Promise<unknown>;
}

/** Whether this is Deno. */
export function isDeno(): boolean {
  return (globalThis as { Deno?: unknown }).Deno !== undefined;
}

/** What an idle connection keeps ready for what comes next. */
const leastReadLength = 512;
/** The most that is read at once. */
const mostReadLength = 256 * 1024;

/** The most bytes that are copied to be written together. */
const mostJoined = 4 * 1024;

/** See the module. */
export class DenoTlsTransport implements Transport {
  readonly #connection: DenoConnection;
  readonly #onRead = (length: number | null): void => this.#read(length);
  readonly #onError = (error: Error): void => this.#fail(error);
  readonly #onReadError = (error: Error): void => {
    // TCP has ended without a close_notify, which is an end on Node and Bun, too.
    if (error.name === "UnexpectedEof") this.#read(null);
    else this.#fail(error);
  };
  #receiver: TransportReceiver | null = null;
  #memory = new Uint8Array(leastReadLength);
  #reading = false;
  #paused = false;
  #peerEnded = false;
  #writing = false;
  #unsent: Uint8Array[] = [];
  #buffered = 0;
  #taken = 0;
  #waiting: { readonly at: number; readonly written: () => void }[] = [];
  #ending = false;
  #ended = false;
  #closed = false;
  /** Whether a receiver was told of the close. */
  #told = false;
  #error: Error | null = null;
  readonly #onWritten = (length: number): void => this.#written(length);
  /** See {@linkcode Transport}. */
  readonly copies = true;
  /** See {@linkcode Transport}. */
  readonly gives = false;
  /** The peer's address. */
  readonly remoteAddress: NetworkAddress;

  /** @param connection Accepted or made; it belongs to the transport. */
  constructor(connection: DenoConnection) {
    this.#connection = connection;
    const { hostname, port } = connection.remoteAddr;
    this.remoteAddress = { transport: "tcp", hostname, port };
  }

  /** See {@linkcode Transport}. */
  get bufferedAmount(): number {
    return this.#buffered;
  }

  /** See {@linkcode Transport}. */
  start(receiver: TransportReceiver): void {
    this.#receiver = receiver;
    if (this.#closed) {
      // Otherwise it is told in a moment.
      if (this.#told) {
        queueMicrotask(() => receiver.transportClosed(this.#error));
      }
    } else if (this.#peerEnded) {
      queueMicrotask(() => receiver.receiveEnd());
    } else {
      this.#readNext();
    }
  }

  /** See {@linkcode Transport}. */
  pause(): void {
    this.#paused = true;
  }

  /** See {@linkcode Transport}. */
  resume(): void {
    this.#paused = false;
    this.#readNext();
  }

  /** See {@linkcode Transport}. */
  write(chunks: readonly Uint8Array[], written?: () => void): void {
    if (this.#closed || this.#ending) return;
    for (const chunk of chunks) {
      this.#buffered += chunk.length;
      this.#unsent.push(chunk);
    }
    if (written !== undefined) {
      this.#waiting.push({ at: this.#taken + this.#buffered, written });
    }
    this.#writeNext();
  }

  /** See {@linkcode Transport}. */
  end(): void {
    if (this.#ending) return;
    this.#ending = true;
    this.#endIfSent();
  }

  /** See {@linkcode Transport}. */
  destroy(): void {
    this.#close(null);
  }

  #readNext(): void {
    if (
      this.#reading || this.#paused || this.#closed || this.#peerEnded ||
      this.#receiver === null
    ) return;
    this.#reading = true;
    this.#connection.read(this.#memory).then(this.#onRead, this.#onReadError);
  }

  #read(length: number | null): void {
    if (this.#closed) return;
    if (length === null) {
      this.#peerEnded = true;
      this.#receiver!.receiveEnd();
      this.#closeIfDone();
      return;
    }
    const memory = this.#memory;
    // Nothing is read into it meanwhile, whatever the receiver asks for.
    this.#receiver!.receive(memory.subarray(0, length), true);
    if (length === memory.length && length < mostReadLength) {
      this.#memory = new Uint8Array(length * 8);
    } else if (memory.length > leastReadLength && length * 64 < memory.length) {
      this.#memory = new Uint8Array(memory.length / 8);
    }
    this.#reading = false;
    this.#readNext();
  }

  #writeNext(): void {
    if (this.#writing || this.#closed) return;
    if (this.#unsent.length === 0) {
      this.#endIfSent();
      return;
    }
    this.#writing = true;
    if (this.#unsent.length > 1) this.#joinUnsent();
    this.#connection.write(this.#unsent[0]).then(
      this.#onWritten,
      this.#onError,
    );
  }

  #written(length: number): void {
    this.#writing = false;
    if (this.#closed) return;
    const first = this.#unsent[0];
    if (length === first.length) this.#unsent.shift();
    else this.#unsent[0] = first.subarray(length);
    this.#buffered -= length;
    this.#taken += length;
    while (this.#waiting.length > 0 && this.#waiting[0].at <= this.#taken) {
      this.#waiting.shift()!.written();
    }
    this.#writeNext();
  }

  /** Joins short chunks, as there is no call that writes several at once. */
  #joinUnsent(): void {
    let count = 0;
    let length = 0;
    while (
      count < this.#unsent.length &&
      length + this.#unsent[count].length <= mostJoined
    ) {
      length += this.#unsent[count++].length;
    }
    if (count > 1) {
      this.#unsent.unshift(joinBytes(this.#unsent.splice(0, count)));
    }
  }

  #endIfSent(): void {
    if (
      !this.#ending || this.#ended || this.#closed || this.#unsent.length > 0
    ) return;
    this.#ended = true;
    this.#connection.closeWrite().then(
      () => this.#closeIfDone(),
      // The peer is gone: nothing is left to wait for.
      () => this.#close(null),
    );
  }

  #closeIfDone(): void {
    if (this.#peerEnded && this.#ended) this.#close(null);
  }

  #fail(error: Error): void {
    this.#close(error);
  }

  #close(error: Error | null): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#error = error;
    this.#unsent = [];
    this.#waiting = [];
    this.#buffered = 0;
    // While bytes wait for a peer that reads nothing, Deno keeps the TCP
    // connection open all the same.
    closeQuietly(this.#connection);
    // As with a socket, the end is told after the call that caused it.
    queueMicrotask(() => {
      this.#told = true;
      this.#receiver?.transportClosed(error);
    });
  }
}

/** Drops a connection, unless that is done already. */
export function closeQuietly(connection: { close(): void }): void {
  try {
    connection.close();
  } catch {
    // It was closed already.
  }
}
