/**
 * Many connections.
 *
 * @module
 */
import { type ConnectionOptions, LoadConnection } from "./connection.ts";
import type { PayloadSink } from "./message_parser.ts";

/** So many connections are being opened at a time. */
const opening = 128;
/** In so many milliseconds all of them have to be open. */
const openingTimeout = 60_000;

/** What a fleet calls. */
export interface FleetOptions extends ConnectionOptions {
  /** How many connections. */
  connections: number;
  /** What looks at a sample of the payloads of a connection. */
  sinkOf(index: number): Omit<PayloadSink, "control">;
  /** Messages have arrived whole. */
  received(connection: LoadConnection, messages: number): void;
  /** A connection has ended, and should not have. */
  failed(reason: string): void;
}

/** Opens connections, a few at a time. */
export class Fleet {
  /** Those that are open, by their number. */
  readonly connections: LoadConnection[] = [];
  readonly #options: FleetOptions;

  /** Makes a fleet, which `open()` fills. */
  constructor(options: FleetOptions) {
    this.#options = options;
  }

  /** Messages and bytes that all the connections have received. */
  totals(): { count: number; bytes: number; compressed: number } {
    let count = 0;
    let bytes = 0;
    let compressed = 0;
    for (const { parser, received } of this.connections) {
      count += parser.messages;
      compressed += parser.compressed;
      bytes += received;
    }
    return { count, bytes, compressed };
  }

  /**
   * Opens all the connections.
   *
   * @throws {Error} If one cannot be opened, or not in time.
   */
  open(): Promise<void> {
    const { connections: wanted, sinkOf, received, failed } = this.#options;
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const timer = setTimeout(() => {
      reject(
        new Error(
          `only ${this.connections.length} of ${wanted} connections were opened in ${
            openingTimeout / 1000
          } s`,
        ),
      );
    }, openingTimeout);
    let started = 0;
    const start = () => {
      if (started === wanted) return;
      new LoadConnection(started++, this.#options, {
        opened: (connection) => {
          this.connections.push(connection);
          if (this.connections.length === wanted) {
            clearTimeout(timer);
            resolve();
          } else {
            start();
          }
        },
        received,
        closed: (connection, reason) => {
          if (reason === null) return;
          const problem = `connection ${connection.index}: ${reason}`;
          reject(new Error(problem));
          failed(problem);
        },
        sinkOf,
      });
    };
    for (let index = 0; index < Math.min(opening, wanted); index++) start();
    return promise;
  }

  /** Drops all the connections. */
  drop(): void {
    for (const connection of this.connections) connection.drop();
  }
}
