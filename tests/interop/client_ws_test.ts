/** The client with `ws`, the WebSocket library of Node. */

import { fileURLToPath } from "node:url";
import { scriptCommand } from "../support/runtime.ts";
import { testServer } from "./client_scenarios.ts";

const script = fileURLToPath(new URL("./client_ws_server.ts", import.meta.url));
testServer({
  name: "ws",
  command: () => scriptCommand(script, "node"),
  leastServerBits: 8,
  leastClientBits: 8,
});
