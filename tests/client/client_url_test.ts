// The URL that a client is given.

import assert from "node:assert/strict";
import { test } from "node:test";
import { WebSocketStream } from "../../mod.ts";
import { parseClientUrl } from "../../src/handshake/client_url.ts";

const understood: readonly (readonly [
  url: string,
  expected: Partial<ReturnType<typeof parseClientUrl>>,
])[] = [
  ["ws://example.com", {
    url: "ws://example.com/",
    secure: false,
    hostname: "example.com",
    port: 80,
    host: "example.com",
    path: "/",
    authorization: null,
  }],
  ["wss://example.com", { secure: true, port: 443, host: "example.com" }],
  ["ws://example.com:80/", { port: 80, host: "example.com" }],
  ["wss://example.com:443/", { port: 443, host: "example.com" }],
  ["wss://example.com:80/", { port: 80, host: "example.com:80" }],
  ["ws://example.com:8080/a/b?c=d&e", {
    host: "example.com:8080",
    port: 8080,
    path: "/a/b?c=d&e",
  }],
  ["ws://example.com/%23?%23", { path: "/%23?%23" }],
  ["http://example.com/x", { url: "ws://example.com/x", secure: false }],
  ["HTTPS://EXAMPLE.com/X", { url: "wss://example.com/X", secure: true }],
  ["https://example.com:443/", { url: "wss://example.com/", port: 443 }],
  ["ws://[::1]:8000/", {
    hostname: "::1",
    host: "[::1]:8000",
    port: 8000,
  }],
  ["wss://[2001:db8::1]/", { hostname: "2001:db8::1", host: "[2001:db8::1]" }],
  ["ws://127.1/", { hostname: "127.0.0.1", host: "127.0.0.1" }],
  ["ws://bücher.example/ü?ü", {
    hostname: "xn--bcher-kva.example",
    host: "xn--bcher-kva.example",
    path: "/%C3%BC?%C3%BC",
  }],
  ["ws://ada:secret@example.com/", {
    url: "ws://example.com/",
    host: "example.com",
    authorization: "Basic YWRhOnNlY3JldA==",
  }],
  ["ws://ada@example.com/", { authorization: "Basic YWRhOg==" }],
  ["ws://%C3%A4:p%3Aq@example.com/", { authorization: "Basic w6Q6cDpx" }],
  ["ws://100%:x@example.com/", { authorization: "Basic MTAwJTp4" }],
];

for (const [url, expected] of understood) {
  test(`the URL ${url} is understood`, () => {
    const target = parseClientUrl(url);
    assert.deepEqual(target, { ...target, ...expected });
  });
}

test("a URL object is taken, and not changed", () => {
  const url = new URL("https://ada:secret@example.com/x");
  assert.equal(parseClientUrl(url).url, "wss://example.com/x");
  assert.equal(url.href, "https://ada:secret@example.com/x");
});

for (
  const url of [
    "",
    "/chat",
    "example.com",
    "ws://",
    "ws://example.com:65536/",
    "ftp://example.com/",
    "mailto:ada@example.com",
    "ws+unix:///tmp/socket",
    "ws://example.com/#",
    "ws://example.com/#top",
    "https://example.com/?a#b",
  ]
) {
  test(`the URL ${JSON.stringify(url)} is a SyntaxError`, () => {
    assert.throws(
      () => new WebSocketStream(url),
      (error) =>
        error instanceof DOMException && error.name === "SyntaxError" &&
        (url === "" || error.message.includes(JSON.stringify(url))),
    );
  });
}
