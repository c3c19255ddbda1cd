/** Server processes on any runtime that share a broker. */

import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { type BackplaneState, WebSocketStream } from "../../mod.ts";
import { type Runtime, scriptCommand } from "../support/runtime.ts";
import { within } from "../support/serve_on.ts";
import type { Broker } from "./brokers.ts";
import type { ClientName } from "./clients.ts";

/** Publishes `NAME` + six digits + ` ` + milliseconds since 1970, again and again. */
export interface Feed {
  readonly do: "feed";
  /** One character. */
  readonly name: string;
  readonly topic: string;
  readonly count: number;
  /** How many at a time. */
  readonly burst: number;
  /** Milliseconds between them. */
  readonly interval: number;
  /** Whether every third one is the byte 255 and then the text, as bytes. */
  readonly binary: boolean;
}

/** What can be asked of a server process. */
export type Command = Feed | { readonly do: "stop" | "state" };

/** How a server process is doing. */
export interface ServerState {
  readonly state: BackplaneState;
  readonly errors: readonly string[];
}

/** A server in a process of its own. */
export class ServerProcess {
  /** Where it listens, with a slash at the end. */
  readonly url: string;
  readonly #child: ChildProcess;

  private constructor(url: string, child: ChildProcess) {
    this.url = url;
    this.#child = child;
  }

  /** Starts one. */
  static async start(
    runtime: Runtime,
    client: ClientName,
    broker: Broker,
  ): Promise<ServerProcess> {
    const script = fileURLToPath(
      new URL("programs/server.ts", import.meta.url),
    );
    const command = scriptCommand(script, runtime);
    const child = spawn(
      command.program,
      [...command.arguments, client, `${broker.port}`],
      { stdio: ["pipe", "pipe", "inherit"] },
    );
    const line = once(createInterface({ input: child.stdout! }), "line");
    try {
      const [url] = await within(line, `the server on ${runtime}`, 60_000);
      return new ServerProcess(url, child);
    } catch (error) {
      child.kill("SIGKILL");
      throw error;
    }
  }

  /** Gives a command and waits for the answer. */
  async ask(command: Command): Promise<unknown> {
    const stream = new WebSocketStream(this.url);
    const connection = await stream.opened;
    try {
      await connection.send(JSON.stringify(command));
      for await (const message of connection.readable) {
        return JSON.parse(String(message));
      }
      throw new Error("the server process closed the connection");
    } finally {
      connection.terminate();
      await connection.closed.catch(() => {});
    }
  }

  /** Begins to publish. @returns How many messages were published in the end. */
  async feed(feed: Omit<Feed, "do">): Promise<number> {
    const answer = await this.ask({ do: "feed", ...feed });
    return (answer as { published: number }).published;
  }

  /** Ends what {@linkcode feed} began. */
  async stop(): Promise<void> {
    const connection = await new WebSocketStream(this.url).opened;
    await connection.send(JSON.stringify({ do: "stop" }));
    connection.close();
    await connection.closed;
  }

  /** How it is doing. */
  async state(): Promise<ServerState> {
    return await this.ask({ do: "state" }) as ServerState;
  }

  /** Ends it. */
  async end(): Promise<void> {
    if (this.#child.exitCode !== null) return;
    const exit = once(this.#child, "exit");
    this.#child.kill("SIGKILL");
    await exit;
  }
}
