// How a connection of the client ends, before and after it is open.

import assert from "node:assert/strict";
import { connect, type Socket } from "node:net";
import { test } from "node:test";
import {
  type CloseResult,
  WebSocketError,
  WebSocketStream,
  type WebSocketStreamOptions,
} from "../../mod.ts";
import { certificate } from "../support/certificate.ts";
import { opcodes } from "../support/raw_peer.ts";
import { withRawServer, withTcpServer } from "../support/raw_server.ts";
import {
  assertNoStrayErrors,
  echo,
  serveOn,
  within,
} from "../support/serve_on.ts";
import { failureOf, finish, open } from "./harness.ts";

for (const transport of ["tcp", "tls"] as const) {
  const over = `over ${transport}`;

  for (
    const [options, seen] of [
      [undefined, { closeCode: 1000, reason: "" }],
      [{ closeCode: 1001 }, { closeCode: 1001, reason: "" }],
      [{ reason: "bye" }, { closeCode: 1000, reason: "bye" }],
      [{ closeCode: 4999, reason: "à bientôt 😀" }, {
        closeCode: 4999,
        reason: "à bientôt 😀",
      }],
    ] as const
  ) {
    test(`close(${JSON.stringify(options)}) is what the server sees, ${over}`, async () => {
      const closed = Promise.withResolvers<CloseResult>();
      await serveOn(transport, {}, {
        close: (_socket, result) => closed.resolve(result),
      }, async ({ server }) => {
        const { stream } = await open(server.url);
        stream.close(options);
        stream.close({ closeCode: 4000, reason: "too late" });
        assert.deepEqual(await within(closed.promise, "the close hook"), {
          ...seen,
          wasClean: true,
        });
        assert.deepEqual(await within(stream.closed, "closed"), {
          closeCode: seen.closeCode,
          reason: "",
        });
      });
    });
  }

  test(`the server's code and reason are in closed, ${over}`, async () => {
    await serveOn(
      transport,
      {},
      (socket) => socket.close({ closeCode: 4002, reason: "à bientôt" }),
      async ({ server }) => {
        const { stream, socket } = await open(server.url);
        const expected = { closeCode: 4002, reason: "à bientôt" };
        assert.deepEqual(await within(stream.closed, "closed"), expected);
        assert.deepEqual(await socket.closed, expected);
      },
    );
  });

  test(`what was sent before close() arrives, ${over}`, async () => {
    const received: unknown[] = [];
    await serveOn(transport, {}, {
      message: (_socket, message) => void received.push(message.length),
    }, async ({ server }) => {
      const opened = await open(server.url);
      for (let index = 0; index < 20; index++) {
        opened.socket.send("a".repeat(100_000));
      }
      await finish(opened);
      assert.deepEqual(received, Array(20).fill(100_000));
    });
  });

  test(`an aborted signal rejects with its reason, ${over}`, async () => {
    await withTcpServer(() => {}, async ({ url }) => {
      const target = transport === "tls" ? url.replace("ws", "wss") : url;
      const reason = new Error("not any more");
      const controller = new AbortController();
      const { signal } = controller;
      const early = AbortSignal.abort(reason);
      const streams = [
        new WebSocketStream(target, { signal: early }),
        new WebSocketStream(target, { signal }),
        new WebSocketStream(target, { signal: AbortSignal.timeout(50) }),
      ];
      setTimeout(() => controller.abort(reason), 50);
      const names: unknown[] = [];
      for (const stream of streams) {
        const settled = await within(
          Promise.allSettled([stream.opened, stream.closed]),
          "the end of the handshake",
        );
        const reasons = settled.map((end) =>
          end.status === "rejected" ? end.reason : "fulfilled"
        );
        assert.equal(reasons[0], reasons[1]);
        names.push(reasons[0].name + reasons[0].message.slice(0, 3));
        if (names.length < 3) assert.equal(reasons[0], reason);
      }
      assert.deepEqual(names.slice(0, 2), ["Errornot", "Errornot"]);
      assert.match(String(names[2]), /^TimeoutError/);
    });
  });

  test(`once it is open, a signal does nothing, ${over}`, async () => {
    await serveOn(transport, {}, echo, async ({ server }) => {
      const controller = new AbortController();
      const { signal } = controller;
      const opened = await open(server.url, { signal });
      controller.abort();
      const reader = opened.socket.readable.getReader();
      opened.socket.send("still open");
      assert.equal((await reader.read()).value, "still open");
      await finish(opened);
    });
  });

  test(`close() before it is open fails the handshake, ${over}`, async () => {
    await withTcpServer(() => {}, async ({ url }) => {
      const target = transport === "tls" ? url.replace("ws", "wss") : url;
      const options: WebSocketStreamOptions = { caCerts: [certificate] };
      for (const delay of [null, 0, 30]) {
        const stream = new WebSocketStream(target, options);
        if (delay !== null) {
          await new Promise((resolve) => setTimeout(resolve, delay));
        }
        stream.close({ closeCode: 4000, reason: "changed my mind" });
        const error = await failureOf(stream, /close\(\) was called before/);
        assert.equal(error.closeCode, 4000);
        assert.equal(error.reason, "changed my mind");
      }
    });
  });
}

for (
  const options of [
    { closeCode: 999 },
    { closeCode: 1005 },
    { closeCode: 1006 },
    { closeCode: 5000 },
    { closeCode: 1000.5 },
    { reason: "é".repeat(62) },
  ]
) {
  test(`close(${JSON.stringify(options)}) is a RangeError, open or not`, async () => {
    await serveOn("tcp", {}, echo, async ({ server }) => {
      const stream = new WebSocketStream(server.url);
      assert.throws(() => stream.close(options), RangeError);
      const socket = await within(stream.opened, "opened");
      assert.throws(() => stream.close(options), RangeError);
      await finish({ stream, socket });
      assert.throws(() => stream.close(options), RangeError);
      stream.close();
    });
  });
}

