import assert from "node:assert/strict";
import { createServer } from "node:net";
import type { AddressInfo } from "node:net";
import { test } from "node:test";

import {
  checkResponseHeaders,
  formatRefusal,
  formatResponseHead,
  HandshakeError,
  type HeaderEntry,
} from "../../src/handshake/response.ts";

test("formatResponseHead() gives the head that RFC 6455 shows", () => {
  assert.equal(
    formatResponseHead(101, [
      ["Upgrade", "websocket"],
      ["Connection", "Upgrade"],
      ["Sec-WebSocket-Accept", "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="],
      ["Sec-WebSocket-Protocol", "chat"],
    ]),
    "HTTP/1.1 101 Switching Protocols\r\n" +
      "Upgrade: websocket\r\n" +
      "Connection: Upgrade\r\n" +
      "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n" +
      "Sec-WebSocket-Protocol: chat\r\n\r\n",
  );
});

test("formatResponseHead() takes any iterable and any status text", () => {
  const headers = new Headers([["b", "2"], ["Set-Cookie", "x=1"]]);
  headers.append("Set-Cookie", "y=2");
  assert.equal(
    formatResponseHead(404, headers),
    "HTTP/1.1 404 Not Found\r\nb: 2\r\nset-cookie: x=1\r\n" +
      "set-cookie: y=2\r\n\r\n",
  );
  assert.equal(
    formatResponseHead(200, new Map([["a", ""]]), "Fine"),
    "HTTP/1.1 200 Fine\r\na: \r\n\r\n",
  );
  assert.equal(formatResponseHead(299, []), "HTTP/1.1 299 \r\n\r\n");
  assert.equal(
    formatResponseHead(200, [["a", "\t\x20\x7e\x80\xff"]], ""),
    "HTTP/1.1 200 \r\na: \t\x20\x7e\x80\xff\r\n\r\n",
  );
});

const unsendable: HeaderEntry[] = [
  ["a", "b\r\nX: y"],
  ["a", "b\n"],
  ["a", "b\r"],
  ["a", "\0"],
  ["a", "\x1b[31m"],
  ["a", "\x7f"],
  // Their low bytes are CR and LF.
  ["a", "\u010d\u010aX: y"],
  ["a", "\ud83c\udf0a"],
  ["a\r\nX", "b"],
  ["a\0", "b"],
  ["a:", "b"],
  ["a b", "b"],
  [" a", "b"],
  ["", "b"],
  ["é", "b"],
  ["a", undefined as unknown as string],
];

test("no header can split a response", () => {
  for (const header of unsendable) {
    const headers = [["ok", "ok"] as const, header];
    assert.throws(() => formatResponseHead(200, headers), TypeError);
    assert.throws(() => checkResponseHeaders(headers), TypeError);
    assert.throws(() => new HandshakeError(400, "No.", headers), TypeError);
  }
  for (const text of ["OK\r\nX: y", "OK\n", "\0", "\u010d"]) {
    assert.throws(() => formatResponseHead(200, [], text), TypeError);
  }
});

test("a status out of range is refused", () => {
  for (const status of [0, 99, 600, 200.5, NaN, Infinity, -200]) {
    assert.throws(() => formatResponseHead(status, []), RangeError);
  }
  for (const status of [101, 200, 302, 399, 600, 400.5, NaN]) {
    assert.throws(() => new HandshakeError(status, "No."), RangeError);
  }
});

test("checkResponseHeaders() lets a program's own headers pass", () => {
  checkResponseHeaders([]);
  checkResponseHeaders([
    ["Set-Cookie", "a=b; HttpOnly"],
    ["X-Upgrade", "x"],
    ["Server", "Weir \xe9"],
    ["__proto__", "x"],
  ]);
  checkResponseHeaders(new Headers({ "Strict-Transport-Security": "x" }));
});

test("checkResponseHeaders() refuses the handshake's own", () => {
  const cases: [name: string, advice: RegExp][] = [
    ["Upgrade", /leave it out/],
    ["cOnNeCtIoN", /leave it out/],
    ["Sec-WebSocket-Accept", /leave it out/],
    ["Sec-WebSocket-Version", /leave it out/],
    ["sec-websocket-protocol", /protocol/],
    ["SEC-WEBSOCKET-EXTENSIONS", /deflate/],
    ["Content-Length", /no body/],
    ["Transfer-Encoding", /no body/],
  ];
  for (const [name, message] of cases) {
    assert.throws(
      () => checkResponseHeaders([["X", "y"], [name, "0"]]),
      (error: unknown) => {
        assert.ok(error instanceof TypeError);
        assert.ok(error.message.includes(JSON.stringify(name)));
        assert.match(error.message, message);
        return true;
      },
      name,
    );
  }
});

