import assert from "node:assert/strict";
import { test } from "node:test";

import {
  checkProtocols,
  checkSelectedProtocol,
  parseProtocols,
  selectProtocol,
} from "../../src/handshake/subprotocol.ts";

test("parseProtocols() keeps the client's order and the names' case", () => {
  const cases: [header: string, protocols: string[]][] = [
    ["chat", ["chat"]],
    ["chat, superchat", ["chat", "superchat"]],
    ["\tb ,a,\tB", ["b", "a", "B"]],
    [", chat,,superchat ,", ["chat", "superchat"]],
    ["v12.stomp,__proto__,constructor", [
      "v12.stomp",
      "__proto__",
      "constructor",
    ]],
  ];
  for (const [header, protocols] of cases) {
    assert.deepEqual(parseProtocols(header), protocols, header);
  }
});

test("parseProtocols() refuses what is no list of distinct tokens", () => {
  const cases: [header: string, reason: RegExp][] = [
    ["", /names no subprotocol/],
    [" , ,", /names no subprotocol/],
    ["chat chat", /"chat chat" is not a token/],
    ['"chat"', /is not a token/],
    ["chat;v=1", /"chat;v=1" is not a token/],
    ["a, http://b", /"http:\/\/b" is not a token/],
    ["chat\u00a0", /"chat\\u00a0" is not a token/],
    ["chat\r\nX: y", /is not a token/],
    ["a, b, a", /"a" occurs twice/],
    ["a,a", /"a" occurs twice/],
  ];
  for (const [header, message] of cases) {
    assert.throws(
      () => parseProtocols(header),
      { name: "SyntaxError", message },
      header,
    );
  }
});

test("parseProtocols() takes linear time on hostile headers", () => {
  const start = performance.now();
  // The first is CVE-2021-32640 of ws, made longer.
  const hostile = ["b" + " ".repeat(1_000_000) + "x", ",".repeat(1_000_000)];
  for (const header of hostile) {
    assert.throws(() => parseProtocols(header), SyntaxError);
  }
  const many = Array.from({ length: 200_000 }, (_, index) => `p${index}`);
  assert.equal(parseProtocols(many.join(",")).length, many.length);
  const elapsed = performance.now() - start;
  assert.ok(elapsed < 20_000, `${elapsed} ms`);
});

test("selectProtocol() follows the server's preference", () => {
  assert.equal(selectProtocol(["a", "b", "c"], ["x", "c", "b"]), "c");
  assert.equal(selectProtocol(["a"], ["A"]), "");
  assert.equal(selectProtocol([], ["a"]), "");
  assert.equal(selectProtocol(["a"], []), "");
});

test("checkProtocols() refuses names that no client could offer", () => {
  checkProtocols([]);
  checkProtocols(["chat.v2", "chat.v1"]);
  for (const protocols of [[""], ["a b"], ["a,b"], ["é"], ["a", "b", "a"]]) {
    assert.throws(() => checkProtocols(protocols), TypeError);
  }
});

test("checkSelectedProtocol() refuses what the client did not offer", () => {
  checkSelectedProtocol("", []);
  checkSelectedProtocol("", ["a"]);
  checkSelectedProtocol("b", ["a", "b"]);
  assert.throws(() => checkSelectedProtocol("c", ["a", "b"]), {
    name: "TypeError",
    message: /"c" was chosen, but the client offered "a, b"/,
  });
  assert.throws(() => checkSelectedProtocol("c", []), {
    name: "TypeError",
    message: /the client offered none/,
  });
});
