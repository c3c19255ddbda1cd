/** The client with the servers that Deno and Bun bring. */

import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { scriptCommand } from "../support/runtime.ts";
import { seededRandom } from "../support/seeded_random.ts";
import {
  type Conversation,
  largeRandom,
  largeText,
  prepareServer,
} from "./client_interop.ts";

const script = fileURLToPath(
  new URL("./client_own_server.ts", import.meta.url),
);
const random = seededRandom("the client with each runtime's server");

for (
  const [name, runtime] of [
    ["Deno.upgradeWebSocket", "deno"],
    ["Bun.serve", "bun"],
  ] as const
) {
  const converse = prepareServer(() => scriptCommand(script, runtime));
  const run = (conversation: Partial<Conversation>): Promise<void> =>
    converse({
      seed: random.integer(0x100000000),
      messages: 500,
      // Deno's knows no compression.
      ...runtime === "deno" ? { extensions: "" } : {},
      ...conversation,
    });
  for (const scheme of ["ws", "wss"] as const) {
    test(`client with ${name}, over ${scheme}, varied messages, many under way`, async () => {
      await run({ scheme, manner: "pipelined" });
    });

    test(`client with ${name}, over ${scheme}, in fragments, pings between them`, async () => {
      await run({ scheme, manner: "fragmented", messages: 50 });
    });

    test(`client with ${name}, over ${scheme}, without compression`, async () => {
      await run({ scheme, deflate: false, manner: "pipelined" });
    });

    test(`client with ${name}, over ${scheme}, 16 MiB of text and of random bytes`, async () => {
      await run({ scheme, messages: [largeText, largeRandom()] });
    });
  }
}
