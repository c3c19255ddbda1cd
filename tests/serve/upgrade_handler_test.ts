// `createUpgradeHandler()` on a `node:http` or `node:https` server that the
// program made itself, beside its other routes.

import assert from "node:assert/strict";
import { createServer, type Server } from "node:http";
import { createServer as createSecureServer } from "node:https";
import { test } from "node:test";
import {
  createUpgradeHandler,
  type Handler,
  type UpgradeListener,
  type UpgradeOptions,
  type WebSocketConnection,
} from "../../mod.ts";
import { certificate, privateKey } from "../support/certificate.ts";
import {
  closeFrame,
  frame,
  handshake,
  RawClient,
  type Target,
} from "../support/raw_client.ts";
import {
  assertNoStrayErrors,
  echo,
  until,
  untilStill,
} from "../support/serve_on.ts";

async function withServer(
  secure: boolean,
  upgrade: UpgradeListener,
  use: (target: Target) => Promise<void>,
): Promise<void> {
  const server: Server = secure
    ? createSecureServer({ cert: certificate, key: privateKey })
    : createServer();
  server.on("request", (request, response) => response.end(request.url));
  server.on("upgrade", upgrade);
  await new Promise<void>((resolve, reject) => {
    server.on("error", reject);
    server.listen(0, "127.0.0.1", resolve);
  });
  try {
    const { port } = server.address() as { port: number };
    await use({ port, secure });
  } finally {
    const closed = new Promise((resolve) => server.close(resolve));
    server.closeAllConnections();
    await closed;
  }
  await assertNoStrayErrors();
}

for (const secure of [false, true]) {
  const scheme = secure ? "https" : "http";

  test(`${scheme}: beside other routes, keep-alive included`, () =>
    withServer(secure, createUpgradeHandler(echo), async (target) => {
      const client = await RawClient.connect(target);
      client.write("GET /route HTTP/1.1\r\nHost: localhost\r\n\r\n");
      assert.equal((await client.response()).body, "/route");
      await client.upgrade();
      for (const text of ["one", "two", "x".repeat(200_000)]) {
        client.send(1, text);
        assert.equal(await client.text(), text);
      }
      assert.equal(await client.closeCleanly(), 1000);
    }));

  for (const when of ["decides", "reads"]) {
    test(`${scheme}: until a server ${when}, a client that floods it stands still`, () => {
      const opened = Promise.withResolvers<WebSocketConnection>();
      const go = Promise.withResolvers<void>();
      const handler = createUpgradeHandler({
        upgrade: async () => {
          if (when === "decides") await go.promise;
        },
        deflate: false,
      }, async (socket) => {
        opened.resolve(socket);
        await go.promise;
        let length = 0;
        for await (const message of socket.readable) length += message.length;
        assert.equal(length, count * part.length);
      });
      const part = new Uint8Array(1 << 20).fill(7);
      const count = 24;
      return withServer(secure, handler, async (target) => {
        const client = await RawClient.connect(target);
        client.write(handshake().request);
        let sent = 0;
        for (let index = 0; index < count; index++) {
          client.socket.write(frame(2, part), () => sent++);
        }
        client.write(closeFrame(1000));
        await untilStill(() => sent, "the client to stand still");
        assert.ok(sent < count, "the client could send everything");
        go.resolve();
        assert.equal((await client.response()).status, 101);
        assert.equal((await client.close()).closeCode, 1000);
        const { closed } = await opened.promise;
        client.socket.end();
        assert.equal((await closed).closeCode, 1000);
      });
    });
  }

  test(`${scheme}: url, address and data of a connection`, () => {
    const handler: Handler<string> = (socket) => {
      const { url, data, protocol, remoteAddress } = socket;
      const request = socket.request.url;
      socket.send(JSON.stringify({ url, data, protocol, request }));
      socket.send(JSON.stringify(remoteAddress));
    };
    const options: UpgradeOptions<string> = {
      protocols: ["b"],
      upgrade: () => ({ data: "some" }),
    };
    return withServer(
      secure,
      createUpgradeHandler(options, handler),
      async (target) => {
        const client = await RawClient.connect(target);
        await client.upgrade({
          path: "/a?b",
          headers: { "Sec-WebSocket-Protocol": "a, b" },
        });
        assert.deepEqual(JSON.parse(await client.text()), {
          url: `ws${secure ? "s" : ""}://localhost/a?b`,
          data: "some",
          protocol: "b",
          request: `${scheme}://localhost/a?b`,
        });
        assert.deepEqual(JSON.parse(await client.text()), {
          transport: "tcp",
          hostname: "127.0.0.1",
          port: client.socket.localPort,
        });
        client.destroy();
      },
    );
  });

  for (const behind of ["its request", "frames"]) {
    test(`${scheme}: a client that leaves behind ${behind} while the hook decides aborts request.signal`, () => {
      const asked = Promise.withResolvers<AbortSignal>();
      const decided = Promise.withResolvers<object>();
      const upgrade = (request: Request): Promise<object> => {
        asked.resolve(request.signal);
        return decided.promise;
      };
      return withServer(
        secure,
        createUpgradeHandler({ upgrade }, echo),
        async (target) => {
          const client = await RawClient.connect(target);
          client.write(handshake().request);
          const signal = await asked.promise;
          if (behind === "frames") client.send(1, "later");
          await new Promise((resolve) => setTimeout(resolve, 20));
          assert.equal(signal.aborted, false);
          client.destroy();
          await until(() => signal.aborted, "the signal to abort");
          decided.resolve({});
        },
      );
    });
  }

  test(`${scheme}: headers have the characters that they were given`, () => {
    const headers = { "x-umlaut": "\xfc" };
    const handler = createUpgradeHandler({
      upgrade: ({ url }) =>
        url.endsWith("/no")
          ? new Response("no", { status: 403, headers })
          : { headers },
    }, echo);
    return withServer(secure, handler, async (target) => {
      for (const [path, status] of [["/no", 403], ["/yes", 101]] as const) {
        const client = await RawClient.connect(target);
        client.write(handshake({ path }).request);
        const response = await client.response();
        assert.equal(response.status, status);
        assert.equal(response.header("x-umlaut"), "\xfc");
        client.socket.destroy();
      }
    });
  });

  test(`${scheme}: refusals are whole responses`, () =>
    withServer(secure, createUpgradeHandler(echo), async (target) => {
      const client = await RawClient.connect(target);
      client.write(
        handshake({ headers: { "Sec-WebSocket-Version": "8" } }).request,
      );
      const response = await client.response();
      assert.equal(response.status, 426);
      assert.equal(response.header("sec-websocket-version"), "13");
      await client.untilEnded();
      client.socket.end();
      await client.untilClosed();
    }));
}

