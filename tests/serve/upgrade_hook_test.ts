// The `upgrade` hook: how it accepts, how it refuses, and what becomes of a
// handshake whose hook fails or takes too long.

import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { test } from "node:test";
import type { UpgradeHook } from "../../mod.ts";
import { frame, handshake } from "../support/raw_client.ts";
import {
  assertServes,
  echo,
  serveOn,
  transports,
  until,
  untilAborted,
  within,
} from "../support/serve_on.ts";

for (const transport of transports) {
  for (const kind of ["sync", "async"]) {
    const later = <Answer>(answer: Answer) =>
      kind === "sync"
        ? answer
        : new Promise<Answer>((resolve) => setTimeout(resolve, 20, answer));

    test(`${transport}: a ${kind} hook accepts with protocol, headers, data and handler`, () => {
      const seen: unknown[] = [];
      return serveOn<{ user: string }>(
        transport,
        {
          upgrade: (request) => {
            seen.push(request.method, new URL(request.url).pathname);
            seen.push(request.headers.get("x-user"));
            return later({
              protocol: "chat.v1",
              headers: new Headers([
                ["Set-Cookie", "a=1; HttpOnly"],
                ["Set-Cookie", "b=2"],
                ["X-Served-By", "weir"],
              ]),
              data: { user: "ada" },
              handler: {
                message: (socket) =>
                  socket.send(`${socket.data.user} ${socket.protocol}`),
              },
            });
          },
        },
        echo,
        async (server) => {
          const client = await server.connect();
          const response = await client.upgrade({
            path: "/room?x=1",
            headers: {
              "X-User": "ada",
              "Sec-WebSocket-Protocol": "chat.v2, chat.v1",
            },
          });
          assert.equal(response.header("sec-websocket-protocol"), "chat.v1");
          assert.equal(response.header("x-served-by"), "weir");
          assert.deepEqual(
            response.headers.filter(([name]) => name === "set-cookie"),
            [["set-cookie", "a=1; HttpOnly"], ["set-cookie", "b=2"]],
          );
          client.send(1, "who?");
          assert.equal(await client.text(), "ada chat.v1");
          assert.deepEqual(seen, ["GET", "/room", "ada"]);
          assert.equal(await client.closeCleanly(), 1000);
        },
      );
    });

    test(`${transport}: a ${kind} hook that gives nothing accepts`, () =>
      serveOn(
        transport,
        {
          upgrade: (() => later(undefined)) as UpgradeHook,
          protocols: ["b", "a"],
        },
        echo,
        async (server) => {
          const client = await server.connect();
          const response = await client.upgrade({
            headers: { "Sec-WebSocket-Protocol": "a, b" },
          });
          assert.equal(response.header("sec-websocket-protocol"), "b");
          client.send(1, "hello");
          assert.equal(await client.text(), "hello");
        },
      ));

    test(`${transport}: a ${kind} hook refuses with a Response`, () =>
      serveOn(
        transport,
        {
          upgrade: () =>
            later(
              new Response("who are you? – ü", {
                status: 401,
                headers: [
                  ["WWW-Authenticate", "Bearer"],
                  ["Set-Cookie", "a=1"],
                  ["Set-Cookie", "b=2"],
                ],
              }),
            ),
        },
        echo,
        async (server) => {
          const client = await server.connect();
          client.write(handshake().request);
          const response = await client.response();
          assert.equal(response.status, 401);
          assert.equal(response.reason, "Unauthorized");
          assert.equal(response.body, "who are you? – ü");
          assert.equal(response.header("www-authenticate"), "Bearer");
          assert.match(response.header("connection") ?? "", /close/);
          assert.equal(
            response.headers.filter(([name]) => name === "set-cookie").length,
            2,
          );
          await client.untilEnded();
          client.socket.end();
          await client.untilClosed(2000);
          assert.equal(client.error, null);
        },
      ));

    test(`${transport}: a ${kind} hook that fails is answered 500 and reported`, () =>
      serveOn(
        transport,
        {
          upgrade: (() => {
            if (kind === "async") {
              return Promise.reject(new Error("no database"));
            }
            throw new Error("no database");
          }) as UpgradeHook,
        },
        echo,
        async (server) => {
          const client = await server.connect();
          client.write(handshake().request);
          const response = await client.response();
          assert.equal(response.status, 500);
          assert.doesNotMatch(
            response.body,
            /database/,
            "the cause is not told",
          );
          assert.equal(
            Number(response.header("content-length")),
            Buffer.byteLength(response.body),
          );
          await client.untilEnded();
          assert.deepEqual(server.errors.splice(0).map(String), [
            "Error: no database",
          ]);
        },
      ));
  }

  test(`${transport}: a hook refuses with a body that is a stream`, () => {
    let sent = 0;
    return serveOn(
      transport,
      {
        upgrade: () =>
          new Response(
            new ReadableStream({
              async pull(controller) {
                await new Promise((resolve) => setTimeout(resolve, 1));
                controller.enqueue(new Uint8Array(64 * 1024).fill(97 + sent));
                if (++sent === 20) controller.close();
              },
            }),
            { status: 503 },
          ),
      },
      echo,
      async (server) => {
        const client = await server.connect();
        client.write(handshake().request);
        const response = await client.response();
        assert.equal(response.status, 503);
        assert.equal(response.body.length, 20 * 64 * 1024);
        assert.equal(response.body.at(-1), "t");
      },
    );
  });

  test(`${transport}: a Response without a body is complete as well`, () =>
    serveOn(
      transport,
      {
        upgrade: () => new Response(null, { status: 403 }),
      },
      echo,
      async (server) => {
        const client = await server.connect();
        client.write(handshake().request);
        const response = await client.response();
        assert.equal(response.status, 403);
        assert.equal(response.header("content-length"), "0");
        await client.untilEnded();
      },
    ));

  test(`${transport}: a hook that never settles is answered 503 after handshakeTimeout`, () =>
    serveOn(
      transport,
      {
        handshakeTimeout: 200,
        upgrade: (request) =>
          request.url.endsWith("/slow") ? new Promise(() => {}) : undefined,
      },
      echo,
      async (server) => {
        const client = await server.connect();
        client.write(handshake({ path: "/slow" }).request);
        const response = await client.response();
        assert.equal(response.status, 503);
        assert.match(response.body, /200 ms/);
        await client.untilEnded();
        await assertServes(server);
      },
    ));

  test(`${transport}: a hook that fails after it was given up is no stray error`, () => {
    const late = Promise.withResolvers<void>();
    return serveOn(
      transport,
      {
        handshakeTimeout: 100,
        upgrade: () => late.promise,
      },
      echo,
      async (server) => {
        const client = await server.connect();
        client.write(handshake().request);
        assert.equal((await client.response()).status, 503);
        late.reject(new Error("too late"));
        await new Promise((resolve) => setTimeout(resolve, 20));
        server.errors.length = 0;
      },
    );
  });

  test(`${transport}: a hook that is given up is told so, and what it answers late is let go`, () => {
    const aborted = Promise.withResolvers<void>();
    const cancelled = Promise.withResolvers<unknown>();
    return serveOn(
      transport,
      {
        handshakeTimeout: 100,
        upgrade: async ({ signal }) => {
          await untilAborted(signal);
          assert.match(`${signal.reason}`, /within 100 ms/);
          aborted.resolve();
          const body = new ReadableStream({
            cancel: (reason) => cancelled.resolve(reason),
          });
          return new Response(body, { status: 401 });
        },
      },
      echo,
      async ({ connect }) => {
        const client = await connect();
        client.write(handshake().request);
        assert.equal((await client.response()).status, 503);
        await within(aborted.promise, "request.signal to abort");
        assert.match(
          `${await within(cancelled.promise, "the body to be cancelled")}`,
          /within 100 ms/,
        );
      },
    );
  });

  for (const way of ["ends", "resets"]) {
    test(`${transport}: a client that ${way} while the hook decides`, () => {
      const asked = Promise.withResolvers<void>();
      const decided = Promise.withResolvers<void>();
      const closes: number[] = [];
      return serveOn(transport, {
        upgrade: async (request) => {
          if (!request.url.endsWith("/slow")) return;
          asked.resolve();
          await decided.promise;
        },
      }, {
        ...echo,
        close: (_socket, { closeCode }) => void closes.push(closeCode),
      }, async (server) => {
        const client = await server.connect();
        client.write(handshake({ path: "/slow" }).request);
        await asked.promise;
        if (way === "ends" || transport !== "tcp") client.destroy();
        else client.reset();
        await client.untilClosed();
        decided.resolve();
        await assertServes(server);
        await until(
          () => server.server.sockets.size === 0,
          "no socket to be left",
        );
        // Whether it was ever opened depends on when its end was noticed.
        assert.ok(closes.every((code) => code === 1006 || code === 1000));
      });
    });
  }

  for (const way of ["accepts", "gives up"]) {
    test(`${transport}: a client that has ended gets no WebSocket when the hook ${way}`, () => {
      const asked = Promise.withResolvers<void>();
      const aborted = Promise.withResolvers<void>();
      let opened = 0;
      return serveOn(
        transport,
        {
          upgrade: async ({ signal }) => {
            asked.resolve();
            await untilAborted(signal);
            aborted.resolve();
            if (way === "gives up") signal.throwIfAborted();
          },
        },
        { open: () => void opened++ },
        async ({ server, connect }) => {
          const client = await connect();
          client.write(handshake().request);
          await asked.promise;
          client.socket.end();
          await within(aborted.promise, "request.signal to abort");
          await client.untilEnded();
          assert.equal(client.rest().toString("latin1"), "");
          const { accepted, refused } = server.metrics().handshakes;
          assert.equal(accepted, 0);
          assert.deepEqual(refused, { aborted: 1 });
          assert.equal(opened, 0);
        },
      );
    });
  }

  // Node's TLS ends with its peer.
  if (transport !== "tls") {
    test(`${transport}: a client that has ended may read why it is refused`, () => {
      const asked = Promise.withResolvers<void>();
      return serveOn(
        transport,
        {
          upgrade: async ({ signal }) => {
            asked.resolve();
            await untilAborted(signal);
            return new Response("who are you?", { status: 401 });
          },
        },
        echo,
        async ({ connect }) => {
          const client = await connect();
          client.write(handshake().request);
          await asked.promise;
          client.socket.end();
          const { status, body } = await client.response();
          assert.equal(status, 401);
          assert.equal(body, "who are you?");
        },
      );
    });
  }

  test(`${transport}: frames that come with the request wait for the hook`, () =>
    serveOn(
      transport,
      {
        upgrade: () =>
          new Promise<object>((resolve) => setTimeout(() => resolve({}), 50)),
      },
      echo,
      async (server) => {
        const client = await server.connect();
        const head = Buffer.concat(
          Array.from({ length: 100 }, (_, index) => frame(1, `early ${index}`)),
        );
        const upgraded = client.upgrade({}, head);
        client.send(1, "later");
        await upgraded;
        for (let index = 0; index < 100; index++) {
          assert.equal(await client.text(), `early ${index}`);
        }
        assert.equal(await client.text(), "later");
        assert.equal(await client.closeCleanly(), 1000);
      },
    ));

  test(`${transport}: 1 MiB that comes with the request is not lost`, () =>
    serveOn(
      transport,
      {
        upgrade: () =>
          new Promise<object>((resolve) => setTimeout(() => resolve({}), 50)),
      },
      echo,
      async (server) => {
        const client = await server.connect();
        const text = "0123456789abcdef".repeat(1 << 16);
        await client.upgrade({}, frame(1, text));
        assert.equal(await client.text() === text, true);
      },
    ));
}

