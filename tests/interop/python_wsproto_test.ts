/** `wsproto`, a WebSocket protocol of Python without I/O, as a client. */

import { pythonCommand } from "../support/python.ts";
import { testInterop } from "./interop.ts";
import { standardScenarioNames } from "./scenarios.ts";

const script = new URL("./wsproto_peer.py", import.meta.url);

testInterop({
  name: "wsproto of Python",
  command: () => pythonCommand("wsproto", script),
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
