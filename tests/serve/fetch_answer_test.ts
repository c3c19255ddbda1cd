// Answers of `fetch` that can't be written as they are: none of them may garble
// the connection, and none is forgotten.

import assert from "node:assert/strict";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { test } from "node:test";
import { brotliCompressSync, gzipSync } from "node:zlib";
import { runtime } from "../support/runtime.ts";
import {
  assertServes,
  echo,
  serveOn,
  type TestServer,
  type Transport,
  transports,
  within,
} from "../support/serve_on.ts";

const next = "GET /next HTTP/1.1\r\nHost: localhost\r\n\r\n";

/** Runs with a server whose `fetch` gives an answer, and `"next"` behind it. */
function answering(
  transport: Transport,
  answer: () => Response | Promise<Response>,
  use: (server: TestServer) => Promise<void>,
): Promise<void> {
  const fetch = ({ url }: Request) =>
    url.endsWith("/next") ? new Response("next") : answer();
  return serveOn(transport, { fetch }, echo, use);
}

/** A body of these chunks, which ends behind them or has one more for ever. */
function bodyOf(
  chunks: readonly unknown[],
  { endless = false, cancel = (): void => {} } = {},
): ReadableStream<Uint8Array> {
  let at = 0;
  return new ReadableStream<unknown>({
    pull(controller) {
      if (at < chunks.length) controller.enqueue(chunks[at++]);
      else if (endless) controller.enqueue(chunks[chunks.length - 1]);
      else controller.close();
    },
    cancel,
  }, { highWaterMark: 0 }) as ReadableStream<Uint8Array>;
}

