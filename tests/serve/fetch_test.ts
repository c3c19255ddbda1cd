// Plain HTTP beside WebSockets: `fetch`, and what is answered without one.

import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { test } from "node:test";
import {
  handshake,
  type RawClient,
  type RawResponse,
} from "../support/raw_client.ts";
import { runtime } from "../support/runtime.ts";
import {
  assertServes,
  echo,
  serveOn,
  transports,
  until,
  untilAborted,
  untilStill,
  within,
} from "../support/serve_on.ts";

/** A request's head. */
function request(method: string, path: string, ...headers: string[]): string {
  return [`${method} ${path} HTTP/1.1`, "Host: localhost", ...headers, "", ""]
    .join("\r\n");
}

function get(path: string): string {
  return request("GET", path);
}

function exchange(
  client: RawClient,
  bytes: string,
  withoutBody = false,
): Promise<RawResponse> {
  client.write(bytes);
  return client.response({ withoutBody });
}

for (const transport of transports) {
  test(`${transport}: without fetch a plain request is answered 426`, () =>
    serveOn(transport, {}, echo, async (server) => {
      const client = await server.connect();
      for (let round = 0; round < 2; round++) {
        const response = await exchange(client, get("/"));
        assert.equal(response.status, 426);
        assert.match(response.header("upgrade") ?? "", /websocket/i);
        assert.match(response.body, /WebSocket/);
      }
      await assertServes(server);
    }));

  test(`${transport}: fetch gets the request as it came`, () =>
    serveOn(
      transport,
      {
        fetch: async (request) =>
          Response.json({
            method: request.method,
            url: request.url,
            one: request.headers.get("x-one"),
            body: await request.text(),
          }),
      },
      echo,
      async (server) => {
        const client = await server.connect();
        const scheme = transport === "tls" ? "https" : "http";
        for (const method of ["POST", "PUT", "PATCH", "DELETE"]) {
          const { status, body } = await exchange(
            client,
            request(
              method,
              "/a%20b?c=d",
              "X-One: 1",
              "X-One: 2",
              "Content-Length: 5",
            ) + "hello",
          );
          assert.equal(status, 200);
          assert.deepEqual(JSON.parse(body), {
            method,
            url: `${scheme}://localhost/a%20b?c=d`,
            one: "1, 2",
            body: "hello",
          });
        }
        const chunked = await exchange(
          client,
          request("POST", "/", "Transfer-Encoding: chunked") +
            "3\r\nabc\r\n4\r\ndefg\r\n0\r\n\r\n",
        );
        assert.equal(JSON.parse(chunked.body).body, "abcdefg");
      },
    ));

  test(`${transport}: status, headers and cookies of the response`, () =>
    serveOn(
      transport,
      {
        fetch: () =>
          new Response("teapot", {
            status: 418,
            statusText: "Short and stout",
            headers: [
              ["Set-Cookie", "a=1; Path=/, x"],
              ["Set-Cookie", "b=2"],
              ["X-Umlaut", "\xfc"],
            ],
          }),
      },
      echo,
      async (server) => {
        const client = await server.connect();
        const response = await exchange(client, get("/"));
        assert.equal(response.status, 418);
        assert.equal(response.reason, "Short and stout");
        assert.deepEqual(
          response.headers.filter(([name]) => name === "set-cookie")
            .map(([, value]) => value),
          ["a=1; Path=/, x", "b=2"],
        );
        assert.equal(response.header("x-umlaut"), "\xfc");
        assert.equal(response.body, "teapot");
      },
    ));

  test(`${transport}: HEAD has no body, and the connection goes on`, () => {
    let cancelled = 0;
    return serveOn(
      transport,
      {
        fetch: (request) => {
          if (request.method !== "HEAD") return new Response("body");
          return new Response(
            new ReadableStream({
              pull: (controller) => controller.enqueue(new Uint8Array(1000)),
              cancel: () => void cancelled++,
            }),
            { headers: { "Content-Length": "4", "X-Kind": "head" } },
          );
        },
      },
      echo,
      async (server) => {
        const client = await server.connect();
        const head = await exchange(client, request("HEAD", "/"), true);
        assert.equal(head.status, 200);
        assert.equal(head.header("x-kind"), "head");
        assert.equal((await exchange(client, get("/"))).body, "body");
        assert.equal(cancelled, 1);
      },
    );
  });

  test(`${transport}: bodies stream both ways at once`, () =>
    serveOn(
      transport,
      {
        fetch: (request) => new Response(request.body),
      },
      echo,
      async (server) => {
        const client = await server.connect();
        client.write(request("POST", "/", "Transfer-Encoding: chunked"));
        client.write("5\r\nhello\r\n");
        await client.until(
          () => client.length > 0,
          "an answer before the request has ended",
        );
        client.write("6\r\n world\r\n0\r\n\r\n");
        const { status, body } = await client.response();
        assert.equal(status, 200);
        assert.equal(body, "hello world");
      },
    ));

  test(`${transport}: 8 MiB up and down again`, () =>
    serveOn(
      transport,
      {
        fetch: (request) => new Response(request.body),
      },
      echo,
      async (server) => {
        const client = await server.connect();
        const size = 8 << 20;
        client.write(request("POST", "/", `Content-Length: ${size}`));
        const block = Buffer.alloc(1 << 20, "0123456789abcdef");
        for (let sent = 0; sent < size; sent += block.length) {
          client.write(block);
        }
        const { status, body } = await client.response();
        assert.equal(status, 200);
        assert.equal(body.length, size);
        assert.ok(body === block.toString().repeat(8));
        assert.equal((await exchange(client, get("/"))).body, "");
      },
    ));

  test(`${transport}: fetch that fails is answered 500 and reported`, () =>
    serveOn(
      transport,
      {
        fetch: (request) => {
          if (request.url.endsWith("/throws")) throw new Error("broke");
          if (request.url.endsWith("/rejects")) {
            return Promise.reject(new Error("broke"));
          }
          if (request.url.endsWith("/nothing")) {
            return undefined as unknown as Response;
          }
          return new Response("fine");
        },
      },
      echo,
      async (server) => {
        for (const path of ["/throws", "/rejects", "/nothing"]) {
          const client = await server.connect();
          const response = await exchange(client, get(path));
          assert.equal(response.status, 500, path);
          assert.doesNotMatch(response.body, /broke/);
          assert.equal(server.errors.splice(0).length, 1, path);
          assert.equal((await exchange(client, get("/"))).body, "fine", path);
        }
      },
    ));

  test(`${transport}: a 500 has nothing of the head of an answer whose body fails`, () =>
    serveOn(
      transport,
      {
        fetch: ({ method }) =>
          new Response(
            new ReadableStream({
              pull: () => Promise.reject(new Error("the body broke")),
              cancel: () => Promise.reject(new Error("the body broke")),
            }),
            {
              status: method === "HEAD" ? 200 : 203,
              statusText: "Looks good",
              headers: [
                ["Content-Length", "1000"],
                ["Content-Encoding", "gzip"],
                ["Content-Type", "application/json"],
                ["ETag", '"1"'],
                ["Set-Cookie", "a=1"],
                ["Set-Cookie", "b=2"],
              ],
            },
          ),
      },
      echo,
      async (server) => {
        const client = await server.connect();
        for (const method of ["GET", "HEAD"]) {
          const response = await exchange(
            client,
            request(method, "/"),
            method === "HEAD",
          );
          assert.equal(response.status, 500);
          assert.equal(response.reason, "Internal Server Error");
          assert.equal(
            response.body,
            method === "HEAD" ? "" : "Internal Server Error\n",
          );
          for (
            const name of [
              "content-encoding",
              "content-type",
              "etag",
              "set-cookie",
            ]
          ) {
            assert.equal(response.header(name), undefined, name);
          }
          assert.notEqual(response.header("content-length"), "1000");
        }
        assert.deepEqual(
          server.errors.splice(0).map(String),
          Array(2).fill("Error: the body broke"),
        );
      },
    ));

  test(`${transport}: a body that fails cuts the response off, and is reported`, () => {
    const begun = Promise.withResolvers<void>();
    return serveOn(
      transport,
      {
        fetch: () =>
          new Response(
            new ReadableStream({
              async start(controller) {
                controller.enqueue(new Uint8Array(10));
                await begun.promise;
                throw new Error("the body broke");
              },
            }),
          ),
      },
      echo,
      async (server) => {
        const client = await server.connect();
        client.write(get("/"));
        await client.until(() => client.length > 0, "the beginning");
        begun.resolve();
        await client.untilEnded();
        const answer = client.rest().toString("latin1");
        assert.match(answer, /^HTTP\/1\.1 200/);
        assert.doesNotMatch(answer, /\r\n0\r\n\r\n$/, "it must not look whole");
        assert.doesNotMatch(answer, /HTTP\/1\.1 500/);
        assert.deepEqual(server.errors.splice(0).map(String), [
          "Error: the body broke",
        ]);
      },
    );
  });

  test(`${transport}: a client that leaves aborts request.signal`, () => {
    const asked = Promise.withResolvers<void>();
    const aborted = Promise.withResolvers<void>();
    return serveOn(
      transport,
      {
        fetch: (request) => {
          request.signal.addEventListener("abort", () => aborted.resolve());
          asked.resolve();
          return new Promise<Response>((_, reject) =>
            request.signal.addEventListener(
              "abort",
              () => reject(request.signal.reason),
            )
          );
        },
      },
      echo,
      async (server) => {
        const client = await server.connect();
        client.write(get("/"));
        await asked.promise;
        client.destroy();
        await within(aborted.promise, "request.signal to abort", 3000);
      },
    );
  });

  test(`${transport}: a client that leaves cancels the response's body`, () => {
    const cancelled = Promise.withResolvers<void>();
    return serveOn(
      transport,
      {
        fetch: () =>
          new Response(
            new ReadableStream({
              start: (controller) => controller.enqueue(new Uint8Array(10)),
              cancel: () => cancelled.resolve(),
            }),
          ),
      },
      echo,
      async (server) => {
        const client = await server.connect();
        client.write(get("/events"));
        await client.until(() => client.length > 0, "the head");
        client.destroy();
        await within(cancelled.promise, "the body to be cancelled", 3000);
      },
    );
  });

  test(`${transport}: a response that ended does not abort request.signal`, () => {
    const signals: AbortSignal[] = [];
    return serveOn(
      transport,
      {
        fetch: (request) => {
          signals.push(request.signal);
          return new Response("done");
        },
      },
      echo,
      async (server) => {
        const client = await server.connect();
        await exchange(client, get("/"));
        client.destroy();
        await assertServes(server);
        assert.deepEqual(signals.map(({ aborted }) => aborted), [false]);
      },
    );
  });

  test(`${transport}: a client that vanishes in the middle of its upload is no error`, () => {
    const begun: string[] = [];
    const failed: string[] = [];
    return serveOn(
      transport,
      {
        fetch: async ({ url, signal, body }) => {
          const { pathname } = new URL(url);
          begun.push(pathname);
          if (pathname === "/unread") {
            await untilAborted(signal);
          }
          try {
            return new Response(await new Response(body).text());
          } catch (error) {
            failed.push(pathname);
            throw error;
          }
        },
      },
      echo,
      async (server) => {
        for (const path of ["/read", "/unread"]) {
          const client = await server.connect();
          client.write(request("POST", path, "Content-Length: 1000"));
          client.write("the first part");
          await until(() => begun.includes(path), "the request");
          await assertServes(server);
          client.destroy();
          await until(() => failed.includes(path), "the body to fail", 3000);
        }
        await assertServes(server);
      },
    );
  });

  test(`${transport}: a body that fetch ignores does not block the connection`, () =>
    serveOn(
      transport,
      {
        fetch: (request) => new Response(new URL(request.url).pathname),
      },
      echo,
      async (server) => {
        const client = await server.connect();
        const size = 1 << 20;
        client.write(
          request("POST", "/one", `Content-Length: ${size}`),
        );
        client.write(Buffer.alloc(size));
        client.write(get("/two"));
        assert.equal((await client.response()).body, "/one");
        assert.equal((await client.response()).body, "/two");
      },
    ));

  for (
    const [name, leave, status] of [
      ["breaks off", async (body) => {
        for await (const _ of body) break;
      }, 413],
      ["cancels", async (body) => {
        const reader = body.getReader();
        await reader.read();
        await reader.cancel();
      }, 413],
      ["lets go of", async (body) => {
        const reader = body.getReader();
        await reader.read();
        reader.releaseLock();
      }, 413],
      ["fails at", async (body) => {
        await body.getReader().read();
        throw new Error("too large");
      }, 500],
      ["fails before", () => Promise.reject(new Error("too large")), 500],
    ] as [string, (body: ReadableStream) => Promise<void>, number][]
  ) {
    test(`${transport}: a body that fetch ${name} does not block the connection`, () =>
      serveOn(
        transport,
        {
          fetch: async ({ method, body }) => {
            if (method === "GET") return new Response("next");
            await leave(body!);
            return new Response("too large", { status: 413 });
          },
        },
        echo,
        async (server) => {
          const client = await server.connect();
          const block = Buffer.alloc(1 << 20);
          for (let round = 0; round < 2; round++) {
            client.write(
              request("POST", "/", `Content-Length: ${4 * block.length}`),
            );
            client.write(block);
            assert.equal((await client.response()).status, status);
            for (let count = 0; count < 3; count++) client.write(block);
            assert.equal((await exchange(client, get("/"))).body, "next");
          }
          assert.deepEqual(
            server.errors.splice(0).map(String),
            Array(status === 500 ? 2 : 0).fill("Error: too large"),
          );
        },
      ));
  }

  test(`${transport}: who holds a body reads on behind the answer`, () => {
    const size = 4 << 20;
    const whole = Promise.withResolvers<number>();
    return serveOn(
      transport,
      {
        fetch: async ({ method, body }) => {
          if (method === "GET") return new Response("next");
          const reader = body!.getReader();
          let length = (await reader.read()).value!.length;
          const readOn = async () => {
            for (;;) {
              const { done, value } = await reader.read();
              if (done) return length;
              length += value.length;
              await new Promise((resolve) => setTimeout(resolve, 0));
            }
          };
          readOn().then(whole.resolve, whole.reject);
          return new Response("begun", { status: 202 });
        },
      },
      echo,
      async (server) => {
        const client = await server.connect();
        client.write(request("POST", "/", `Content-Length: ${size}`));
        client.write(Buffer.alloc(size / 4));
        assert.equal((await client.response()).body, "begun");
        client.write(Buffer.alloc(size * 3 / 4));
        client.write(get("/"));
        assert.equal(await within(whole.promise, "the rest"), size);
        assert.equal((await client.response()).body, "next");
      },
    );
  });

  test(`${transport}: a body that is left is skipped until the client leaves`, () => {
    const kept = Promise.withResolvers<ReadableStream<Uint8Array>>();
    return serveOn(
      transport,
      {
        fetch: async ({ body }) => {
          const reader = body!.getReader();
          await reader.read();
          reader.releaseLock();
          kept.resolve(body!);
          return new Response("too large", { status: 413 });
        },
      },
      echo,
      async (server) => {
        const client = await server.connect();
        client.write(request("POST", "/", "Content-Length: 1000000"));
        client.write("the first part");
        assert.equal((await client.response()).status, 413);
        const body = await kept.promise;
        await assert.rejects(
          within(body.getReader().read(), "the body to fail"),
          /answered/,
        );
        client.destroy();
        await assertServes(server);
      },
    );
  });

  test(`${transport}: chunks of a body are their receiver's own`, () =>
    serveOn(
      transport,
      {
        fetch: async ({ body }) => {
          let text = "";
          for await (const chunk of body!) {
            text += Buffer.from(structuredClone(chunk)).toString();
            structuredClone(chunk, { transfer: [chunk.buffer] });
          }
          return new Response(text);
        },
      },
      echo,
      async (server) => {
        const client = await server.connect();
        const chunks = request("POST", "/", "Transfer-Encoding: chunked") +
          "3\r\nabc\r\n4\r\ndefg\r\n5\r\nhijkl\r\n0\r\n\r\n";
        assert.equal((await exchange(client, chunks)).body, "abcdefghijkl");
      },
    ));

  test(`${transport}: plain requests, then an upgrade on the same connection`, () =>
    serveOn(
      transport,
      {
        fetch: async (request) => new Response(await request.text() || "empty"),
      },
      echo,
      async (server) => {
        const client = await server.connect();
        assert.equal((await exchange(client, get("/"))).body, "empty");
        const posted = await exchange(
          client,
          request("POST", "/", "Content-Length: 3") + "abc",
        );
        assert.equal(posted.body, "abc");
        await client.upgrade();
        client.send(1, "hello");
        assert.equal(await client.text(), "hello");
        assert.equal(await client.closeCleanly(), 1000);
      },
    ));

  test(`${transport}: an upgrade to something else is left to fetch`, () =>
    serveOn(
      transport,
      {
        fetch: async (request) =>
          new Response(`${request.method} ${await request.text()}`),
      },
      echo,
      async (server) => {
        const client = await server.connect();
        // As curl --http2 asks, and the HttpClient of the JDK.
        const offer = [
          "Connection: Upgrade, HTTP2-Settings",
          "Upgrade: h2c",
          "HTTP2-Settings: AAMAAABkAAQAoAAAAAIAAAAA",
        ];
        assert.equal(
          (await exchange(client, request("GET", "/", ...offer))).body,
          "GET ",
        );
        const posted = await exchange(
          client,
          request("POST", "/", "Content-Length: 3", ...offer) + "abc",
        );
        assert.equal(posted.body, "POST abc");
        const head = await exchange(
          client,
          request("HEAD", "/", ...offer),
          true,
        );
        assert.equal(head.status, 200);
        await client.upgrade({ headers: { Upgrade: "h2c, websocket" } });
        client.send(1, "hello");
        assert.equal(await client.text(), "hello");
        assert.equal(await client.closeCleanly(), 1000);
      },
    ));

  // The node:http of Bun itself takes such an upgrade for a plain request.
  const upgrades = runtime !== "bun" || transport === "tcp";
  for (const answered of upgrades ? ["never", "while the hook decides"] : []) {
    test(`${transport}: an upgrade behind a plain request that is answered ${answered} is dropped`, () => {
      const asked = Promise.withResolvers<void>();
      const answer = Promise.withResolvers<Response>();
      return serveOn(
        transport,
        {
          fetch: () => {
            asked.resolve();
            return answer.promise;
          },
          upgrade: async () => {
            if (answered === "never") return;
            answer.resolve(new Response("too late"));
            await answer.promise;
          },
        },
        echo,
        async (server) => {
          const client = await server.connect();
          client.write(get("/") + handshake().request);
          await asked.promise;
          await client.untilEnded();
          answer.resolve(new Response("too late"));
          assert.equal(client.rest().toString("latin1"), "");
          assert.equal(server.server.sockets.size, 0);
          const { accepted, refused } = server.server.metrics().handshakes;
          assert.equal(accepted, 0);
          assert.deepEqual(refused, { aborted: 1 });
          await assertServes(server);
        },
      );
    });
  }

  test(`${transport}: the Host header has no part in the path`, () =>
    serveOn(transport, { fetch: ({ url }) => new Response(url) }, echo, async (
      server,
    ) => {
      const ask = async (
        head: string,
      ): Promise<RawResponse> => {
        const client = await server.connect();
        return exchange(client, `${head}\r\n\r\n`);
      };
      const hosts = [
        "Host: a/admin?",
        "Host: a\\admin#",
        "Host: a?",
        "Host: a#",
        "Host: user:password@a",
        "Host: a, b",
        "Host: a:b",
        "Host:",
        "Host: a\r\nHost: a",
        "Host: a\r\nhOST: b",
        "X-Host: a",
      ];
      for (const target of ["/public", "http://c/public"]) {
        for (const host of hosts) {
          const head = `GET ${target} HTTP/1.1\r\n${host}`;
          const { status, body } = await ask(head);
          assert.equal(status, 400, `${head} -> ${body}`);
        }
      }
      const scheme = transport === "tls" ? "https" : "http";
      for (
        const [head, url] of [
          ["GET /a HTTP/1.1\r\nhost: b:81", `${scheme}://b:81/a`],
          ["GET /a HTTP/1.1\r\nHost: [::1]:81", `${scheme}://[::1]:81/a`],
          ["GET //b/c HTTP/1.1\r\nHost: a", `${scheme}://a//b/c`],
          ["GET http://b/c HTTP/1.1\r\nHost: a", "http://b/c"],
          ["GET /a HTTP/1.0", `${scheme}://localhost/a`],
          ["GET /a HTTP/1.0\r\nHost: b", `${scheme}://b/a`],
        ]
      ) {
        const { status, body } = await ask(head);
        assert.deepEqual([status, body], [200, url], head);
      }
      assert.deepEqual(server.errors.splice(0), [], "the server did not fail");
    }));

  test(`${transport}: of a thousand headers and more none is left out`, () =>
    serveOn(
      transport,
      { fetch: ({ headers }) => new Response(headers.get("x-user")) },
      echo,
      async (server) => {
        const many = "A:\r\n".repeat(2000);
        const plain = await server.connect();
        plain.write(
          `GET / HTTP/1.1\r\nHost: localhost\r\n${many}X-User: ada\r\n\r\n`,
        );
        const { status, body } = await plain.response();
        // The server of Bun itself has a limit of its own.
        const own = runtime === "bun" && transport === "unix";
        if (own) assert.equal(status, 431);
        else assert.deepEqual([status, body], [200, "ada"]);
        const client = await server.connect();
        const { request } = handshake({
          headers: { Origin: "http://a.example" },
        });
        client.write(request.replace("Origin:", `${many}Origin:`));
        const refusal = await client.response();
        assert.equal(refusal.status, own ? 431 : 403);
      },
    ));

  test(`${transport}: a request that Fetch can't express is the client's fault: 400`, () =>
    serveOn(transport, { fetch: () => new Response("ok") }, echo, async (
      server,
    ) => {
      for (
        const [bytes, possible] of [
          ["GET / HTTP/1.1\r\nHost: a b\r\n\r\n", false],
          ["GET http:// HTTP/1.1\r\nHost: localhost\r\n\r\n", false],
          ["GET / HTTP/1.1\r\nHost: a@b\r\n\r\n", false],
          [
            "GET http://a:b@c/ HTTP/1.1\r\nHost: c\r\n\r\n",
            isPossible("http://a:b@c/"),
          ],
          [
            "TRACE / HTTP/1.1\r\nHost: localhost\r\n\r\n",
            isPossible("http://localhost/", "TRACE"),
          ],
        ] as const
      ) {
        const client = await server.connect();
        client.write(bytes);
        const { status } = await client.response();
        assert.equal(status, possible ? 200 : 400, bytes);
      }
      assert.deepEqual(server.errors.splice(0), [], "the server did not fail");
    }));
}

/** Not all runtimes are as strict as Fetch. */
function isPossible(url: string, method?: string): boolean {
  try {
    return new Request(url, { method }).url !== "";
  } catch {
    return false;
  }
}

test("a client that does not read slows the body down", () => {
  let pulled = 0;
  return serveOn(
    "tcp",
    {
      fetch: () =>
        new Response(
          new ReadableStream({
            pull(controller) {
              pulled += 1 << 16;
              controller.enqueue(new Uint8Array(1 << 16));
            },
          }),
        ),
    },
    echo,
    async (server) => {
      const client = await server.connect();
      client.socket.pause();
      client.write(get("/"));
      await until(() => pulled > 0, "the body to be asked for");
      // It stands still once the system's buffers are full.
      await untilStill(() => pulled, "the body to stand still");
      assert.ok(pulled < 64 << 20, `${pulled} bytes`);
      client.destroy();
    },
  );
});
