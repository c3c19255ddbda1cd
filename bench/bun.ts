/**
 * The part of Bun that the benchmark uses, with its types: the project has no
 * other use for `@types/bun`.
 *
 * @module
 */

/** A TCP socket of `Bun.connect()` and `Bun.listen()`. */
export interface BunSocket {
  /** Writes at once what the system takes, and says how many bytes that were. */
  write(data: Uint8Array, byteOffset?: number, byteLength?: number): number;
  /** Ends the writing side, behind what was written. */
  end(): void;
  /** Drops the connection. */
  terminate(): void;
}

/** What a TCP socket calls. */
export interface BunSocketHandler {
  open?(socket: BunSocket): void;
  data(socket: BunSocket, chunk: Uint8Array): void;
  drain?(socket: BunSocket): void;
  end?(socket: BunSocket): void;
  close?(socket: BunSocket): void;
  error?(socket: BunSocket, error: Error): void;
  connectError?(socket: BunSocket, error: Error): void;
}

/** A server's end of a WebSocket. */
export interface BunServerWebSocket {
  send(message: string | Uint8Array, compress?: boolean): number;
  subscribe(topic: string): void;
}

/** What `Bun.serve()` makes. */
export interface BunServer {
  port: number;
  upgrade(request: Request): boolean;
  publish(
    topic: string,
    message: string | Uint8Array,
    compress?: boolean,
  ): number;
}

/** The functions of Bun that are used. */
export interface BunFunctions {
  connect(
    options: { hostname: string; port: number; socket: BunSocketHandler },
  ): Promise<BunSocket>;
  listen(
    options: { hostname: string; port: number; socket: BunSocketHandler },
  ): { port: number };
  serve(options: {
    port: number;
    hostname: string;
    fetch(request: Request, server: BunServer): Response | undefined;
    websocket: {
      perMessageDeflate: boolean;
      maxPayloadLength?: number;
      backpressureLimit?: number;
      open(socket: BunServerWebSocket): void;
      message(socket: BunServerWebSocket, message: string | Uint8Array): void;
    };
  }): BunServer;
}

/** The global of that name. */
export const Bun: BunFunctions =
  (globalThis as unknown as { Bun: BunFunctions }).Bun;
