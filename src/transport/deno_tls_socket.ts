/**
 * Deno's own TLS connections. The client's side is in `deno_tls_client.ts`.
 *
 * Deno's `node:tls` sockets ignore `pause()`, so that a peer could fill the
 * server's memory. These are read only when asked. For TCP, `node:net` is the
 * better one: a write that the system takes at once costs no promise there, and
 * a broadcast goes out three to five times as fast.
 *
 * @module
 */
import { joinBytes } from "../codec/byte_buffer.ts";
import type {
  NetworkAddress,
  Transport,
  TransportReceiver,
} from "../connection/transport.ts";
import type {
  NativeListener,
  NativeListenerOptions,
  NativeTlsOptions,
} from "./native.ts";

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

/** The parts of `Deno.Listener` that are used here. */
interface DenoListener {
  readonly addr: { hostname: string; port: number };
  accept(): Promise<DenoConnection>;
  close(): void;
  ref(): void;
  unref(): void;
}

/** The parts of the `Deno` namespace that are used here. */
interface DenoNamespace {
  listenTls(
    options: {
      port: number;
      hostname: string;
      cert: string;
      key: string;
      reusePort: boolean;
    },
  ): DenoListener;
  /** Is there with the flag `--unstable-net` only. */
  listenDatagram?: unknown;
}

/** Whether this is Deno. */
export function isDeno(): boolean {
  return denoNamespace() !== undefined;
}

function denoNamespace(): DenoNamespace | undefined {
  return (globalThis as { Deno?: DenoNamespace }).Deno;
}

/**
 * Listens with `Deno.listenTls()`; `null` where this is not Deno.
 *
 * @throws The system's error if it can't listen.
 * @throws {Error} For `reusePort` without `--unstable-net`: Deno would end the
 * process.
 */
export function listenOnDeno(
  options: NativeListenerOptions,
  tls: NativeTlsOptions,
): NativeListener | null {
  const deno = denoNamespace();
  if (deno === undefined) return null;
  const { hostname, port, reusePort } = options;
  if (reusePort && deno.listenDatagram === undefined) {
    throw new Error(
      "reusePort with TLS is unstable in Deno: start it with --unstable-net",
    );
  }
  const { cert, key, handshakeTimeout } = tls;
  const listener = deno.listenTls({ hostname, port, reusePort, cert, key });
  return new AcceptLoop(listener, options, handshakeTimeout);
}

/** Accepts connections until it is closed. */
class AcceptLoop implements NativeListener {
  readonly #listener: DenoListener;
  readonly #options: NativeListenerOptions;
  readonly #handshakeTimeout: number;
  readonly #accepting: Promise<void>;
  /** Those whose TLS handshake is not done. */
  readonly #securing = new Set<DenoConnection>();
  #closed = false;

  constructor(
    listener: DenoListener,
    options: NativeListenerOptions,
    handshakeTimeout: number,
  ) {
    this.#listener = listener;
    this.#options = options;
    this.#handshakeTimeout = handshakeTimeout;
    this.#accepting = this.#accept();
  }

  get address(): { hostname: string; port: number } {
    const { hostname, port } = this.#listener.addr;
    return { hostname, port };
  }

  close(): Promise<void> {
    this.#closed = true;
    this.#listener.close();
    for (const connection of this.#securing) closeQuietly(connection);
    return this.#accepting;
  }

  ref(): void {
    this.#listener.ref();
  }

  unref(): void {
    this.#listener.unref();
  }

  async #accept(): Promise<void> {
    while (!this.#closed) {
      try {
        const connection = await this.#listener.accept();
        this.#secure(connection);
      } catch (error) {
        if (this.#closed) return;
        if ((error as Error).name === "BadResource") {
          this.#options.onFailed(error as Error);
          return;
        }
        // Accepting one failed, as when descriptors run out: the listener is
        // still there.
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
    }
  }

  /**
   * Waits for the TLS handshake. Deno has no way to drop the TCP connection of
   * one that is not done: it is let go of.
   */
  async #secure(connection: DenoConnection): Promise<void> {
    const timer = setTimeout(
      () => closeQuietly(connection),
      this.#handshakeTimeout,
    );
    this.#securing.add(connection);
    try {
      await connection.handshake();
      if (this.#closed) closeQuietly(connection);
      else this.#take(connection);
    } catch {
      closeQuietly(connection);
    } finally {
      clearTimeout(timer);
      this.#securing.delete(connection);
    }
  }

  #take(connection: DenoConnection): void {
    this.#options.onTransport(new DenoTlsTransport(connection));
  }
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
