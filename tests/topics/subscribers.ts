/** Clients for tests of topics, and what they receive. */

import {
  type Handler,
  type ServeOptions,
  type WebSocketConnection,
  WebSocketStream,
  type WebSocketStreamOptions,
} from "../../mod.ts";
import { certificate } from "../support/certificate.ts";
import {
  serveOn,
  type TestServer,
  type Transport,
  within,
} from "../support/serve_on.ts";

const open = new Set<Subscriber>();

/** As `serveOn()`; the subscribers that are left are dropped. */
export async function serveTopics<Data = unknown>(
  transport: Transport,
  options: ServeOptions<Data>,
  handler: Handler<Data>,
  use: (server: TestServer) => Promise<void>,
): Promise<void> {
  await serveOn(transport, options, handler, async (server) => {
    try {
      await use(server);
    } finally {
      for (const { connection } of open) connection.terminate();
    }
  });
}

/** A client that reads what it is sent. */
export class Subscriber {
  readonly connection: WebSocketConnection;
  readonly #reader: ReadableStreamDefaultReader<
    string | Uint8Array<ArrayBuffer>
  >;

  private constructor(connection: WebSocketConnection) {
    this.connection = connection;
    this.#reader = connection.readable.getReader();
    open.add(this);
    connection.closed.catch(() => {}).then(() => open.delete(this));
  }

  /** Connects. */
  static async open(
    url: string,
    options: WebSocketStreamOptions = {},
  ): Promise<Subscriber> {
    const stream = new WebSocketStream(url, {
      caCerts: [certificate],
      ...options,
    });
    return new Subscriber(await stream.opened);
  }

  /** The next message. */
  async next(): Promise<string | Uint8Array<ArrayBuffer>> {
    const { done, value } = await within(this.#reader.read(), "a message");
    if (done) throw new Error("the connection has closed");
    return value;
  }

  /** So many messages. */
  async take(count: number): Promise<(string | Uint8Array<ArrayBuffer>)[]> {
    const messages = [];
    while (messages.length < count) messages.push(await this.next());
    return messages;
  }

  /** All messages up to one that is a certain text, which is left out. */
  async upTo(last: string): Promise<(string | Uint8Array<ArrayBuffer>)[]> {
    const messages = [];
    for (;;) {
      const message = await this.next();
      if (message === last) return messages;
      messages.push(message);
    }
  }

  /** Closes, and waits for the end. */
  async close(): Promise<void> {
    this.connection.close();
    await within(this.connection.closed.catch(() => {}), "the end");
  }
}
