/**
 * The fuzzing server: tests WebSocket clients. A client asks how many cases
 * there are, connects once for each and sends back every message it gets, and
 * in the end asks for the reports. Client testees written for the reference
 * suite work with it unchanged.
 */

import {
  type AddressInfo,
  createServer,
  type Server,
  type Socket,
} from "node:net";
import { createServer as createTlsServer } from "node:tls";
import { type Case, CaseExecution } from "./case.ts";
import type { CaseResult } from "./case_result.ts";
import { type AgentExclusion, isExcludedFor } from "./case_selection.ts";
import { allCases, caseNumberOf, findCase } from "./cases/index.ts";
import { type FuzzingServerTask, parseTask } from "./fuzzing_server_paths.ts";
import { ResultBook } from "./fuzzing_server_results.ts";
import { answerDeflate } from "./peer/deflate.ts";
import {
  type Acceptance,
  FuzzingPeer,
  type PeerHandler,
} from "./peer/fuzzing_peer.ts";
import { octetsOf } from "./peer/octets.ts";
import type { PeerTimeouts } from "./peer/peer_timers.ts";

/** How long a client may take to close before the server ends, in ms. */
const patience = 5000;

/** What {@linkcode startFuzzingServer} takes. */
export interface FuzzingServerOptions {
  /** The port to listen on. Default: 0, one that is free. */
  port?: number;
  /** The address to listen on. Default: `"127.0.0.1"`. */
  hostname?: string;
  /** A PEM certificate; with `key`, the server speaks `wss:`. */
  cert?: string;
  /** The certificate's PEM private key. */
  key?: string;
  /**
   * The cases to run, in the order in which clients number them. Default: all.
   */
  cases?: readonly Case[];
  /**
   * The subprotocols to agree to: of those that a client offers, the first that
   * is among them. Default: none.
   */
  protocols?: readonly string[];
  /** What not to run for single agents; they are sent away at once. */
  excludeAgentCases?: readonly AgentExclusion[];
  /** How long to wait in handshakes, in milliseconds, if not as usual. */
  timeouts?: Partial<PeerTimeouts>;
  /** Told when a client begins a case. */
  onCase?(id: string, agent: string): void;
  /** Told when a case has ended. */
  onResult?(result: CaseResult): void;
  /**
   * Asked to write the reports of all results so far. The client that wants
   * them is kept until the promise settles; if it rejects, the client's
   * connection is closed with 1011 and the reason.
   */
  onUpdateReports?(
    results: readonly CaseResult[],
    agent: string,
  ): void | Promise<void>;
}

/** A fuzzing server that listens. */
export interface FuzzingServer {
  /** Where it listens: `ws://127.0.0.1:9001`, or `wss:`. */
  readonly url: string;
  /** The results so far, agent by agent, each in the order of the cases. */
  readonly results: readonly CaseResult[];
  /** Fulfils when it has ended, by `stop()` or because a client wanted it. */
  readonly finished: Promise<void>;
  /** Stops listening and drops all connections. */
  stop(): Promise<void>;
}

/** The text of an error, short enough for a close frame. */
function reasonOf(error: unknown): Uint8Array {
  const text = error instanceof Error ? error.message : String(error);
  return octetsOf(text.slice(0, 40));
}

/** A handler that does something when the connection opens, and no more. */
function onceOpen(
  opened: (peer: FuzzingPeer) => void,
  lost: () => void = () => {},
): PeerHandler {
  return { opened, lost, message() {}, pong() {} };
}

/** Sends a value as JSON, and closes. */
function answer(peer: FuzzingPeer, value: unknown): void {
  peer.sendMessage(octetsOf(JSON.stringify(value)));
  peer.sendClose();
}

class ListeningServer implements FuzzingServer {
  readonly finished: Promise<void>;
  readonly #options: FuzzingServerOptions;
  readonly #cases: readonly Case[];
  readonly #ids: readonly string[];
  readonly #book = new ResultBook();
  readonly #sockets = new Set<Socket>();
  readonly #server: Server;
  #finish: () => void = () => {};
  #stopping = false;
  #url = "";

