// `serve()` itself: its options, where it listens, its promises, its end.

import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { test } from "node:test";
import {
  type Backplane,
  createUpgradeHandler,
  type Handler,
  serve,
  type ServeOptions,
  type Server,
} from "../../mod.ts";
import { certificate } from "../support/certificate.ts";
import { closeFrame, frame } from "../support/raw_client.ts";
import {
  assertServes,
  echo,
  placeFor,
  serveOn,
  transports,
  until,
  within,
} from "../support/serve_on.ts";

for (const transport of transports) {
  test(`${transport}: addr, url and onListen say where it listens`, async () => {
    const heard: unknown[] = [];
    await serveOn(
      transport,
      {
        onListen: (address) => heard.push(address),
      },
      echo,
      async (server) => {
        const { addr, url } = server.server;
        if (addr.transport === "unix") {
          assert.equal(url, `ws+unix://${addr.path}`);
          assert.deepEqual(addr, { transport: "unix", path: addr.path });
        } else {
          assert.ok(addr.port > 0);
          assert.deepEqual(addr, {
            transport: "tcp",
            hostname: "127.0.0.1",
            port: addr.port,
          });
          const scheme = transport === "tls" ? "wss" : "ws";
          assert.equal(url, `${scheme}://127.0.0.1:${addr.port}/`);
        }
        assert.deepEqual(heard, [addr]);
        await assertServes(server);
      },
    );
  });

  test(`${transport}: what a connection tells of itself`, () =>
    serveOn(transport, {}, {
      message: (socket) =>
        socket.send(JSON.stringify({
          url: socket.url,
          request: [
            socket.request.method,
            socket.request.url,
            socket.request.headers.get("x-one"),
          ],
          address: socket.remoteAddress,
          protocol: socket.protocol,
          extensions: socket.extensions,
        })),
    }, async (server) => {
      const client = await server.open({
        path: "/a%20b?c=d",
        headers: { "Host": "example.com:81", "X-One": ["1", "2"] },
      });
      client.send(1, "tell");
      const told = JSON.parse(await client.text());
      const secure = transport === "tls" ? "s" : "";
      assert.deepEqual({ ...told, address: null }, {
        url: `ws${secure}://example.com:81/a%20b?c=d`,
        request: ["GET", `http${secure}://example.com:81/a%20b?c=d`, "1, 2"],
        address: null,
        protocol: "",
        extensions: "",
      });
      assert.deepEqual(
        told.address,
        transport === "unix" ? null : {
          transport: "tcp",
          hostname: "127.0.0.1",
          port: client.socket.localPort,
        },
      );
    }));

  test(`${transport}: sockets holds the open connections, and only those`, () =>
    serveOn(transport, {}, echo, async (server) => {
      const { sockets } = server.server;
      assert.equal(sockets.size, 0);
      const one = await server.open();
      const two = await server.open({ path: "/two" });
      assert.equal(sockets.size, 2);
      assert.deepEqual(
        [...sockets].map(({ url }) => new URL(url).pathname).toSorted(),
        ["/", "/two"],
      );
      assert.equal(await one.closeCleanly(), 1000);
      await until(() => sockets.size === 1, "one to leave");
      two.destroy();
      await until(() => sockets.size === 0, "both to leave");
    }));

  test(`${transport}: a place in use rejects ready and finished with EADDRINUSE`, () =>
    serveOn(transport, {}, echo, async (server) => {
      const { addr } = server.server;
      const second = serve(
        addr.transport === "unix"
          ? { path: addr.path }
          : { ...placeFor(transport), port: addr.port },
        echo,
      );
      await assert.rejects(second.ready, { code: "EADDRINUSE" });
      await assert.rejects(second.finished, { code: "EADDRINUSE" });
      assert.throws(() => second.addr, /ready/);
      await within(second.shutdown(), "shutdown()", 1000);
      await assertServes(server);
    }));

  test(`${transport}: signal shuts the server down`, async () => {
    const controller = new AbortController();
    await serveOn(
      transport,
      { signal: controller.signal },
      echo,
      async (server) => {
        const client = await server.open();
        controller.abort();
        assert.equal((await client.close()).closeCode, 1001);
        client.write(closeFrame(1001));
        await client.untilEnded();
        client.socket.end();
        await within(server.server.finished, "finished", 3000);
      },
    );
  });

  test(`${transport}: a signal that has aborted already shuts the server down`, async () => {
    const server = serve(
      { ...placeFor(transport), signal: AbortSignal.abort() },
      echo,
    );
    await within(server.finished, "finished", 3000);
    await within(server.ready, "ready", 3000);
  });

  test(`${transport}: asyncDispose shuts the server down`, async () => {
    const server = serve(placeFor(transport), echo);
    await server.ready;
    await within(server[Symbol.asyncDispose](), "dispose", 3000);
    await within(server.finished, "finished", 1000);
  });
}

