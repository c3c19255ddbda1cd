// Each handshake that is refused gets a complete HTTP response that says why,
// and the connection ends (RFC 6455, section 4.2.2).

import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { test } from "node:test";
import {
  handshake,
  type HandshakeDetails,
  type RawClient,
  type RawResponse,
} from "../support/raw_client.ts";
import {
  assertServes,
  echo,
  serveOn,
  type TestServer,
  transports,
} from "../support/serve_on.ts";

interface Refusal {
  readonly name: string;
  readonly details: HandshakeDetails;
  readonly status: number;
  readonly body: RegExp;
  readonly headers?: Record<string, string>;
}

const refusals: readonly Refusal[] = [
  {
    name: "POST",
    details: { method: "POST" },
    status: 405,
    body: /"POST"/,
    headers: { allow: "GET" },
  },
  {
    name: "HTTP/1.0",
    details: { version: "1.0" },
    status: 400,
    body: /1\.0/,
  },
  {
    name: "no Host",
    details: { headers: { Host: null } },
    status: 400,
    body: /Host/,
  },
  {
    name: "two Host headers",
    details: { headers: { Host: ["localhost", "example.com"] } },
    status: 400,
    body: /Host/,
  },
  {
    name: "Host that is none",
    details: { headers: { Host: "a,b" } },
    status: 400,
    body: /Host/,
  },
  {
    name: "no Sec-WebSocket-Key",
    details: { headers: { "Sec-WebSocket-Key": null } },
    status: 400,
    body: /Sec-WebSocket-Key/,
  },
  {
    name: "Sec-WebSocket-Key of 15 bytes",
    details: {
      headers: { "Sec-WebSocket-Key": Buffer.alloc(15).toString("base64") },
    },
    status: 400,
    body: /Sec-WebSocket-Key/,
  },
  {
    name: "two keys",
    details: {
      headers: {
        "Sec-WebSocket-Key": [
          "dGhlIHNhbXBsZSBub25jZQ==",
          "dGhlIHNhbXBsZSBub25jZQ==",
        ],
      },
    },
    status: 400,
    body: /more than once/,
  },
  {
    name: "version 8",
    details: { headers: { "Sec-WebSocket-Version": "8" } },
    status: 426,
    body: /13/,
    headers: { "sec-websocket-version": "13" },
  },
  {
    name: "no version",
    details: { headers: { "Sec-WebSocket-Version": null } },
    status: 426,
    body: /13/,
    headers: { "sec-websocket-version": "13" },
  },
  {
    name: "upgrade to something else",
    details: { headers: { Upgrade: "h2c" } },
    status: 426,
    body: /websocket/i,
    headers: { upgrade: "websocket" },
  },
  {
    name: "subprotocol twice",
    details: { headers: { "Sec-WebSocket-Protocol": "a, a" } },
    status: 400,
    body: /twice/,
  },
  {
    name: "extensions out of grammar",
    details: { headers: { "Sec-WebSocket-Extensions": "a; b=" } },
    status: 400,
    body: /Sec-WebSocket-Extensions/,
  },
  {
    name: "a page of another site",
    details: { headers: { Origin: "https://evil.example" } },
    status: 403,
    body: /evil\.example/,
  },
  {
    name: "a page of a site whose name is not ASCII",
    details: { headers: { Origin: "https://\xe9vil.example" } },
    status: 403,
    body: /"https:\/\/.*vil\.example" may not/,
  },
  {
    name: "an opaque origin",
    details: { headers: { Origin: "null" } },
    status: 403,
    body: /null/,
  },
];

