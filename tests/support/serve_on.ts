/**
 * Starts servers for one test each, on every kind of socket, and sees to it
 * that nothing of them is left: no connection, no stray error.
 */

import assert from "node:assert/strict";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import {
  type Handler,
  serve,
  type ServeOptions,
  type Server,
} from "../../mod.ts";
import { certificate, privateKey } from "./certificate.ts";
import { type HandshakeDetails, RawClient, type Target } from "./raw_client.ts";
import { until, within } from "./waiting.ts";

export { until, within } from "./waiting.ts";

/** What a server can listen on. */
export type Transport = "tcp" | "tls" | "unix";

/** All that a server can listen on. */
export const transports: readonly Transport[] = ["tcp", "tls", "unix"];

/** A server for one test. */
export interface TestServer {
  readonly server: Server;
  readonly target: Target;
  /** What `onError` was told. */
  readonly errors: unknown[];
  /** Connects. */
  connect(): Promise<RawClient>;
  /** Connects and opens a WebSocket. */
  open(details?: HandshakeDetails): Promise<RawClient>;
}

const strayErrors: unknown[] = [];
process.on("unhandledRejection", (error) => strayErrors.push(error));
process.on("uncaughtException", (error) => strayErrors.push(error));

/** Fails if there was an unhandled rejection or an uncaught exception. */
export async function assertNoStrayErrors(): Promise<void> {
  // A rejection counts as unhandled only after the microtasks.
  await new Promise((resolve) => setTimeout(resolve, 0));
  assert.deepEqual(strayErrors.splice(0).map(String), []);
}

let servers = 0;

/** Options for a place of its own. */
export function placeFor(transport: Transport): ServeOptions {
  switch (transport) {
    case "tcp":
      return { hostname: "127.0.0.1", port: 0 };
    case "tls":
      return {
        hostname: "127.0.0.1",
        port: 0,
        cert: certificate,
        key: privateKey,
      };
    case "unix":
      return {
        path: join(tmpdir(), `weir-${process.pid}-${servers++}.sock`),
      };
  }
}

/** Where a client finds a server. */
export function targetOf({ addr, url }: Server): Target {
  const secure = url.startsWith("wss");
  return addr.transport === "unix"
    ? { path: addr.path, secure }
    : { port: addr.port, secure };
}

/**
 * Runs `use` with a server. Afterwards its clients are dropped and it is shut
 * down; what `onError` was told and `use` did not take is a failure, and so is
 * any stray error.
 */
export async function serveOn<Data = unknown>(
  transport: Transport,
  options: ServeOptions<Data>,
  handler: Handler<Data>,
  use: (server: TestServer) => Promise<void>,
): Promise<void> {
  const errors: unknown[] = [];
  const server = serve<Data>({
    ...placeFor(transport) as ServeOptions<Data>,
    onError: (error) => errors.push(error),
    ...options,
  }, handler);
  await server.ready;
  const target = targetOf(server);
  const clients: RawClient[] = [];
  const connect = async () => {
    const client = await RawClient.connect(target);
    clients.push(client);
    return client;
  };
  try {
    await use({
      server,
      target,
      errors,
      connect,
      async open(details) {
        const client = await connect();
        await client.upgrade(details);
        return client;
      },
    });
  } finally {
    for (const client of clients) client.destroy();
    await within(server.shutdown({ timeout: 3000 }), "shutdown()");
  }
  assert.equal(server.sockets.size, 0, "sockets are left");
  assert.deepEqual(errors.map(String), [], "errors that no one expected");
  await assertNoStrayErrors();
}

/** Waits until a signal aborts. */
export function untilAborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    signal.addEventListener("abort", () => resolve());
  });
}

/** Waits until a count has stood still for a fifth of a second. */
export async function untilStill(
  count: () => number,
  what: string,
): Promise<void> {
  let before = NaN;
  let since = 0;
  await until(() => {
    const now = count();
    if (now !== before) since = performance.now();
    before = now;
    return performance.now() - since > 200;
  }, what);
}

/** An echo server's handler, with hooks. */
export const echo: Handler = {
  message: (socket, message) => socket.send(message),
};

/** Asserts that a server still opens connections and echoes. */
export async function assertServes(server: TestServer): Promise<void> {
  const client = await server.open();
  client.send(1, "still there?");
  assert.equal(await client.text(), "still there?");
  assert.equal(await client.closeCleanly(), 1000);
}
