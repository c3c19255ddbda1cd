// serve() with real sockets, where plain HTTP and WebSockets share a port: what
// is handed from the front door to node:http and back.

import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { test } from "node:test";
import { closeFrame, frame, handshake } from "../support/raw_client.ts";
import { runtime } from "../support/runtime.ts";
import {
  assertServes,
  echo,
  serveOn,
  transports,
  until,
  within,
} from "../support/serve_on.ts";

function get(path: string, headers = ""): string {
  return `GET ${path} HTTP/1.1\r\nHost: localhost\r\n${headers}\r\n`;
}

/** Answers with the method, the path and the body. */
async function mirror(request: Request): Promise<Response> {
  const { pathname } = new URL(request.url);
  return new Response(
    `${request.method} ${pathname} ${await request.text()}`,
  );
}

/** Deno's TLS clients can't be paused, and miss an end without bytes. */
const pausable = transports.filter((transport) =>
  !(runtime === "deno" && transport === "tls")
);

for (const transport of transports) {
  test(`${transport}: several requests on one connection, then a WebSocket`, () =>
    serveOn(transport, { fetch: mirror }, echo, async (server) => {
      const client = await server.connect();
      for (const path of ["/1", "/2", "/3"]) {
        client.write(get(path));
        assert.equal((await client.response()).body, `GET ${path} `);
      }
      await client.upgrade({}, frame(1, "early"));
      assert.equal(await client.text(), "early");
      client.send(1, "later");
      assert.equal(await client.text(), "later");
      assert.equal(await client.closeCleanly(), 1000);
      await until(() => server.server.sockets.size === 0, "no socket left");
    }));

  test(`${transport}: a WebSocket refused behind a plain request`, () =>
    serveOn(
      transport,
      { fetch: mirror, upgrade: () => new Response("no", { status: 403 }) },
      echo,
      async (server) => {
        const client = await server.connect();
        client.write(get("/1"));
        assert.equal((await client.response()).body, "GET /1 ");
        client.write(handshake().request);
        const { status, body } = await client.response();
        assert.equal(status, 403);
        assert.equal(body, "no");
        await client.untilEnded();
      },
    ));

  test(`${transport}: pipelined requests in the first chunk`, () =>
    serveOn(transport, { fetch: mirror }, echo, async (server) => {
      const client = await server.connect();
      client.write(get("/1") + get("/2") + get("/3"));
      for (const path of ["/1", "/2", "/3"]) {
        assert.equal((await client.response()).body, `GET ${path} `);
      }
    }));

  test(`${transport}: a head in two parts, and a body that comes later`, () =>
    serveOn(transport, { fetch: mirror }, echo, async (server) => {
      const client = await server.connect();
      client.write("POST /up HTTP/1.1\r\nHost: localh");
      await new Promise((resolve) => setTimeout(resolve, 20));
      client.write("ost\r\nContent-Length: 200000\r\n\r\nabc");
      await new Promise((resolve) => setTimeout(resolve, 20));
      const rest = "0123456789".repeat(20_000).slice(3);
      client.write(rest);
      const { body } = await client.response();
      assert.equal(body === `POST /up abc${rest}`, true);
      client.write(get("/again"));
      assert.equal((await client.response()).body, "GET /again ");
    }));

  test(`${transport}: a body that is not read holds the client up`, () => {
    const asked = Promise.withResolvers<Request>();
    const decided = Promise.withResolvers<void>();
    return serveOn(
      transport,
      {
        fetch: async (request) => {
          asked.resolve(request);
          await decided.promise;
          const body = await request.arrayBuffer();
          return new Response(String(body.byteLength));
        },
      },
      echo,
      async (server) => {
        const client = await server.connect();
        const length = 32 << 20;
        client.write(
          `POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: ${length}\r\n\r\n`,
        );
        let written = false;
        client.socket.write(Buffer.alloc(length), () => written = true);
        await asked.promise;
        await new Promise((resolve) => setTimeout(resolve, 150));
        assert.equal(written, false, "the server read it all at once");
        decided.resolve();
        assert.equal((await client.response()).body, String(length));
      },
    );
  });

  test(`${transport}: a request in HTTP/1.0 is answered, and the connection ended`, () =>
    serveOn(transport, { fetch: mirror }, echo, async (server) => {
      const client = await server.connect();
      client.write("GET /old HTTP/1.0\r\nHost: localhost\r\n\r\n");
      await client.untilEnded();
      assert.match(
        client.rest().toString("latin1"),
        /^HTTP\/1\.1 200 .*\r\n\r\nGET \/old $/s,
      );
    }));

  test(`${transport}: shutdown() with waiting, idle, busy and open connections`, () => {
    const decided = Promise.withResolvers<void>();
    const asked = Promise.withResolvers<void>();
    return serveOn(
      transport,
      {
        fetch: async (request) => {
          if (!request.url.endsWith("/slow")) return new Response("fast");
          asked.resolve();
          await decided.promise;
          return new Response("slow");
        },
      },
      echo,
      async (server) => {
        const silent = await server.connect();
        const waiting = await server.connect();
        waiting.write("GET / HTTP/1.1\r\nHo");
        const idle = await server.connect();
        idle.write(get("/"));
        await idle.response();
        const open = await server.open();
        const busy = await server.connect();
        busy.write(get("/slow"));
        await asked.promise;
        const started = performance.now();
        const shutdown = server.server.shutdown();
        assert.equal((await open.close()).closeCode, 1001);
        open.write(closeFrame(1001));
        await open.untilEnded();
        open.socket.end();
        await waiting.untilEnded(2000);
        await idle.untilEnded(2000);
        await new Promise((resolve) => setTimeout(resolve, 100));
        decided.resolve();
        assert.equal((await busy.response()).body, "slow");
        await busy.untilEnded(2000);
        await within(shutdown, "shutdown()", 2000);
        assert.ok(performance.now() - started < 2000);
        // Bun tells of no connection before its first byte on node:http.
        if (runtime !== "bun") await silent.untilEnded(2000);
      },
    );
  });
}

