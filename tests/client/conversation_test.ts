// The client and the server of this library with each other, over ws and wss.

import assert from "node:assert/strict";
import { networkInterfaces } from "node:os";
import { test } from "node:test";
import {
  type DeflateOptions,
  type Message,
  serve,
  type WebSocketConnection,
  WebSocketStream,
} from "../../mod.ts";
import { certificate, privateKey } from "../support/certificate.ts";
import {
  authority,
  signedCertificate,
  signedPrivateKey,
} from "../support/private_authority.ts";
import { echo, serveOn, within } from "../support/serve_on.ts";
import { failureOf, finish, open } from "./harness.ts";

/** Text and bytes of every length class, empty ones among them. */
const messages: readonly Message[] = [
  "hello",
  "",
  new Uint8Array(0),
  "é漢😀".repeat(1000),
  Uint8Array.from({ length: 65_537 }, (_, index) => index * 7),
  "a".repeat(3_000_000),
];

for (const transport of ["tcp", "tls"] as const) {
  const over = `over ${transport}`;

  test(`messages go both ways through readable and writable, ${over}`, async () => {
    await serveOn(
      transport,
      {},
      ({ readable, writable }) => readable.pipeTo(writable),
      async ({ server }) => {
        const opened = await open(server.url);
        const { readable, writable } = opened.socket;
        const writer = writable.getWriter();
        const reader = readable.getReader();
        for (const message of messages) {
          writer.write(message);
          assert.deepEqual((await reader.read()).value, message);
        }
        await writer.close();
        assert.equal((await reader.read()).done, true);
        assert.deepEqual(await within(opened.stream.closed, "closed"), {
          closeCode: 1000,
          reason: "",
        });
      },
    );
  });

  test(`send(), ping(), incoming and streams as messages, ${over}`, async () => {
    await serveOn(transport, {}, async (socket) => {
      assert.ok(await socket.ping() >= 0);
      for await (const message of socket.incoming) {
        await socket.send(message.body, { type: message.type });
      }
    }, async ({ server }) => {
      const opened = await open(server.url);
      const { socket } = opened;
      const received = socket.incoming[Symbol.asyncIterator]();
      assert.ok(await within(socket.ping("payload"), "a pong") >= 0);
      for (const message of messages) {
        socket.send(message);
        const { value } = await received.next();
        const isText = typeof message === "string";
        assert.equal(value.type, isText ? "text" : "binary");
        assert.deepEqual(
          isText ? await value.text() : await value.bytes(),
          message,
        );
      }
      socket.send(ReadableStream.from(["in ", "several ", "parts"]));
      assert.equal(
        await (await received.next()).value.text(),
        "in several parts",
      );
      await finish(opened);
    });
  });

  test(`subprotocol, headers and the path reach the server, ${over}`, async () => {
    const seen: string[] = [];
    await serveOn(
      transport,
      {
        protocols: ["v2", "v1"],
        upgrade(request) {
          const { pathname, search } = new URL(request.url);
          seen.push(pathname + search, request.headers.get("x-token") ?? "");
        },
      },
      echo,
      async ({ server }) => {
        const opened = await open(`${server.url}a/b?c=d`, {
          protocols: ["v1", "v2"],
          headers: { "X-Token": "é" },
        });
        assert.equal(opened.socket.protocol, "v2");
        assert.deepEqual(seen, ["/a/b?c=d", "é"]);
        await finish(opened);
      },
    );
  });

  test(`a server that refuses says why, ${over}`, async () => {
    await serveOn(
      transport,
      {
        upgrade: () =>
          Response.json({ error: "expired" }, {
            status: 401,
            headers: { "www-authenticate": "Bearer" },
          }),
      },
      echo,
      async ({ server }) => {
        const error = await failureOf(
          new WebSocketStream(server.url, { caCerts: [certificate] }),
          /answered 401 "Unauthorized" .*: "{\\"error\\":\\"expired\\"}"$/,
        );
        const response = (error as { cause?: unknown }).cause as Response;
        assert.equal(response.headers.get("www-authenticate"), "Bearer");
        assert.deepEqual(await response.json(), { error: "expired" });
      },
    );
  });

  for (
    const deflate of [
      false,
      true,
      { threshold: 0 },
      { threshold: 0, backend: "zlib" },
      { threshold: 0, serverNoContextTakeover: true },
      { threshold: 0, clientNoContextTakeover: true },
      { threshold: 0, serverMaxWindowBits: 9 },
      { threshold: 0, clientMaxWindowBits: 8 },
      { threshold: 0, clientMaxWindowBits: 10, level: 9, memLevel: 1 },
      {
        threshold: 0,
        backend: "zlib",
        serverNoContextTakeover: true,
        clientNoContextTakeover: true,
        serverMaxWindowBits: 8,
        clientMaxWindowBits: 9,
      },
    ] as const satisfies (boolean | DeflateOptions)[]
  ) {
    test(`deflate ${JSON.stringify(deflate)}, ${over}`, async () => {
      const server = { threshold: 0 };
      let agreed = "";
      await serveOn(transport, { deflate: server }, {
        open: (socket) => void (agreed = socket.extensions),
        message: (socket, message) => socket.send(message),
      }, async ({ server }) => {
        const opened = await open(server.url, { deflate });
        const { socket } = opened;
        assert.equal(socket.extensions, agreed);
        assertAgreed(agreed, deflate);
        const reader = socket.readable.getReader();
        for (const message of [...messages, ...messages]) {
          socket.send(message);
          assert.deepEqual((await reader.read()).value, message);
        }
        await finish(opened);
      });
    });
  }
}