const wrong: Record<string, unknown> = {
  "a subprotocol that was not offered": { protocol: "other" },
  "a header of the handshake": {
    headers: { "Sec-WebSocket-Accept": "mine" },
  },
  "a header that can't be sent": { headers: [["a b", "c"]] },
  "a handler that is none": { handler: 42 },
  "a subprotocol that is null": { protocol: null },
  "false": false,
  "true": true,
  "a string": "no",
};

for (const [name, answer] of Object.entries(wrong)) {
  test(`a hook that gives ${name} is answered 500 and reported`, () =>
    serveOn(
      "tcp",
      {
        upgrade: (request) =>
          (request.url.endsWith("/wrong") ? answer : undefined) as object,
      },
      echo,
      async (server) => {
        const client = await server.connect();
        client.write(
          handshake({
            path: "/wrong",
            headers: { "Sec-WebSocket-Protocol": "chat" },
          }).request,
        );
        const response = await client.response();
        assert.equal(response.status, 500);
        await client.untilEnded();
        assert.equal(server.errors.splice(0).length, 1);
        assert.equal(server.server.sockets.size, 0);
        await assertServes(server);
      },
    ));
}

test("a Response whose body fails ends the connection, without a second head", () =>
  serveOn(
    "tcp",
    {
      upgrade: () => {
        let pulled = 0;
        return new Response(
          new ReadableStream({
            pull(controller) {
              if (pulled++ === 0) {
                controller.enqueue(new Uint8Array(10).fill(97));
              } else controller.error(new Error("the body broke"));
            },
          }),
          { status: 401 },
        );
      },
    },
    echo,
    async (server) => {
      const client = await server.connect();
      client.write(handshake().request);
      const { status, body } = await client.response();
      assert.equal(status, 401);
      assert.equal(body, "aaaaaaaaaa");
      assert.deepEqual(server.errors.splice(0).map(String), [
        "Error: the body broke",
      ]);
    },
  ));

