// The runtime's own WebSocket, to be read one message after the other.

import { within } from "../support/serve_on.ts";

/** What a client asks for. */
export interface ClientOptions {
  protocols?: string[];
  headers?: Record<string, string>;
}

/** A message as a client got it. */
export type Received = string | Uint8Array;

/** See the file's comment. */
export class Client {
  readonly #socket: WebSocket;
  readonly #received: Received[] = [];
  #wake: () => void = () => {};

  /** Fulfils when the connection is over. */
  readonly closed: Promise<{ code: number; reason: string }>;

  private constructor(url: string, options: ClientOptions) {
    // All three runtimes take an object, which browsers do not.
    const Constructor = WebSocket as unknown as new (
      url: string,
      options: ClientOptions,
    ) => WebSocket;
    this.#socket = new Constructor(url, options);
    this.#socket.binaryType = "arraybuffer";
    this.#socket.onmessage = ({ data }) => {
      this.#received.push(
        typeof data === "string" ? data : new Uint8Array(data),
      );
      this.#wake();
    };
    this.closed = new Promise((resolve) => {
      this.#socket.onclose = ({ code, reason }) => resolve({ code, reason });
    });
  }

  /** Connects. */
  static async open(
    url: string,
    options: ClientOptions = {},
  ): Promise<Client> {
    const client = new Client(url, options);
    await within(
      new Promise<void>((resolve, reject) => {
        client.#socket.onopen = () => resolve();
        client.#socket.onerror = () =>
          reject(new Error(`no WebSocket: ${url}`));
      }),
      `a WebSocket of ${url}`,
    );
    return client;
  }

  /** The subprotocol. */
  get protocol(): string {
    return this.#socket.protocol;
  }

  /** Sends a message. */
  send(message: string | Uint8Array<ArrayBuffer>): void {
    this.#socket.send(message);
  }

  /** The next message. */
  async next(): Promise<Received> {
    while (this.#received.length === 0) {
      const arrived = new Promise<void>((resolve) => this.#wake = resolve);
      await within(
        Promise.race([
          arrived,
          this.closed.then(({ code, reason }) => {
            if (this.#received.length > 0) return;
            throw new Error(`it closed with ${code} ${reason}`);
          }),
        ]),
        "a message",
      );
    }
    return this.#received.shift()!;
  }

  /** Closes, and waits until the connection is over. */
  close(): Promise<{ code: number; reason: string }> {
    this.#socket.close(1000);
    return within(this.closed, "the connection's end");
  }
}
