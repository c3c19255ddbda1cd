/**
 * A client that says exactly what a test tells it to, over TCP, TLS or a Unix
 * socket: bytes, HTTP requests and WebSocket frames, right or wrong. It shares
 * no code with the library.
 */

import { Buffer } from "node:buffer";
import { createHash, randomBytes } from "node:crypto";
import { connect as connectPlain, type Socket } from "node:net";
import { connect as connectTls } from "node:tls";
import { certificate } from "./certificate.ts";

/** Where a client connects to. */
export type Target =
  | { readonly port: number; readonly secure?: boolean }
  | { readonly path: string; readonly secure?: boolean };

/** How long a client waits for anything, in milliseconds. */
export const patience = 10_000;

/** A response as it came over the wire. */
export interface RawResponse {
  readonly status: number;
  readonly reason: string;
  /** Names in lower case and values, in the order they came. */
  readonly headers: readonly (readonly [name: string, value: string])[];
  readonly body: string;
  /** The only value of a header; `undefined` if it is not there. */
  header(name: string): string | undefined;
}

/** A frame as it came over the wire. */
export interface RawFrame {
  readonly fin: boolean;
  readonly reserved: number;
  readonly opcode: number;
  readonly masked: boolean;
  readonly payload: Buffer;
}

/** What a frame can have beside its opcode and payload. */
export interface FrameDetails {
  /** Default true. */
  fin?: boolean;
  /** The three reserved bits, 0 to 7. Default 0. */
  reserved?: number;
  /** Default true. */
  masked?: boolean;
  /** What the header says, in place of the payload's length. */
  length?: bigint;
}

/** What a handshake can have beside what it must. */
export interface HandshakeDetails {
  path?: string;
  method?: string;
  version?: string;
  /** Headers in place of the usual ones; `null` leaves one out. */
  headers?: Record<string, string | readonly string[] | null>;
}

/** Opcodes of RFC 6455, section 5.2. */
export const opcodes = {
  continuation: 0,
  text: 1,
  binary: 2,
  close: 8,
  ping: 9,
  pong: 10,
} as const;

/** A frame's bytes. */
export function frame(
  opcode: number,
  payload: string | Uint8Array = "",
  { fin = true, reserved = 0, masked = true, length }: FrameDetails = {},
): Buffer {
  const bytes = Buffer.from(payload as string);
  const declared = length ?? BigInt(bytes.length);
  const lengthBytes = declared < 126n ? 0 : declared < 65536n ? 2 : 8;
  const header = Buffer.alloc(2 + lengthBytes);
  header[0] = (fin ? 0x80 : 0) | (reserved << 4) | opcode;
  header[1] = masked ? 0x80 : 0;
  if (lengthBytes === 0) header[1] |= Number(declared);
  else if (lengthBytes === 2) {
    header[1] |= 126;
    header.writeUInt16BE(Number(declared), 2);
  } else {
    header[1] |= 127;
    header.writeBigUInt64BE(declared, 2);
  }
  if (!masked) return Buffer.concat([header, bytes]);
  const key = randomBytes(4);
  const maskedBytes = Buffer.alloc(bytes.length);
  for (let index = 0; index < bytes.length; index++) {
    maskedBytes[index] = bytes[index] ^ key[index & 3];
  }
  return Buffer.concat([header, key, maskedBytes]);
}

/** A Close frame's bytes. */
export function closeFrame(code?: number, reason = ""): Buffer {
  return frame(opcodes.close, closeBody(code, reason));
}

/** A Close frame's payload. */
export function closeBody(code?: number, reason = ""): Buffer {
  if (code === undefined) return Buffer.alloc(0);
  const body = Buffer.alloc(2 + Buffer.byteLength(reason));
  body.writeUInt16BE(code);
  body.write(reason, 2);
  return body;
}