/** What the client's options demand is in what was agreed. */
function assertAgreed(
  agreed: string,
  deflate: boolean | DeflateOptions,
): void {
  if (deflate === false) {
    assert.equal(agreed, "");
    return;
  }
  const parameters = agreed.split("; ");
  assert.equal(parameters[0], "permessage-deflate");
  const wishes = deflate === true ? {} : deflate;
  const has = (parameter: string): void =>
    assert.ok(parameters.includes(parameter), `${parameter} in ${agreed}`);
  if (wishes.serverNoContextTakeover) has("server_no_context_takeover");
  if (wishes.clientNoContextTakeover) has("client_no_context_takeover");
  if (wishes.serverMaxWindowBits !== undefined) {
    has(`server_max_window_bits=${wishes.serverMaxWindowBits}`);
  }
  if (wishes.clientMaxWindowBits !== undefined) {
    has(`client_max_window_bits=${wishes.clientMaxWindowBits}`);
  }
}

test("a server with a certificate of a private authority", async () => {
  await serveOn("tcp", {}, echo, async () => {
    const server = serve({
      hostname: "127.0.0.1",
      port: 0,
      cert: signedCertificate,
      key: signedPrivateKey,
    }, echo);
    await server.ready;
    try {
      for (const host of ["127.0.0.1", "localhost"]) {
        const url = server.url.replace("127.0.0.1", host);
        const caCerts = [certificate, authority];
        const opened = await open(url, { caCerts });
        const reader = opened.socket.readable.getReader();
        opened.socket.send("trusted");
        assert.equal((await reader.read()).value, "trusted");
        await finish(opened);
      }
      for (const caCerts of [undefined, [], [certificate]]) {
        await failureOf(
          new WebSocketStream(server.url, { caCerts }),
          /cannot connect to wss:.*certificate/,
        );
      }
      // A name that the certificate does not have.
      await failureOf(
        new WebSocketStream(server.url.replace("127.0.0.1", "127.0.0.2"), {
          caCerts: [authority],
        }),
        /cannot connect to wss:.*(certificate|altnames|refused)/i,
      );
      assert.throws(
        () => new WebSocketStream(server.url, { caCerts: ["no PEM"] }),
        /^TypeError: caCerts\[0\] is the text of a PEM file/,
      );
    } finally {
      await server.shutdown();
    }
  });
});

test("ws: to a server of wss:, and the other way round", async () => {
  await serveOn("tls", {}, echo, async ({ server }) => {
    await failureOf(
      new WebSocketStream(server.url.replace("wss", "ws")),
      /does not answer in HTTP|without an answer|cannot connect/,
    );
  });
  await serveOn("tcp", {}, echo, async ({ server }) => {
    await failureOf(
      new WebSocketStream(server.url.replace("ws", "wss")),
      /cannot connect to wss:/,
    );
  });
});

test("localhost, whichever of its addresses the server listens on", async () => {
  const hasIPv6 = Object.values(networkInterfaces()).flat()
    .some((entry) => entry?.address === "::1");
  for (const hostname of hasIPv6 ? ["127.0.0.1", "::1"] : ["127.0.0.1"]) {
    for (const tls of [{}, { cert: certificate, key: privateKey }]) {
      let host: string | null = null;
      const server = serve({
        hostname,
        port: 0,
        upgrade: (request) => void (host = request.headers.get("host")),
        ...tls,
      }, echo);
      await server.ready;
      try {
        const byAddress = await open(server.url);
        assert.equal(host, new URL(server.url).host);
        await finish(byAddress);
        const url = new URL(server.url);
        // An address of IPv6 is only one of localhost's where the system says so.
        if (hostname === "127.0.0.1") {
          url.hostname = "localhost";
          await finish(await open(url.href));
        }
      } finally {
        await server.shutdown();
      }
    }
  }
});

test("a hundred clients at once, and none is left", async () => {
  await serveOn("tcp", {}, echo, async ({ server }) => {
    const opened = await Promise.all(
      Array.from({ length: 100 }, () => open(server.url)),
    );
    assert.equal(server.sockets.size, 100);
    await Promise.all(opened.map(async ({ socket, stream }, index) => {
      const reader = socket.readable.getReader();
      await socket.send(String(index));
      assert.equal((await reader.read()).value, String(index));
      await finish({ socket, stream });
    }));
  });
});

test("an object of options may be used again, and protocols changed later", async () => {
  await serveOn("tcp", { protocols: ["a"] }, echo, async ({ server }) => {
    const protocols = ["a"];
    const stream = new WebSocketStream(server.url, { protocols });
    protocols[0] = "b";
    const socket: WebSocketConnection = await within(stream.opened, "opened");
    assert.equal(socket.protocol, "a");
    await finish({ stream, socket });
  });
});
