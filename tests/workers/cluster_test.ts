// The cluster backplane between real processes, on the runtime of the test.

import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { createHash } from "node:crypto";
import process from "node:process";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import {
  clusterBackplane,
  ClusterRelay,
  relayCluster,
} from "../../src/backplane/cluster.ts";
import { type Runtime, runtime, scriptCommand } from "../support/runtime.ts";
import type { Answer, Order, Received } from "./programs/cluster_member.ts";
import { payloadOf } from "./programs/payload.ts";

const program = fileURLToPath(
  new URL("./programs/cluster_member.ts", import.meta.url),
);

type Report = Extract<Answer, { answer: "report" }>;

/** A child of the test that takes orders. */
class Member {
  readonly child: ChildProcess;
  readonly #answers: Answer[] = [];
  #wake: () => void = () => {};

  constructor(
    relay: ClusterRelay | null,
    serialization: "json" | "advanced" = "json",
    on: Runtime = runtime,
    options: object = {},
  ) {
    const command = scriptCommand(program, on);
    this.child = spawn(command.program, [...command.arguments], {
      stdio: ["ignore", "inherit", "inherit", "ipc"],
      serialization,
      env: { ...process.env, CLUSTER_OPTIONS: JSON.stringify(options) },
    });
    relay?.add(this.child);
    this.child.on("message", (message: Answer) => {
      if (message.answer === undefined) return;
      this.#answers.push(message);
      this.#wake();
    });
  }

