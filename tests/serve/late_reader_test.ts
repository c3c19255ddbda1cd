// What was sent before the server dropped a connection is the peer's to read,
// however late it does.

import assert from "node:assert/strict";
import { test } from "node:test";
import { opcodes, type RawClient } from "../support/raw_client.ts";
import { runtime } from "../support/runtime.ts";
import { serveOn, transports, until } from "../support/serve_on.ts";
import type { WebSocketConnection } from "../../mod.ts";

// The system takes so much without a reader; over TCP it is more than would be
// left after a reset.
const lengths = { tcp: 400_000, tls: 100_000, unix: 100_000 };

/** Sends much, ends the connection, and has the client read when it has ended. */
async function readLate(
  client: RawClient,
  connection: WebSocketConnection,
  length: number,
  end: () => void,
): Promise<void> {
  client.socket.pause();
  connection.send(new Uint8Array(length).fill(0x61));
  await until(() => connection.bufferedAmount === 0, "the system to take all");
  let ended = false;
  connection.closed.then(() => ended = true, () => ended = true);
  end();
  await until(() => ended, "the server to give up");
  client.socket.resume();
  const { opcode, payload } = await client.frame();
  assert.equal(opcode, opcodes.binary);
  assert.equal(payload.length, length);
}

for (const transport of transports) {
  const length = lengths[transport];

  test(`${transport}: a message before terminate() arrives`, () => {
    const opened = Promise.withResolvers<WebSocketConnection>();
    return serveOn(
      transport,
      { deflate: false },
      { open: opened.resolve },
      async (server) => {
        const client = await server.open();
        const connection = await opened.promise;
        await readLate(
          client,
          connection,
          length,
          () => connection.terminate(),
        );
        await client.untilEnded();
        assert.equal(client.error, null);
      },
    );
  });

  test(`${transport}: a message and the Close frame behind it arrive, though closeTimeout has passed`, () => {
    const opened = Promise.withResolvers<WebSocketConnection>();
    return serveOn(
      transport,
      { deflate: false, closeTimeout: 100 },
      { open: opened.resolve },
      async (server) => {
        const client = await server.open();
        const connection = await opened.promise;
        await readLate(client, connection, length, () => {
          connection.close({ closeCode: 4000, reason: "enough" });
        });
        assert.deepEqual(await client.close(), {
          closeCode: 4000,
          reason: "enough",
        });
        // A client of Deno's own node:tls that was paused may miss the end.
        if (!(transport === "tls" && runtime === "deno")) {
          await client.untilEnded();
        }
        assert.equal(client.error, null);
      },
    );
  });
}

test("tcp: a response in HTTP/1.0 arrives whole", () => {
  const length = lengths.tcp;
  return serveOn(
    "tcp",
    { fetch: () => new Response("x".repeat(length)) },
    {},
    async (server) => {
      const client = await server.connect();
      client.socket.pause();
      client.write("GET / HTTP/1.0\r\nHost: localhost\r\n\r\n");
      await new Promise((resolve) => setTimeout(resolve, 300));
      client.socket.resume();
      const { body } = await client.response();
      assert.equal(body.length, length);
      assert.equal(client.error, null);
    },
  );
});
