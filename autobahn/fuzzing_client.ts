/** The fuzzing client: runs cases against a server and collects the results. */
import { isIP, type Socket } from "node:net";
import { connect as connectTcp } from "node:net";
import { connect as connectTls } from "node:tls";
import { type Case, CaseExecution } from "./case.ts";
import type { CaseResult } from "./case_result.ts";
import { allCases, caseNumberOf } from "./cases/index.ts";
import { FuzzingPeer } from "./peer/fuzzing_peer.ts";
import type { PeerTimeouts } from "./peer/peer_timers.ts";

/** What the fuzzing client calls itself. */
const userAgent = "WeirFuzzingClient/1";

/** What to run, against what. */
export interface FuzzingClientOptions {
  /** The server's address, `ws:` or `wss:`. It has to echo all messages. */
  url: string | URL;
  /**
   * The server's name in the results. By default what it says in the `Server`
   * field of its response, or else `UnknownServer`.
   */
  agent?: string;
  /** The cases to run. All by default. */
  cases?: readonly Case[];
  /**
   * How many cases at most run side by side. 8 by default. Those that are
   * about speed or size run one by one, after all others. Those with
   * compression run two at a time at the end; one that does not pass beside
   * another is run again alone, and that counts.
   */
  atOnce?: number;
  /**
   * The most that a case may take, in milliseconds. By default there is none
   * but the case's own, which is 1000 seconds for some.
   */
  caseTimeLimit?: number;
  /** The `Origin` field of the requests. None by default. */
  origin?: string;
  /** Subprotocols to offer. */
  protocols?: readonly string[];
  /** More fields of the requests. */
  headers?: Readonly<Record<string, string>>;
  /** `wss:` only: whether the certificate is checked. False by default. */
  rejectUnauthorized?: boolean;
  /** `wss:` only: certificates to trust, in PEM. */
  ca?: string | string[];
  /** `wss:` only: the server's name for TLS. That of `url` by default. */
  servername?: string;
  /** How long to wait in handshakes, in milliseconds, if not as usual. */
  timeouts?: Partial<PeerTimeouts>;
  /** Ends the run: the connections are dropped, and no more results come. */
  signal?: AbortSignal;
}

/** The server cannot be reached. */
export class UnreachableError extends Error {
  override name = "UnreachableError";
}

/**
 * Runs cases against a server.
 *
 * @returns The result of each case when it has ended, in that order.
 * @throws {UnreachableError} If no connection can be made, at first or later.
 * @throws {TypeError} If `url` is neither `ws:` nor `wss:`.
 *
 * @example
 * ```ts
 * for await (const result of runFuzzingClient({ url: "ws://localhost:9001" })) {
 *   console.log(result.id, result.behavior, result.behaviorClose);
 * }
 * ```
 */
export async function* runFuzzingClient(
  options: FuzzingClientOptions,
): AsyncGenerator<CaseResult, void, void> {
  const url = new URL(options.url);
  if (url.protocol !== "ws:" && url.protocol !== "wss:") {
    throw new TypeError(`the address has to be ws: or wss:, not "${url}"`);
  }
  const cases = options.cases ?? allCases;
  const atOnce = options.atOnce ?? 8;
  const run = new Run(url, options);
  try {
    yield* run.sideBySide(
      cases.filter((one) => !one.isMeasured),
      atOnce,
    );
    // Side by side they would be slower, and some have little time.
    const measured = cases.filter((one) => one.isMeasured);
    yield* run.sideBySide(measured.filter((one) => !one.compression), 1);
    yield* run.inPairs(
      measured.filter((one) => one.compression),
      Math.min(atOnce, 2),
    );
  } finally {
    run.stop();
  }
}

/** The connections of one run. */
class Run {
  #url: URL;
  #options: FuzzingClientOptions;
  #peers = new Set<FuzzingPeer>();
  #isStopped = false;

  constructor(url: URL, options: FuzzingClientOptions) {
    this.#url = url;
    this.#options = options;
  }

  /** Drops what is still connected, and starts nothing more. */
  stop(): void {
    this.#isStopped = true;
    for (const peer of this.#peers) {
      peer.abandon("the run was ended");
    }
  }

