/**
 * Bun's own TCP sockets, without `node:net` between them and the connection.
 *
 * @module
 */
import { copyStart } from "../codec/socket_memory.ts";
import type {
  NetworkAddress,
  Transport,
  TransportReceiver,
} from "../connection/transport.ts";
import { sameHostname } from "./hostname.ts";
import type { NativeListener, NativeListenerOptions } from "./native.ts";

/** The parts of `Bun.Socket` that are used here. */
interface BunSocket {
  data: BunSocketTransport;
  readonly remoteAddress: string;
  readonly remotePort: number;
  setNoDelay(noDelay: boolean): boolean;
  write(bytes: Uint8Array): number;
  pause(): void;
  resume(): void;
  shutdown(): void;
  end(): void;
  close(): void;
}

/** The parts of `Bun.SocketHandler` that are used here. */
interface BunSocketHandler {
  readonly binaryType: "uint8array";
  open(socket: BunSocket): void;
  data(socket: BunSocket, chunk: Uint8Array<ArrayBuffer>): void;
  drain(socket: BunSocket): void;
  end(socket: BunSocket): void;
  close(socket: BunSocket, error?: Error): void;
  error(socket: BunSocket, error: Error): void;
}

/** The parts of the `Bun` namespace that are used here. */
interface BunNamespace {
  listen(options: {
    hostname: string;
    port: number;
    reusePort: boolean;
    allowHalfOpen: true;
    socket: BunSocketHandler;
  }): {
    readonly hostname: string;
    readonly port: number;
    stop(): void;
    ref(): void;
    unref(): void;
  };
}

/** Whether this is Bun. */
export function isBun(): boolean {
  return "Bun" in globalThis;
}

/** Listens with `Bun.listen()`; `null` where this is not Bun. */
export function listenOnBun(
  options: NativeListenerOptions,
): NativeListener | null {
  const bun = (globalThis as { Bun?: BunNamespace }).Bun;
  if (bun === undefined) return null;
  try {
    return listen(bun, options);
  } catch (error) {
    // Its message has neither the port nor the reason.
    const { code = "failed" } = error as { code?: string };
    const address = `${options.hostname}:${options.port}`;
    throw Object.assign(
      new Error(`listen ${code}: ${address}`, { cause: error }),
      { code },
    );
  }
}

function listen(
  bun: BunNamespace,
  { hostname, port, reusePort, onTransport }: NativeListenerOptions,
): NativeListener {
  const listener = bun.listen({
    hostname,
    port,
    reusePort,
    allowHalfOpen: true,
    socket: {
      binaryType: "uint8array",
      open(socket) {
        const transport = new BunSocketTransport(socket);
        socket.data = transport;
        onTransport(transport);
      },
      data: (socket, chunk) => socket.data.received(chunk),
      drain: (socket) => socket.data.drained(),
      end: (socket) => socket.data.ended(),
      close: (socket, error) => socket.data.closed(error ?? null),
      error: (socket, error) => socket.data.failed(error),
    },
  });
  return {
    address: { hostname: listener.hostname, port: listener.port },
    close: () => {
      listener.stop();
      return Promise.resolve();
    },
    ref: () => listener.ref(),
    unref: () => listener.unref(),
  };
}

/** Bytes that the system did not take yet, and who waits for them. */
interface Unsent {
  bytes: Uint8Array;
  readonly written: (() => void) | undefined;
}

/**
 * Short chunks are copied to here, and lent. To look at the `buffer` of each, as
 * views do, costs more in this engine: it makes an ArrayBuffer of what was none.
 */
const shortLength = 16 * 1024;
const short = new Uint8Array(new ArrayBuffer(copyStart + shortLength));
let shortInUse = false;

/**
 * Where chunks are copied one behind the other: the socket takes one at a time,
 * and a frame's header that is written alone becomes a packet of its own, which
 * costs more than to copy the payload.
 */
const joined = new Uint8Array(copyStart + 65 * 1024);

/** Chunks of so many bytes are worth a packet of their own. */
const aloneLength = 16 * 1024;

/** The outgoing direction: `"ending"` as long as bytes wait that come before its end. */
type Outgoing = "open" | "ending" | "ended";

/** See the module. */
export class BunSocketTransport implements Transport {
  readonly #socket: BunSocket;
  #receiver: TransportReceiver | null = null;
  /** Made with the first, as mostly the system takes all. */
  #unsent: Unsent[] | null = null;
  #buffered = 0;
  #paused = false;
  #outgoing: Outgoing = "open";
  #peerEnded = false;
  #closed = false;
  /** Whether a receiver was told of the close. */
  #told = false;
  #error: Error | null = null;
  // Not to be asked for once the socket has closed.
  readonly #hostname: string;
  readonly #port: number;

  /** @param socket A socket that was accepted just now. */
  constructor(socket: BunSocket) {
    this.#socket = socket;
    this.#hostname = sameHostname(socket.remoteAddress);
    this.#port = socket.remotePort;
    socket.setNoDelay(true);
  }