test("a server on all addresses names the loopback one", async () => {
  const server = serve({ port: 0 }, echo);
  await server.ready;
  const { addr, url } = server;
  assert.deepEqual(addr, {
    transport: "tcp",
    hostname: "0.0.0.0",
    port: (addr as { port: number }).port,
  });
  assert.equal(url, `ws://127.0.0.1:${(addr as { port: number }).port}/`);
  await server.shutdown();
});

test("a server on an IPv6 address", async () => {
  const server = serve({ port: 0, hostname: "::1" }, echo);
  await server.ready;
  assert.match(server.url, /^ws:\/\/\[::1\]:\d+\/$/);
  const socket = new WebSocket(server.url);
  const message = new Promise<unknown>((resolve, reject) => {
    socket.onmessage = ({ data }) => resolve(data);
    socket.onerror = () => reject(new Error("the WebSocket failed"));
  });
  socket.onopen = () => socket.send("hello");
  assert.equal(await within(message, "the echo"), "hello");
  const closed = new Promise<CloseEvent>((resolve) => socket.onclose = resolve);
  await server.shutdown();
  assert.equal((await within(closed, "the close")).code, 1001);
});

test("a hostname that does not resolve rejects ready", async () => {
  const server = serve({ port: 0, hostname: "no-such-host.invalid" }, echo);
  await assert.rejects(within(server.ready, "ready"));
});

test("a folder that does not exist rejects ready", async () => {
  const server = serve({ path: "/no/such/folder/weir.sock" }, echo);
  await assert.rejects(server.ready);
});

test("addr and url before it listens say what to do", async () => {
  const server = serve({ port: 0, hostname: "127.0.0.1" }, echo);
  assert.throws(() => server.addr, /await server\.ready/);
  assert.throws(() => server.url, /await server\.ready/);
  await server.ready;
  await server.shutdown();
});

test("the runtime's own WebSocket: text, binary, close", () =>
  serveOn("tcp", { protocols: ["chat"] }, echo, async ({ server }) => {
    const socket = new WebSocket(server.url, ["other", "chat"]);
    socket.binaryType = "arraybuffer";
    const messages: unknown[] = [];
    socket.onmessage = ({ data }) => messages.push(data);
    await new Promise((resolve, reject) => {
      socket.onopen = resolve;
      socket.onerror = () => reject(new Error("the WebSocket failed"));
    });
    assert.equal(socket.protocol, "chat");
    socket.send("text");
    socket.send(new Uint8Array([1, 2, 3]));
    socket.send("");
    await until(() => messages.length === 3, "three messages");
    assert.equal(messages[0], "text");
    assert.deepEqual(
      new Uint8Array(messages[1] as ArrayBuffer),
      new Uint8Array([1, 2, 3]),
    );
    assert.equal(messages[2], "");
    const closed = new Promise<CloseEvent>((resolve) =>
      socket.onclose = resolve
    );
    socket.close(4000, "done");
    const { code, wasClean } = await within(closed, "the close");
    assert.equal(code, 4000);
    assert.equal(wasClean, true);
  }));

const wrongOptions: [name: string, options: unknown, expected: RegExp][] = [
  ["port 65536", { port: 65536 }, /port.*65536/],
  ["port -1", { port: -1 }, /port.*-1/],
  ["port 80.5", { port: 80.5 }, /port.*80\.5/],
  ["port as a string", { port: "80" }, /port.*not "80"/],
  ["path with port", { path: "/tmp/x.sock", port: 80 }, /path/],
  ["path with hostname", { path: "/tmp/x.sock", hostname: "a" }, /path/],
  ["cert without key", { cert: certificate }, /key is missing/],
  ["key without cert", { key: "key" }, /cert is missing/],
  [
    "a path as cert",
    { cert: "/etc/cert.pem", key: "/etc/key.pem" },
    /^cert is the text of a PEM file.*read it/,
  ],
  [
    "bytes as key",
    { cert: certificate, key: new Uint8Array(3) },
    /^key is.*Uint8Array/,
  ],
  [
    "protocols as a string",
    { protocols: "chat" },
    /\["chat\.v2"\], not "chat"/,
  ],
  ["signal that is none", { signal: 5 }, /signal.*not 5/],
  ["protocols that are no tokens", { protocols: ["a b"] }, /a b/],
  ["protocols twice", { protocols: ["a", "a"] }, /twice/],
  ["an origin with a path", { origins: ["https://a.example/"] }, /a\.example/],
  ["origins that are none", { origins: 1 }, /origins/],
  ...[
    "maxMessageSize",
    "readableHighWaterMark",
    "writableHighWaterMark",
    "maxBufferedBytes",
    "closeTimeout",
    "handshakeTimeout",
  ].flatMap((name): [string, unknown, RegExp][] =>
    [0, -1, NaN, "5"].map((value) => [
      `${name} ${JSON.stringify(value)}`,
      { [name]: value },
      new RegExp(`${name}.*not "?${value}"?$`),
    ])
  ),
  ...["", null, 5].flatMap((value): [string, unknown, RegExp][] => [
    [`hostname ${JSON.stringify(value)}`, { hostname: value }, /^hostname is/],
    [`path ${JSON.stringify(value)}`, { path: value }, /^path is/],
  ]),
  ["reusePort 1", { reusePort: 1 }, /^reusePort is a boolean, not 1/],
  ["protocols that are no strings", { protocols: [1] }, /1 is not a string/],
  ["keepAlive.interval 0", { keepAlive: { interval: 0 } }, /interval/],
  ["keepAlive.timeout -1", { keepAlive: { timeout: -1 } }, /timeout/],
  ["upgrade that is no function", { upgrade: 1 }, /upgrade/],
  ["fetch that is no function", { fetch: {} }, /fetch/],
  ["fetch that has one", { fetch: { fetch() {} } }, /pass its method `fetch`/],
  ["onError that is no function", { onError: "log" }, /onError/],
  ["onListen that is no function", { onListen: "log" }, /onListen/],
];

