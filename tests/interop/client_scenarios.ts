/** What the client is put through with every server that compresses. */

import { test } from "node:test";
import type { DeflateOptions } from "../../mod.ts";
import type { Command } from "../support/runtime.ts";
import { seededRandom } from "../support/seeded_random.ts";
import {
  type Conversation,
  largeRandom,
  largeText,
  prepareServer,
} from "./client_interop.ts";
import { backends, type Offer } from "./deflate_interop.ts";
import { contextTakeovers, describe } from "./deflate_offers.ts";

/** A server to test the client with. */
export interface CompressingServer {
  /** What it is called in the tests' names. */
  readonly name: string;
  /** How to start it; throws if what it needs is not installed. */
  readonly command: () => Command;
  /** The fewest bits of a window that it can be asked to compress with. */
  readonly leastServerBits: number;
  /** The fewest bits of a window that it can let the client compress with. */
  readonly leastClientBits: number;
}

const bits: readonly number[] = [8, 9, 10, 11, 12, 13, 14, 15];

/** Every window that either side can be asked for, and some together. */
function windows(server: CompressingServer): readonly Offer[] {
  const { leastServerBits, leastClientBits } = server;
  const serverBits = bits.filter((value) => value >= leastServerBits);
  const clientBits = bits.filter((value) => value >= leastClientBits);
  return [
    {},
    ...serverBits.map((serverMaxWindowBits) => ({ serverMaxWindowBits })),
    ...clientBits.map((clientMaxWindowBits) => ({ clientMaxWindowBits })),
    { serverMaxWindowBits: 10, clientMaxWindowBits: 12 },
    { serverMaxWindowBits: 15, clientMaxWindowBits: leastClientBits },
    { serverMaxWindowBits: leastServerBits, clientMaxWindowBits: 15 },
    {
      serverMaxWindowBits: leastServerBits,
      clientMaxWindowBits: leastClientBits,
    },
  ];
}

/**
 * Registers the tests.
 *
 * @returns What has the client converse with the server, for tests that are for
 * this one alone.
 */
export function testServer(
  server: CompressingServer,
): (conversation: Conversation) => Promise<void> {
  const { name } = server;
  const converse = prepareServer(server.command);
  const random = seededRandom(`the client with ${name}`);
  const seed = (): number => random.integer(0x100000000);

  for (const takeover of contextTakeovers) {
    test(`client with ${name}, demand ${describe(takeover)}, with every window`, async () => {
      for (const [index, window] of windows(server).entries()) {
        const backend = backends[index % 2];
        const deflate: DeflateOptions = {
          backend,
          threshold: 0,
          ...takeover as DeflateOptions,
          ...window as DeflateOptions,
        };
        await converse({ deflate, seed: seed(), messages: 12 });
      }
    });

    test(`client with ${name}, which asks ${describe(takeover)}, with every window`, async () => {
      for (const [index, window] of windows(server).entries()) {
        const backend = backends[(index + 1) % 2];
        await converse({
          deflate: { backend, threshold: 0 },
          wishes: { ...takeover, ...window },
          seed: seed(),
          messages: 12,
        });
      }
    });

    test(`client with ${name}, demand ${describe(takeover)}, fragments both ways, pings between them`, async () => {
      for (const backend of backends) {
        const deflate: DeflateOptions = {
          backend,
          threshold: 0,
          ...takeover as DeflateOptions,
        };
        for (const scheme of ["ws", "wss"] as const) {
          await converse({
            scheme,
            path: "/fragments",
            deflate,
            seed: seed(),
            manner: "fragmented",
            messages: 40,
          });
        }
      }
    });
  }

  for (const [client, side] of [[false, "client"], [true, "server"]] as const) {
    test(`client with ${name}, without compression on the ${side}'s wish`, async () => {
      for (const scheme of ["ws", "wss"] as const) {
        await converse({
          scheme,
          path: "/fragments",
          deflate: client,
          wishes: client ? false : {},
          seed: seed(),
          manner: "fragmented",
          messages: 40,
        });
      }
    });
  }

  test(`client with ${name}, 16 MiB of text, compressed, over wss`, async () => {
    await converse({ scheme: "wss", seed: seed(), messages: [largeText] });
  });

  test(`client with ${name}, 16 MiB of random bytes, compressed, over ws`, async () => {
    await converse({ seed: seed(), messages: [largeRandom()] });
  });

  test(`client with ${name}, 16 MiB of random bytes, not compressed, over wss`, async () => {
    const messages = [largeRandom()];
    await converse({ scheme: "wss", deflate: false, seed: seed(), messages });
  });

  test(`client with ${name}, messages around the threshold, many under way`, async () => {
    for (const backend of backends) {
      await converse({
        deflate: { backend },
        seed: seed(),
        manner: "pipelined",
        messages: 400,
      });
    }
  });
  return converse;
}
