// The flags of the conformance run.

import assert from "node:assert/strict";
import { test } from "node:test";
import { helpText, parseCommandLine } from "../../autobahn/command_line.ts";

const nothing = {
  cases: undefined,
  exclude: undefined,
  outdir: undefined,
  json: false,
  parallel: undefined,
};

function assertRefused(args: string[], message: RegExp): void {
  assert.throws(() => parseCommandLine(args), {
    name: "CommandLineError",
    message,
  });
}

test("without flags, Weir on everything", () => {
  assert.deepEqual(parseCommandLine([]), {
    ...nothing,
    task: "weir",
    runtimes: ["deno", "bun", "node"],
    schemes: ["ws", "wss"],
    roles: ["server", "client"],
  });
});

test("all the flags of Weir's own run", () => {
  const args = [
    ...["--runtime", "node,deno", "--scheme=wss", "--role", "client"],
    ...["--cases", "5.*,9.1.*", "--exclude", "5.1", "--outdir", "out"],
    ...["--json", "--parallel", "4"],
  ];
  assert.deepEqual(parseCommandLine(args), {
    task: "weir",
    runtimes: ["deno", "node"],
    schemes: ["wss"],
    roles: ["client"],
    cases: ["5.*", "9.1.*"],
    exclude: ["5.1"],
    outdir: "out",
    json: true,
    parallel: 4,
  });
});

test("any server", () => {
  const url = "ws://localhost:8080/echo";
  assert.deepEqual(parseCommandLine(["--url", url, "--agent", "mine"]), {
    ...nothing,
    task: "url",
    url,
    agent: "mine",
  });
  assert.deepEqual(parseCommandLine(["--url", url]), {
    ...nothing,
    task: "url",
    url,
    agent: undefined,
  });
});

test("a configuration file", () => {
  assert.deepEqual(parseCommandLine(["--config", "fuzzingclient.json"]), {
    ...nothing,
    task: "file",
    file: "fuzzingclient.json",
  });
});

test("the fuzzing server, on a port or its usual one", () => {
  const serve = (...args: string[]) => {
    const command = parseCommandLine(["--serve", ...args]);
    assert(command.task === "serve");
    return [command.port, ...command.schemes];
  };
  assert.deepEqual(serve(), [9001, "ws"]);
  assert.deepEqual(serve("8080"), [8080, "ws"]);
  assert.deepEqual(serve("0", "--scheme", "wss"), [0, "wss"]);
  assert.deepEqual(serve("--cases", "1.*"), [9001, "ws"]);
  const joined = parseCommandLine(["--serve=1234", "--json"]);
  assert(joined.task === "serve");
  assert.equal(joined.port, 1234);
});

test("Docker, for servers", () => {
  assert.deepEqual(parseCommandLine(["--docker", "--runtime", "bun"]), {
    ...nothing,
    task: "docker",
    runtimes: ["bun"],
    schemes: ["ws", "wss"],
    roles: ["server"],
  });
});

test("help, whatever else there is", () => {
  assert.deepEqual(parseCommandLine(["--help"]), { task: "help" });
  assert.deepEqual(parseCommandLine(["--serve", "-h"]), { task: "help" });
  for (
    const flag of [
      ..."cases exclude runtime scheme role url agent config".split(" "),
      ..."serve docker parallel outdir json help".split(" "),
    ]
  ) {
    assert.match(helpText(), new RegExp(`^  --${flag}\\b`, "m"));
  }
});

test("what cannot be used is an error that names it", () => {
  assertRefused(["--colour"], /Unknown flag --colour/);
  assertRefused(["constructor"], /Unexpected argument "constructor"/);
  assertRefused(["--json", "8080"], /Unexpected argument "8080"/);
  assertRefused(["--cases"], /--cases needs a value/);
  assertRefused(["--cases", "--json"], /--cases needs a value/);
  assertRefused(["--cases", "five"], /not "five"/);
  assertRefused(["--cases", ","], /--cases must be case numbers/);
  assertRefused(["--exclude", "1.*;2.*"], /--exclude must be.*"1\.\*;2/);
  assertRefused(["--runtime", "deno,chrome"], /of deno,bun,node, not "chrome"/);
  assertRefused(["--scheme", "http"], /of ws,wss, not "http"/);
  assertRefused(["--role", "proxy"], /of server,client, not "proxy"/);
  assertRefused(["--url", "http://localhost"], /ws: or wss: URL/);
  assertRefused(["--parallel", "0"], /from 1, not "0"/);
  assertRefused(["--serve", "65536"], /port from 0 to 65535, not "65536"/);
  assertRefused(["--serve", "--scheme", "ws,wss"], /one scheme/);
  assertRefused(["--json=yes"], /--json takes no value/);
});

test("flags that do not go together are an error", () => {
  assertRefused(["--agent", "mine"], /--agent needs --url/);
  const url = ["--url", "ws://localhost"];
  assertRefused(
    [...url, "--runtime", "deno"],
    /--runtime does not go with --url/,
  );
  assertRefused([...url, "--serve"], /--serve does not go with --url/);
  assertRefused([...url, "--docker"], /--docker does not go with --url/);
  assertRefused(["--config", "a.json", ...url], /does not go with --url/);
  assertRefused(["--config", "a.json", "--scheme", "ws"], /with --config/);
  assertRefused(["--serve", "--role", "client"], /with --serve/);
  assertRefused(["--docker", "--role", "client"], /tests servers only/);
});
