// Much data, both ways, against a side that is slow. On Deno, TLS goes through
// transports of its own (src/transport/deno_tls_server.ts, deno_tls_socket.ts): here it is tried hard.

import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { test } from "node:test";
import type { WebSocketConnection } from "../../mod.ts";
import { runtime } from "../support/runtime.ts";
import { closeFrame, frame, opcodes } from "../support/raw_client.ts";
import {
  echo,
  serveOn,
  transports,
  until,
  untilStill,
  within,
} from "../support/serve_on.ts";

/** Bytes in which every position can be told from its neighbours. */
function pattern(length: number, seed: number): Buffer {
  const bytes = Buffer.alloc(length);
  for (let index = 0; index < length; index++) {
    bytes[index] = (index * 31 + (index >> 8) * 7 + seed) & 0xff;
  }
  return bytes;
}

for (const transport of transports) {
  test(`${transport}: 16 MiB in one message, echoed`, () =>
    serveOn(transport, {}, echo, async ({ open }) => {
      const client = await open();
      const payload = pattern(16 << 20, 1);
      client.send(2, payload);
      const echoed = await client.frame();
      assert.equal(echoed.opcode, opcodes.binary);
      assert.ok(echoed.payload.equals(payload));
      assert.equal(await client.closeCleanly(), 1000);
    }));

  test(`${transport}: 32 MiB through readable.pipeTo(writable)`, () =>
    serveOn(
      transport,
      {},
      ({ readable, writable }) => readable.pipeTo(writable),
      async ({ open }) => {
        const client = await open();
        const payload = pattern(256 << 10, 2);
        const one = frame(2, payload);
        const count = 128;
        for (let index = 0; index < count; index++) client.write(one);
        for (let index = 0; index < count; index++) {
          const { payload: echoed } = await client.frame();
          assert.ok(echoed.equals(payload), `message ${index}`);
        }
        assert.equal(await client.closeCleanly(), 1000);
      },
    ));

  test(`${transport}: a server that does not read slows the client, then gets all`, () => {
    const opened = Promise.withResolvers<WebSocketConnection>();
    return serveOn(transport, {}, (socket) => {
      opened.resolve(socket);
    }, async ({ open }) => {
      const client = await open();
      const socket = await opened.promise;
      const { readable } = socket;
      const payload = pattern(1 << 20, 3);
      const count = 24;
      let sent = 0;
      for (let index = 0; index < count; index++) {
        client.socket.write(frame(2, payload), () => sent++);
      }
      // It stands still once the buffers of the system are full.
      await untilStill(() => sent, "the client to stand still");
      assert.ok(sent < count, "the client could send everything");
      let received = 0;
      for await (const message of readable) {
        assert.ok(payload.equals(message as Uint8Array));
        if (++received === count) break;
      }
      assert.equal((await client.close()).closeCode, 1000);
      client.write(closeFrame(1000));
      await client.untilEnded();
      client.socket.end();
      await within(socket.closed, "closed");
    });
  });

  test(`${transport}: a client that does not read slows send()`, () => {
    let sent = 0;
    const count = 400;
    const payload = pattern(64 << 10, 4);
    return serveOn(transport, {}, async (socket) => {
      for (let index = 0; index < count; index++) {
        await socket.send(payload);
        sent++;
      }
    }, async ({ server, connect }) => {
      const client = await connect();
      await client.upgrade();
      client.socket.pause();
      const [socket] = server.sockets;
      await untilStill(() => sent, "send() to wait");
      // A client of Deno's own node:tls reads even while it is paused.
      if (!(transport === "tls" && runtime === "deno")) {
        assert.ok(sent < count, "everything was sent");
        assert.ok(socket.bufferedAmount < 1 << 20);
      }
      client.socket.resume();
      for (let index = 0; index < count; index++) {
        const { payload: received } = await client.frame();
        assert.ok(received.equals(payload), `message ${index}`);
      }
      assert.equal((await client.close()).closeCode, 1000);
      client.write(closeFrame(1000));
      await client.untilEnded();
      client.socket.end();
    });
  });

  test(`${transport}: a stream of 32 MiB goes out as one message`, () =>
    serveOn(transport, {}, async (socket) => {
      let left = 512;
      await socket.send(
        new ReadableStream({
          pull(controller) {
            controller.enqueue(new Uint8Array(64 << 10).fill(left & 0xff));
            if (--left === 0) controller.close();
          },
        }),
      );
    }, async ({ open }) => {
      const client = await open();
      let total = 0;
      for (let fin = false, first = true; !fin; first = false) {
        const part = await client.frame();
        assert.equal(part.opcode, first ? opcodes.binary : 0);
        total += part.payload.length;
        fin = part.fin;
      }
      assert.equal(total, 32 << 20);
      assert.equal((await client.close()).closeCode, 1000);
      client.write(closeFrame(1000));
      await client.untilEnded();
      client.socket.end();
    }));

  test(`${transport}: 50 connections echo 1 MiB each at once, others reset`, () =>
    serveOn(transport, {}, echo, async ({ server, open }) => {
      const payload = pattern(1 << 20, 5);
      const bytes = frame(2, payload);
      await Promise.all(Array.from({ length: 60 }, async (_, index) => {
        const client = await open();
        client.write(bytes);
        if (index % 6 === 5) {
          await client.bytes(1000 * index);
          client.destroy();
          return;
        }
        assert.ok((await client.frame()).payload.equals(payload));
        assert.equal(await client.closeCleanly(), 1000);
      }));
      await until(() => server.sockets.size === 0, "no socket left");
    }));
}