test("a body of a Response is cancelled when the client leaves", () => {
  const cancelled = Promise.withResolvers<void>();
  return serveOn(
    "tcp",
    {
      upgrade: () =>
        new Response(
          new ReadableStream({
            start: (controller) => controller.enqueue(new Uint8Array(10)),
            cancel: () => cancelled.resolve(),
          }),
          { status: 401 },
        ),
    },
    echo,
    async (server) => {
      const client = await server.connect();
      client.write(handshake().request);
      await client.until(() => client.length > 20, "the head");
      client.reset();
      await within(cancelled.promise, "the body to be cancelled");
    },
  );
});

test("a hook that never answers is not waited for once its client is gone", () => {
  const asked = Promise.withResolvers<void>();
  return serveOn(
    "tcp",
    {
      handshakeTimeout: 600_000,
      upgrade: () => {
        asked.resolve();
        return new Promise<void>(() => {});
      },
    },
    echo,
    async (server) => {
      const client = await server.connect();
      client.write(handshake().request);
      await within(asked.promise, "the hook to be asked");
      const shutdown = server.server.shutdown({ timeout: 600_000 });
      client.reset();
      await within(shutdown, "shutdown()");
    },
  );
});

test("what a hook answers after its client is gone is let go of, or reported", () => {
  const cancelled = Promise.withResolvers<void>();
  const answers = [
    Promise.withResolvers<Response>(),
    Promise.withResolvers<Response>(),
    Promise.withResolvers<Response>(),
  ];
  let asked = 0;
  const reasons: unknown[] = [];
  return serveOn(
    "tcp",
    {
      upgrade: ({ signal }) => {
        signal.addEventListener("abort", () => reasons.push(signal.reason));
        return answers[asked++].promise;
      },
    },
    echo,
    async (server) => {
      for (let count = 1; count <= answers.length; count++) {
        const client = await server.connect();
        client.write(handshake().request);
        await until(() => asked === count, "the hook to be asked");
        client.reset();
        await until(() => reasons.length === count, "the hook's signal");
      }
      answers[0].resolve(
        new Response(new ReadableStream({ cancel: () => cancelled.resolve() })),
      );
      answers[1].reject(new Error("no such user"));
      answers[2].reject(reasons[2]);
      await within(cancelled.promise, "the body to be cancelled");
      await until(() => server.errors.length > 0, "the error");
      assert.deepEqual(server.errors.splice(0).map(String), [
        "Error: no such user",
      ]);
    },
  );
});

