// Ten thousand connections, opened, used and closed, leave nothing behind: no
// connection, no listener, no timer, no socket.

import assert from "node:assert/strict";
import type { EventEmitter } from "node:events";
import process from "node:process";
import { test } from "node:test";
import { closeFrame, frame, RawClient } from "../support/raw_client.ts";
import { echo, serveOn, until } from "../support/serve_on.ts";

const batch = 200;

/** One connection with one echo, closed cleanly by either side. */
async function use(client: RawClient, index: number): Promise<void> {
  const text = `message ${index}`;
  if (index % 2 === 0) {
    await client.upgrade({}, frame(1, text));
  } else {
    await client.upgrade();
    client.send(1, text);
  }
  assert.equal(await client.text(), text);
  if (index % 4 < 2) {
    client.write(closeFrame(1000));
    assert.equal((await client.close()).closeCode, 1000);
  } else {
    client.send(1, "close");
    assert.equal((await client.close()).closeCode, 4000);
    client.write(closeFrame(4000));
  }
  await client.untilEnded();
  client.socket.end();
  await client.untilClosed();
}

/** What of one kind is alive in the process, where the runtime tells. */
function resources(kind: RegExp): number {
  return process.getActiveResourcesInfo?.()
    .filter((name) => kind.test(name)).length ?? 0;
}

for (
  const [transport, total] of [
    ["tcp", 10_000],
    ["tls", 600],
    ["unix", 2000],
  ] as const
) {
  test(`${transport}: ${total} connections leave nothing behind`, () => {
    let opened = 0;
    let closed = 0;
    let unclean = 0;
    const signal = new AbortController().signal;
    return serveOn(transport, { signal }, {
      open: () => void opened++,
      message: (socket, message) =>
        message === "close"
          ? socket.close({ closeCode: 4000 })
          : socket.send(message),
      close: (_socket, { wasClean }) => {
        closed++;
        if (!wasClean) unclean++;
      },
    }, async ({ server, target }) => {
      const round = async (count: number) => {
        await Promise.all(
          Array.from({ length: count }, async (_, index) => {
            const client = await RawClient.connect(target);
            try {
              await use(client, index);
            } finally {
              client.destroy();
            }
          }),
        );
        await until(() => server.sockets.size === 0, "no connection left");
      };
      const listeners = () =>
        (process as unknown as EventEmitter).eventNames().reduce(
          (sum, name) => sum + process.listenerCount(name as "exit"),
          0,
        );
      await round(batch);
      await until(
        () => resources(/Socket|Pipe(?!Wrap)|TLS/) <= 4,
        "sockets to go",
      );
      const before = { listeners: listeners(), timers: resources(/^Timeout$/) };
      // The first half is there to warm up.
      let rss = Infinity;
      for (let done = batch; done < total; done += batch) {
        if (done >= total / 2) rss = Math.min(rss, process.memoryUsage().rss);
        await round(batch);
      }
      assert.equal(opened, total);
      await until(() => closed === total, "every close hook");
      assert.equal(unclean, 0);
      assert.equal(listeners(), before.listeners);
      await until(
        () =>
          resources(/Socket|Pipe(?!Wrap)|TLS/) <= 4 &&
          resources(/^Timeout$/) <= before.timers + 2,
        "timers and sockets to go",
      );
      const growth = process.memoryUsage().rss - rss;
      assert.ok(
        growth < 150 << 20,
        `the process has grown by ${growth >> 20} MiB`,
      );
    });
  });
}

test("500 connections at once, shut down together", () =>
  serveOn("tcp", {}, echo, async ({ server, target }) => {
    const clients = await Promise.all(
      Array.from({ length: 500 }, () => RawClient.open(target)),
    );
    try {
      assert.equal(server.sockets.size, 500);
      const done = server.shutdown();
      await Promise.all(clients.map(async (client) => {
        assert.equal((await client.close()).closeCode, 1001);
        client.write(closeFrame(1001));
        await client.untilEnded();
        client.socket.end();
      }));
      await done;
      assert.equal(server.sockets.size, 0);
    } finally {
      for (const client of clients) client.destroy();
    }
  }));