  constructor(options: FuzzingServerOptions) {
    this.#options = options;
    this.#cases = options.cases ?? allCases;
    this.#ids = this.#cases.map(({ id }) => id);
    this.finished = new Promise((resolve) => this.#finish = resolve);
    const { cert, key } = options;
    if ((cert === undefined) !== (key === undefined)) {
      throw new TypeError("cert and key need each other");
    }
    const accept = (socket: Socket): void => this.#accept(socket);
    this.#server = cert === undefined
      ? createServer(accept)
      : createTlsServer({ cert, key }, accept);
  }

  listen(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#server.once("error", reject);
      // A client that breaks off its TLS handshake is no concern of ours.
      this.#server.on("tlsClientError", () => {});
      this.#server.listen(
        this.#options.port ?? 0,
        this.#options.hostname ?? "127.0.0.1",
        () => {
          this.#server.off("error", reject);
          this.#url = this.#urlOf(this.#server.address() as AddressInfo);
          resolve();
        },
      );
    });
  }

  get url(): string {
    return this.#url;
  }

  get results(): CaseResult[] {
    return this.#book.all;
  }

  stop(): Promise<void> {
    if (!this.#stopping) {
      this.#stopping = true;
      this.#server.close(() => this.#finish());
      for (const socket of this.#sockets) socket.destroy();
    }
    return this.finished;
  }

  #urlOf({ address, family, port }: AddressInfo): string {
    const scheme = this.#options.cert === undefined ? "ws" : "wss";
    const host = family === "IPv6" ? `[${address}]` : address;
    return `${scheme}://${host}:${port}`;
  }

  #accept(socket: Socket): void {
    this.#sockets.add(socket);
    socket.on("close", () => this.#sockets.delete(socket));
    new FuzzingPeer(socket, {
      role: "server",
      server: "Weir-Fuzzing-Server",
      accept: (request) => ({
        protocol: request.protocols.find((protocol) =>
          this.#options.protocols?.includes(protocol)
        ) ?? null,
        // Ill offers are refused even where no compression is wanted.
        compression: answerDeflate(null),
        ...this.#acceptanceOf(parseTask(request, this.#ids)),
      }),
    }, this.#options.timeouts);
  }

  #acceptanceOf(task: FuzzingServerTask): Acceptance {
    switch (task.path) {
      case "/runCase":
        return this.#runCase(this.#cases[task.index], task.agent);
      case "/getCaseCount":
        return {
          handler: onceOpen((peer) => answer(peer, this.#cases.length)),
        };
      case "/getCaseInfo": {
        const { id, description } = this.#cases[task.index];
        return {
          handler: onceOpen((peer) => answer(peer, { id, description })),
        };
      }
      case "/getCaseStatus":
        return { handler: this.#tellStatus(task.agent, this.#ids[task.index]) };
      case "/updateReports":
        return { handler: this.#updateReports(task) };
      case "/stopServer":
        return {
          handler: onceOpen((peer) => {
            peer.sendClose(1001, octetsOf("the server ends"));
            this.#stopSoon();
          }, () => this.stop()),
        };
    }
  }

  #runCase(definition: Case, agent: string): Acceptance {
    const { id } = definition;
    const exclusions = this.#options.excludeAgentCases ?? [];
    if (isExcludedFor(agent, id, exclusions)) {
      return { handler: onceOpen((peer) => peer.sendClose()) };
    }
    this.#options.onCase?.(id, agent);
    return {
      handler: new CaseExecution(definition, {
        // Of a case that is none of the suite's own, the place among those run.
        number: findCase(id) === undefined
          ? this.#ids.indexOf(id) + 1
          : caseNumberOf(id),
        agent,
        onResult: (result) => {
          this.#book.add(result);
          this.#options.onResult?.(result);
        },
      }),
      ...definition.compression &&
        { compression: definition.compression.answer() },
    };
  }

  #tellStatus(agent: string, id: string): PeerHandler {
    return onceOpen((peer) =>
      this.#book.whenKnown(
        agent,
        id,
        ({ behavior }) => answer(peer, { behavior }),
      )
    );
  }

  #updateReports(
    task: { agent: string; shutdownOnComplete: boolean },
  ): PeerHandler {
    let isWritten = false;
    return onceOpen(async (peer) => {
      try {
        await this.#options.onUpdateReports?.(this.results, task.agent);
        peer.sendClose();
      } catch (error) {
        peer.sendClose(1011, reasonOf(error));
      }
      isWritten = true;
      if (task.shutdownOnComplete) {
        if (peer.state === "closed") this.stop();
        else this.#stopSoon();
      }
    }, () => {
      if (task.shutdownOnComplete && isWritten) this.stop();
    });
  }

  /** Ends although the client that wants it does not close. */
  #stopSoon(): void {
    const timer = setTimeout(() => this.stop(), patience);
    this.finished.then(() => clearTimeout(timer));
  }
}

/**
 * Starts a fuzzing server.
 *
 * Clients connect to `/getCaseCount`, then to `/runCase?case=N&agent=NAME` for
 * each N from 1 to that count, echo until the connection is closed, and in the
 * end to `/updateReports?agent=NAME`. `casetuple=5.17` names a case instead of
 * `case=N`; `/getCaseInfo?case=N` and `/getCaseStatus?case=N&agent=NAME` answer
 * with JSON; `/updateReports?agent=NAME&shutdownOnComplete=true` and
 * `/stopServer` end the server.
 *
 * @returns The server, once it listens.
 * @throws {Error} If it cannot listen there.
 *
 * @example
 * ```ts
 * import { startFuzzingServer } from "./fuzzing_server.ts";
 *
 * const server = await startFuzzingServer({
 *   onResult: ({ id, agent, behavior }) => console.log(agent, id, behavior),
 * });
 * console.log(server.url);
 * await server.stop();
 * ```
 */
export async function startFuzzingServer(
  options: FuzzingServerOptions = {},
): Promise<FuzzingServer> {
  const server = new ListeningServer(options);
  await server.listen();
  return server;
}
