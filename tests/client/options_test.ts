// Options that can't be right are refused at once, before anything is sent.

import assert from "node:assert/strict";
import { test } from "node:test";
import { WebSocketStream, type WebSocketStreamOptions } from "../../mod.ts";

function construct(options: unknown): () => WebSocketStream {
  const stay = { ...options as WebSocketStreamOptions };
  return () => new WebSocketStream("ws://127.0.0.1:1/", stay);
}

for (
  const protocols of [
    "",
    " ",
    "a b",
    "a,b",
    "a\r\nX: y",
    "é",
    ["a", ""],
    ["a", "a"],
    ["a", "b", "a"],
    [null],
  ]
) {
  test(`protocols ${JSON.stringify(protocols)} are a SyntaxError`, () => {
    assert.throws(construct({ protocols }), { name: "SyntaxError" });
  });
}

for (
  const headers of [
    { Upgrade: "h2c" },
    { connection: "close" },
    { "content-length": "5" },
    { "Transfer-Encoding": "chunked" },
    { "Sec-WebSocket-Key": "x" },
    { "sec-websocket-version": "8" },
    { "SEC-WEBSOCKET-PROTOCOL": "chat" },
    { "sec-websocket-extensions": "x-mux" },
    { "sec-websocket-anything": "x" },
    { expect: "100-continue" },
    { te: "trailers" },
  ]
) {
  const [name] = Object.keys(headers);
  for (const form of [headers, Object.entries(headers)]) {
    test(`the header ${name} belongs to the handshake, as ${JSON.stringify(form)}`, () => {
      assert.throws(
        construct({ headers: form }),
        (error) =>
          error instanceof TypeError &&
          error.message.toLowerCase().includes(`"${name.toLowerCase()}"`),
      );
    });
  }
}

for (
  const headers of [
    [["X", "a\r\nEvil: yes"]],
    [["X", "a\nb"]],
    [["X", "a\0b"]],
    [["X", "a\x7fb"]],
    [["X", "€"]],
    [["X\r\nEvil", "yes"]],
    [["X Y", "z"]],
    [["X:", "z"]],
    [["", "z"]],
    [["X"]],
    [["Host", "a/b"]],
    [["Host", ""]],
    [["Host", "a, b"]],
  ]
) {
  test(`the headers ${JSON.stringify(headers)} are a TypeError`, () => {
    assert.throws(construct({ headers }), TypeError);
  });
}

test("headers in an object are checked as well", () => {
  assert.throws(construct({ headers: { x: "a\r\nEvil: yes" } }), TypeError);
  assert.throws(construct({ headers: { "x y": "z" } }), TypeError);
});

for (
  const [options, error] of [
    [{ handshakeTimeout: 0 }, RangeError],
    [{ handshakeTimeout: "1" }, RangeError],
    [{ maxMessageSize: -1 }, RangeError],
    [{ closeTimeout: NaN }, RangeError],
    [{ keepAlive: { interval: 0 } }, RangeError],
    [{ keepAlive: 30 }, TypeError],
    [{ keepAlive: true }, TypeError],
    [{ deflate: { clientMaxWindowBits: 7 } }, RangeError],
    [{ deflate: "yes" }, TypeError],
    [{ caCerts: "PEM" }, TypeError],
    [{ caCerts: null }, TypeError],
    [{ caCerts: [new Uint8Array(1)] }, TypeError],
    [{ signal: true }, TypeError],
  ] as const
) {
  test(`the options ${JSON.stringify(options)} are a ${error.name}`, () => {
    assert.throws(construct(options), error);
  });
}

for (const given of ["/etc/ca.pem", "", new Uint8Array(1), null]) {
  const shown = typeof given === "string" ? JSON.stringify(given) : given;
  test(`caCerts with ${shown}, which is no PEM, are refused with the reason`, () => {
    assert.throws(
      construct({ caCerts: ["-----BEGIN CERTIFICATE-----\n", given] }),
      /^TypeError: caCerts\[1\] is the text of a PEM file, not .*: if the file is at a path, read it/,
    );
  });
}

test("a signal that is null is refused in words of its own", () => {
  assert.throws(
    construct({ signal: null }),
    /^TypeError: signal is an AbortSignal, not null: pass/,
  );
});

for (const options of [null, "chat", ["chat"], 1]) {
  test(`${JSON.stringify(options)} in place of the options is refused`, () => {
    assert.throws(
      () => new WebSocketStream("ws://127.0.0.1:1/", options as never),
      /^TypeError: the options of a WebSocketStream are an object, .* not /,
    );
  });
}