for (const [name, options, expected] of wrongOptions) {
  const place = "path" in (options as ServeOptions)
    ? {}
    : { port: 0, hostname: "127.0.0.1" };
  test(`options: ${name} throws at once`, () =>
    assertRefused(
      () => serve({ ...place, ...options as ServeOptions }, echo),
      expected,
    ));
}

for (const handler of [null, 42, "handler", { message: 42 }, undefined]) {
  test(`a handler that is ${JSON.stringify(handler)} throws at once`, () =>
    assertRefused(
      () =>
        serve(
          { port: 0, hostname: "127.0.0.1" },
          handler as unknown as Handler,
        ),
      /handler|hook/,
    ));
}

test("options without a handler throw at once", async () => {
  const options = { port: 0, hostname: "127.0.0.1" } as unknown as Handler;
  await assertRefused(() => serve(options), /port, hostname and no handler/);
  const refused = { origins: ["https://app.example"] } as unknown as Handler;
  assert.throws(
    () => createUpgradeHandler(refused),
    /createUpgradeHandler\(\) was given the options origins and no handler/,
  );
});

for (const options of [8765, null, "8000"]) {
  test(`options that are ${JSON.stringify(options)} throw at once`, async () => {
    const wrong = options as unknown as ServeOptions;
    await assertRefused(() => serve(wrong, echo), /takes an object of options/);
    assert.throws(
      () => createUpgradeHandler(wrong, echo),
      /createUpgradeHandler\(\) takes an object of options/,
    );
  });
}

test("wrong options are found before a backplane is subscribed to", async () => {
  let topics = 0;
  const backplane = new Proxy({} as Backplane, { get: () => topics++ });
  await assertRefused(
    () => serve({ port: 70_000, backplane }, echo),
    /port is an integer/,
  );
  assert.equal(topics, 0);
});

test("hooks that are not an object's own, as those of a class, are found", () => {
  // One that is no function is refused before anything listens.
  const handler = Object.assign(Object.create({ message: 5 }), { count: 0 });
  return assertRefused(() => serve(handler), /`message` is a function, not 5/);
});

/** Asserts that `start` throws; a server that it starts is not left running. */
async function assertRefused(
  start: () => Server,
  expected: RegExp,
): Promise<void> {
  let server: Server;
  try {
    server = start();
  } catch (error) {
    assert.ok(error instanceof TypeError || error instanceof RangeError);
    assert.match(error.message, expected);
    return;
  }
  await server.shutdown();
  assert.fail("it was accepted");
}

test("a certificate that is none is refused, loudly", async () => {
  const listen = async () => {
    const server = serve(
      { port: 0, hostname: "127.0.0.1", cert: "none", key: "none" },
      echo,
    );
    await server.ready;
    await server.shutdown();
  };
  await assert.rejects(listen);
});

for (const transport of transports) {
  for (const way of ["terminate()", "maxBufferedBytes"]) {
    test(`${transport}: a message hook is not called any more after ${way}`, () => {
      const much = new Uint8Array(1_000_000);
      const messages: string[] = [];
      return serveOn(transport, { maxBufferedBytes: 100_000, deflate: false }, {
        async message(socket, message) {
          messages.push(String(message));
          await new Promise((resolve) => setTimeout(resolve, 1));
          if (way === "terminate()") socket.terminate();
          // The client reads nothing.
          else for (let size = 0; size < 20; size++) socket.send(much);
        },
      }, async (server) => {
        const client = await server.open();
        client.socket.pause();
        client.write(Buffer.concat(
          Array.from({ length: 10 }, (_, index) => frame(1, `${index}`)),
        ));
        await until(() => server.server.sockets.size === 0, "the end");
        await new Promise((resolve) => setTimeout(resolve, 50));
        assert.deepEqual(messages, ["0"]);
      });
    });
  }
}
