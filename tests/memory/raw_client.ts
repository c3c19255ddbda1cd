/** A client of bytes: it does the handshake, then sends what it is told to. */

import { Buffer } from "node:buffer";
import { connect as connectTcp, type Socket } from "node:net";
import { connect as connectTls } from "node:tls";
import { certificate } from "../support/certificate.ts";

/** A connection after its handshake. */
export class RawClient {
  readonly #socket: Socket;
  #written = 0;
  #onBytes: (bytes: Buffer) => void = () => {};
  /** Fulfils when the connection is over, however it came to that. */
  readonly closed: Promise<void>;

  private constructor(socket: Socket) {
    this.#socket = socket;
    this.closed = new Promise((resolve) => socket.on("close", () => resolve()));
  }

  /** Connects to a `ws:` or `wss:` URL. */
  static async connect(
    url: string,
    onBytes: (bytes: Buffer) => void = () => {},
  ): Promise<RawClient> {
    const { protocol, hostname, port, pathname } = new URL(url);
    const address = { host: hostname, port: Number(port) };
    const socket = protocol === "wss:"
      ? connectTls({ ...address, servername: "localhost", ca: certificate })
      : connectTcp(address);
    const client = new RawClient(socket);
    await new Promise<void>((resolve, reject) => {
      let head = Buffer.alloc(0);
      socket.on("error", reject);
      socket.on("close", () => reject(new Error(`No answer from ${url}.`)));
      socket.on("data", (bytes: Buffer) => {
        if (client.#onBytes === onBytes) {
          onBytes(bytes);
          return;
        }
        head = Buffer.concat([head, bytes]);
        const end = head.indexOf("\r\n\r\n");
        if (end === -1) return;
        client.#onBytes = onBytes;
        const answer = head.toString("latin1", 0, end);
        if (!answer.startsWith("HTTP/1.1 101 ")) {
          reject(new Error(`${url} answers ${answer}`));
          return;
        }
        resolve();
        if (end + 4 < head.length) onBytes(head.subarray(end + 4));
      });
      socket.write(
        `GET ${pathname} HTTP/1.1\r\nHost: ${hostname}:${port}\r\n` +
          "Upgrade: websocket\r\nConnection: Upgrade\r\n" +
          "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n" +
          "Sec-WebSocket-Version: 13\r\n\r\n",
      );
    });
    return client;
  }

  /** How many bytes the system has taken, after the handshake. */
  get written(): number {
    return this.#written;
  }

  /** Writes bytes; fulfils when the system has taken them. */
  write(bytes: Buffer): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#socket.write(bytes, (error) => {
        if (error) reject(error);
        else resolve();
        this.#written += bytes.length;
      });
    });
  }

  /**
   * Writes `bytes` over and over until `size` are written; the last time only
   * as much as is missing. It ends early, and does not reject, if the connection
   * does.
   */
  async flood(bytes: Buffer, size: number): Promise<void> {
    try {
      for (let left = size; left > 0; left -= bytes.length) {
        await this.write(left < bytes.length ? bytes.subarray(0, left) : bytes);
      }
    } catch {
      // What came of it is seen by `written` and `closed`.
    }
  }

  /** Drops the connection. */
  async end(): Promise<void> {
    this.#socket.destroy();
    await this.closed;
  }
}
