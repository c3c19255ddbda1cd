/** The client with `wsproto`, which holds it to the window that was agreed. */

import { pythonCommand } from "../support/python.ts";
import { testServer } from "./client_scenarios.ts";

const script = new URL("./client_wsproto_server.py", import.meta.url);
testServer({
  name: "wsproto of Python",
  command: () => pythonCommand("wsproto", script),
  // Both are what the library takes.
  leastServerBits: 9,
  leastClientBits: 9,
});
