import assert from "node:assert/strict";
import { test } from "node:test";

import {
  checkOriginPolicy,
  isOriginAllowed,
  type OriginPolicy,
} from "../../src/handshake/origin.ts";

test("same-origin compares host and port, not the scheme", () => {
  const cases: [origin: string | null, host: string, allowed: boolean][] = [
    // No browser.
    [null, "example.com", true],
    // The same, and but for case.
    ["http://example.com", "example.com", true],
    ["https://example.com", "example.com", true],
    ["http://example.com:8000", "example.com:8000", true],
    ["http://Example.COM", "eXample.com", true],
    ["HTTP://example.com", "example.com", true],
    ["http://[::1]:8000", "[::1]:8000", true],
    ["ws://example.com", "example.com", true],
    // The default port of the origin's scheme, on either side.
    ["http://example.com", "example.com:80", true],
    ["https://example.com", "example.com:443", true],
    ["https://example.com:443", "example.com", true],
    ["http://example.com", "example.com:", true],
    ["http://example.com", "example.com:443", false],
    ["https://example.com", "example.com:80", false],
    ["https://example.com:80", "example.com", false],
    // Another spelling of the same address.
    ["http://[::1]", "[0:0:0:0:0:0:0:1]", true],
    // Others.
    ["http://example.com:8001", "example.com:8000", false],
    ["http://example.com", "example.com:8000", false],
    ["http://example.com:8000", "example.com", false],
    ["http://evil.example", "example.com", false],
    ["http://example.com.evil.example", "example.com", false],
    ["http://evilexample.com", "example.com", false],
    ["http://example.co", "example.com", false],
    ["http://sub.example.com", "example.com", false],
    ["http://localhost", "127.0.0.1", false],
    ["http://example.com.", "example.com", false],
    // Not an origin with a host.
    ["null", "example.com", false],
    ["null", "null", false],
    ["", "example.com", false],
    ["example.com", "example.com", false],
    ["//example.com", "example.com", false],
    ["http:example.com", "example.com", false],
    ["http://", "example.com", false],
    ["file://", "example.com", false],
    ["file://example.com", "example.com", false],
    ["chrome-extension://example.com", "example.com", false],
    ["javascript://example.com", "example.com", false],
    // More than an origin.
    ["http://example.com/", "example.com", false],
    ["http://evil.example/#example.com", "example.com", false],
    ["http://example.com@evil.example", "example.com", false],
    ["http://evil.example@example.com", "example.com", false],
    ["http://evil.example\\@example.com", "example.com", false],
    ["http://example.com?", "example.com", false],
    ["http://example.com http://evil.example", "example.com", false],
    ["http://evil.example, http://example.com", "example.com", false],
    ["http://exam\tple.com", "example.com", false],
    ["http://\u24d4xample.com", "example.com", false],
    ["http://example.com:99999", "example.com", false],
    // No valid host to compare with.
    ["http://example.com", "example.com evil.example", false],
    ["http://example.com", "", false],
  ];
  for (const [origin, host, allowed] of cases) {
    assert.equal(isOriginAllowed(origin, host), allowed, `${origin} ${host}`);
    assert.equal(
      isOriginAllowed(origin, host, "same-origin"),
      allowed,
      `${origin} ${host}`,
    );
  }
});

test('"*" allows every origin', () => {
  for (const origin of [null, "null", "", "http://evil.example", "\0"]) {
    assert.equal(isOriginAllowed(origin, "example.com", "*"), true);
  }
});

