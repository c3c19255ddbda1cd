/** A page in Chromium as a client. */

import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { findChromium } from "../support/chromium.ts";
import { type Command, scriptCommand } from "../support/runtime.ts";
import { testInterop } from "./interop.ts";
import { standardScenarioNames } from "./scenarios.ts";

const script = fileURLToPath(new URL("./chromium_peer.ts", import.meta.url));

function chromiumCommand(): Command {
  const command = scriptCommand(script, "node");
  return { ...command, arguments: [...command.arguments, findChromium()] };
}

const start = testInterop({
  name: "Chromium",
  command: chromiumCommand,
  scenarios: standardScenarioNames,
  browser: true,
});

test("Chromium is refused from a page of another origin", async () => {
  const { peer, servers: { ws, wss } } = await start();
  const { url } = ws.expect("/echo");
  await peer.run({ scenario: "refused", url, page: wss.pageUrl });
});
