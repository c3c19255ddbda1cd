// A server that answers a handshake with another status than 101.

import assert from "node:assert/strict";
import { test } from "node:test";
import { WebSocketError, WebSocketStream } from "../../mod.ts";
import { withRawServer } from "../support/raw_server.ts";
import { within } from "../support/serve_on.ts";
import { failureOf } from "./harness.ts";

const refusals: readonly (readonly [
  what: string,
  response: string,
  message: RegExp,
  body: string,
])[] = [
  [
    "with a length",
    "HTTP/1.1 403 Forbidden\r\nContent-Length: 13\r\n\r\nMembers only.and more",
    /answered 403 "Forbidden" and did not open the WebSocket: "Members only\."$/,
    "Members only.",
  ],
  [
    "in chunks",
    "HTTP/1.1 500 Oh\r\nTransfer-Encoding: chunked\r\n\r\n" +
    "5;x=y\r\nIt is\r\n7\r\n broken\r\n0\r\n\r\n",
    /answered 500 "Oh" .*: "It is broken"$/,
    "It is broken",
  ],
  [
    "to the end of the connection",
    "HTTP/1.0 404 Not Found\r\n\r\nNo such place",
    /answered 404 "Not Found" .*: "No such place"$/,
    "No such place",
  ],
  [
    "without a body",
    "HTTP/1.1 401 \r\nContent-Length: 0\r\n\r\n",
    /answered 401 and did not open the WebSocket$/,
    "",
  ],
  ["that never has one", "HTTP/1.1 304 \r\n\r\n", /answered 304 and/, ""],
  [
    "with a redirection",
    "HTTP/1.1 302 Found\r\nLocation: /login\r\nContent-Length: 0\r\n\r\n",
    /302 "Found" .*\(a redirection, which is not followed, to "\/login"\)$/,
    "",
  ],
  [
    "with what a terminal would obey",
    "HTTP/1.1 400 Bad\r\nContent-Length: 5\r\n\r\n\x1b[2J\n",
    /: "\\u001b\[2J"$/,
    "\x1b[2J\n",
  ],
  [
    "with 200, as a plain web server's",
    "HTTP/1.1 200 OK\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
    "Content-Length: 2\r\n\r\nhi",
    /answered 200 "OK" .*: "hi"$/,
    "hi",
  ],
  [
    "of a status that HTTP does not have",
    "HTTP/1.1 999 Odd\r\nContent-Length: 0\r\n\r\n",
    /answered 999 "Odd"/,
    "",
  ],
];

for (const [what, response, message, body] of refusals) {
  for (const byByte of [false, true]) {
    test(`a refusal ${what}${byByte ? ", byte by byte" : ""}`, async () => {
      let sent = Infinity;
      await withRawServer(async ({ socket }) => {
        const parts = byByte ? [...response] : [response];
        for (const part of parts) {
          socket.write(part, "latin1");
          if (byByte) await new Promise((resolve) => setTimeout(resolve, 0));
        }
        if (response.startsWith("HTTP/1.0")) socket.end();
        sent = performance.now();
      }, async ({ url, whenEmpty }) => {
        const error = await failureOf(new WebSocketStream(url), message);
        assert.ok(performance.now() - sent < 900, "it waits for nothing");
        assert.equal(error.closeCode, null);
        const { cause } = error as { cause?: unknown };
        if (response.includes("999")) assert.equal(cause, undefined);
        else {
          assert.ok(cause instanceof Response);
          assert.equal(cause.status, Number(response.slice(9, 12)));
          assert.equal(await cause.text(), body);
        }
        await within(whenEmpty(), "the end of the connection");
      });
    });
  }
}

test("of a body without an end, only the first part is taken", async () => {
  await withRawServer(({ socket }) => {
    socket.write("HTTP/1.1 403 Forbidden\r\n\r\n");
    const timer = setInterval(() => socket.write("a".repeat(10_000)), 1);
    socket.on("close", () => clearInterval(timer));
  }, async ({ url, whenEmpty }) => {
    const error = await failureOf(
      new WebSocketStream(url),
      /403 .*: "a{300}"\.\.\. \(1024 characters\)$/,
    );
    const response = (error as { cause?: unknown }).cause as Response;
    assert.equal((await response.text()).length, 1024);
    await within(whenEmpty(), "the end of the connection");
  });
});

test("a body that does not come is not waited for", async () => {
  await withRawServer(({ socket }) => {
    socket.write("HTTP/1.1 503 Busy\r\nContent-Length: 100\r\n\r\nsoon");
  }, async ({ url, whenEmpty }) => {
    await failureOf(new WebSocketStream(url), /503 "Busy" .*: "soon"$/);
    await within(whenEmpty(), "the end of the connection");
  });
});

for (const head of ["HTTP/1.1 401 \r\n", "HTTP/1.1 401 \r\n\r\nWho"]) {
  const whole = head.includes("\r\n\r\n");
  test(`when handshakeTimeout is over, ${whole ? "a refusal whose body is still to come is told" : "half a head is not"}`, async () => {
    await withRawServer(({ socket }) => {
      socket.write(head);
    }, async ({ url, whenEmpty }) => {
      const error = await failureOf(
        new WebSocketStream(url, { handshakeTimeout: 900 }),
        whole ? /answered 401 .*: "Who"$/ : /handshakeTimeout \(900 ms\)$/,
      );
      const { cause } = error as { cause?: unknown };
      if (whole) assert.equal((cause as Response).status, 401);
      else assert.equal(cause, undefined);
      await within(whenEmpty(), "the end of the connection");
    });
  });
}

for (const by of ["the signal", "close()"]) {
  test(`${by} gives up a handshake though it is refused already`, async () => {
    const answered = Promise.withResolvers<void>();
    await withRawServer(({ socket }) => {
      socket.write("HTTP/1.1 401 \r\n\r\nWho", () => answered.resolve());
    }, async ({ url, whenEmpty }) => {
      const given = new AbortController();
      const stream = new WebSocketStream(url, { signal: given.signal });
      await answered.promise;
      // Long enough for the head to arrive, and not for the wait for the body.
      await new Promise((resolve) => setTimeout(resolve, 200));
      const reason = new WebSocketError("enough");
      if (by === "close()") stream.close({ closeCode: 4000, reason: "enough" });
      else given.abort(reason);
      const error = await failureOf(stream, /enough|close\(\) was called/);
      if (by === "close()") assert.equal(error.closeCode, 4000);
      else assert.equal(error, reason);
      await within(whenEmpty(), "the end of the connection");
    });
  });
}
