/** The `WebSocket` that each runtime has as a global, compressing if it can. */

import { test } from "node:test";
import { fileURLToPath } from "node:url";
import type { DeflateOptions } from "../../mod.ts";
import { type Runtime, runtimes, scriptCommand } from "../support/runtime.ts";
import { seededRandom } from "../support/seeded_random.ts";
import {
  answerTo,
  backends,
  type Offer,
  prepareDeflateClient,
  prepareOffers,
} from "./deflate_interop.ts";
import { serverWishes } from "./deflate_offers.ts";

const script = fileURLToPath(
  new URL("./own_websocket_peer.ts", import.meta.url),
);
const random = seededRandom("permessage-deflate with each WebSocket");
const seed = (): number => random.integer(0x100000000);

/** What each offers; Deno's knows no extension. */
const offers: Record<Runtime, Offer | null> = {
  deno: null,
  bun: { clientMaxWindowBits: true },
  node: { clientMaxWindowBits: true },
};

for (const client of runtimes) {
  const run = prepareDeflateClient({
    command: () => scriptCommand(script, client),
  });
  const runOffers = prepareOffers(run, () => ({ seed: seed(), count: 30 }));
  const offer = offers[client];
  const answer = (options: DeflateOptions): string =>
    offer === null ? "" : answerTo(offer, options);

  for (const backend of backends) {
    const usual: DeflateOptions = { backend, threshold: 0 };
    const title = `WebSocket of ${client}, backend "${backend}"`;

    for (const path of ["/echo", "/incoming"]) {
      test(`${title}, gets varied messages back from ${path}`, async () => {
        await run({
          scenario: "varied-pipelined",
          path,
          deflate: usual,
          options: { seed: seed(), count: 500 },
          extensions: answer(usual),
        });
      });
    }

    test(`${title}, gets messages back of which some are sent plain`, async () => {
      await run({
        scenario: "varied-pipelined",
        path: "/echo?compress=--0-1-",
        deflate: { backend },
        options: { seed: seed(), count: 500 },
        extensions: answer(usual),
      });
    });

    if (offer !== null) {
      test(`${title}, obeys what the server's options ask of it`, async () => {
        for (const wishes of serverWishes) {
          await runOffers([offer], { ...usual, ...wishes });
        }
      });
    }
  }

  for (const scenario of ["large-text", "large-random"]) {
    test(`WebSocket of ${client}, gets 16 MiB back, ${scenario}`, async () => {
      await run({
        scenario,
        deflate: { threshold: 0 },
        options: { seed: seed() },
        extensions: answer({}),
      });
    });
  }
}
