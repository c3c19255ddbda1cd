/** Puts one client that compresses through its scenarios. */

import assert from "node:assert/strict";
import { after } from "node:test";
import type { DeflateOptions } from "../../mod.ts";
import {
  type EchoServer,
  type ObservedClose,
  startEchoServer,
} from "../support/echo_server.ts";
import { type Command, runtime } from "../support/runtime.ts";
import { within } from "../support/waiting.ts";
import { Peer } from "./peer.ts";
import { maxMessageSize } from "./scenarios.ts";

/** A client to test the server's compression with. */
export interface DeflateClient {
  /** How to start it; throws if what it needs is not installed. */
  readonly command: () => Command;
  /** The server's page must be open in this client, which is a browser. */
  readonly browser?: boolean;
}

/** What a client offers, as the parameters of RFC 7692 section 7.1. */
export interface Offer {
  readonly serverNoContextTakeover?: boolean;
  readonly clientNoContextTakeover?: boolean;
  readonly serverMaxWindowBits?: number;
  /** `true` stands for the name without a value. */
  readonly clientMaxWindowBits?: number | true;
}

/** One connection. */
export interface DeflateVisit {
  /** What the client does, by the name that it knows. */
  readonly scenario: string;
  /** Where it connects to. Default `"/echo"`. */
  readonly path?: string;
  /** How the server compresses. Default: with a threshold of 0. */
  readonly deflate?: boolean | DeflateOptions;
  /** What the client has to know for the scenario. */
  readonly options?: Readonly<Record<string, unknown>>;
  /** What must be agreed. */
  readonly extensions: string;
  /** How the server must see the connection end. Default: with 1000. */
  readonly closed?: Partial<ObservedClose>;
}

/** Has the client make one connection, and checks what came of it. */
export type RunVisit = (visit: DeflateVisit) => Promise<void>;

/** The backends of the server. */
export const backends = ["standard", "zlib"] as const;

const closeTimeout = 30_000;

/** Starts `client` when it is needed first, and stops it after all tests. */
export function prepareDeflateClient(client: DeflateClient): RunVisit {
  let running: Promise<{ server: EchoServer; peer: Peer }> | undefined;
  const start = async () => ({
    server: await startEchoServer({
      maxMessageSize,
      deflate: { threshold: 0 },
    }),
    peer: await Peer.start(client.command()),
  });

  after(async () => {
    // What did not start has failed every test already.
    const started = await running?.catch(() => undefined);
    await started?.peer.stop();
    await started?.server.shutdown();
  });

  return async (
    { scenario, path = "/echo", deflate, options, extensions, closed },
  ) => {
    const { server, peer } = await (running ??= start());
    const visit = server.expect(path, deflate);
    const told = await peer.run({
      scenario,
      url: visit.url,
      options,
      ...client.browser ? { page: server.pageUrl } : {},
    });
    const observed = await within(
      visit.closed,
      "the close at the server",
      closeTimeout,
    );
    const expected = closed ?? { closeCode: 1000, wasClean: true };
    assert.deepEqual(observed, { ...observed, ...expected });
    assert.equal(await visit.extensions, extensions, "socket.extensions");
    if (told !== undefined) {
      assert.equal(told, extensions, "the client's extensions");
    }
  };
}

/** Has the client connect with each offer in turn, to a server with these options. */
export type RunOffers = (
  offers: readonly Offer[],
  deflate: DeflateOptions,
) => Promise<void>;

/**
 * Prepares visits in which the client gets varied messages back.
 *
 * @param run Has the client make one of them.
 * @param optionsFor What the client has to know to make that offer.
 */
export function prepareOffers(
  run: RunVisit,
  optionsFor: (offer: Offer) => DeflateVisit["options"],
): RunOffers {
  return async (offers, deflate) => {
    for (const offer of offers) {
      await run({
        scenario: "varied",
        deflate,
        options: optionsFor(offer),
        extensions: answerTo(offer, deflate),
      });
    }
  };
}

/**
 * What the server must answer to an offer. It is written down here from RFC 7692
 * section 7.1 and from what the options promise, apart from `src/`.
 */
export function answerTo(
  offer: Offer,
  options: DeflateOptions = {},
): string {
  const serverBits = Math.min(
    offer.serverMaxWindowBits ?? 15,
    options.serverMaxWindowBits ?? 15,
  );
  const clientBits = Math.min(
    offer.clientMaxWindowBits === true ? 15 : offer.clientMaxWindowBits ?? 15,
    offer.clientMaxWindowBits === undefined
      ? 15
      : options.clientMaxWindowBits ?? 15,
  );
  const { backend = "auto" } = options;
  const alone = backend === "auto";
  // Only Deno's CompressionStream can keep its window between messages.
  const canKeepContext = backend === "zlib" || serverBits < 15 ||
    runtime === "deno";
  return [
    "permessage-deflate",
    ...alone || offer.serverNoContextTakeover ||
        options.serverNoContextTakeover || !canKeepContext
      ? ["server_no_context_takeover"]
      : [],
    ...alone || offer.clientNoContextTakeover || options.clientNoContextTakeover
      ? ["client_no_context_takeover"]
      : [],
    ...offer.serverMaxWindowBits !== undefined || serverBits < 15
      ? [`server_max_window_bits=${serverBits}`]
      : [],
    ...clientBits < 15 ? [`client_max_window_bits=${clientBits}`] : [],
  ].join("; ");
}

/**
 * Whether the server keeps its window between messages. Then it has to send all
 * that went through its compressor.
 */
export function keepsContext(offer: Offer, options: DeflateOptions): boolean {
  return !answerTo(offer, options).includes("server_no_context_takeover");
}
