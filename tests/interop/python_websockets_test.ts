/** `websockets`, the WebSocket library of Python's asyncio, as a client. */

import { pythonCommand } from "../support/python.ts";
import { testInterop } from "./interop.ts";
import { standardScenarioNames } from "./scenarios.ts";

const script = new URL("./websockets_peer.py", import.meta.url);

testInterop({
  name: "websockets of Python",
  command: () => pythonCommand("websockets", script),
  scenarios: [
    ...standardScenarioNames.filter((name) => name !== "close-without-code"),
    "fragmented",
    "ping",
    "ping-between-fragments",
    "vanish",
  ],
});