test("a Response whose header can't be written is answered 500, and its body is cancelled", () => {
  const cancelled = Promise.withResolvers<void>();
  return serveOn(
    "tcp",
    {
      upgrade: () =>
        new Response(
          new ReadableStream({ cancel: () => cancelled.resolve() }),
          {
            status: 401,
            headers: { "X-Control": "a\x01b" },
          },
        ),
    },
    echo,
    async (server) => {
      const client = await server.connect();
      client.write(handshake().request);
      assert.equal((await client.response()).status, 500);
      await within(cancelled.promise, "the body to be cancelled", 3000);
      assert.match(String(server.errors.splice(0)), /x-control/);
    },
  );
});

for (
  const [name, chunk] of [["text", "h\xe9"], ["a number", 5]] as const
) {
  test(`a body with ${name} for a chunk ends the connection, and is cancelled`, () => {
    const cancelled = Promise.withResolvers<void>();
    return serveOn(
      "tcp",
      {
        upgrade: () =>
          new Response(
            new ReadableStream({
              pull: (controller) => controller.enqueue(chunk as never),
              cancel: () => cancelled.resolve(),
            }, { highWaterMark: 0 }),
            { status: 401 },
          ),
      },
      echo,
      async (server) => {
        const client = await server.connect();
        client.write(handshake().request);
        await client.untilEnded();
        await within(cancelled.promise, "the body to be cancelled", 3000);
        assert.match(String(server.errors.splice(0)), /has Uint8Arrays, not/);
      },
    );
  });
}

test("the hook is not asked about what is no handshake", () => {
  let asked = 0;
  return serveOn(
    "tcp",
    {
      upgrade: () => {
        asked++;
      },
    },
    echo,
    async (server) => {
      for (
        const details of [
          { version: "1.0" },
          { headers: { Origin: "https://evil.example" } },
        ]
      ) {
        const client = await server.connect();
        client.write(handshake(details as object).request);
        assert.ok((await client.response()).status >= 400);
      }
      assert.equal(asked, 0);
    },
  );
});