/** The request of a handshake, and the answer that it must get. */
export function handshake(
  { path = "/", method = "GET", version = "1.1", headers = {} }:
    HandshakeDetails = {},
): { request: string; accept: string } {
  const key = randomBytes(16).toString("base64");
  const all: Record<string, string | readonly string[] | null> = {
    "Host": "localhost",
    "Upgrade": "websocket",
    "Connection": "Upgrade",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": key,
    ...headers,
  };
  let request = `${method} ${path} HTTP/${version}\r\n`;
  for (const [name, value] of Object.entries(all)) {
    if (value === null) continue;
    for (const single of typeof value === "string" ? [value] : value) {
      request += `${name}: ${single}\r\n`;
    }
  }
  const accept = createHash("sha1")
    .update(key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11").digest("base64");
  return { request: request + "\r\n", accept };
}

/** See the module. */
export class RawClient {
  readonly socket: Socket;
  /** Whether the server has ended its direction. */
  ended = false;
  /** Whether the socket is closed. */
  closed = false;
  /** What the socket failed with. */
  error: Error | null = null;
  #chunks: Buffer[] = [];
  #length = 0;
  #waiters = new Set<() => void>();

  private constructor(socket: Socket) {
    this.socket = socket;
    socket.on("data", (chunk: Buffer) => {
      this.#chunks.push(chunk);
      this.#length += chunk.length;
      this.#wake();
    });
    socket.on("end", () => {
      this.ended = true;
      this.#wake();
    });
    socket.on("error", (error) => {
      this.error ??= error;
      this.#wake();
    });
    socket.on("close", () => {
      this.closed = true;
      this.#wake();
    });
  }

  /** Connects, and over TLS finishes its handshake. */
  static async connect(target: Target): Promise<RawClient> {
    const options = {
      ..."path" in target
        ? { path: target.path }
        : { port: target.port, host: "127.0.0.1" },
      ca: certificate,
      servername: "localhost",
      allowHalfOpen: true,
    };
    const socket = target.secure ? connectTls(options) : connectPlain(options);
    const connected = new Promise<void>((resolve, reject) => {
      socket.once(target.secure ? "secureConnect" : "connect", resolve);
      socket.once("error", reject);
      socket.once("close", () => reject(new Error("closed while connecting")));
    });
    const client = new RawClient(socket);
    await connected;
    socket.setNoDelay(true);
    return client;
  }

  /** Connects and opens a WebSocket. */
  static async open(
    target: Target,
    details?: HandshakeDetails,
  ): Promise<RawClient> {
    const client = await RawClient.connect(target);
    await client.upgrade(details);
    return client;
  }

  /** How many bytes have arrived and are not taken. */
  get length(): number {
    return this.#length;
  }

  /** Sends bytes. */
  write(bytes: string | Uint8Array): void {
    this.socket.write(bytes);
  }

  /** Sends a frame. */
  send(
    opcode: number,
    payload?: string | Uint8Array,
    details?: FrameDetails,
  ): void {
    this.socket.write(frame(opcode, payload, details));
  }

  /** Opens a WebSocket on this connection; `head` is sent in the same write. */
  async upgrade(
    details?: HandshakeDetails,
    head: Uint8Array = new Uint8Array(0),
  ): Promise<RawResponse> {
    const { request, accept } = handshake(details);
    this.write(Buffer.concat([Buffer.from(request, "latin1"), head]));
    const response = await this.response();
    if (
      response.status !== 101 ||
      response.header("sec-websocket-accept") !== accept ||
      response.header("upgrade")?.toLowerCase() !== "websocket" ||
      response.header("connection")?.toLowerCase() !== "upgrade"
    ) {
      throw new Error(`no WebSocket: ${JSON.stringify(response)}`);
    }
    return response;
  }

  /** Reads one response, body included. */
  async response({ withoutBody = false } = {}): Promise<RawResponse> {
    const head = (await this.#line("\r\n\r\n")).toString("latin1");
    const [first, ...lines] = head.trimEnd().split("\r\n");
    const [, status, reason] = /^HTTP\/1\.1 (\d{3}) ?(.*)$/.exec(first) ??
      fail(`no status line: ${JSON.stringify(first)}`);
    const headers = lines.map((line) => {
      const colon = line.indexOf(":");
      if (colon < 1) fail(`no header: ${JSON.stringify(line)}`);
      return [
        line.slice(0, colon).toLowerCase(),
        line.slice(colon + 1).trim(),
      ] as const;
    });
    const header = (name: string) => {
      const values = headers.filter(([other]) => other === name);
      if (values.length > 1) fail(`more than one ${name}: ${head}`);
      return values[0]?.[1];
    };
    let body: Buffer = Buffer.alloc(0);
    if (
      !withoutBody && Number(status) >= 200 && status !== "204" &&
      status !== "304"
    ) {
      const length = header("content-length");
      if (header("transfer-encoding") === "chunked") {
        body = await this.#chunkedBody();
      } else if (length !== undefined) {
        body = await this.bytes(Number(length));
      } else {
        await this.untilEnded();
        body = this.rest();
      }
    }
    return {
      status: Number(status),
      reason,
      headers,
      header,
      body: body.toString("utf8"),
    };
  }

  /** Reads one frame. */
  async frame(): Promise<RawFrame> {
    await this.#untilLength(2, "a frame's header");
    let header = this.#peek(2);
    const short = header[1] & 0x7f;
    const size = 2 + (short === 126 ? 2 : short === 127 ? 8 : 0);
    await this.#untilLength(size, "a frame's length");
    header = await this.bytes(size);
    const length = short === 126
      ? header.readUInt16BE(2)
      : short === 127
      ? Number(header.readBigUInt64BE(2))
      : short;
    const masked = (header[1] & 0x80) !== 0;
    if (masked) fail("a server's frame is masked");
    return {
      fin: (header[0] & 0x80) !== 0,
      reserved: (header[0] >> 4) & 7,
      opcode: header[0] & 15,
      masked,
      payload: await this.bytes(length),
    };
  }

  /** Reads one unfragmented text message. */
  async text(): Promise<string> {
    const { fin, reserved, opcode, payload } = await this.frame();
    if (!fin || reserved !== 0 || opcode !== opcodes.text) {
      fail(
        `no text but opcode ${opcode}, fin ${fin}: ${payload.toString("hex")}`,
      );
    }
    return payload.toString("utf8");
  }

  /** Reads a Close frame; text and binary frames before it are skipped. */
  async close(): Promise<{ closeCode: number | null; reason: string }> {
    for (;;) {
      const { opcode, payload } = await this.frame();
      if (opcode !== opcodes.close) continue;
      return payload.length === 0 ? { closeCode: null, reason: "" } : {
        closeCode: payload.readUInt16BE(0),
        reason: payload.subarray(2).toString("utf8"),
      };
    }
  }

  /** Closes with a full closing handshake and waits for the end. */
  async closeCleanly(code = 1000): Promise<number | null> {
    this.write(closeFrame(code));
    const { closeCode } = await this.close();
    await this.untilEnded();
    this.socket.end();
    await this.untilClosed();
    return closeCode;
  }

  /** Waits for so many bytes and takes them. */
  async bytes(length: number): Promise<Buffer> {
    await this.#untilLength(length, `${length} bytes`);
    const all = this.#chunks.length === 1
      ? this.#chunks[0]
      : Buffer.concat(this.#chunks);
    this.#length = all.length - length;
    this.#chunks = this.#length === 0 ? [] : [all.subarray(length)];
    return all.subarray(0, length);
  }

  /** Takes what has arrived. */
  rest(): Buffer {
    const all = Buffer.concat(this.#chunks);
    this.#chunks = [];
    this.#length = 0;
    return all;
  }

  /** Waits until the server has ended its direction. */
  untilEnded(milliseconds = patience): Promise<void> {
    return this.until(
      () => this.ended || this.closed,
      "the server's end",
      milliseconds,
    );
  }

  /** Waits until the socket is closed. */
  untilClosed(milliseconds = patience): Promise<void> {
    return this.until(() => this.closed, "the socket's close", milliseconds);
  }

  /** Waits for what this client sees. */
  async until(
    condition: () => boolean,
    what: string,
    milliseconds = patience,
  ): Promise<void> {
    if (condition()) return;
    await new Promise<void>((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#waiters.delete(waiter);
        const start = Buffer.concat(this.#chunks).subarray(0, 200);
        reject(
          new Error(
            `waited ${milliseconds} ms for ${what}; ended ${this.ended}, closed ${this.closed}, ${this.error}, ${this.#length} bytes: ${
              JSON.stringify(start.toString("latin1"))
            }`,
          ),
        );
      }, milliseconds);
      const waiter = () => {
        if (!condition()) return;
        this.#waiters.delete(waiter);
        clearTimeout(timer);
        resolve();
      };
      this.#waiters.add(waiter);
    });
  }

  /** Drops the connection. */
  destroy(): void {
    this.socket.destroy();
  }

  /** Drops the connection with a TCP reset. */
  reset(): void {
    this.socket.resetAndDestroy();
  }

  async #untilLength(length: number, what: string): Promise<void> {
    await this.until(
      () => this.#length >= length || this.ended || this.closed,
      what,
    );
    if (this.#length < length) {
      fail(
        `the server ended before ${what}: ${this.error}, ${
          JSON.stringify(this.rest().toString("latin1").slice(0, 300))
        }`,
      );
    }
  }

  #peek(length: number): Buffer {
    if (this.#chunks[0].length < length) {
      this.#chunks = [Buffer.concat(this.#chunks)];
    }
    return this.#chunks[0];
  }

  /** Takes what goes up to and with an ending. */
  async #line(ending: string): Promise<Buffer> {
    let end = -1;
    await this.until(() => {
      if (this.#chunks.length > 1) this.#chunks = [Buffer.concat(this.#chunks)];
      end = this.#chunks.length === 0 ? -1 : this.#chunks[0].indexOf(ending);
      return end !== -1 || this.ended || this.closed;
    }, JSON.stringify(ending));
    if (end === -1) {
      fail(
        `the server ended before ${JSON.stringify(ending)}: ${this.error}, ${
          JSON.stringify(this.rest().toString("latin1").slice(0, 300))
        }`,
      );
    }
    return this.bytes(end + ending.length);
  }

  async #chunkedBody(): Promise<Buffer> {
    const parts: Buffer[] = [];
    for (;;) {
      const size = parseInt((await this.#line("\r\n")).toString("latin1"), 16);
      const chunk = await this.bytes(size + 2);
      if (chunk.toString("latin1", size) !== "\r\n") fail("a chunk's end");
      if (size === 0) return Buffer.concat(parts);
      parts.push(chunk.subarray(0, size));
    }
  }

  #wake(): void {
    for (const waiter of [...this.#waiters]) waiter();
  }
}

function fail(message: string): never {
  throw new Error(message);
}