test("a list allows exactly its origins", () => {
  const policy = ["https://A.example", "http://localhost:5173"];
  const allows = (origin: string | null, policy: OriginPolicy) =>
    isOriginAllowed(origin, "server.example", policy);
  assert.equal(allows("https://a.example", policy), true);
  assert.equal(allows("HTTPS://a.EXAMPLE", policy), true);
  assert.equal(allows("https://AZ.example", ["https://az.example"]), true);
  assert.equal(allows("http://localhost:5173", policy), true);
  assert.equal(allows(null, policy), true);
  assert.equal(allows("http://a.example", policy), false);
  assert.equal(allows("https://a.example:8443", policy), false);
  assert.equal(allows("https://a.example/", policy), false);
  assert.equal(allows("https://b.a.example", policy), false);
  assert.equal(allows("http://localhost:5174", policy), false);
  assert.equal(allows("null", policy), false);
  assert.equal(allows("null", [...policy, "null"]), true);
  assert.equal(allows("https://server.example", policy), false);
  assert.equal(
    allows("https://server.example", [...policy, "same-origin"]),
    true,
  );
  assert.equal(
    allows("http://evil.example", [...policy, "same-origin"]),
    false,
  );
  assert.equal(allows("same-origin", ["same-origin"]), false);
  assert.equal(allows("https://server.example", []), false);
});

test("a function is asked about every origin that was sent", () => {
  const asked: [string, string][] = [];
  const policy: OriginPolicy = (origin, host) => {
    asked.push([origin, host]);
    return origin.endsWith(".example");
  };
  assert.equal(isOriginAllowed("https://a.example", "h", policy), true);
  assert.equal(isOriginAllowed("null", "h", policy), false);
  assert.equal(isOriginAllowed("", "h", policy), false);
  assert.equal(isOriginAllowed(null, "h", policy), true);
  assert.deepEqual(asked, [["https://a.example", "h"], ["null", "h"], [
    "",
    "h",
  ]]);
});

test("a function that returns no boolean allows nothing", () => {
  for (const result of [undefined, 1, "yes", Promise.resolve(false)]) {
    const policy = (() => result) as unknown as OriginPolicy;
    assert.throws(() => isOriginAllowed("https://a.example", "h", policy), {
      name: "TypeError",
      message: /return true or false/,
    });
  }
});

test("checkOriginPolicy() accepts what can match", () => {
  const policies: OriginPolicy[] = [
    "same-origin",
    "*",
    () => true,
    [],
    ["null", "same-origin"],
    [
      "https://example.com",
      "http://Example.com:8080",
      "http://[::1]:8080",
      "http://127.0.0.1",
      "https://xn--bcher-kva.example",
      "chrome-extension://abcdefghijklmnopabcdefghijklmnop",
      "capacitor://localhost",
    ],
  ];
  for (const policy of policies) checkOriginPolicy(policy);
});

test("checkOriginPolicy() says what to write instead", () => {
  const cases: [policy: unknown, advice: RegExp][] = [
    ["https://example.com", /a list such as/],
    [undefined, /a list such as/],
    [null, /a list such as/],
    [true, /a list such as/],
    [[1], /every entry must be a string/],
    [["*"], /give "\*" without a list/],
    [["https://*.example.com"], /give a function/],
    [["example.com"], /write a scheme/],
    [["localhost:8000"], /write a scheme/],
    [["//example.com"], /write a scheme/],
    [[""], /write a scheme/],
    [["https://exa mple.com"], /write a scheme/],
    [["https://example.com/"], /write "https:\/\/example\.com"/],
    [["https://example.com/chat"], /write "https:\/\/example\.com"/],
    [["https://example.com:443"], /write "https:\/\/example\.com"/],
    [["https://user@example.com"], /write "https:\/\/example\.com"/],
    [
      ["https://b\u00fccher.example"],
      /write "https:\/\/xn--bcher-kva\.example"/,
    ],
    [["https://a.example", "https://b.example/"], /"https:\/\/b\.example"/],
    [["chrome-extension://abc/"], /write "chrome-extension:\/\/abc"/],
  ];
  for (const [policy, message] of cases) {
    assert.throws(
      () => checkOriginPolicy(policy as OriginPolicy),
      { name: "TypeError", message },
      String(policy),
    );
  }
});
