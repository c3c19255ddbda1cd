/** The client with `wsproto`, which holds it to the window that was agreed. */

import { fileURLToPath } from "node:url";
import { findPython } from "../support/python.ts";
import { testServer } from "./client_scenarios.ts";

const script = fileURLToPath(
  new URL("./client_wsproto_server.py", import.meta.url),
);
testServer({
  name: "wsproto of Python",
  command: () => ({
    program: findPython("wsproto"),
    arguments: ["-B", script],
  }),
  // Both are what the library takes.
  leastServerBits: 9,
  leastClientBits: 9,
});