for (const transport of transports) {
  for (const { name, details, status, body, headers } of refusals) {
    test(`${transport}: ${name} is refused with ${status}`, () =>
      serveOn(transport, {}, echo, async (server) => {
        const client = await server.connect();
        client.write(handshake(details).request);
        const response = await readRefusal(client);
        assert.equal(response.status, status);
        assert.match(response.body, body);
        for (const [header, value] of Object.entries(headers ?? {})) {
          assert.equal(response.header(header), value);
        }
        assert.equal(server.server.sockets.size, 0);
        await assertServes(server);
      }));
  }

  test(`${transport}: a request without Upgrade is plain HTTP: 426`, () =>
    serveOn(transport, {}, echo, async (server) => {
      const without: HandshakeDetails["headers"][] = [
        { Upgrade: null, Connection: null },
        { Connection: "keep-alive" },
      ];
      for (const headers of without) {
        const client = await server.connect();
        client.write(handshake({ headers }).request);
        const response = await client.response();
        // Where the runtime calls the second an upgrade, 400 says more.
        assert.ok([426, 400].includes(response.status), `${response.status}`);
        assert.notEqual(response.body, "");
      }
      await assertServes(server);
    }));

  test(`${transport}: half a request is answered 408 after handshakeTimeout`, () =>
    serveOn(transport, { handshakeTimeout: 400 }, echo, async (server) => {
      const client = await server.connect();
      const started = performance.now();
      client.write(handshake().request.slice(0, 60));
      const response = await readRefusal(client);
      assert.equal(response.status, 408);
      assert.ok(performance.now() - started > 300, "not before its time");
      await assertServes(server);
    }));

  test(`${transport}: what is no HTTP behind an answer that has begun cuts it off, without a second head`, () =>
    serveOn(
      transport,
      {
        fetch: () =>
          new Response(
            new ReadableStream({
              start: (controller) => controller.enqueue(new Uint8Array(3)),
            }),
          ),
      },
      echo,
      async (server) => {
        const client = await server.connect();
        client.write("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n");
        await client.until(() => client.length > 0, "the answer to begin");
        client.write("\x00 garbage\r\n\r\n");
        await client.untilEnded();
        const answer = client.rest().toString("latin1");
        assert.equal(answer.match(/HTTP\/1\.1/g)?.length, 1, answer);
        await assertServes(server);
      },
    ));

  test(`${transport}: one byte at a time does not put off the 408`, () =>
    serveOn(transport, { handshakeTimeout: 2000 }, echo, async (server) => {
      const client = await server.connect();
      const { request } = handshake();
      const started = performance.now();
      let sent = 0;
      const trickle = setInterval(() => {
        // No more when the answer is near: it could cross with a byte.
        if (performance.now() - started > 1600) clearInterval(trickle);
        else client.write(request[sent++]);
      }, 50);
      try {
        const response = await readRefusal(client);
        assert.equal(response.status, 408);
        assert.ok(performance.now() - started < 3500, "in its time");
      } finally {
        clearInterval(trickle);
      }
      await assertServes(server);
    }));

  test(`${transport}: a client that says nothing is dropped after handshakeTimeout`, () =>
    serveOn(transport, { handshakeTimeout: 400 }, echo, async (server) => {
      const client = await server.connect();
      await client.untilEnded(5000);
      client.socket.end();
      await client.untilClosed(5000);
      await assertServes(server);
    }));

  test(`${transport}: a head of 1 MiB is refused with 431`, () =>
    serveOn(transport, {}, echo, async (server) => {
      const client = await server.connect();
      client.write(
        handshake({ headers: { "X-Flood": "x".repeat(1 << 20) } }).request,
      );
      const response = await readRefusal(client, { mayReset: true });
      assert.equal(response.status, 431);
      await assertServes(server);
    }));

  test(`${transport}: a flood of headers without an end is cut off`, () =>
    serveOn(transport, {}, echo, async (server) => {
      const client = await server.connect();
      client.write("GET / HTTP/1.1\r\n");
      let sent = 0;
      const line = `X-Flood: ${"x".repeat(1000)}\r\n`;
      const more = () => {
        while (sent < 64 << 20 && !client.ended && !client.closed) {
          sent += line.length;
          if (!client.socket.write(line)) {
            client.socket.once("drain", more);
            return;
          }
        }
      };
      more();
      // The 431 may be lost: the client is still sending.
      await client.untilEnded();
      assert.ok(sent < 64 << 20, "the server did not read it all");
      await assertServes(server);
    }));

  test(`${transport}: what is no HTTP is refused with 400`, () =>
    serveOn(transport, {}, echo, async (server) => {
      for (
        const garbage of [
          "\x00\x01\x02\x03\xff\xfe\r\n\r\n",
          "GET\r\n\r\n",
          "GET / HTTP/9.9.9\r\n\r\n",
          "GET / HTTP/1.1\r\nHost: localhost\r\nno colon\r\n\r\n",
        ]
      ) {
        const client = await server.connect();
        client.write(Buffer.from(garbage, "latin1"));
        const response = await readRefusal(client, { mayReset: true });
        assert.equal(response.status, 400, JSON.stringify(garbage));
      }
      await assertServes(server);
    }));
}

