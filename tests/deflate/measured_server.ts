/** Starts programs/measured_server.ts on the runtime that runs the tests. */

import { type ChildProcess, spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { RawClient } from "../support/raw_client.ts";
import { scriptCommand } from "../support/runtime.ts";

/** What a server has measured since it was last asked. */
export interface Measured {
  /** Its resident memory, in bytes. */
  readonly memory: number;
  /** The most there was of it. */
  readonly peak: number;
  /** The longest time between two turns of a timer, in milliseconds. */
  readonly longestTurn: number;
  /** How many connections are open. */
  readonly sockets: number;
}

/** A server in a process of its own. */
export class MeasuredServer {
  readonly #process: ChildProcess;
  readonly #lines: AsyncIterator<string>;
  readonly #clients: RawClient[] = [];
  #port = 0;

  private constructor(backend: string, maxMessageSize: number) {
    const command = scriptCommand(
      fileURLToPath(new URL("programs/measured_server.ts", import.meta.url)),
    );
    this.#process = spawn(command.program, [
      ...command.arguments,
      backend,
      String(maxMessageSize),
    ], { stdio: ["pipe", "pipe", "inherit"] });
    const lines = createInterface({ input: this.#process.stdout! });
    this.#lines = lines[Symbol.asyncIterator]();
  }

  /** Starts one. */
  static async start(
    backend: "standard" | "zlib",
    maxMessageSize: number = 16 << 20,
  ): Promise<MeasuredServer> {
    const server = new MeasuredServer(backend, maxMessageSize);
    server.#port = Number(await server.#line());
    return server;
  }

  /** Connects a client. */
  async connect(): Promise<RawClient> {
    const client = await RawClient.connect({ port: this.#port });
    this.#clients.push(client);
    return client;
  }

  /** What was measured since the last time. */
  async measure(): Promise<Measured> {
    this.#process.stdin!.write("\n");
    return JSON.parse(await this.#line());
  }

  /** Ends it. */
  async stop(): Promise<void> {
    for (const client of this.#clients) client.destroy();
    const ended = new Promise((resolve) => this.#process.on("close", resolve));
    this.#process.stdin!.end();
    await ended;
  }

  async #line(): Promise<string> {
    const { done, value } = await this.#lines.next();
    if (done) throw new Error("the server has ended by itself");
    return value;
  }
}
