/** Puts one client through its scenarios, over `ws:` and over `wss:`. */

import assert from "node:assert/strict";
import { after, test } from "node:test";
import {
  type EchoServer,
  type ObservedClose,
  startEchoServer,
  type Visit,
} from "../support/echo_server.ts";
import type { Command } from "../support/runtime.ts";
import { Peer } from "./peer.ts";
import {
  maxMessageSize,
  protocols,
  type Scenario,
  type ScenarioName,
  scenarios,
} from "./scenarios.ts";

/** A client to test the server with. */
export interface InteropClient {
  /** What the tests call it. */
  readonly name: string;
  /** How to start it; throws if what it needs is not installed. */
  readonly command: () => Command;
  /** What it can do. */
  readonly scenarios: readonly ScenarioName[];
  /** The server's page must be open in this client, which is a browser. */
  readonly browser?: boolean;
}

/** What runs while the tests of a client run. */
export interface Running {
  readonly servers: Record<Scheme, EchoServer>;
  readonly peer: Peer;
}

type Scheme = "ws" | "wss";

const closeTimeout = 30_000;

/**
 * Registers the tests of `client`, and returns what starts it, or finds it
 * started, for tests that are for this client alone.
 */
export function testInterop(client: InteropClient): () => Promise<Running> {
  let running: Promise<Running> | undefined;
  const start = (): Promise<Running> => running ??= startClient(client);

  for (const scheme of ["ws", "wss"] as const) {
    for (const name of client.scenarios) {
      const { title, path, closed }: Scenario = scenarios[name];
      test(`${client.name}, over ${scheme}, ${title}`, async () => {
        const { servers, peer } = await start();
        const server = servers[scheme];
        const visit = server.expect(path);
        await peer.run({
          scenario: name,
          url: visit.url,
          ...client.browser ? { page: server.pageUrl } : {},
        });
        const observed = await observe(visit);
        assert.deepEqual(observed, { ...observed, ...closed });
      });
    }
  }

  after(async () => {
    // What did not start has failed every test already.
    const started = await running?.catch(() => undefined);
    if (started === undefined) return;
    await started.peer.stop();
    await started.servers.ws.shutdown();
    await started.servers.wss.shutdown();
  });

  return start;
}

async function startClient(client: InteropClient): Promise<Running> {
  const command = client.command();
  const options = { protocols, maxMessageSize };
  const servers = {
    ws: await startEchoServer(options),
    wss: await startEchoServer({ ...options, secure: true }),
  };
  return { servers, peer: await Peer.start(command) };
}

/** How the server saw the connection end, which it must within a time. */
async function observe(visit: Visit): Promise<ObservedClose> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      reject(new Error(`no close at the server within ${closeTimeout} ms`));
    }, closeTimeout);
  });
  return await Promise.race([visit.closed, late])
    .finally(() => clearTimeout(timer));
}
