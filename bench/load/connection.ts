/**
 * A client's connection, made to cost as little as can be.
 *
 * @module
 */
import { Bun, type BunSocket } from "../bun.ts";
import { clientFrame } from "./frame_ring.ts";
import { handshakeRequest, readHandshakeAnswer } from "./handshake.ts";
import { MessageParser, type PayloadSink } from "./message_parser.ts";

/** How connections are opened. */
export interface ConnectionOptions {
  /** The server's port. */
  port: number;
  /** Whether there is no handshake. */
  raw: boolean;
  /** Whether compression is offered, and has to be agreed on. */
  compressed: boolean;
}

/** What a connection calls. */
export interface ConnectionListener {
  /** The handshake is done. */
  opened(connection: LoadConnection): void;
  /** Messages have arrived whole. */
  received(connection: LoadConnection, messages: number): void;
  /** The connection has ended; `reason` says why, if not by `close()`. */
  closed(connection: LoadConnection, reason: string | null): void;
  /** What looks at a sample of the payloads. */
  sinkOf(index: number): Omit<PayloadSink, "control">;
}

/** How many addresses of the loopback network are used, so that ports suffice. */
const addresses = process.platform === "linux" ? 16 : 1;

/** One connection to the server. */
export class LoadConnection {
  /** Its number, counted from 0. */
  readonly index: number;
  /** Counts what arrives. */
  readonly parser: MessageParser;
  /** Which message of a ring is to be sent next. */
  next = 0;
  /** Bytes that have arrived after the handshake. */
  received = 0;
  /** Called when everything has been written and more can be. */
  drained: () => void = () => {};

  readonly #options: ConnectionOptions;
  readonly #listener: ConnectionListener;
  #socket: BunSocket | null = null;
  #open = false;
  #closing = false;
  #closed = false;
  #head: Uint8Array | null = null;
  /** What the system has not taken yet. */
  #unwritten: Uint8Array[] = [];

  /** Opens a connection. */
  constructor(
    index: number,
    options: ConnectionOptions,
    listener: ConnectionListener,
  ) {
    this.index = index;
    this.#options = options;
    this.#listener = listener;
    const sample = listener.sinkOf(index);
    this.parser = new MessageParser({
      wants: (message, opcode, compressed) =>
        sample.wants(message, opcode, compressed),
      part: (position, chunk, start, end) =>
        sample.part(position, chunk, start, end),
      ended: (length) => sample.ended?.(length),
      control: (opcode, payload) => this.#onControl(opcode, payload),
    });
    this.#connect();
  }

  #connect(): void {
    const hostname = `127.0.0.${1 + this.index % addresses}`;
    const { port, raw, compressed } = this.#options;
    Bun.connect({
      hostname,
      port,
      socket: {
        open: (socket) => {
          this.#socket = socket;
          if (raw) this.#opened();
          else this.write(handshakeRequest(hostname, port, compressed));
        },
        data: (_socket, chunk) => this.#onData(chunk),
        drain: () => this.#onDrain(),
        end: () => this.#end("the server has ended the connection"),
        close: () => this.#end("the connection was lost"),
        error: (_socket, error) => this.#end(error.message),
        connectError: (_socket, error) => this.#end(error.message),
      },
    }).catch((error: Error) => this.#end(error.message));
  }

  /** Bytes that wait to be written. */
  get waiting(): boolean {
    return this.#unwritten.length > 0;
  }

  /** Writes bytes, which must not change, at once or as soon as they can be. */
  write(bytes: Uint8Array, start = 0, end = bytes.length): void {
    if (this.#unwritten.length > 0) {
      this.#unwritten.push(bytes.subarray(start, end));
      return;
    }
    const written = this.#socket!.write(bytes, start, end - start);
    if (written < end - start) {
      this.#unwritten.push(bytes.subarray(start + Math.max(written, 0), end));
    }
  }

  /** Sends a Close frame of 1000 and ends the writing side. */
  close(): void {
    this.#closing = true;
    const key = new Uint8Array([1, 2, 3, 4]);
    this.write(clientFrame(0x88, new Uint8Array([0x03, 0xe8]), key));
    this.#socket!.end();
  }

  /** Drops the connection. */
  drop(): void {
    this.#closing = true;
    this.#socket?.terminate();
  }

  #opened(): void {
    this.#open = true;
    this.#listener.opened(this);
  }

  #onData(chunk: Uint8Array): void {
    if (this.#open) {
      this.received += chunk.length;
      const messages = this.parser.push(chunk, 0);
      if (messages > 0) this.#listener.received(this, messages);
      return;
    }
    const head = this.#head === null ? chunk : Buffer.concat([
      this.#head,
      chunk,
    ]);
    try {
      const answer = readHandshakeAnswer(head);
      if (answer === null) {
        this.#head = head;
        return;
      }
      if (this.#options.compressed && !answer.compressed) {
        throw new Error("the server does not agree to compress");
      }
      this.#head = null;
      this.#opened();
      if (head.length > answer.length) {
        this.#onData(head.subarray(answer.length));
      }
    } catch (error) {
      this.#end((error as Error).message);
      this.drop();
    }
  }

  #onDrain(): void {
    while (this.#unwritten.length > 0) {
      const bytes = this.#unwritten[0];
      const written = Math.max(this.#socket!.write(bytes), 0);
      if (written < bytes.length) {
        this.#unwritten[0] = bytes.subarray(written);
        return;
      }
      this.#unwritten.shift();
    }
    this.drained();
  }

  #onControl(opcode: number, payload: Uint8Array): void {
    if (opcode === 0x9) {
      this.write(clientFrame(0x8a, payload, new Uint8Array([1, 2, 3, 4])));
    } else if (opcode === 0x8 && !this.#closing) {
      const code = payload.length < 2
        ? "no code"
        : payload[0] << 8 | payload[1];
      const reason = Buffer.from(payload.subarray(2)).toString();
      this.#end(`the server has closed: ${code} ${reason}`.trim());
    }
  }

  #end(reason: string): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#listener.closed(this, this.#closing ? null : reason);
  }
}
