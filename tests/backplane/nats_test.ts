// Server processes on different runtimes that share a real NATS server, and what
// such a server refuses.

import assert from "node:assert/strict";
import { test } from "node:test";
import { connect } from "@nats-io/transport-node";
import { NatsBackplane } from "../../src/backplane/nats.ts";
import { runtime } from "../support/runtime.ts";
import { within } from "../support/serve_on.ts";
import { Broker } from "./brokers.ts";
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

test("topics with names of any length reach others, and keep the connection to the NATS server", async () => {
  const broker = await Broker.start("nats");
  const connections = await Promise.all(
    [1, 2].map(() => connect({ servers: `127.0.0.1:${broker.port}` })),
  );
  try {
    const [here, there] = connections.map((connection) =>
      new NatsBackplane(connection)
    );
    const statuses: string[] = [];
    for (const connection of connections) {
      (async () => {
        for await (const { type } of connection.status()) statuses.push(type);
      })();
    }
    const topics = ["news", "\u623f".repeat(460), "a".repeat(100_000)];
    for (const [index, topic] of topics.entries()) {
      const received = Promise.withResolvers<Uint8Array>();
      await within(here.subscribe(topic, received.resolve), "the subscription");
      // The server has got it.
      await within(here.publish("other", new Uint8Array(1)), "an answer");
      await within(there.publish(topic, Uint8Array.of(index)), "an answer");
      const payload = await within(received.promise, "the payload");
      assert.deepEqual([...payload], [index]);
    }
    for (const topic of topics) here.unsubscribe(topic);
    await within(here.publish("other", new Uint8Array(1)), "an answer");
    assert.deepEqual(statuses, []);
  } finally {
    for (const connection of connections) await connection.close();
    await broker.end();
  }
});