/** Takes a raw response apart; fails where HTTP would. */
function readResponse(
  response: string,
): { status: number; headers: Map<string, string>; body: string } {
  const headEnd = response.indexOf("\r\n\r\n");
  assert.notEqual(headEnd, -1);
  const [statusLine, ...lines] = response.slice(0, headEnd).split("\r\n");
  const status = /^HTTP\/1\.1 ([1-5][0-9]{2}) [ -~]*$/.exec(statusLine)?.[1];
  assert.ok(status, statusLine);
  const headers = new Map<string, string>();
  for (const line of lines) {
    const [, name, value] = /^([A-Za-z-]+): ([ -~]*)$/.exec(line) ?? [];
    assert.ok(name, line);
    assert.ok(!headers.has(name.toLowerCase()), `${name} twice`);
    headers.set(name.toLowerCase(), value);
  }
  const body = response.slice(headEnd + 4);
  assert.equal(
    headers.get("content-length"),
    String(new TextEncoder().encode(body).byteLength),
  );
  return { status: Number(status), headers, body };
}

test("formatRefusal() gives a complete response", () => {
  assert.equal(
    formatRefusal(
      new HandshakeError(405, "Use GET.", [["Allow", "GET"]]),
      new Date(0),
    ),
    "HTTP/1.1 405 Method Not Allowed\r\n" +
      "Date: Thu, 01 Jan 1970 00:00:00 GMT\r\n" +
      "Connection: close\r\n" +
      "Content-Type: text/plain; charset=utf-8\r\n" +
      "Content-Length: 9\r\n" +
      "X-Content-Type-Options: nosniff\r\n" +
      "Allow: GET\r\n\r\n" +
      "Use GET.\n",
  );
});

test("formatRefusal() puts Connection into one header", () => {
  const { headers } = readResponse(
    formatRefusal(
      new HandshakeError(426, "No.", [
        ["Upgrade", "websocket"],
        ["Connection", "Upgrade"],
      ]),
    ),
  );
  assert.equal(headers.get("connection"), "Upgrade, close");
  assert.equal(headers.get("upgrade"), "websocket");
});

test("formatRefusal() keeps to the length it states, whatever it says", () => {
  const messages = [
    "",
    "na\u00efve \u2603 \ud83c\udf0a",
    "\ufeffBOM",
    "lone \ud83c surrogate",
    "a\r\n\r\nHTTP/1.1 200 OK\r\n\r\n",
    "<script>alert(1)</script>",
    "\0",
  ];
  for (const message of messages) {
    const { headers, body } = readResponse(
      formatRefusal(new HandshakeError(400, message)),
    );
    assert.equal(body, message.replace(/\ud83c(?!\udf0a)/, "\ufffd") + "\n");
    assert.equal(headers.get("content-type"), "text/plain; charset=utf-8");
    assert.equal(headers.get("x-content-type-options"), "nosniff");
    assert.equal(headers.get("connection"), "close");
  }
});

test("a HandshakeError takes no header that would contradict its body", () => {
  for (const name of ["Content-Length", "content-type", "Transfer-Encoding"]) {
    assert.throws(
      () => new HandshakeError(400, "No.", [[name, "1"]]),
      TypeError,
    );
  }
  assert.throws(
    () => new HandshakeError(400, "No.", [["X", "\xe9"]]),
    { name: "TypeError", message: /plain ASCII/ },
  );
  const cause = new SyntaxError("why");
  const error = new HandshakeError(400, "No.", [], { cause });
  assert.equal(error.cause, cause);
  assert.equal(error.name, "HandshakeError");
  assert.ok(error instanceof Error);
});

test("an HTTP client understands a refusal", async () => {
  const error = new HandshakeError(426, "Na\u00efve \ud83c\udf0a.", [
    ["Upgrade", "websocket"],
    ["Connection", "Upgrade"],
    ["Sec-WebSocket-Version", "13"],
  ]);
  const server = createServer((socket) => {
    socket.on("error", () => {});
    socket.once("data", () => socket.end(formatRefusal(error)));
  });
  await new Promise<void>((resolve) =>
    server.listen(0, "127.0.0.1", () => resolve())
  );
  try {
    const { port } = server.address() as AddressInfo;
    const response = await fetch(`http://127.0.0.1:${port}/`);
    assert.equal(response.status, 426);
    assert.equal(response.headers.get("sec-websocket-version"), "13");
    assert.equal(await response.text(), error.message + "\n");
  } finally {
    await new Promise((resolve) => server.close(resolve));
  }
});
