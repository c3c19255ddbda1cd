// Clients that break the rules, or break down. The server tells them, or drops
// them, and serves the others; nothing is a stray error.

import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { connect } from "node:net";
import { test } from "node:test";
import type { CloseResult, ConnectionHooks, ServeOptions } from "../../mod.ts";
import {
  closeFrame,
  frame,
  type FrameDetails,
  handshake,
  opcodes,
} from "../support/raw_client.ts";
import {
  assertServes,
  echo,
  serveOn,
  type TestServer,
  type Transport,
  transports,
  until,
  untilStill,
} from "../support/serve_on.ts";

/** Echoes, and keeps how connections ended. */
function observed(): { hooks: ConnectionHooks; closes: CloseResult[] } {
  const closes: CloseResult[] = [];
  const hooks: ConnectionHooks = {
    message: (socket, message) => socket.send(message),
    close: (_socket, result) => void closes.push(result),
  };
  return { hooks, closes };
}

/** A test of how the server sees one client's end. */
function testEnd(
  transport: Transport,
  name: string,
  options: ServeOptions,
  expected: Partial<CloseResult>,
  use: (server: TestServer) => Promise<void>,
): void {
  test(`${transport}: ${name}`, () => {
    const { hooks, closes } = observed();
    return serveOn(transport, options, hooks, async (server) => {
      await use(server);
      await until(() => closes.length > 0, "the close hook");
      await until(() => server.server.sockets.size === 0, "no socket left");
      const { closeCode, reason, wasClean } = closes[0];
      const actual = { closeCode, reason, wasClean };
      assert.deepEqual(actual, { ...actual, ...expected });
      await assertServes(server);
      await until(() => closes.length === 2, "each to end once");
    });
  });
}

/** A plain request. */
function get(path: string): string {
  return `GET ${path} HTTP/1.1\r\nHost: localhost\r\n\r\n`;
}

const lost = { closeCode: 1006, reason: "", wasClean: false };

const violations: Record<string, [number, Uint8Array]> = {
  "an unmasked frame": [1002, frame(1, "x", { masked: false })],
  "a reserved bit": [1002, frame(1, "x", { reserved: 4 })],
  "a reserved opcode": [1002, frame(3, "x")],
  "a continuation of nothing": [1002, frame(0, "x")],
  "a fragmented ping": [1002, frame(opcodes.ping, "x", { fin: false })],
  "a Close body of one byte": [1002, frame(opcodes.close, "x")],
  "close code 1005": [1002, closeFrame(1005)],
  "text that is not UTF-8": [1007, frame(1, Buffer.from([0xc3, 0x28]))],
  "garbage": [1002, Buffer.from("GET / HTTP/1.1\r\n\r\n")],
};

