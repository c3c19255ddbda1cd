// Times of `Infinity`, and others that no timer can wait for, are no limits.

import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { WebSocketStream } from "../../mod.ts";
import { closeFrame, handshake } from "../support/raw_client.ts";
import { echo, serveOn, transports, within } from "../support/serve_on.ts";

/** Longer than a timer that fires at once would take. */
const aWhile = 100;

for (const transport of transports) {
  for (const limit of [Infinity, 2 ** 31]) {
    const options = {
      handshakeTimeout: limit,
      closeTimeout: limit,
      keepAlive: { interval: limit, timeout: limit },
    };

    test(`${transport}: with limits of ${limit} ms, all may take its time`, () =>
      serveOn(
        transport,
        { ...options, upgrade: () => delay(aWhile) },
        echo,
        async ({ server, connect }) => {
          const client = await connect();
          const { request } = handshake();
          client.write(request.slice(0, 60));
          await delay(aWhile);
          client.write(request.slice(60));
          assert.equal((await client.response()).status, 101);
          await delay(aWhile);
          client.send(1, "still there?");
          assert.equal(await client.text(), "still there?");

          const done = server.shutdown({ timeout: limit });
          assert.equal((await client.close()).closeCode, 1001);
          await delay(aWhile);
          client.write(closeFrame(1001));
          await client.untilEnded();
          await delay(aWhile);
          assert.equal(client.socket.destroyed, false);
          client.socket.end();
          await within(done, "shutdown()", 3000);
        },
      ));
  }
}

test("a client's limits of Infinity let it take its time", () =>
  serveOn(
    "tcp",
    { upgrade: () => delay(aWhile) },
    {
      message: async (socket, message) => {
        await delay(aWhile);
        await socket.send(message);
      },
    },
    async ({ server }) => {
      const stream = new WebSocketStream(server.url, {
        handshakeTimeout: Infinity,
        closeTimeout: Infinity,
        keepAlive: { interval: Infinity, timeout: Infinity },
      });
      const socket = await stream.opened;
      await socket.send("hello");
      for await (const message of socket.readable) {
        assert.equal(message, "hello");
        break;
      }
      assert.equal((await stream.closed).closeCode, 1000);
    },
  ));