  /** Its next answer; the first one says that it runs. */
  async answer(): Promise<Answer> {
    while (this.#answers.length === 0) {
      await new Promise<void>((resolve) => this.#wake = resolve);
    }
    return this.#answers.shift()!;
  }

  async tell(order: Order): Promise<Answer> {
    this.child.send(order);
    return await this.answer();
  }

  /** Asks for reports until one will do. */
  async report(willDo: (report: Report) => boolean): Promise<Report> {
    const until = performance.now() + 15_000;
    while (true) {
      const report = await this.tell({ order: "report" }) as Report;
      if (willDo(report) || performance.now() > until) return report;
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }

  async end(): Promise<void> {
    const { child } = this;
    if (child.exitCode !== null || child.signalCode !== null) return;
    const ended = new Promise((resolve) => child.on("exit", resolve));
    process.kill(child.pid!, "SIGKILL");
    await ended;
  }
}

function expected(from: string, count: number): Received {
  const hash = createHash("sha256");
  for (let number = 0; number < count; number++) {
    hash.update(payloadOf(from, number));
  }
  return { count, digest: hash.digest("hex") };
}

for (const serialization of ["json", "advanced"] as const) {
  test(`cluster, ${serialization}: each process gets what the others publish, byte by byte and in order`, async () => {
    const relay = relayCluster();
    const members = [1, 2, 3].map(() => new Member(relay, serialization));
    const [a, b, c] = members;
    try {
      await Promise.all(members.map((member) => member.answer()));
      await Promise.all([
        a.tell({ order: "subscribe", topic: "news" }),
        b.tell({ order: "subscribe", topic: "news" }),
        c.tell({ order: "subscribe", topic: "weather" }),
      ]);
      assert.equal(relay.subscriberCount("news"), 2);
      assert.equal(relay.subscriberCount("weather"), 1);
      await Promise.all([
        a.tell({ order: "publish", topic: "news", from: "a", count: 2_000 }),
        c.tell({ order: "publish", topic: "news", from: "c", count: 2_000 }),
        b.tell({ order: "publish", topic: "weather", from: "b", count: 10 }),
      ]);
      await b.tell({
        order: "publish",
        topic: "nobody",
        from: "b",
        count: 10,
      });
      const keys = ["news from c", "news (other) from c"];
      const whole = (report: Report, more: string[]) =>
        [...keys, ...more].every((key) =>
          report.received[key]?.count === 2_000
        );
      assert.deepEqual(
        (await a.report((report) => whole(report, ["news (other) from a"])))
          .received,
        {
          "news from c": expected("c", 2_000),
          "news (other) from c": expected("c", 2_000),
          // Not to the one that has published it.
          "news (other) from a": expected("a", 2_000),
        },
      );
      assert.deepEqual(
        (await b.report((report) => whole(report, ["news from a"]))).received,
        {
          "news from a": expected("a", 2_000),
          "news (other) from a": expected("a", 2_000),
          "news from c": expected("c", 2_000),
          "news (other) from c": expected("c", 2_000),
        },
      );
      assert.deepEqual(
        (await c.report(({ received }) =>
          received["weather (other) from b"]?.count === 10
        )).received,
        {
          "weather from b": expected("b", 10),
          "weather (other) from b": expected("b", 10),
        },
      );
    } finally {
      await Promise.all(members.map((member) => member.end()));
      relay.close();
    }
  });
}

test("cluster: one that unsubscribes or dies gets nothing more and is forgotten", async () => {
  const relay = relayCluster();
  const members = [1, 2, 3].map(() => new Member(relay));
  const [a, b, c] = members;
  try {
    await Promise.all(members.map((member) => member.answer()));
    for (const member of members) {
      await member.tell({ order: "subscribe", topic: "news" });
    }
    assert.equal(relay.subscriberCount("news"), 3);
    await b.tell({ order: "unsubscribe", topic: "news" });
    await c.end();
    assert.equal(relay.subscriberCount("news"), 1);
    assert.deepEqual([...relay.children], [a.child, b.child]);

    await a.tell({ order: "publish", topic: "news", from: "a", count: 10 });
    await b.tell({ order: "publish", topic: "news", from: "b", count: 10 });
    const { received, connected } = await a.report(({ received }) =>
      received["news from b"]?.count === 10
    );
    assert.deepEqual(received["news from b"], expected("b", 10));
    assert.equal(connected, true);
    assert.deepEqual((await b.report(() => true)).received, {});
  } finally {
    await Promise.all(members.map((member) => member.end()));
    relay.close();
  }
  assert.deepEqual([...relay.children], []);
  assert.equal(relay.subscriberCount("news"), 0);
});

test("cluster: a relay that comes late learns what is subscribed; without one a subscription says so", async () => {
  const member = new Member(null, "json", runtime, { timeout: 300 });
  const publisher = new Member(null);
  try {
    await Promise.all([member.answer(), publisher.answer()]);
    const { error } = await member.tell({
      order: "subscribe",
      topic: "news",
    }) as { error?: string };
    assert.match(error ?? "", /has not answered within 300 ms.*relayCluster/);

    const relay = relayCluster([member.child, publisher.child]);
    while (relay.subscriberCount("news") === 0) {
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    await publisher.tell({
      order: "publish",
      topic: "news",
      from: "p",
      count: 5,
    });
    const { received } = await member.report(({ received }) =>
      received["news (other) from p"]?.count === 5
    );
    assert.deepEqual(received["news from p"], expected("p", 5));
  } finally {
    await Promise.all([member.end(), publisher.end()]);
  }
});

test("cluster: what is for a child that takes nothing is bounded, and the others get all", async () => {
  const errors: [string, unknown][] = [];
  const relay = new ClusterRelay({
    maxBufferedBytes: 1_000_000,
    onError: (error, child) => errors.push([error.message, child]),
  });
  const members = [1, 2, 3].map(() => new Member(relay));
  const [publisher, stuck, well] = members;
  try {
    await Promise.all(members.map((member) => member.answer()));
    await stuck.tell({ order: "subscribe", topic: "news" });
    await well.tell({ order: "subscribe", topic: "news" });
    const unstuck = stuck.tell({ order: "block", milliseconds: 1_500 });
    for (let round = 1; round <= 30; round++) {
      await publisher.tell({
        order: "flood",
        topic: "news",
        count: 10,
        length: 20_000,
      });
      // Not faster than the one that takes it.
      const { received } = await well.report(({ received }) =>
        received["news from "]?.count === round * 10
      );
      assert.equal(received["news from "].count, round * 10);
    }
    assert.ok(errors.length > 0, "it is told");
    assert.ok(errors.every(([, child]) => child === stuck.child));
    assert.match(
      errors[0][0],
      new RegExp(`process ${stuck.child.pid} does not`),
    );
    await unstuck;
    const late = await stuck.report(() => true);
    assert.ok(late.received["news from "].count < 300, "some are dropped");

    // It is taken up again.
    const before = late.received["news from "].count;
    await publisher.tell({
      order: "flood",
      topic: "news",
      count: 1,
      length: 10,
    });
    const again = await stuck.report(({ received }) =>
      received["news from "].count > before
    );
    assert.equal(again.received["news from "].count, before + 1);
  } finally {
    await Promise.all(members.map((member) => member.end()));
    relay.close();
  }
});

test("cluster: a child refuses what its parent does not take", async () => {
  const relay = relayCluster();
  const member = new Member(relay, "json", runtime, {
    maxBufferedBytes: 100_000,
  });
  try {
    await member.answer();
    const { error } = await member.tell({
      order: "flood",
      topic: "news",
      count: 20,
      length: 50_000,
    }) as { error?: string };
    assert.match(error ?? "", /50000 bytes on "news" is dropped/);
  } finally {
    await member.end();
    relay.close();
  }
});

test("cluster: only a process with a parent has a backplane", () => {
  if (process.send !== undefined) return; // the test runner's own child
  assert.throws(() => clusterBackplane(), /no channel to its parent.*fork\(\)/);
});
