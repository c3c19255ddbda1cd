// Server processes on different runtimes that share a real Redis.

import assert from "node:assert/strict";
import { test } from "node:test";
import { runtime } from "../support/runtime.ts";
import { runLoad } from "./load.ts";
import { exchange, interrupt } from "./traffic.ts";

const other = runtime === "node" ? "deno" : "node";

test("two servers on a Redis: all messages arrive at both, in order", async () => {
  await exchange([[runtime, "node-redis"], [other, "ioredis"]], 2000);
});

test("four servers on a Redis that is killed and started again: only what is published meanwhile is lost", async () => {
  await interrupt([
    [runtime, "ioredis"],
    [runtime, "node-redis"],
    ["bun", "bun"],
    [other, "ioredis"],
  ]);
});

// load.ts does this with 1,000 subscribers and 10,000 publishes. It needs not be
// done on every runtime, as it takes two of them anyway.
if (runtime === "deno") {
  test("100 subscribers at each of two servers, with an interruption half-way: the loss is what the servers say", async () => {
    const { missing } = await runLoad({
      places: [["bun", "bun"], ["node", "node-redis"]],
      subscribers: 100,
      publishes: 1000,
      interrupt: true,
    });
    assert.ok(
      missing.every((count) => count > 0 && count < 1000),
      `${missing}`,
    );
  });
}
