// Server processes on different runtimes that share a real NATS server.

import { test } from "node:test";
import { runtime } from "../support/runtime.ts";
import { exchange, interrupt } from "./traffic.ts";

const other = runtime === "node" ? "deno" : "node";

test("two servers on a NATS server: all messages arrive at both, in order", async () => {
  await exchange([[runtime, "nats"], [other, "nats"]], 2000);
});

test("four servers on a NATS server that is killed and started again: only what is published meanwhile is lost", async () => {
  await interrupt([
    ["deno", "nats"],
    ["bun", "nats"],
    ["node", "nats"],
    [runtime, "nats"],
  ]);
});
