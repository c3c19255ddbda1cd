/** The client with `websockets`, the WebSocket library of Python's asyncio. */

import { test } from "node:test";
import { pythonCommand } from "../support/python.ts";
import { testServer } from "./client_scenarios.ts";

const script = new URL("./client_websockets_server.py", import.meta.url);
const converse = testServer({
  name: "websockets of Python",
  command: () => pythonCommand("websockets", script),
  // Python's zlib does not compress with 8 bits.
  leastServerBits: 9,
  leastClientBits: 8,
});

test("client with websockets of Python, stays in step over 10,000 messages with context takeover both ways", async () => {
  await converse({
    deflate: { backend: "zlib", threshold: 0 },
    seed: 10_000,
    manner: "pipelined",
    messages: 10_000,
    extensions: "permessage-deflate",
  });
});
