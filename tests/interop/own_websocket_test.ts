/** The `WebSocket` that each runtime has as a global, as a client. */

import { fileURLToPath } from "node:url";
import { runtimes, scriptCommand } from "../support/runtime.ts";
import { testInterop } from "./interop.ts";
import { standardScenarioNames } from "./scenarios.ts";

const script = fileURLToPath(
  new URL("./own_websocket_peer.ts", import.meta.url),
);

for (const runtimeName of runtimes) {
  testInterop({
    name: `WebSocket of ${runtimeName}`,
    command: () => scriptCommand(script, runtimeName),
    // Node 22 drops a U+FEFF that starts a text it receives.
    scenarios: runtimeName === "node"
      ? standardScenarioNames.filter((name) => name !== "leading-bom")
      : standardScenarioNames,
  });
}
