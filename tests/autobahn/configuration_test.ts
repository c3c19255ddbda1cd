// fuzzingclient.json and fuzzingserver.json, as the reference suite takes them.

import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import {
  parseConfiguration,
  readConfiguration,
} from "../../autobahn/configuration.ts";

function parse(content: unknown) {
  return parseConfiguration(JSON.stringify(content), "file.json");
}

function assertRefused(content: unknown, message: RegExp): void {
  assert.throws(() => parse(content), { name: "ConfigurationError", message });
}

test("a fuzzingclient.json with all that it can have", () => {
  const configuration = parse({
    outdir: "./reports/servers",
    options: { failByDrop: false, openHandshakeTimeout: 2 },
    servers: [
      {
        agent: "One",
        url: "ws://127.0.0.1:9001",
        options: { version: 18, closeHandshakeTimeout: 0.5 },
      },
      {
        agent: "Two",
        url: "wss://localhost:9002/echo",
        hostname: "example.com",
        origin: "https://example.com",
        protocols: ["chat"],
        options: { openHandshakeTimeout: 3, serverConnectionDropTimeout: 4 },
      },
    ],
    cases: ["1.*", "2.*"],
    "exclude-cases": ["1.1.1"],
    "exclude-agent-cases": { "One*": ["2.*"] },
  });
  assert.deepEqual(configuration, {
    kind: "client",
    outdir: "./reports/servers",
    cases: ["1.*", "2.*"],
    excludeCases: ["1.1.1"],
    excludeAgentCases: [{ agent: "One*", cases: ["2.*"] }],
    warnings: [],
    servers: [
      {
        agent: "One",
        url: "ws://127.0.0.1:9001",
        protocols: [],
        timeouts: { openingHandshake: 2000, closingHandshake: 500 },
      },
      {
        agent: "Two",
        url: "wss://localhost:9002/echo",
        hostname: "example.com",
        origin: "https://example.com",
        protocols: ["chat"],
        timeouts: { openingHandshake: 3000, serverDrop: 4000 },
      },
    ],
  });
});

test("a fuzzingclient.json with the least that it must have", () => {
  assert.deepEqual(parse({ servers: [{ url: "ws://localhost:8080/x" }] }), {
    kind: "client",
    outdir: undefined,
    cases: ["*"],
    excludeCases: [],
    excludeAgentCases: [],
    warnings: [],
    servers: [{
      agent: "localhost:8080",
      url: "ws://localhost:8080/x",
      protocols: [],
      timeouts: {},
    }],
  });
});

test("a fuzzingserver.json", () => {
  assert.deepEqual(
    parse({
      url: "wss://127.0.0.1:9001",
      outdir: "./reports/clients",
      protocols: ["chat"],
      cert: "server.crt",
      key: "server.key",
      cases: ["*"],
      "exclude-cases": [],
      "exclude-agent-cases": {},
    }),
    {
      kind: "server",
      url: "wss://127.0.0.1:9001",
      outdir: "./reports/clients",
      protocols: ["chat"],
      certificateFile: "server.crt",
      privateKeyFile: "server.key",
      cases: ["*"],
      excludeCases: [],
      excludeAgentCases: [],
      timeouts: {},
      warnings: [],
    },
  );
});

test("the files in autobahn/ can be read", () => {
  const folder = new URL("../../autobahn/", import.meta.url);
  for (const kind of ["client", "server"] as const) {
    const file = fileURLToPath(new URL(`fuzzing${kind}.json`, folder));
    const configuration = readConfiguration(file);
    assert.equal(configuration.kind, kind);
    assert.deepEqual(configuration.cases, ["*"]);
    assert.deepEqual(configuration.warnings, []);
  }
});

test("what has no meaning here is a warning", () => {
  const { warnings } = parse({
    servers: [{ url: "ws://localhost", colour: "red" }],
    options: { tcpNoDelay: true },
    exclude_cases: [],
  });
  assert.equal(warnings.length, 3);
  assert.match(warnings[0], /exclude_cases is unknown.*exclude-cases/);
  assert.match(warnings[1], /options\.tcpNoDelay/);
  assert.match(warnings[2], /servers\[0\]\.colour is unknown/);
});

test("what cannot be used is an error that says where", () => {
  assertRefused([], /file\.json must be an object, not \[\]/);
  assertRefused({}, /neither "servers".*nor "url"/);
  assertRefused({ servers: {} }, /servers must be a list, not \{\}/);
  assertRefused({ servers: [] }, /servers has no server/);
  assertRefused({ servers: [1] }, /servers\[0\] must be an object, not 1/);
  assertRefused({ servers: [{ agent: "A" }] }, /servers\[0\]\.url is missing/);
  assertRefused(
    { servers: [{ url: "http://localhost" }] },
    /servers\[0\]\.url must be a ws: or wss: URL, not "http/,
  );
  assertRefused(
    {
      servers: [
        { agent: "A", url: "ws://localhost" },
        { agent: "A", url: "ws://localhost:81" },
      ],
    },
    /two agents "A"/,
  );
  assertRefused({ url: "ws:" }, /url must be a ws: or wss: URL/);
  assertRefused({ url: "wss://localhost", cert: "x" }, /cert and "key"/);
  const url = "ws://localhost";
  assertRefused({ url, cases: "1.*" }, /cases must be a list of texts/);
  assertRefused({ url, cases: [1.1] }, /cases must be a list of texts/);
  assertRefused({ url, outdir: 1 }, /outdir must be a text, not 1/);
  assertRefused({ url, options: { failByDrop: true } }, /failByDrop must be/);
  assertRefused({ url, options: { version: 8 } }, /version must be 13 or/);
  assertRefused(
    { url, options: { openHandshakeTimeout: 0 } },
    /options\.openHandshakeTimeout must be seconds, a number above 0, not 0/,
  );
  assertRefused(
    { url, "exclude-agent-cases": { A: "1.*" } },
    /exclude-agent-cases\.A must be a list of texts/,
  );
});

test("a file that cannot be read is an error", () => {
  assert.throws(() => readConfiguration("/nowhere/file.json"), {
    name: "ConfigurationError",
    message: /Cannot read "\/nowhere\/file\.json": no such file/,
  });
  const folder = mkdtempSync(join(tmpdir(), "weir-configuration-"));
  try {
    const file = join(folder, "broken.json");
    // Node quotes the text around what is wrong.
    writeFileSync(file, `{\n"servers":\nnone }`);
    assert.throws(() => readConfiguration(file), {
      name: "ConfigurationError",
      message: /broken\.json is not JSON: .+$/,
    });
  } finally {
    rmSync(folder, { recursive: true });
  }
});