for (const transport of pausable) {
  test(`${transport}: the last response of a connection arrives whole, to a slow client too`, () => {
    const part = new Uint8Array(1 << 16).fill(0x61);
    const parts = 64;
    return serveOn(
      transport,
      {
        fetch: () => {
          let left = parts;
          return new Response(
            new ReadableStream({
              pull(controller) {
                if (left-- === 0) controller.close();
                else controller.enqueue(part.slice());
              },
            }),
          );
        },
      },
      echo,
      async (server) => {
        const client = await server.connect();
        client.socket.pause();
        client.write(get("/", "Connection: close\r\n"));
        await new Promise((resolve) => setTimeout(resolve, 300));
        client.socket.resume();
        const { body } = await client.response();
        assert.equal(body.length, parts * part.length);
        await client.untilEnded();
        assert.equal(client.error, null);
      },
    );
  });

  test(`${transport}: a small last response arrives, though the client reads late`, () =>
    serveOn(
      transport,
      { fetch: () => new Response("x".repeat(200_000)) },
      echo,
      async (server) => {
        const client = await server.connect();
        client.socket.pause();
        client.write(get("/", "Connection: close\r\n"));
        await new Promise((resolve) => setTimeout(resolve, 300));
        client.socket.resume();
        assert.equal((await client.response()).body.length, 200_000);
        await client.untilEnded();
        assert.equal(client.error, null);
      },
    ));

  test(`${transport}: a client that ends in the middle of a head is dropped`, () =>
    serveOn(transport, {}, echo, async (server) => {
      for (const start of ["", "G", "GET / HTTP/1.1\r\nHost: x\r\n"]) {
        const client = await server.connect();
        client.socket.end(start);
        await client.untilClosed();
      }
      await assertServes(server);
    }));

  test(`${transport}: a refused client that has ended gets the refusal`, () => {
    const asked = Promise.withResolvers<void>();
    const decided = Promise.withResolvers<void>();
    return serveOn(
      transport,
      {
        upgrade: async () => {
          asked.resolve();
          await decided.promise;
          return new Response("no", { status: 403 });
        },
      },
      echo,
      async (server) => {
        const client = await server.connect();
        // Bytes behind the head have to go somewhere.
        client.socket.end(handshake().request + "early");
        await asked.promise;
        await new Promise((resolve) => setTimeout(resolve, 50));
        decided.resolve();
        await client.untilClosed();
        // Node's own TLS sockets end with the client.
        if (runtime === "node" && transport === "tls") return;
        assert.match(client.rest().toString("latin1"), /^HTTP\/1\.1 403 /);
      },
    );
  });
}

