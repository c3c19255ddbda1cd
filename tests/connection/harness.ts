/** A connection on one end of an in-memory duplex, and a raw peer on the other. */

import { setImmediate } from "node:timers";
import { accept, type AcceptOptions } from "../../src/accept.ts";
import type { WebSocketConnection } from "../../src/connection/connection.ts";
import type { Handler } from "../../src/connection/handler.ts";
import {
  type DuplexEnd,
  duplexPair,
  type DuplexPairOptions,
} from "../support/duplex_pair.ts";
import { RawPeer } from "../support/raw_peer.ts";
import { within } from "../support/waiting.ts";

export { until, within } from "../support/waiting.ts";

/** What a test has at hand. */
export interface Harness {
  /** The connection under test. */
  readonly socket: WebSocketConnection;
  /** The peer, which does nothing by itself. */
  readonly peer: RawPeer;
  /** The connection's end of the duplex. */
  readonly duplex: DuplexEnd;
  /** What `onError` was told. */
  readonly errors: unknown[];
}

/** Options of the connection and of what is below it. */
export type HarnessOptions =
  & Partial<AcceptOptions>
  & { duplex?: DuplexPairOptions };

const open = new Set<Harness>();

/** Opens a connection; {@linkcode disconnectAll} ends it. */
export function connect(
  handler: Handler = () => {},
  { duplex: duplexOptions, ...options }: HarnessOptions = {},
): Harness {
  const [duplex, other] = duplexPair(duplexOptions);
  const errors: unknown[] = [];
  const socket = accept(duplex, {
    request: new Request("http://localhost/"),
    keepAlive: false,
    onError: (error) => errors.push(error),
    ...options,
  }, handler);
  const peer = new RawPeer(
    other,
    options.role === "client" ? "server" : "client",
  );
  const harness = { socket, peer, duplex, errors };
  open.add(harness);
  return harness;
}

/** Drops what the tests of a file left open; for its `after` hook. */
export async function disconnectAll(): Promise<void> {
  for (const { socket, peer } of open) {
    socket.terminate();
    peer.destroy();
    await within(socket.closed.catch(() => {}), "the end of a connection");
  }
  open.clear();
}

/**
 * Turns the event loop, immediates and timers, often enough that nothing that
 * was started before can still be under way, unless it waits for a later time.
 */
export async function settled(): Promise<void> {
  for (let turn = 0; turn < 3; turn++) {
    for (let immediate = 0; immediate < 5; immediate++) {
      await new Promise((resolve) => setImmediate(resolve));
    }
    await new Promise((resolve) => setTimeout(resolve, 0));
  }
}

/** Whether a promise is not settled yet. */
export async function isPending(promise: Promise<unknown>): Promise<boolean> {
  const pending = Symbol();
  try {
    return await Promise.race([promise, Promise.resolve(pending)]) === pending;
  } catch {
    return false;
  }
}

/** What a promise rejects with; fails if it does not. */
export async function rejectionOf(
  promise: PromiseLike<unknown>,
  what = "a rejection",
): Promise<unknown> {
  return await within(
    promise.then(
      (value) => {
        throw new Error(`${what} was expected, but it fulfilled: ${value}`);
      },
      (error) => error,
    ),
    what,
  );
}

/** A promise to settle from elsewhere in a test. */
export function gate(): { opened: Promise<void>; open: () => void } {
  const { promise, resolve } = Promise.withResolvers<void>();
  return { opened: promise, open: resolve };
}

/** Bytes that differ from their neighbours, so that a mix-up shows. */
export function pattern(length: number, seed = 0): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(length);
  for (let index = 0; index < length; index++) {
    bytes[index] = (index * 7 + (index >> 8) + seed) & 0xff;
  }
  return bytes;
}
