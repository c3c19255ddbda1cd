// server.metrics(), by what clients did.

import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { test } from "node:test";
import { Topics, type UpgradeHook } from "../../mod.ts";
import {
  closeFrame,
  frame,
  type HandshakeDetails,
  opcodes,
  type RawClient,
} from "../support/raw_client.ts";
import { echo, serveOn, transports, until } from "../support/serve_on.ts";

/** Waits until a number is what it should be, and fails with what it is. */
async function becomes(
  read: () => number | undefined,
  expected: number,
  what: string,
): Promise<void> {
  await until(() => read() === expected, what).catch(() => {});
  assert.equal(read(), expected, what);
}

test("a server that nobody has used has metrics of nothing", async () => {
  await serveOn("tcp", {}, echo, ({ server }) => {
    const { keepAlive, ...metrics } = server.metrics();
    const nothing = {
      messages: 0,
      bytes: 0,
      compression: { plainBytes: 0, compressedBytes: 0, ratio: null },
    };
    assert.deepEqual(metrics, {
      connections: { open: 0, total: 0 },
      handshakes: { accepted: 0, refused: {} },
      received: nothing,
      sent: nothing,
      bufferedBytes: 0,
      closes: {},
      topics: { topics: 0, subscriptions: 0 },
      backplane: null,
    });
    const { roundTrips, ...counts } = keepAlive;
    assert.deepEqual(counts, { pings: 0, timeouts: 0 });
    assert.equal(roundTrips.count, 0);
    assert.equal(roundTrips.last, null);
    assert.ok(roundTrips.buckets.every(({ count }) => count === 0));
    return Promise.resolve();
  });
});

for (const transport of transports) {
  test(`messages and bytes are counted to the byte both ways, over ${transport}`, async () => {
    await serveOn(transport, {}, echo, async ({ server, open, connect }) => {
      const client = await open();
      const data = [
        frame(opcodes.text, "héllo"),
        frame(opcodes.binary, Buffer.alloc(70_000, 1)),
        // One message of three frames, with a ping in the middle of it.
        frame(opcodes.text, "a", { fin: false }),
        frame(opcodes.continuation, "", { fin: false }),
        frame(opcodes.ping, "?"),
        frame(opcodes.continuation, "b"),
        frame(opcodes.pong, "unasked"),
      ];
      for (const bytes of data) client.write(bytes);
      const answers = [
        await client.frame(),
        await client.frame(),
        await client.frame(),
        await client.frame(),
      ];
      assert.deepEqual(
        answers.map(({ opcode }) => opcode).sort(),
        [
          opcodes.text,
          opcodes.text,
          opcodes.binary,
          opcodes.pong,
        ].sort(),
      );
      const { received, sent } = server.metrics();
      assert.equal(received.messages, 3);
      assert.equal(sent.messages, 3);
      await becomes(
        () => server.metrics().received.bytes,
        Buffer.concat(data).length,
        "bytes received",
      );
      const out = answers.reduce(
        (sum, { opcode, payload }) =>
          sum + frame(opcode, payload, { masked: false }).length,
        0,
      );
      assert.equal(server.metrics().sent.bytes, out);

      // What comes in the same write as the handshake counts as well.
      const other = await connect();
      await other.upgrade({}, frame(opcodes.text, "early"));
      assert.equal(await other.text(), "early");
      assert.equal(server.metrics().received.messages, 4);
      assert.equal(
        server.metrics().received.bytes,
        Buffer.concat(data).length + 6 + "early".length,
      );
      await client.closeCleanly();
      await other.closeCleanly();
      // Nothing of it goes when the connections do.
      await becomes(
        () => server.metrics().sent.bytes,
        out + 2 + "early".length + 2 * 4,
        "bytes sent with the Close frames",
      );
      assert.equal(server.metrics().sent.messages, 4);
    });
  });
}

test("messages sent as streams and taken from `incoming` count once each", async () => {
  await serveOn("tcp", {}, async (socket) => {
    for await (const message of socket.incoming) {
      await socket.send(message.body, { type: message.type });
    }
  }, async ({ server, open }) => {
    const client = await open();
    for (let index = 0; index < 20; index++) {
      client.send(opcodes.binary, "x", { fin: false });
      client.send(opcodes.continuation, Buffer.alloc(3000), { fin: false });
      client.send(opcodes.continuation, "");
    }
    let ended = 0;
    while (ended < 20) if ((await client.frame()).fin) ended++;
    await client.closeCleanly();
    assert.equal(server.metrics().received.messages, 20);
    assert.equal(server.metrics().sent.messages, 20);
  });
});

