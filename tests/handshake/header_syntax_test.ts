// Hosts, of which the last that was right is known again.

import assert from "node:assert/strict";
import { test } from "node:test";
import { isHost } from "../../src/handshake/header_syntax.ts";

test("isHost(): whatever was asked for before, the answer is the same", () => {
  const right = ["a.example", "a.example:8080", "[::1]:1", "127.0.0.1"];
  const wrong = [
    "",
    "a.example:99999",
    "a,b",
    "a/b",
    "a@b",
    "1.2.3.999",
    "[::1",
    "A.example/",
  ];
  for (const host of right) {
    for (const other of [...right, ...wrong, ...wrong]) {
      assert.equal(isHost(host), true, host);
      assert.equal(isHost(other), right.includes(other), other);
    }
  }
});
