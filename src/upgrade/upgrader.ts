/**
 * The handshakes and connections of one server, from its start to its shutdown.
 *
 * @module
 */
import { checkHandler, type Handler } from "../connection/handler.ts";
import { prepareDeflate } from "../deflate/permessage_deflate.ts";
import type { HandshakeRequest } from "../handshake/request.ts";
import { Counters } from "../metrics/counters.ts";
import { collectMetrics, type ServerMetrics } from "../metrics/metrics.ts";
import type { Topics } from "../topics/topics.ts";
import type { HandshakeSocket } from "../transport/handshake_socket.ts";
import { HandshakeAcceptor } from "./acceptance.ts";
import { HandshakeDecider } from "./decision.ts";
import { OpenConnections } from "./open_connections.ts";
import {
  type ResolvedUpgradeOptions,
  resolveUpgradeOptions,
  type UpgradeOptions,
} from "./options.ts";

/** See the module. */
export class Upgrader {
  /** The open connections. */
  readonly sockets: OpenConnections = new OpenConnections();
  readonly #options: ResolvedUpgradeOptions;
  readonly #counters = new Counters();
  readonly #decider: HandshakeDecider;
  #whenIdle: (() => void) | null = null;

  /**
   * @throws {TypeError} For options or a handler that can't be right.
   * @throws {RangeError} For numbers out of range.
   */
  constructor(options: UpgradeOptions, handler: Handler) {
    checkHandler(handler);
    const settleIdle = (): void => this.#settleIdle();
    this.#options = resolveUpgradeOptions(options);
    this.#decider = new HandshakeDecider(
      this.#options,
      new HandshakeAcceptor(
        this.#options,
        handler,
        this.#counters,
        this.sockets,
        settleIdle,
      ),
      this.#counters,
      settleIdle,
    );
  }

  /** What the connections subscribe to. */
  get topics(): Topics {
    return this.#options.topics;
  }

  /** Gets ready what handshakes need; they are answered with less before. */
  async prepare(): Promise<void> {
    const { deflate, upgrade } = this.#options;
    if (deflate?.backend === "standard" || upgrade !== null) {
      await prepareDeflate();
    }
  }

  /** Answers an upgrade request. Never throws. */
  upgrade(request: HandshakeRequest, socket: HandshakeSocket): void {
    this.#decider.decide(request, socket);
  }

  /** See {@linkcode ServerMetrics}. */
  metrics(): ServerMetrics {
    return collectMetrics(this.#counters, this.sockets, this.topics);
  }

  /** Accepts no more, and resolves when no connection is left. */
  close(closeCode: number, reason: string): Promise<void> {
    this.#decider.close();
    for (const socket of this.sockets) socket.close({ closeCode, reason });
    return new Promise((resolve) => {
      if (this.#isIdle()) resolve();
      else this.#whenIdle = resolve;
    });
  }

  /** Drops all that is left. */
  terminate(): void {
    this.#decider.terminate();
    for (const socket of this.sockets) socket.terminate();
    this.#settleIdle();
  }

  #isIdle(): boolean {
    return this.sockets.size === 0 && this.#decider.undecided === 0;
  }

  #settleIdle(): void {
    if (this.#whenIdle !== null && this.#isIdle()) this.#whenIdle();
  }
}