test("connections are counted while they are open, and in total", async () => {
  await serveOn("tcp", {}, echo, async ({ server, open }) => {
    const clients = [await open(), await open(), await open()];
    assert.deepEqual(server.metrics().connections, { open: 3, total: 3 });
    await clients[0].closeCleanly();
    clients[1].reset();
    await becomes(() => server.metrics().connections.open, 1, "open ones");
    assert.equal(server.metrics().connections.total, 3);
    await open();
    assert.deepEqual(server.metrics().connections, { open: 2, total: 4 });
  });
});

test("closes are counted by code", async () => {
  await serveOn("tcp", {}, {
    message: (socket, message) => {
      socket.close({ closeCode: Number(message) });
    },
  }, async ({ server, open }) => {
    const end = async (how: (client: RawClient) => Promise<unknown> | void) => {
      const client = await open();
      await how(client);
      client.destroy();
    };
    for (const code of [1000, 1000, 4321]) {
      await end((client) => client.closeCleanly(code));
    }
    // Without a code.
    await end(async (client) => {
      client.write(closeFrame());
      await client.close();
      await client.untilEnded();
    });
    await end((client) => client.reset());
    // The server says 1002 to what is not masked.
    await end(async (client) => {
      client.send(opcodes.text, "x", { masked: false });
      assert.equal((await client.close()).closeCode, 1002);
    });
    // The server begins.
    await end(async (client) => {
      client.send(opcodes.text, "3456");
      assert.equal((await client.close()).closeCode, 3456);
      client.write(closeFrame(3456));
      await client.untilEnded();
    });
    await becomes(() => server.metrics().connections.open, 0, "open ones");
    assert.deepEqual(server.metrics().closes, {
      1000: 2,
      1002: 1,
      1005: 1,
      1006: 1,
      3456: 1,
      4321: 1,
    });
  });
});

test("handshakes are counted by how they were answered", async () => {
  const asked = Promise.withResolvers<void>();
  const upgrade: UpgradeHook = ({ url, signal }) => {
    const { pathname } = new URL(url);
    if (pathname === "/who") return new Response("?", { status: 401 });
    if (pathname === "/broken") throw new Error("on purpose");
    if (pathname !== "/never") return undefined;
    asked.resolve();
    return new Promise((resolve) =>
      signal.addEventListener("abort", () => resolve())
    );
  };
  await serveOn("tcp", { upgrade }, echo, async (all) => {
    const { server, connect, open, errors } = all;
    const refused = async (details: HandshakeDetails, status: number) => {
      await assert.rejects(open(details), new RegExp(`"status":${status}`));
    };
    await open();
    await open({ path: "/fine" });
    await refused({ path: "/who" }, 401);
    await refused({ path: "/who" }, 401);
    await refused({ method: "POST" }, 405);
    await refused({ headers: { Origin: "https://evil.example" } }, 403);
    await refused({ headers: { "Sec-WebSocket-Version": "8" } }, 426);
    await refused({ path: "/broken" }, 500);
    assert.deepEqual(errors.splice(0).map(String), ["Error: on purpose"]);
    // Plain HTTP is no handshake.
    const plain = await connect();
    plain.write("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n");
    assert.equal((await plain.response()).status, 426);
    const expected = { "401": 2, "403": 1, "405": 1, "426": 1, "500": 1 };
    assert.deepEqual(server.metrics().handshakes, {
      accepted: 2,
      refused: expected,
    });
    assert.deepEqual(server.metrics().connections, { open: 2, total: 2 });

    // One whose connection ends before it is answered.
    const unanswered = await connect();
    unanswered.upgrade({ path: "/never" }).catch(() => {});
    await asked.promise;
    await server.shutdown({ timeout: 100 });
    await becomes(
      () => server.metrics().handshakes.refused.aborted,
      1,
      "aborted ones",
    );
    assert.deepEqual(server.metrics().handshakes, {
      accepted: 2,
      refused: { ...expected, aborted: 1 },
    });
  });
});

test("bufferedBytes is what waits for clients that do not read, and goes down when they do", async () => {
  const size = 6 * 1024 * 1024;
  await serveOn("tcp", {}, {
    open(socket) {
      socket.send(new Uint8Array(size));
    },
  }, async ({ server, open }) => {
    assert.equal(server.metrics().bufferedBytes, 0);
    const clients = [await open(), await open()];
    for (const { socket } of clients) socket.pause();
    // More than the system takes for two.
    await until(
      () => server.metrics().bufferedBytes > size / 4,
      "bytes that wait",
    );
    let each = 0;
    for (const socket of server.sockets) each += socket.bufferedAmount;
    assert.equal(server.metrics().bufferedBytes, each);
    for (const { socket } of clients) socket.resume();
    await becomes(() => server.metrics().bufferedBytes, 0, "bytes that wait");
  });
});