for (const transport of transports) {
  for (const way of ["ends", "is destroyed", "resets"]) {
    if (way === "resets" && transport !== "tcp") continue;
    // Those of Deno's TLS clients do not tell.
    if (way === "ends" && !pausable.includes(transport)) continue;
    for (const behind of ["its request", "another", "frames"]) {
      test(`${transport}: a client that ${way} behind ${behind} while the hook decides aborts request.signal`, () => {
        const asked = Promise.withResolvers<AbortSignal>();
        const decided = Promise.withResolvers<void>();
        const closes: number[] = [];
        return serveOn(transport, {
          fetch: mirror,
          upgrade: async (request) => {
            asked.resolve(request.signal);
            await decided.promise;
          },
        }, {
          close: (_socket, { closeCode }) => void closes.push(closeCode),
        }, async ({ server, connect }) => {
          const client = await connect();
          if (behind === "another") {
            client.write(get("/1"));
            await client.response();
          }
          client.write(handshake().request);
          if (behind === "frames") client.send(1, "early");
          const signal = await asked.promise;
          if (behind === "frames") client.send(1, "later");
          await new Promise((resolve) => setTimeout(resolve, 20));
          assert.equal(signal.aborted, false);
          if (way === "ends") client.socket.end();
          else if (way === "resets") client.reset();
          else client.destroy();
          await until(() => signal.aborted, "the signal to abort");
          decided.resolve();
          await until(() => server.sockets.size === 0, "no socket left");
          assert.ok(closes.every((code) => code === 1006));
        });
      });
    }
  }

  test(`${transport}: the signal of a request that was answered never aborts`, () => {
    let signal: AbortSignal | undefined;
    return serveOn(
      transport,
      {
        upgrade: async (request) => {
          signal = request.signal;
          await new Promise((resolve) => setTimeout(resolve, 10));
        },
      },
      echo,
      async ({ server, open }) => {
        const client = await open();
        client.send(1, "hello");
        assert.equal(await client.text(), "hello");
        client.destroy();
        await until(() => server.sockets.size === 0, "no socket left");
        assert.equal(signal?.aborted, false);
      },
    );
  });

  test(`${transport}: what comes while the hook decides holds the client up, and is not lost`, () => {
    const asked = Promise.withResolvers<void>();
    const decided = Promise.withResolvers<void>();
    const part = Buffer.alloc(8 << 20);
    let received = 0;
    return serveOn(transport, {
      upgrade: async () => {
        asked.resolve();
        await decided.promise;
      },
    }, {
      message: (_socket, message) => void (received += message.length),
    }, async ({ connect }) => {
      const client = await connect();
      client.write(handshake().request);
      let written = false;
      const parts = Array.from({ length: 4 }, () => frame(2, part));
      client.socket.write(Buffer.concat(parts), () => written = true);
      await asked.promise;
      await new Promise((resolve) => setTimeout(resolve, 150));
      assert.equal(written, false, "the server read it all at once");
      decided.resolve();
      await until(() => received === 4 * part.length, "all messages");
    });
  });
}

/** Where the server listens without node:http. */
const native = transports.filter((transport) =>
  transport === "tcp" || (transport === "tls" && runtime === "deno")
);

for (const transport of native) {
  // It takes 6 s, and is the same over TLS.
  if (transport === "tls") continue;
  test(`${transport}: an idle keep-alive connection is dropped after a while`, () =>
    serveOn(transport, { fetch: mirror }, echo, async ({ connect }) => {
      const client = await connect();
      client.write(get("/"));
      await client.response();
      const started = performance.now();
      await client.untilEnded(15_000);
      const milliseconds = performance.now() - started;
      assert.ok(milliseconds > 2000, `it was dropped after ${milliseconds} ms`);
    }));

  test(`${transport}: the head of a second request may take as long as that of the first`, () =>
    serveOn(
      transport,
      { fetch: mirror, handshakeTimeout: 300 },
      echo,
      async ({ connect }) => {
        const client = await connect();
        client.write(get("/"));
        await client.response();
        client.write("GET / HT");
        await client.untilEnded();
        assert.match(client.rest().toString("latin1"), /^HTTP\/1\.1 408 /);
      },
    ));
}

test("handshakeTimeout may be any number of milliseconds", async () => {
  for (const handshakeTimeout of [0.5, 1, 499.9, 501, 12_345, 1e6 + 0.1]) {
    await serveOn("tcp", { handshakeTimeout }, echo, () => Promise.resolve());
  }
});
