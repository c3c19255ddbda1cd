/** `websockets`, the WebSocket library of Python's asyncio, compressing. */

import { test } from "node:test";
import type { DeflateOptions } from "../../mod.ts";
import { pythonCommand } from "../support/python.ts";
import { seededRandom } from "../support/seeded_random.ts";
import {
  answerTo,
  backends,
  keepsContext,
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

const script = new URL("./deflate_websockets_peer.py", import.meta.url);
const run = prepareDeflateClient({
  command: () => pythonCommand("websockets", script),
});
const random = seededRandom("permessage-deflate with websockets");
const seed = (): number => random.integer(0x100000000);
const runOffers = prepareOffers(run, (offer) => ({ offer, seed: seed() }));

/** What the library offers by itself. */
const usualOffer: Offer = { clientMaxWindowBits: true };

for (const backend of backends) {
  const usual: DeflateOptions = { backend, threshold: 0 };
  const title = `websockets of Python, backend "${backend}"`;

  for (const takeover of contextTakeovers) {
    test(
      `${title}, offer ${
        describe(takeover)
      }, gets varied messages back with every window`,
      async () => {
        await runOffers(everyWindow(takeover), usual);
      },
    );
  }

  test(`${title}, obeys what the server's options ask of it`, async () => {
    const offers = [{}, usualOffer, { clientMaxWindowBits: 12 }];
    for (const wishes of serverWishes) {
      await runOffers(offers, { ...usual, ...wishes });
    }
  });

  for (const path of ["/echo", "/incoming"]) {
    test(`${title}, gets fragmented messages back from ${path}`, async () => {
      for (const takeover of contextTakeovers) {
        await run({
          scenario: "fragmented",
          path,
          deflate: usual,
          options: { offer: takeover, seed: seed() },
          extensions: answerTo(takeover, usual),
        });
      }
    });
  }

  // Without context there is little to lose, and Node's streams are slow.
  const count = keepsContext(usualOffer, usual) ? 10_000 : 2000;
  test(`${title}, stays in step over ${count} messages`, async () => {
    await run({
      scenario: "conversation",
      deflate: usual,
      options: { offer: usualOffer, seed: seed(), count },
      extensions: answerTo(usualOffer, usual),
    });
  });

  test(`${title}, stays in step where some messages are sent plain`, async () => {
    const deflate: DeflateOptions = { backend };
    await run({
      scenario: "conversation",
      path: "/echo?compress=-0-1-",
      deflate,
      options: { offer: usualOffer, seed: seed(), count: 400 },
      extensions: answerTo(usualOffer, deflate),
    });
  });

  test(`${title}, gets a text of 16 MiB back`, async () => {
    await run({
      scenario: "large-text",
      deflate: usual,
      options: { offer: usualOffer },
      extensions: answerTo(usualOffer, usual),
    });
  });

  test(`${title}, gets 16 MiB of random bytes back`, async () => {
    await run({
      scenario: "large-random",
      deflate: usual,
      options: { offer: usualOffer, seed: seed() },
      extensions: answerTo(usualOffer, usual),
    });
  });
}