  /** Runs cases, so many at a time. */
  async *sideBySide(
    cases: readonly Case[],
    atOnce: number,
  ): AsyncGenerator<CaseResult, void, void> {
    const running = new Map<Case, Promise<[Case, CaseResult]>>();
    let next = 0;
    while (next < cases.length || running.size > 0) {
      while (next < cases.length && running.size < Math.max(1, atOnce)) {
        const one = cases[next++];
        const ended = this.#run(one).then((result): [Case, CaseResult] => [
          one,
          result,
        ]);
        // If another fails first, nobody is left to handle this one's failure.
        ended.catch(() => {});
        running.set(one, ended);
      }
      const [one, result] = await Promise.race(running.values());
      running.delete(one);
      yield result;
    }
  }

  /** Runs cases two at a time, and alone what does not pass so. */
  async *inPairs(
    cases: readonly Case[],
    atOnce: number,
  ): AsyncGenerator<CaseResult, void, void> {
    const again: Case[] = [];
    for await (const result of this.sideBySide(cases, atOnce)) {
      const one = cases.find(({ id }) => id === result.id);
      if (result.behavior === "FAILED" && atOnce > 1 && one !== undefined) {
        again.push(one);
      } else {
        yield result;
      }
    }
    yield* this.sideBySide(again, 1);
  }

  async #run(one: Case): Promise<CaseResult> {
    const { signal, caseTimeLimit } = this.#options;
    signal?.throwIfAborted();
    const socket = await this.#connect();
    if (this.#isStopped) {
      socket.destroy();
      throw new Error("the run was ended");
    }
    const { promise, resolve, reject } = Promise.withResolvers<CaseResult>();
    const handler = new CaseExecution(one, {
      number: caseNumberOf(one.id),
      agent: this.#options.agent,
      onResult: resolve,
    });
    const { origin, protocols, headers } = this.#options;
    const peer = new FuzzingPeer(socket, {
      role: "client",
      request: {
        host: this.#url.host,
        target: this.#url.pathname + this.#url.search,
        userAgent,
        origin,
        protocols,
        headers,
      },
      compression: one.compression?.offer() ?? null,
      handler,
    }, this.#options.timeouts);
    const abort = (): void => {
      reject(signal?.reason);
      peer.abandon("the run was ended");
    };
    const timer = caseTimeLimit === undefined ? undefined : setTimeout(
      () => peer.abandon(`the case took over ${caseTimeLimit} ms`),
      caseTimeLimit,
    );
    signal?.addEventListener("abort", abort);
    this.#peers.add(peer);
    try {
      return await promise;
    } finally {
      clearTimeout(timer);
      signal?.removeEventListener("abort", abort);
      this.#peers.delete(peer);
    }
  }

  #connect(): Promise<Socket> {
    const { promise, resolve, reject } = Promise.withResolvers<Socket>();
    const hostname = this.#url.hostname.replace(/^\[|\]$/g, "");
    const isSecure = this.#url.protocol === "wss:";
    const port = Number(this.#url.port) || (isSecure ? 443 : 80);
    const socket = isSecure
      ? connectTls({
        host: hostname,
        port,
        servername: this.#options.servername ??
          (isIP(hostname) === 0 ? hostname : undefined),
        rejectUnauthorized: this.#options.rejectUnauthorized ?? false,
        ca: this.#options.ca,
      })
      : connectTcp({ host: hostname, port });
    const timer = setTimeout(
      () => socket.destroy(new Error("no answer within 10 seconds")),
      10_000,
    );
    const connected = (): void => {
      clearTimeout(timer);
      socket.off("error", failed);
      socket.off("close", failed);
      resolve(socket);
    };
    const failed = (error?: unknown): void => {
      clearTimeout(timer);
      const reason = error instanceof Error && error.message !== ""
        ? error.message
        : (error as { code?: string } | undefined)?.code ??
          "the connection was dropped";
      reject(
        new UnreachableError(`cannot connect to ${this.#url}: ${reason}`, {
          cause: error,
        }),
      );
    };
    socket.once(isSecure ? "secureConnect" : "connect", connected);
    socket.once("error", failed);
    socket.once("close", failed);
    return promise;
  }
}
