/** `ws`, the WebSocket library of Node, as a client. */

import { fileURLToPath } from "node:url";
import { scriptCommand } from "../support/runtime.ts";
import { testInterop } from "./interop.ts";
import { standardScenarioNames } from "./scenarios.ts";

const script = fileURLToPath(new URL("./ws_peer.ts", import.meta.url));

testInterop({
  name: "ws on node",
  command: () => scriptCommand(script, "node"),
  scenarios: [
    ...standardScenarioNames,
    "fragmented",
    "ping",
    "ping-between-fragments",
    "vanish",
    "invalid-utf8",
    "invalid-utf8-unfinished",
  ],
});