for (const transport of transports) {
  for (const [name, [closeCode, bytes]] of Object.entries(violations)) {
    testEnd(
      transport,
      `${name} is told ${closeCode}`,
      {},
      { closeCode, wasClean: false },
      async (server) => {
        const client = await server.open();
        client.write(bytes);
        const close = await client.close();
        assert.equal(close.closeCode, closeCode);
        assert.notEqual(close.reason, "", "it says why");
        await client.untilEnded();
        client.socket.end();
        await client.untilClosed();
        assert.equal(client.error, null, "it is ended, not reset");
      },
    );
  }

  for (
    const [name, details] of Object.entries(
      {
        "a 64-bit length of 2^40": { length: 1n << 40n },
        "a length of maxMessageSize + 1": { length: 1001n },
      } satisfies Record<string, FrameDetails>,
    )
  ) {
    testEnd(
      transport,
      `${name} is told 1009 as soon as the header is there`,
      { maxMessageSize: 1000 },
      { closeCode: 1009, wasClean: false },
      async (server) => {
        const client = await server.open();
        client.send(2, "", details);
        assert.equal((await client.close()).closeCode, 1009);
        await client.untilEnded();
        client.socket.end();
      },
    );
  }

  testEnd(
    transport,
    "a message that grows too big over its fragments is told 1009",
    { maxMessageSize: 1000 },
    { closeCode: 1009, wasClean: false },
    async (server) => {
      const client = await server.open();
      client.send(2, new Uint8Array(600), { fin: false });
      client.send(0, new Uint8Array(600), { fin: false });
      assert.equal((await client.close()).closeCode, 1009);
      await client.untilEnded();
      client.socket.end();
    },
  );

  for (const way of ["destroy", "reset"] as const) {
    // Only a TCP socket can be reset.
    if (way === "reset" && transport !== "tcp") continue;
    testEnd(
      transport,
      `a client that vanishes in mid-message (${way}) is lost`,
      {},
      lost,
      async (server) => {
        const client = await server.open();
        client.send(1, "hello");
        assert.equal(await client.text(), "hello");
        const bytes = frame(2, new Uint8Array(100_000));
        await new Promise<void>((resolve) =>
          client.socket.write(bytes.subarray(0, 50_000), () => resolve())
        );
        client[way]();
      },
    );
  }

  testEnd(
    transport,
    "a client that vanishes in the middle of a frame's header is lost",
    {},
    lost,
    async (server) => {
      const client = await server.open();
      client.write(frame(2, new Uint8Array(100_000)).subarray(0, 5));
      client.socket.end();
      await client.untilEnded();
    },
  );

  testEnd(
    transport,
    "a client that ends its direction without Close is lost, after the echo",
    {},
    lost,
    async (server) => {
      const client = await server.open();
      client.send(1, "hello");
      assert.equal(await client.text(), "hello");
      client.socket.end();
      await client.untilClosed();
    },
  );

  testEnd(
    transport,
    "bytes behind its Close are ignored",
    {},
    { closeCode: 1000, reason: "bye", wasClean: true },
    async (server) => {
      const client = await server.open();
      client.write(
        Buffer.concat([
          frame(1, "one"),
          closeFrame(1000, "bye"),
          frame(1, "two"),
          Buffer.from("garbage ".repeat(10_000)),
        ]),
      );
      assert.equal(await client.text(), "one");
      const { closeCode } = await client.close();
      assert.equal(closeCode, 1000);
      for (let count = 0; count < 20; count++) client.write("more garbage");
      await client.untilEnded();
      assert.equal(client.length, 0);
      client.socket.end();
      await client.untilClosed();
      assert.equal(client.error, null, "it is ended, not reset");
    },
  );

  testEnd(
    transport,
    "an empty Close is echoed empty, and the server ends TCP first",
    {},
    { closeCode: 1005, reason: "", wasClean: true },
    async (server) => {
      const client = await server.open();
      client.write(closeFrame());
      assert.deepEqual(await client.bytes(2), Buffer.from([0x88, 0x00]));
      await client.untilEnded();
      assert.equal(client.length, 0);
      client.socket.end();
      await client.untilClosed();
    },
  );

  testEnd(
    transport,
    "a client that closes and ends at once still gets its answers",
    {},
    { closeCode: 1000, wasClean: true },
    async (server) => {
      const client = await server.open();
      client.socket.end(Buffer.concat([frame(1, "last"), closeFrame(1000)]));
      assert.equal(await client.text(), "last");
      assert.equal((await client.close()).closeCode, 1000);
      await client.untilClosed();
      assert.equal(client.error, null);
    },
  );

  testEnd(
    transport,
    "a client that closes and never ends TCP is dropped after closeTimeout",
    { closeTimeout: 200 },
    { closeCode: 1000, wasClean: true },
    async (server) => {
      const client = await server.open();
      client.write(closeFrame(1000));
      assert.equal((await client.close()).closeCode, 1000);
      await client.untilEnded();
    },
  );

  testEnd(
    transport,
    "the whole conversation in one packet",
    {},
    { closeCode: 4000, reason: "done", wasClean: true },
    async (server) => {
      const client = await server.connect();
      await client.upgrade(
        {},
        Buffer.concat([
          frame(opcodes.ping, "p"),
          frame(1, "a", { fin: false }),
          frame(opcodes.ping, "q"),
          frame(0, "b"),
          closeFrame(4000, "done"),
        ]),
      );
      assert.deepEqual(
        [
          await client.frame(),
          await client.frame(),
          await client.frame(),
          await client.frame(),
        ].map(({ opcode, payload }) => [opcode, payload.toString("latin1")]),
        [[10, "p"], [10, "q"], [1, "ab"], [8, "\x0f\xa0"]],
      );
      await client.untilEnded();
      client.socket.end();
    },
  );

  test(`${transport}: a client that never reads the Close is dropped after closeTimeout`, () => {
    const ended: CloseResult[] = [];
    return serveOn(transport, { closeTimeout: 200 }, {
      open: (socket) => {
        if (socket.url.endsWith("/flood")) {
          // More than the system buffers for a client that does not read.
          for (let count = 0; count < 12; count++) {
            socket.send(new Uint8Array(1 << 20));
          }
          socket.close({ closeCode: 4001 });
        }
      },
      message: (socket, message) => socket.send(message),
      close: (_socket, result) => void ended.push(result),
    }, async (server) => {
      const client = await server.connect();
      client.socket.pause();
      client.write(handshake({ path: "/flood" }).request);
      await until(() => ended.length === 1, "the connection's end");
      assert.deepEqual(ended[0], lost);
      client.destroy();
      await assertServes(server);
    });
  });

  test(`${transport}: a client that does not answer the Close is dropped after closeTimeout`, () => {
    const ended: CloseResult[] = [];
    return serveOn(transport, { closeTimeout: 200 }, {
      message: (socket) => socket.close({ closeCode: 4002, reason: "enough" }),
      close: (_socket, result) => void ended.push(result),
    }, async (server) => {
      const client = await server.open();
      client.send(1, "close!");
      assert.deepEqual(await client.close(), {
        closeCode: 4002,
        reason: "enough",
      });
      await client.untilEnded();
      await until(() => ended.length === 1, "the close hook");
      assert.deepEqual(ended[0], lost);
    });
  });

  test(`${transport}: a handler that fails is told 1011, and reported once`, () => {
    const fail = (): never => {
      throw new Error("the handler broke");
    };
    const failLater = async () => {
      await Promise.resolve();
      fail();
    };
    const handlers = {
      "/throws": fail,
      "/rejects": failLater,
      "/open-throws": { open: fail },
      "/open-rejects": { open: failLater },
      "/message-throws": { message: fail },
      "/message-rejects": { message: failLater },
    };
    return serveOn(
      transport,
      {
        upgrade: (request) => ({
          handler: handlers[
            new URL(request.url).pathname as keyof typeof handlers
          ],
        }),
      },
      echo,
      async (server) => {
        for (const path of Object.keys(handlers)) {
          const client = await server.open({ path });
          client.send(1, "go");
          assert.equal((await client.close()).closeCode, 1011, path);
          client.write(closeFrame(1011));
          await client.untilEnded();
          client.socket.end();
          await client.untilClosed();
          assert.deepEqual(
            server.errors.splice(0).map(String),
            ["Error: the handler broke"],
            path,
          );
        }
        await until(() => server.server.sockets.size === 0, "no socket left");
        await assertServes(server);
      },
    );
  });

  test(`${transport}: a close hook that fails is reported, and no more`, () =>
    serveOn(transport, {}, {
      ...echo,
      close: (socket) => {
        if (socket.url.endsWith("/throws")) throw new Error("sync");
        return socket.url.endsWith("/rejects")
          ? Promise.reject(new Error("async"))
          : undefined;
      },
    }, async (server) => {
      for (const path of ["/throws", "/rejects"]) {
        const client = await server.open({ path });
        assert.equal(await client.closeCleanly(), 1000);
      }
      await until(() => server.errors.length === 2, "both errors");
      assert.deepEqual(server.errors.splice(0).map(String), [
        "Error: sync",
        "Error: async",
      ]);
      await assertServes(server);
    }));

  test(`${transport}: a hundred requests ahead are all answered, in order`, () => {
    const answer = Promise.withResolvers<void>();
    let asked = 0;
    return serveOn(
      transport,
      {
        fetch: async ({ url }) => {
          asked++;
          await answer.promise;
          return new Response(new URL(url).pathname);
        },
      },
      echo,
      async (server) => {
        const client = await server.connect();
        const paths = Array.from({ length: 100 }, (_, index) => `/${index}`);
        for (let round = 0; round < 3; round++) {
          client.write(paths.map(get).join(""));
          if (round === 0) {
            await until(() => asked > 0, "the first request");
            await untilStill(() => asked, "all that are asked for ahead");
            answer.resolve();
          }
          for (const path of paths) {
            assert.equal((await client.response()).body, path);
          }
        }
        await assertServes(server);
      },
    );
  });

  test(`${transport}: a client that asks for more than a hundred answers ahead is dropped`, () => {
    let asked = 0;
    return serveOn(
      transport,
      {
        fetch: () => {
          asked++;
          return new Promise<Response>(() => {});
        },
      },
      echo,
      async (server) => {
        const client = await server.connect();
        client.write(get("/").repeat(2000));
        await client.untilEnded();
        assert.equal(client.length, 0);
        assert.equal(asked, 100);
        await assertServes(server);
      },
    );
  });

  test(`${transport}: a hundred clients that vanish at different moments`, () =>
    serveOn(transport, { handshakeTimeout: 1000 }, echo, async (server) => {
      const { request } = handshake();
      const bytes = Buffer.concat([
        Buffer.from(request),
        frame(1, "hello"),
        frame(2, new Uint8Array(1000)),
        closeFrame(1000),
      ]);
      await Promise.all(Array.from({ length: 100 }, async (_, index) => {
        const client = await server.connect();
        const part = bytes.subarray(0, Math.ceil(bytes.length * index / 100));
        await new Promise<void>((resolve) => {
          if (part.length === 0) resolve();
          else client.socket.write(part, () => resolve());
        });
        if (index % 3 === 0) client.destroy();
        else if (index % 3 === 1 && transport === "tcp") client.reset();
        else client.socket.end();
      }));
      await until(() => server.server.sockets.size === 0, "no socket left");
      await assertServes(server);
    }));
}

