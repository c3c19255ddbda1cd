/** What every test of memory is made of: a server, clients, a measurement. */

import assert from "node:assert/strict";
import type { Buffer } from "node:buffer";
import { test } from "node:test";
import { type Frame, FrameDecoder } from "../../mod.ts";
import { runtime } from "../support/runtime.ts";
import { RawClient } from "./raw_client.ts";
import { type Relay, startRelay } from "./relay.ts";
import { type ServerProcess, startServer } from "./server_process.ts";

/** What a client can be made to send, or asks for, in bytes. */
export const flood = 300_000_000;

/** How much resident memory a server may have in a scenario, in bytes. */
export interface Bound {
  /**
   * At most so much in all. Of the files that the runtime has in memory, which is
   * its executable, no more than 50 MB count: how much of it is there depends on
   * how it was written to disk.
   */
  readonly peak?: number;
  /**
   * The same over TLS on Deno, if it differs: there each read and each write has
   * memory of its own, of which tens of megabytes come together as garbage.
   */
  readonly peakOverDenoTls?: number;
  /** At most so much more than before the first connection. */
  readonly growth?: number;
  /**
   * Whether the scenario keeps the machine busy, so that two at a time would
   * hold up each other's garbage collection.
   */
  readonly alone?: boolean;
}

/** For what any handler may meet: the server is small all the time. */
export const smallServer: Bound = { peak: 120_000_000 };

const mostOfFiles = 50_000_000;

/**
 * For what only an attacker does: there is room for one message of
 * `maxMessageSize` (16 MiB) and for the garbage that a runtime lets come
 * together before it collects it (in V8, the 48 MiB of its young generation).
 */
export const boundedGrowth: Bound = { growth: 16 * 2 ** 20 + 64_000_000 };

/** What a scenario has to do with. All of it is ended with the scenario. */
export interface Scenario {
  /** A server of the scenario's own. */
  readonly server: ServerProcess;
  /** Connects a client to one of the server's handlers. */
  connect(path: string, onFrame?: (frame: Frame) => void): Promise<RawClient>;
  /** The same through a relay, with which the client can stop to read. */
  connectThroughRelay(
    path: string,
    onFrame?: (frame: Frame) => void,
  ): Promise<{ client: RawClient; relay: Relay }>;
}

/**
 * Makes a test: runs the scenario over `ws` and over `wss`, side by side as it
 * mostly waits, prints the memory that each server needed, and checks it.
 *
 * @param bound What the memory must not exceed.
 * @param run Returns what to print beside the memory.
 */
export function testMemory(
  name: string,
  bound: Bound,
  run: (scenario: Scenario) => Promise<string>,
): void {
  test(`memory: ${name}`, async () => {
    const first = measure(name, "ws", bound, run);
    if (bound.alone) await first;
    const outcomes = await Promise.allSettled([
      first,
      measure(name, "wss", bound, run),
    ]);
    for (const outcome of outcomes) {
      if (outcome.status === "rejected") throw outcome.reason;
    }
  });
}

async function measure(
  name: string,
  scheme: "ws" | "wss",
  {
    peak = Infinity,
    peakOverDenoTls = peak,
    growth: mostGrowth = Infinity,
  }: Bound,
  run: (scenario: Scenario) => Promise<string>,
): Promise<void> {
  const mostPeak = runtime === "deno" && scheme === "wss"
    ? peakOverDenoTls
    : peak;
  const started = performance.now();
  const server = await startServer(scheme);
  const ends: (() => Promise<void>)[] = [() => server.end()];
  const connectTo = async (
    url: string,
    onFrame: (frame: Frame) => void,
  ): Promise<RawClient> => {
    const client = await RawClient.connect(url, frameReader(onFrame));
    ends.push(() => client.end());
    return client;
  };
  try {
    const outcome = await run({
      server,
      connect: (path, onFrame = ignore) =>
        connectTo(new URL(path, server.url).href, onFrame),
      async connectThroughRelay(path, onFrame = ignore) {
        const relay = await startRelay(new URL(path, server.url).href);
        ends.push(() => relay.end());
        return { relay, client: await connectTo(relay.url, onFrame) };
      },
    });
    const base = server.baseMemory;
    const most = server.peakMemory();
    const own = most - server.fileMemory;
    const seconds = (performance.now() - started) / 1000;
    console.log(
      `memory | ${runtime} | ${scheme} | ${name} | base ${
        megabytes(base)
      } | peak ${megabytes(most)}, ${megabytes(own)} own | ${outcome} | ${
        seconds.toFixed(1)
      } s`,
    );
    assert.ok(
      own + Math.min(server.fileMemory, mostOfFiles) <= mostPeak,
      `Over ${scheme} the server had ${
        megabytes(own)
      } of memory of its own and ${
        megabytes(server.fileMemory)
      } of files, of which at most ${megabytes(mostOfFiles)} count: more than ${
        megabytes(mostPeak)
      }. It had ${megabytes(base)} in all before the first connection.`,
    );
    assert.ok(
      most - base <= mostGrowth,
      `Over ${scheme} the server's memory grew by ${
        megabytes(most - base)
      }, more than ${megabytes(mostGrowth)}, from ${megabytes(base)}.`,
    );
  } finally {
    for (const end of ends.reverse()) await end();
  }
}

/** Waits for what must come within a minute, however slow the machine. */
export async function soon<Value>(
  what: string,
  promise: Promise<Value>,
): Promise<Value> {
  const late = Promise.withResolvers<never>();
  const timer = setTimeout(
    () => late.reject(new Error(`Within 60 s there was no ${what}.`)),
    60_000,
  );
  try {
    return await Promise.race([promise, late.promise]);
  } finally {
    clearTimeout(timer);
  }
}

/** A number of bytes, to be read by people. */
export function megabytes(bytes: number): string {
  return `${(bytes / 1e6).toFixed(1)} MB`;
}

/** Passes the frames of the server's bytes on, as they arrive. */
function frameReader(
  onFrame: (frame: Frame) => void,
): (bytes: Buffer) => void {
  const decoder = new FrameDecoder({ role: "client" });
  const controller = {
    enqueue: onFrame,
    error(reason: unknown): void {
      throw reason;
    },
  };
  return (bytes) =>
    decoder.transform(bytes as Uint8Array<ArrayBuffer>, controller);
}

function ignore(): void {}
