// Server processes on different runtimes that share a real NATS server, and what
// such a server refuses.

import assert from "node:assert/strict";
import { test } from "node:test";
import { connect } from "@nats-io/transport-node";
import { BackplaneError, type WebSocketConnection } from "../../mod.ts";
import { NatsBackplane } from "../../src/backplane/nats.ts";
import { runtime } from "../support/runtime.ts";
import { until, within } from "../support/serve_on.ts";
import { serveTopics, Subscriber } from "../topics/subscribers.ts";
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

/** Allows to subscribe one topic. */
const onlyNews = `authorization {
  users: [{
    user: weir, password: weir, permissions: { subscribe: "weir.news" }
  }]
}`;

/** Runs `use` with a backplane for each of two connections to a NATS server. */
async function withTwo(
  configuration: string,
  use: (backplanes: NatsBackplane[], statuses: string[]) => Promise<void>,
): Promise<void> {
  const broker = await Broker.start("nats", configuration);
  const connections: Awaited<ReturnType<typeof connect>>[] = [];
  const statuses: string[] = [];
  try {
    while (connections.length < 2) {
      const connection = await connect({
        servers: `127.0.0.1:${broker.port}`,
        user: "weir",
        pass: "weir",
      });
      connections.push(connection);
      (async () => {
        for await (const { type } of connection.status()) statuses.push(type);
      })();
    }
    await use(
      connections.map((connection) => new NatsBackplane(connection)),
      statuses,
    );
  } finally {
    for (const connection of connections) await connection.close();
    await broker.end();
  }
}

test("topics with names of any length reach others, and keep the connection to the NATS server", async () => {
  await withTwo("", async ([here, there], statuses) => {
    const topics = ["news", "\u623f".repeat(460), "a".repeat(100_000)];
    for (const [index, topic] of topics.entries()) {
      const received = Promise.withResolvers<Uint8Array>();
      await within(here.subscribe(topic, received.resolve), "the subscription");
      await within(there.publish(topic, Uint8Array.of(index)), "an answer");
      const payload = await within(received.promise, "the payload");
      assert.deepEqual([...payload], [index]);
    }
    for (const topic of topics) here.unsubscribe(topic);
    await within(here.publish("other", new Uint8Array(1)), "an answer");
    assert.deepEqual(statuses, []);
  });
});

test("a subscription that the NATS server refuses rejects, and no other", async () => {
  await withTwo(onlyNews, async ([here, there]) => {
    for (let attempt = 0; attempt < 2; attempt++) {
      await assert.rejects(
        within(here.subscribe("prices", () => {}), "the answer"),
        /Permissions Violation for Subscription to "weir\.prices"/,
      );
    }
    const received = Promise.withResolvers<Uint8Array>();
    await within(here.subscribe("news", received.resolve), "the subscription");
    await within(there.publish("news", Uint8Array.of(7)), "an answer");
    assert.deepEqual([...await within(received.promise, "it")], [7]);
  });
});

test("onError is told of a subscription that the NATS server refuses", async () => {
  await withTwo(onlyNews, async ([backplane]) => {
    const handler = {
      open: (socket: WebSocketConnection) => socket.subscribe("prices"),
    };
    await serveTopics("tcp", { backplane }, handler, async (server) => {
      await Subscriber.open(server.server.url);
      await until(() => server.errors.length > 0, "an error");
      const [error] = server.errors.splice(0);
      assert.ok(error instanceof BackplaneError);
      assert.match(error.message, /refuses what it is given/);
      assert.match(String(error.cause), /Permissions Violation.*weir\.prices/);
    });
  });
});