for (
  const [name, hello] of [["sends nothing", ""], [
    "sends half a hello",
    "\x16\x03\x01\x02\x00",
  ]]
) {
  test(`tls: a client that ${name} is dropped after handshakeTimeout`, () =>
    serveOn("tls", { handshakeTimeout: 300 }, echo, async (server) => {
      const { port } = server.target as { port: number };
      const socket = connect({ port, host: "127.0.0.1" });
      try {
        let closed = false;
        socket.on("error", () => {});
        socket.on("close", () => closed = true);
        socket.on("data", () => {});
        socket.write(Buffer.from(hello, "latin1"));
        await assertServes(server);
        await until(() => closed, "the server's end", 3000);
        await assertServes(server);
      } finally {
        socket.destroy();
      }
    }));
}

test("tls: a client that does not speak TLS is dropped", () =>
  serveOn("tls", {}, echo, async (server) => {
    const { port } = server.target as { port: number };
    const socket = connect({ port, host: "127.0.0.1" });
    try {
      let closed = false;
      socket.on("error", () => {});
      socket.on("close", () => closed = true);
      socket.on("data", () => {});
      socket.write(handshake().request);
      await until(() => closed, "the server's end", 5000);
      await assertServes(server);
    } finally {
      socket.destroy();
    }
  }));
