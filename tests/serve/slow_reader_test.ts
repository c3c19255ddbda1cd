// A peer that takes a large message slowly, but takes it, is neither silent nor
// one that does not close.

import assert from "node:assert/strict";
import { test } from "node:test";
import type { WebSocketConnection } from "../../mod.ts";
import { closeFrame, type RawClient } from "../support/raw_client.ts";
import { serveOn, transports, until, within } from "../support/serve_on.ts";

// More than the system's buffers hold.
const length = 32 << 20;
const bytesPerSecond = 10 << 20;

/** Takes so many bytes, slowly while the server has some that wait. */
async function readSlowly(
  client: RawClient,
  connection: WebSocketConnection,
  count: number,
): Promise<number> {
  const begun = performance.now();
  let taken = 0;
  while (taken < count && !client.ended && !client.closed) {
    const due = (performance.now() - begun) / 1000 * bytesPerSecond;
    if (taken >= due && connection.bufferedAmount > 0) {
      client.socket.pause();
      await new Promise((resolve) => setTimeout(resolve, 10));
    } else {
      client.socket.resume();
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
    taken += client.rest().length;
  }
  client.socket.resume();
  return taken;
}

for (const transport of transports) {
  test(`${transport}: 32 MiB to a peer that takes its time, with keepAlive, and behind close()`, () => {
    const connections: WebSocketConnection[] = [];
    return serveOn(transport, {
      deflate: false,
      closeTimeout: 2000,
      keepAlive: { interval: 500, timeout: 500 },
    }, {
      open: (socket) => void connections.push(socket),
    }, async (server) => {
      const clients = [await server.open(), await server.open()];
      await until(() => connections.length === 2, "both to be open");
      for (const connection of connections) {
        connection.send(new Uint8Array(length));
      }
      connections[1].close();
      // The frame's header has ten bytes; a Close frame's code makes it four.
      const taken = await Promise.all([
        readSlowly(clients[0], connections[0], length + 10),
        readSlowly(clients[1], connections[1], length + 14),
      ]);
      assert.ok(taken[0] >= length + 10, `${taken[0]} bytes came`);
      assert.equal(taken[1], length + 14);
      assert.equal(server.server.sockets.size, 2, "both are still there");
      clients[1].write(closeFrame(1000));
      await clients[1].untilEnded();
      clients[1].socket.end();
      await within(connections[1].closed, "a clean close");
    });
  });
}