  /** The peer's address. */
  get remoteAddress(): NetworkAddress {
    return { transport: "tcp", hostname: this.#hostname, port: this.#port };
  }

  /** See {@linkcode Transport}. */
  get copies(): boolean {
    return true;
  }

  /** See {@linkcode Transport}. */
  get gives(): boolean {
    return true;
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
      queueMicrotask(() => {
        if (!this.#closed) receiver.receiveEnd();
      });
    }
  }

  /** See {@linkcode Transport}. */
  pause(): void {
    if (this.#paused) return;
    this.#paused = true;
    if (!this.#closed) this.#socket.pause();
  }

  /** See {@linkcode Transport}. */
  resume(): void {
    if (!this.#paused) return;
    this.#paused = false;
    if (!this.#closed) this.#socket.resume();
  }

  /** See {@linkcode Transport}. */
  write(chunks: readonly Uint8Array[], written?: () => void): void {
    if (this.#closed || this.#outgoing !== "open") return;
    if (chunks.length > 1 && this.#unsent === null) {
      this.#writeJoined(chunks, written);
      return;
    }
    const last = chunks.length - 1;
    for (let index = 0; index <= last; index++) {
      this.#write(chunks[index], index === last ? written : undefined);
    }
  }

  /** See {@linkcode Transport}. */
  end(): void {
    if (this.#outgoing !== "open") return;
    this.#outgoing = "ending";
    this.#endIfSent();
  }

  /** See {@linkcode Transport}. */
  destroy(): void {
    // `terminate()` would reset the connection, and what the system has taken and
    // the peer has not yet would be lost.
    if (!this.#closed) this.#socket.close();
  }

  /** Bytes have arrived. */
  received(chunk: Uint8Array<ArrayBuffer>): void {
    const { length } = chunk;
    if (length > shortLength || shortInUse) {
      this.#receiver?.receive(chunk, false);
      return;
    }
    shortInUse = true;
    short.set(chunk, copyStart);
    const lent = new Uint8Array(short.buffer, copyStart, length);
    this.#receiver?.receive(lent, true);
    shortInUse = false;
  }

  /** The system takes bytes again. */
  drained(): void {
    const unsent = this.#unsent ?? [];
    let sent = 0;
    while (sent < unsent.length) {
      const next = unsent[sent];
      const length = this.#send(next.bytes);
      this.#buffered -= length;
      if (length < next.bytes.length) {
        next.bytes = next.bytes.subarray(length);
        break;
      }
      sent++;
      next.written?.();
    }
    if (sent === unsent.length) this.#unsent = null;
    else unsent.splice(0, sent);
    this.#endIfSent();
  }

  /** The peer has ended its direction. */
  ended(): void {
    this.#peerEnded = true;
    this.#receiver?.receiveEnd();
    this.#closeIfDone();
  }

  /** The socket is gone. */
  closed(error: Error | null): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#error ??= error;
    this.#unsent = null;
    this.#buffered = 0;
    // It may be within `destroy()`, and so within a broadcast: as with a socket,
    // the end is told after the call that caused it.
    queueMicrotask(() => {
      this.#told = true;
      this.#receiver?.transportClosed(this.#error);
    });
  }

  /** The socket has failed; it closes next. */
  failed(error: Error): void {
    this.#error ??= error;
  }

  /** Writes short chunks together with what follows them. */
  #writeJoined(
    chunks: readonly Uint8Array[],
    written: (() => void) | undefined,
  ): void {
    const last = chunks.length - 1;
    let end = copyStart;
    for (let index = 0; index <= last; index++) {
      let rest = chunks[index];
      if (end > copyStart || (index < last && rest.length < aloneLength)) {
        const part = rest.subarray(0, joined.length - end);
        joined.set(part, end);
        end += part.length;
        rest = rest.subarray(part.length);
        const done = index === last && rest.length === 0;
        if (end === joined.length || index === last) {
          const bytes = joined.subarray(copyStart, end);
          this.#write(bytes, done ? written : undefined, true);
          end = copyStart;
        }
        if (rest.length === 0) continue;
      }
      this.#write(rest, index === last ? written : undefined);
    }
  }

  #write(
    bytes: Uint8Array,
    written: (() => void) | undefined,
    lent = false,
  ): void {
    let rest = bytes;
    if (this.#unsent === null) {
      const length = this.#send(bytes);
      if (length === bytes.length) {
        // As with any transport, not before the call has returned.
        if (written !== undefined) queueMicrotask(written);
        return;
      }
      rest = bytes.subarray(length);
    }
    this.#buffered += rest.length;
    this.#unsent ??= [];
    this.#unsent.push({ bytes: lent ? rest.slice() : rest, written });
  }

  /** Says how many bytes the system took; the socket closes if it fails. */
  #send(bytes: Uint8Array): number {
    return this.#closed ? 0 : Math.max(0, this.#socket.write(bytes));
  }

  #endIfSent(): void {
    if (
      this.#outgoing !== "ending" || this.#closed || this.#unsent !== null
    ) return;
    this.#outgoing = "ended";
    this.#socket.shutdown();
    this.#closeIfDone();
  }

  #closeIfDone(): void {
    if (this.#peerEnded && this.#outgoing === "ended" && !this.#closed) {
      this.#socket.end();
    }
  }
}
