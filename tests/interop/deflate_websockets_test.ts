/** `websockets`, the WebSocket library of Python's asyncio, compressing. */

import { test } from "node:test";
import { fileURLToPath } from "node:url";
import type { DeflateOptions } from "../../mod.ts";
import { findPython } from "../support/python.ts";
import { seededRandom } from "../support/seeded_random.ts";
import {
  answerTo,
  backends,
  keepsContext,
  type Offer,
  prepareDeflateClient,
} from "./deflate_interop.ts";
import {
  contextTakeovers,
  describe,
  serverWishes,
  windowBits,
} from "./deflate_offers.ts";

const script = fileURLToPath(
  new URL("./deflate_websockets_peer.py", import.meta.url),
);
const run = prepareDeflateClient({
  command: () => ({
    program: findPython("websockets"),
    arguments: ["-B", script],
  }),
});
const random = seededRandom("permessage-deflate with websockets");
const seed = (): number => random.integer(0x100000000);

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
        for (const windows of windowBits) {
          const offer: Offer = { ...takeover, ...windows };
          await run({
            scenario: "varied",
            deflate: usual,
            options: { offer, seed: seed() },
            extensions: answerTo(offer, usual),
          });
        }
      },
    );
  }

  test(`${title}, obeys what the server's options ask of it`, async () => {
    for (const wishes of serverWishes) {
      for (const offer of [{}, usualOffer, { clientMaxWindowBits: 12 }]) {
        await run({
          scenario: "varied",
          deflate: { ...usual, ...wishes },
          options: { offer, seed: seed() },
          extensions: answerTo(offer, { backend, ...wishes }),
        });
      }
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
      options: { offer: usualOffer, seed: seed(), count: 1000 },
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