test("two handlers on different paths, the rest is the program's own", () => {
  const closes: string[] = [];
  const chat = createUpgradeHandler({
    message: (socket, message) => socket.send(`chat: ${message}`),
    close: () => void closes.push("chat"),
  });
  const feed = createUpgradeHandler({ protocols: ["v1"] }, async (socket) => {
    await socket.send(`feed: ${socket.protocol}`);
  });
  return withServer(false, (request, socket, head) => {
    if (request.url === "/chat") chat(request, socket, head);
    else if (request.url === "/feed") feed(request, socket, head);
    else socket.end("HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n");
  }, async (target) => {
    const one = await RawClient.open(target, { path: "/chat" });
    one.send(1, "hello");
    assert.equal(await one.text(), "chat: hello");
    const two = await RawClient.open(target, {
      path: "/feed",
      headers: { "Sec-WebSocket-Protocol": "v1" },
    });
    assert.equal(await two.text(), "feed: v1");
    assert.equal((await two.close()).closeCode, 1000);
    two.destroy();
    const three = await RawClient.connect(target);
    three.write(handshake({ path: "/other" }).request);
    assert.equal((await three.response()).status, 404);
    three.destroy();
    assert.equal(await one.closeCleanly(), 1000);
    await until(() => closes.length === 1, "the close hook");
  });
});

test("options and handler are checked when it is made", () => {
  assert.throws(
    () => createUpgradeHandler({ closeTimeout: 0 }, echo),
    RangeError,
  );
  assert.throws(
    () => createUpgradeHandler({}, 42 as unknown as Handler),
    TypeError,
  );
});
