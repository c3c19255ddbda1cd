/** `ws`, the WebSocket library of Node, compressing. */

import { test } from "node:test";
import { fileURLToPath } from "node:url";
import type { PerMessageDeflateOptions } from "ws";
import type { DeflateOptions } from "../../mod.ts";
import { scriptCommand } from "../support/runtime.ts";
import { seededRandom } from "../support/seeded_random.ts";
import {
  answerTo,
  backends,
  type Offer,
  prepareDeflateClient,
  prepareOffers,
} from "./deflate_interop.ts";
import {
  contextTakeovers,
  describe,
  everyWindow,
  serverWishes,
} from "./deflate_offers.ts";

const script = fileURLToPath(new URL("./deflate_ws_peer.ts", import.meta.url));
const run = prepareDeflateClient({
  command: () => scriptCommand(script, "node"),
});
const random = seededRandom("permessage-deflate with ws");
const seed = (): number => random.integer(0x100000000);

/** What the library offers by itself. */
const usualOffer: Offer = { clientMaxWindowBits: true };

/** Options of the library for zlib, each for other kinds of blocks. */
const zlibSettings: Record<
  string,
  PerMessageDeflateOptions["zlibDeflateOptions"]
> = {
  "level 0, stored blocks": { level: 0 },
  "level 1": { level: 1 },
  "level 9, memLevel 1": { level: 9, memLevel: 1 },
  "memLevel 9": { memLevel: 9 },
  "filtered": { strategy: 1 },
  "Huffman coding alone": { strategy: 2 },
  "run lengths alone": { strategy: 3 },
  "fixed Huffman codes": { strategy: 4 },
  "small chunks": { chunkSize: 64 },
};

/** The library's options for an offer. */
function optionsFor(offer: Offer): Record<string, unknown> {
  return { threshold: 0, clientMaxWindowBits: false, ...offer };
}

const runOffers = prepareOffers(run, (offer) => ({
  perMessageDeflate: optionsFor(offer),
  seed: seed(),
  count: 15,
}));

for (const backend of backends) {
  const usual: DeflateOptions = { backend, threshold: 0 };
  const title = `ws, backend "${backend}"`;

  for (const takeover of contextTakeovers) {
    test(
      `${title}, offer ${
        describe(takeover)
      }, gets varied messages back with every window`,
      async () => {
        await runOffers(everyWindow(takeover), usual);
      },
    );

    test(
      `${title}, offer ${describe(takeover)}, gets fragmented messages back`,
      async () => {
        for (const path of ["/echo", "/incoming"]) {
          await run({
            scenario: "varied-pipelined",
            path,
            deflate: usual,
            options: {
              perMessageDeflate: optionsFor(takeover),
              fragments: true,
              seed: seed(),
              count: 50,
            },
            extensions: answerTo(takeover, usual),
          });
        }
      },
    );

    test(
      `${title}, offer ${
        describe(takeover)
      }, gets messages around both thresholds back`,
      async () => {
        await run({
          scenario: "varied-pipelined",
          path: "/echo?compress=--0-1-",
          deflate: { backend },
          options: {
            perMessageDeflate: { ...optionsFor(takeover), threshold: 1024 },
            seed: seed(),
            count: 200,
          },
          extensions: answerTo(takeover, usual),
        });
      },
    );
  }

  test(`${title}, obeys what the server's options ask of it`, async () => {
    for (const wishes of serverWishes) {
      await runOffers([usualOffer], { ...usual, ...wishes });
    }
  });

  for (const [what, zlibDeflateOptions] of Object.entries(zlibSettings)) {
    test(`${title}, compressing with ${what}, gets varied messages back`, async () => {
      await run({
        scenario: "varied",
        deflate: usual,
        options: {
          perMessageDeflate: { ...optionsFor({}), zlibDeflateOptions },
          seed: seed(),
          count: 50,
        },
        extensions: answerTo({}, usual),
      });
    });
  }
}

for (const scenario of ["large-text", "large-random"]) {
  test(`ws, gets 16 MiB back, ${scenario}`, async () => {
    await run({
      scenario,
      deflate: { threshold: 0 },
      options: { perMessageDeflate: optionsFor(usualOffer), seed: seed() },
      extensions: answerTo(usualOffer),
    });
  });
}
