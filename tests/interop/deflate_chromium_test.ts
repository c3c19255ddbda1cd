/** A page in Chromium, compressing. */

import { test } from "node:test";
import { fileURLToPath } from "node:url";
import type { DeflateOptions } from "../../mod.ts";
import { findChromium } from "../support/chromium.ts";
import { scriptCommand } from "../support/runtime.ts";
import { seededRandom } from "../support/seeded_random.ts";
import {
  answerTo,
  backends,
  type Offer,
  prepareDeflateClient,
  prepareOffers,
} from "./deflate_interop.ts";
import { serverWishes } from "./deflate_offers.ts";

const script = fileURLToPath(new URL("./chromium_peer.ts", import.meta.url));
const run = prepareDeflateClient({
  command: () => {
    const command = scriptCommand(script, "node");
    return { ...command, arguments: [...command.arguments, findChromium()] };
  },
  browser: true,
});
const random = seededRandom("permessage-deflate with Chromium");
const seed = (): number => random.integer(0x100000000);
const runOffers = prepareOffers(run, () => ({ seed: seed(), count: 30 }));

/** What Chromium offers. */
const offer: Offer = { clientMaxWindowBits: true };

for (const backend of backends) {
  const usual: DeflateOptions = { backend, threshold: 0 };
  const title = `Chromium, backend "${backend}"`;

  for (const path of ["/echo", "/incoming"]) {
    test(`${title}, gets varied messages back from ${path}`, async () => {
      await run({
        scenario: "varied-pipelined",
        path,
        deflate: usual,
        options: { seed: seed(), count: 500 },
        extensions: answerTo(offer, usual),
      });
    });
  }

  test(`${title}, gets messages back of which some are sent plain`, async () => {
    await run({
      scenario: "varied-pipelined",
      path: "/echo?compress=--0-1-",
      deflate: { backend },
      options: { seed: seed(), count: 500 },
      extensions: answerTo(offer, usual),
    });
  });

  test(`${title}, obeys what the server's options ask of it`, async () => {
    for (const wishes of serverWishes) {
      await runOffers([offer], { ...usual, ...wishes });
    }
  });
}

for (const scenario of ["large-text", "large-random"]) {
  test(`Chromium, gets 16 MiB back, ${scenario}`, async () => {
    await run({
      scenario,
      deflate: { threshold: 0 },
      options: { seed: seed() },
      extensions: answerTo(offer),
    });
  });
}

test("Chromium, where only the upgrade hook turns compression on", async () => {
  await run({
    scenario: "varied",
    deflate: true,
    options: { seed: seed(), count: 50 },
    extensions: answerTo(offer),
  });
});

test("Chromium, where the upgrade hook turns compression off", async () => {
  await run({
    scenario: "varied",
    deflate: false,
    options: { seed: seed(), count: 50 },
    extensions: "",
  });
});