test("keepalive's pings, their round trips and who does not answer", async () => {
  await serveOn("tcp", { keepAlive: { interval: 100, timeout: 2000 } }, {
    // The application's own pings are none of keepalive's.
    open: (socket) => void socket.ping().catch(() => {}),
  }, async ({ server, open }) => {
    const client = await open();
    const first = await client.frame();
    assert.ok(first.opcode === opcodes.ping && first.payload.length > 0);
    client.send(opcodes.pong, first.payload);
    const delay = 60;
    for (let round = 0; round < 2; round++) {
      const { opcode, payload } = await client.frame();
      assert.equal(opcode, opcodes.ping);
      await new Promise((resolve) => setTimeout(resolve, delay));
      client.send(opcodes.pong, payload);
      await becomes(
        () => server.metrics().keepAlive.roundTrips.count,
        round + 1,
        "round trips",
      );
    }
    const { pings, timeouts, roundTrips } = server.metrics().keepAlive;
    assert.ok(pings === 2 || pings === 3, `${pings} pings`);
    assert.equal(timeouts, 0);
    const { sum, last, buckets } = roundTrips;
    assert.ok(last !== null && last >= delay - 5, `the last took ${last} ms`);
    assert.ok(sum >= last + delay - 5, `both took ${sum} ms`);
    let before = 0;
    for (const { upTo, count } of buckets) {
      assert.ok(upTo >= 50 || count === 0, `${count} took ${upTo} ms or less`);
      assert.ok(count >= before && count <= 2, JSON.stringify(buckets));
      before = count;
    }
    // An unasked pong is no answer.
    client.send(opcodes.pong, "");
    client.send(opcodes.ping, "");
    while ((await client.frame()).opcode !== opcodes.pong);
    assert.ok(server.metrics().keepAlive.roundTrips.count <= 3);
  });
});

test("keepalive's timeouts are counted", async () => {
  await serveOn(
    "tcp",
    { keepAlive: { interval: 60, timeout: 100 }, closeTimeout: 200 },
    {},
    async ({ server, open }) => {
      await open();
      await becomes(
        () => server.metrics().keepAlive.timeouts,
        1,
        "timeouts",
      );
      assert.equal(server.metrics().keepAlive.pings, 1);
      assert.equal(server.metrics().keepAlive.roundTrips.count, 0);
      await becomes(() => server.metrics().closes[1011], 1, "closes of 1011");
    },
  );
});

test("topics and subscriptions are those of the moment", async () => {
  const topics = new Topics();
  await serveOn("tcp", { topics }, {
    message(socket, message) {
      for (const topic of String(message).split(" ")) socket.subscribe(topic);
    },
  }, async ({ server, open }) => {
    const one = await open();
    const two = await open();
    one.send(opcodes.text, "a b c");
    two.send(opcodes.text, "c d");
    await becomes(() => server.metrics().topics.subscriptions, 5, "all");
    assert.deepEqual(server.metrics().topics, { topics: 4, subscriptions: 5 });
    await one.closeCleanly();
    await becomes(() => server.metrics().topics.subscriptions, 2, "the rest");
    assert.deepEqual(server.metrics().topics, { topics: 2, subscriptions: 2 });
    topics.publish("c", "to one");
    assert.equal(await two.text(), "to one");
    assert.equal(server.metrics().sent.messages, 1);
  });
});

test("metrics that were taken stay as they are, and can be cloned", async () => {
  await serveOn("tcp", {}, echo, async ({ server, open }) => {
    const before = server.metrics();
    const client = await open();
    client.send(opcodes.text, "x");
    await client.text();
    await client.closeCleanly(4000);
    await becomes(() => server.metrics().closes[4000], 1, "closes of 4000");
    assert.deepEqual(before.closes, {});
    assert.equal(before.received.messages, 0);
    const after = server.metrics();
    assert.deepEqual(structuredClone(after), after);
    assert.deepEqual(JSON.parse(JSON.stringify(after)), after);
  });
});

test("what one server counts is none of another's", async () => {
  await serveOn("tcp", {}, echo, async (one) => {
    await serveOn("tcp", {}, echo, async (other) => {
      const client = await one.open();
      client.send(opcodes.text, "x");
      await client.text();
      await client.closeCleanly();
      assert.equal(one.server.metrics().received.messages, 1);
      assert.equal(other.server.metrics().received.messages, 0);
      assert.deepEqual(other.server.metrics().connections, {
        open: 0,
        total: 0,
      });
    });
  });
});