test("origins widens who may connect", async () => {
  const own = "http://localhost";
  const foreign = "https://app.example";
  const status = async (server: TestServer, origin: string) => {
    const client = await server.connect();
    client.write(handshake({ headers: { Origin: origin } }).request);
    return (await client.response()).status;
  };
  await serveOn("tcp", {}, echo, async (server) => {
    assert.equal(await status(server, own), 101);
    assert.equal(await status(server, foreign), 403);
  });
  await serveOn("tcp", { origins: [foreign] }, echo, async (server) => {
    assert.equal(await status(server, own), 403);
    assert.equal(await status(server, foreign), 101);
  });
  await serveOn("tcp", { origins: "*" }, echo, async (server) => {
    assert.equal(await status(server, foreign), 101);
    assert.equal(await status(server, "null"), 101);
  });
  const asked: string[][] = [];
  await serveOn(
    "tcp",
    {
      origins: (origin, host) => {
        asked.push([origin, host]);
        return origin === foreign;
      },
    },
    echo,
    async (server) => {
      assert.equal(await status(server, foreign), 101);
      assert.equal(await status(server, own), 403);
    },
  );
  assert.deepEqual(asked, [[foreign, "localhost"], [own, "localhost"]]);
});

test("an origins function that throws is an error of the server: 500", () =>
  serveOn(
    "tcp",
    {
      origins: () => {
        throw new Error("origins broke");
      },
    },
    echo,
    async (server) => {
      const client = await server.connect();
      client.write(
        handshake({ headers: { Origin: "http://a.example" } }).request,
      );
      const response = await readRefusal(client);
      assert.equal(response.status, 500);
      assert.doesNotMatch(response.body, /broke/, "the error is not told");
      assert.deepEqual(server.errors.splice(0).map(String), [
        "Error: origins broke",
      ]);
    },
  ));

test("a refused client that does not end is dropped all the same", () =>
  serveOn("tcp", {}, echo, async (server) => {
    const client = await server.connect();
    client.write(handshake({ version: "1.0" }).request);
    await readRefusal(client);
    // Its own direction stays open: the server must not wait for ever.
    const writing = setInterval(() => client.socket.write("x"), 100);
    try {
      await client.untilClosed(8000);
    } finally {
      clearInterval(writing);
    }
  }));

/** Reads a refusal: a whole response, and the end of the connection. */
async function readRefusal(
  client: RawClient,
  { mayReset = false } = {},
): Promise<RawResponse> {
  const response = await client.response();
  assert.match(
    response.header("connection") ?? "",
    /(^|, )close$/i,
    "it says that the connection closes",
  );
  assert.equal(
    Number(response.header("content-length")),
    Buffer.byteLength(response.body),
    "its length is right",
  );
  assert.ok(response.body.length > 10, "it says why");
  assert.match(response.header("content-type") ?? "", /^text\/plain/);
  await client.untilEnded();
  assert.equal(client.rest().toString("latin1"), "", "nothing follows");
  if (!mayReset) assert.equal(client.error, null);
  return response;
}