test("close() behind a failed handshake does nothing", async () => {
  await withRawServer(({ socket }) => void socket.end(), async ({ url }) => {
    const stream = new WebSocketStream(url);
    await failureOf(stream, /without an answer/);
    stream.close({ closeCode: 4000 });
    await failureOf(stream, /without an answer/);
  });
});

test("the client lets the server end TCP first", async () => {
  await withRawServer(async (request) => {
    const peer = request.open();
    assert.deepEqual(await peer.readClose(), { closeCode: 1000, reason: "" });
    await peer.close(1000);
    let ended = false;
    request.socket.on("end", () => ended = true);
    await new Promise((resolve) => setTimeout(resolve, 100));
    assert.equal(ended, false, "the client has ended TCP");
    await peer.end();
    await peer.expectEnd();
  }, async ({ url, whenEmpty }) => {
    await finish(await open(url));
    await within(whenEmpty(), "the end of the connection");
  });
});

test("a server that does not end TCP is dropped after closeTimeout", async () => {
  await withRawServer(async (request) => {
    const peer = request.open();
    assert.deepEqual(await peer.readClose(), { closeCode: 1000, reason: "" });
    await peer.close(1000);
  }, async ({ url, whenEmpty }) => {
    const opened = await open(url, { closeTimeout: 200 });
    const started = performance.now();
    // Both have said Close: that was clean.
    await finish(opened);
    assert.ok(performance.now() - started >= 150);
    await within(whenEmpty(), "the end of the connection");
  });
});

test("a server that does not answer a Close is dropped after closeTimeout", async () => {
  await withRawServer(
    (request) => request.open(),
    async ({ url, whenEmpty }) => {
      const { stream } = await open(url, { closeTimeout: 200 });
      stream.close();
      await assert.rejects(within(stream.closed, "closed"), {
        name: "WebSocketError",
        closeCode: 1006,
        message: /closeTimeout \(200 ms\)/,
      });
      await within(whenEmpty(), "the end of the connection");
    },
  );
});

for (
  const [what, end] of [
    ["ends TCP", (socket) => socket.end()],
    ["resets TCP", (socket) => {
      if (socket.resetAndDestroy) socket.resetAndDestroy();
      else socket.destroy();
    }],
  ] as const satisfies [
    string,
    (socket: import("node:net").Socket) => unknown,
  ][]
) {
  test(`a server that ${what} without a Close: 1006`, async () => {
    await withRawServer(async (request) => {
      const peer = request.open();
      await peer.text("last words");
      end(request.socket);
    }, async ({ url }) => {
      const { stream, socket } = await open(url);
      const expected = { name: "WebSocketError", closeCode: 1006 };
      await assert.rejects(within(stream.closed, "closed"), expected);
      await assert.rejects(socket.closed, expected);
      await assert.rejects(socket.send("more"), expected);
      await assertNoStrayErrors();
    });
  });
}

test("keepAlive pings a silent server, and gives it up", async () => {
  await withRawServer(async (request) => {
    const peer = request.open();
    for (let index = 0; index < 2; index++) {
      const frame = await peer.readFrame();
      assert.equal(frame?.opcode, opcodes.ping);
      assert.equal(frame?.masked, true);
      if (index === 0) await peer.send(opcodes.pong, frame!.payload);
    }
  }, async ({ url }) => {
    const keepAlive = { interval: 100, timeout: 100 };
    const { stream } = await open(url, { keepAlive, closeTimeout: 100 });
    await assert.rejects(
      within(stream.closed, "closed"),
      (error) => error instanceof WebSocketError && error.closeCode === 1011,
    );
  });
});

test("await using, or its method, closes with 1000", async () => {
  await serveOn("tcp", {}, echo, async ({ server }) => {
    const { stream } = await open(server.url);
    await within(stream[Symbol.asyncDispose](), "the end");
    assert.equal((await stream.closed).closeCode, 1000);
    const unopened = new WebSocketStream(server.url);
    await within(unopened[Symbol.asyncDispose](), "the end");
    await failureOf(unopened, /close\(\) was called before/);
  });
});

test("the end of TCP without a close_notify is an end on both sides", async () => {
  const lost = Promise.withResolvers<unknown>();
  await serveOn("tls", {}, {
    open(socket) {
      socket.closed.catch(lost.resolve);
      return socket.send("hello");
    },
  }, async ({ server }) => {
    const ends: Socket[] = [];
    await withTcpServer((near) => {
      const far = connect({
        port: Number(new URL(server.url).port),
        host: "127.0.0.1",
        allowHalfOpen: true,
      });
      far.on("error", () => {});
      near.on("data", (chunk) => far.write(chunk));
      far.on("data", (chunk) => near.write(chunk));
      ends.push(near, far);
    }, async ({ url }) => {
      const { stream, socket } = await open(url.replace("ws", "wss"));
      const reader = socket.readable.getReader();
      assert.equal((await within(reader.read(), "hello")).value, "hello");
      for (const end of ends) end.end();
      const here = stream.closed.catch((error) => error);
      for (const end of [here, lost.promise]) {
        const error = await within(end, "the end");
        assert.match(String(error), /the peer ended TCP without a Close frame/);
        assert.equal((error as WebSocketError).closeCode, 1006);
      }
      for (const end of ends) end.destroy();
    });
  });
});