function bytes(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

/** Asserts that it is answered 500, and what comes behind on the connection. */
async function assertFails(
  server: TestServer,
  error: RegExp,
  method = "GET",
): Promise<void> {
  const client = await server.connect();
  client.write(`${method} / HTTP/1.1\r\nHost: localhost\r\n\r\n${next}`);
  const withoutBody = method === "HEAD";
  const { status, body } = await client.response({ withoutBody });
  assert.equal(status, 500);
  assert.equal(body, withoutBody ? "" : "Internal Server Error\n");
  assert.equal((await client.response()).body, "next");
  const [reported, ...more] = server.errors.splice(0).map(String);
  assert.match(reported, error);
  assert.deepEqual(more, []);
}

/** Asserts that the connection is cut off behind the beginning of an answer. */
async function assertCutOff(
  server: TestServer,
  beginning: RegExp,
  error: RegExp,
): Promise<void> {
  const client = await server.connect();
  client.write(`GET / HTTP/1.1\r\nHost: localhost\r\n\r\n${next}`);
  await client.untilEnded();
  const answer = client.rest().toString("latin1");
  // What was written last may not have gone out.
  if (answer !== "") assert.match(answer, beginning);
  assert.doesNotMatch(answer, /next/);
  const [reported, ...more] = server.errors.splice(0).map(String);
  assert.match(reported, error);
  assert.deepEqual(more, []);
}

for (const transport of transports) {
  for (const method of ["GET", "HEAD"]) {
    test(`${transport}: Response.error() is answered 500 (${method})`, () =>
      answering(transport, () => Response.error(), async (server) => {
        await assertFails(server, /status/i, method);
      }));
  }

  for (
    const [name, chunk] of [
      ["text", "h\xe9"],
      ["a number", 5],
      ["an ArrayBuffer", new ArrayBuffer(4)],
      ["nothing", undefined],
    ] as const
  ) {
    test(`${transport}: a body with ${name} for a chunk fails, and is cancelled`, async () => {
      for (const first of [[], [bytes("one")]]) {
        const cancelled = Promise.withResolvers<void>();
        const answer = () =>
          new Response(
            bodyOf([...first, chunk], {
              endless: true,
              cancel: cancelled.resolve,
            }),
          );
        await answering(transport, answer, async (server) => {
          const error = /has Uint8Arrays, not /;
          if (first.length === 0) await assertFails(server, error);
          else {
            await assertCutOff(server, /\r\n\r\n(3\r\none\r\n)?$/, error);
          }
          await within(cancelled.promise, "the body to be cancelled");
          await assertServes(server);
        });
      }
    });
  }

  test(`${transport}: a header that can't be written is answered 500, and the body is cancelled`, () => {
    const cancelled = Promise.withResolvers<void>();
    const answer = () =>
      new Response(bodyOf([bytes("x")], { cancel: cancelled.resolve }), {
        headers: { "X-Control": "a\x01b" },
      });
    return answering(transport, answer, async (server) => {
      await assertFails(server, /header|x-control/i);
      await within(cancelled.promise, "the body to be cancelled");
    });
  });

  test(`${transport}: a Content-Length that is right goes out as it is`, () => {
    const answers = [
      [bodyOf([bytes("one"), bytes("two")]), "6"],
      [bodyOf([]), "0"],
      ["onetwo", "6"],
      [null, "0"],
    ] as const;
    let asked = 0;
    const answer = () => {
      const [body, length] = answers[asked++];
      return new Response(body, { headers: { "Content-Length": length } });
    };
    return answering(transport, answer, async (server) => {
      const client = await server.connect();
      for (const [, length] of answers) {
        client.write("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n");
        const response = await client.response();
        assert.equal(response.status, 200);
        assert.equal(response.header("content-length"), length);
        assert.equal(response.body, length === "6" ? "onetwo" : "");
      }
    });
  });

  test(`${transport}: Content-Length of a body that is not sent goes out as it is`, () => {
    const answers = [
      ["HEAD", null, 200],
      ["HEAD", "one", 200],
      ["GET", null, 304],
      ["HEAD", null, 304],
    ] as const;
    let asked = 0;
    const answer = () => {
      const [, body, status] = answers[asked++];
      const headers = { "Content-Length": "6", "Content-Encoding": "gzip" };
      return new Response(body, { status, headers });
    };
    return answering(transport, answer, async (server) => {
      const client = await server.connect();
      for (const [method, , status] of answers) {
        client.write(`${method} / HTTP/1.1\r\nHost: localhost\r\n\r\n`);
        const response = await client.response({ withoutBody: true });
        assert.equal(response.status, status);
        assert.equal(response.header("content-length"), "6");
        assert.equal(response.header("content-encoding"), "gzip");
      }
      client.write(next);
      assert.equal((await client.response()).body, "next");
    });
  });

  for (
    const [name, chunks, length, beginning] of [
      ["longer", ["onetwo"], "3", null],
      ["longer by a chunk", ["one", "two"], "3", /\r\n\r\n(one)?$/],
      ["longer, as there should be none", ["one"], "0", null],
      ["shorter", ["one"], "6", /\r\n\r\n(one)?$/],
      ["empty", [], "6", null],
      ["not there", null, "6", null],
    ] as const
  ) {
    test(`${transport}: a body that is ${name} is not taken for what Content-Length says`, () => {
      const answer = () =>
        new Response(chunks === null ? null : bodyOf(chunks.map(bytes)), {
          headers: { "Content-Length": length },
        });
      return answering(transport, answer, async (server) => {
        const error = new RegExp(`does not have the ${length} bytes`);
        if (beginning === null) await assertFails(server, error);
        else await assertCutOff(server, beginning, error);
        await assertServes(server);
      });
    });
  }

  test(`${transport}: a body that is too long is cancelled`, () => {
    const cancelled = Promise.withResolvers<void>();
    const answer = () =>
      new Response(
        bodyOf([bytes("x")], { endless: true, cancel: cancelled.resolve }),
        { headers: { "Content-Length": "3" } },
      );
    return answering(transport, answer, async (server) => {
      await assertCutOff(server, /\r\n\r\nx{0,3}$/, /does not have the 3/);
      await within(cancelled.promise, "the body to be cancelled");
    });
  });

  for (const length of ["six", "-1", "0x6", "6.0", "6, 6", "1e3", ""]) {
    test(`${transport}: Content-Length: ${length} is answered 500`, () => {
      const answer = () =>
        new Response("onetwo", { headers: { "Content-Length": length } });
      return answering(
        transport,
        answer,
        (server) => assertFails(server, /which is no length/),
      );
    });
  }

  test(`${transport}: a client that leaves an answer with Content-Length is no error`, () => {
    const cancelled = Promise.withResolvers<void>();
    const answer = () =>
      new Response(
        new ReadableStream({
          start: (controller) => controller.enqueue(bytes("one")),
          cancel: () => cancelled.resolve(),
        }),
        { headers: { "Content-Length": "6" } },
      );
    return answering(transport, answer, async (server) => {
      const client = await server.connect();
      client.write("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n");
      await client.until(() => client.length > 0, "the head");
      client.destroy();
      await within(cancelled.promise, "the body to be cancelled");
      await assertServes(server);
    });
  });
}

/** Runs with the URL of a server whose answers are compressed as their path says. */
async function withUpstream(use: (url: string) => Promise<void>) {
  const text = "hello ".repeat(20);
  const bodies: Record<string, Uint8Array> = {
    "/gzip": gzipSync(text),
    "/br": brotliCompressSync(text),
    "/foo": bytes(text),
    "/": bytes(text),
  };
  const upstream = createServer(({ url }, response) => {
    const body = bodies[url!];
    response.writeHead(200, {
      ...url === "/" ? {} : { "content-encoding": url!.slice(1) },
      "content-length": body.length,
    }).end(body);
  });
  await new Promise<void>((resolve) =>
    upstream.listen(0, "127.0.0.1", () => resolve())
  );
  try {
    await use(`http://127.0.0.1:${(upstream.address() as AddressInfo).port}`);
  } finally {
    upstream.closeAllConnections();
    upstream.close();
  }
}

for (const transport of transports) {
  test(`${transport}: what fetch() gives can be passed on`, () =>
    withUpstream((upstream) =>
      serveOn(
        transport,
        {
          fetch: ({ url, method }) =>
            fetch(upstream + new URL(url).pathname, { method }),
        },
        echo,
        async (server) => {
          for (
            const [path, decoded] of [
              ["/", false],
              ["/foo", false],
              ["/gzip", true],
              ["/br", true],
            ] as const
          ) {
            const client = await server.connect();
            const ask = `${path} HTTP/1.1\r\nHost: localhost\r\n\r\n`;
            client.write(`GET ${ask}`);
            if (decoded && runtime === "bun") {
              // There a Response does not tell whether it was decoded.
              assert.equal((await client.response()).status, 500);
              assert.match(String(server.errors.splice(0)), /Content-Length/);
              continue;
            }
            const response = await client.response();
            assert.equal(response.status, 200, path);
            assert.equal(response.body, "hello ".repeat(20), path);
            assert.equal(
              response.header("content-encoding"),
              path === "/foo" ? "foo" : undefined,
            );
            assert.equal(
              response.header("content-length"),
              decoded ? undefined : "120",
            );
            // Node's asks for a HEAD alone on its connection.
            client.write(`HEAD ${ask}`);
            const head = await client.response({ withoutBody: true });
            assert.notEqual(head.header("content-length"), undefined, path);
          }
        },
      )
    ));
}
