// The conformance run as users start it: what it runs, says, writes and returns.

import assert from "node:assert/strict";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { delimiter, join } from "node:path";
import process from "node:process";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { testWeir } from "../../autobahn/conformance_run.ts";
import { Progress } from "../../autobahn/progress.ts";
import { foldersFor } from "../../autobahn/report_folders.ts";
import { casesFor } from "../../autobahn/run_context.ts";
import { totalsOf } from "../../autobahn/summary.ts";
import { withHeldPort } from "../support/held_port.ts";
import { runtime, scriptCommand } from "../support/runtime.ts";
import { autobahn, inFolder, start } from "./command.ts";
import { startEchoServer } from "./mutants/echo_server.ts";
import { mutants } from "./mutants/mutants.ts";

const name = { deno: "Deno", bun: "Bun", node: "Node" }[runtime];
const silent = { write: () => {} };

function readIndex(folder: string): Record<string, Record<string, unknown>> {
  return JSON.parse(readFileSync(join(folder, "index.json"), "utf8"));
}

test("Weir's server and client on this runtime, over ws and wss", async () => {
  await inFolder(async (folder) => {
    const cases = ["1.1.2", "5.3", "5.17", "7.7.1", "12.1.1"];
    const { code, stdout, stderr } = await autobahn([
      ...["--runtime", runtime, "--cases", cases.join(), "--json"],
      ...["--outdir", folder],
    ]);
    assert.equal(code, 0, stdout + stderr);
    const summary = JSON.parse(stdout);
    assert.equal(summary.passed, 20);
    assert.equal(summary.failed, 0);
    assert.deepEqual(
      summary.agents.map(({ agent }: { agent: string }) => agent),
      [
        `Weir on ${name}, ws (server)`,
        `Weir on ${name}, wss (server)`,
        `Weir on ${name}, ws (client)`,
        `Weir on ${name}, wss (client)`,
      ],
    );
    assert.deepEqual(summary.agents[0].behavior, { OK: 5 });
    assert.match(stderr, /Weir on \w+, wss: 5 of 5 cases/);
    for (const role of ["servers", "clients"]) {
      const index = readIndex(join(folder, role));
      assert.deepEqual(Object.keys(index), [
        `Weir on ${name}, ws`,
        `Weir on ${name}, wss`,
      ]);
      assert.deepEqual(
        Object.keys(index[`Weir on ${name}, ws`]).toSorted(),
        cases.toSorted(),
      );
      assert(existsSync(join(folder, role, "index.html")));
    }
  });
});

test("any server; a verdict that is not good ends with 1", async () => {
  const mutant = mutants.find(({ fault }) => fault === "texts are altered");
  assert(mutant);
  const server = await startEchoServer(mutant);
  try {
    await inFolder(async (folder) => {
      const { code, stdout, stderr } = await autobahn([
        ...["--url", server.url, "--agent", "mine", "--outdir", folder],
        ...["--cases", "1.1.1,1.1.2,1.2.2"],
      ]);
      assert.equal(code, 1, stdout + stderr);
      assert.match(stdout, /^mine +3 +2 .* 1 .* 1 /m);
      assert.match(stdout, /^mine:\n {2}1\.1\.2 +FAILED, closing WRONG CODE:/m);
      assert.match(stdout, /\n2 passed, 1 failed\n$/);
      assert.match(stderr, /mine: 1\.1\.2 +FAILED/);
      const index = readIndex(join(folder, "servers"));
      assert.deepEqual(Object.keys(index.mine), [
        "1.1.1",
        "1.1.2",
        "1.2.2",
      ]);
    });
  } finally {
    await server.close();
  }
});

test("a server that is not there ends with 1", () =>
  withHeldPort(({ url }) =>
    inFolder(async (folder) => {
      const { code, stdout } = await autobahn(
        ["--url", url, "--cases", "1.1.*", "--outdir", folder],
      );
      assert.equal(code, 1);
      assert.match(stdout, /cannot connect to ws:/);
      assert.match(stdout, /\n0 passed, 8 failed\n$/);
    })
  ));

test("a fuzzingclient.json", async () => {
  const servers = [await startEchoServer(), await startEchoServer()];
  try {
    await inFolder(async (folder) => {
      const file = join(folder, "fuzzingclient.json");
      const outdir = join(folder, "reports");
      writeFileSync(
        file,
        JSON.stringify({
          outdir,
          servers: [
            { agent: "One", url: servers[0].url },
            { agent: "Two", url: servers[1].url },
          ],
          cases: ["1.1.1", "2.*"],
          "exclude-cases": ["2.1*"],
          "exclude-agent-cases": { "T*": ["2.*"] },
          webport: 8080,
        }),
      );
      const { code, stderr } = await autobahn(["--config", file]);
      assert.equal(code, 0, stderr);
      assert.match(stderr, /webport is unknown and ignored/);
      const index = readIndex(outdir);
      assert.deepEqual(Object.keys(index.One), [
        "1.1.1",
        ...[2, 3, 4, 5, 6, 7, 8, 9].map((number) => `2.${number}`),
      ]);
      assert.deepEqual(Object.keys(index.Two), ["1.1.1"]);
    });
  } finally {
    for (const server of servers) await server.close();
  }
});

test("the fuzzing server alone", async () => {
  await inFolder(async (folder) => {
    const serving = start("main.ts", [
      ...["--serve", "0", "--cases", "1.1.1,2.1", "--outdir", folder],
    ]);
    const [, url] = await serving.says(/listens on (ws:\S+) with 2 cases/);
    const testee = await start("testee.ts", ["--url", url, "--agent", "me"])
      .finished;
    assert.equal(testee.code, 0, testee.stderr);
    assert.deepEqual(
      Object.keys(readIndex(join(folder, "clients")).me),
      ["1.1.1", "2.1"],
    );
    serving.signal("SIGINT");
    const { code, stdout } = await serving.finished;
    assert.equal(code, 0, stdout);
    assert.match(stdout, /^me +2 +2 /m);
  });
});

test("Ctrl-C ends it and all that it started", async () => {
  await inFolder(async (folder) => {
    const running = start("main.ts", [
      ...["--runtime", runtime, "--scheme", "ws", "--role", "server"],
      ...["--cases", "1.1.1,12.1.18,12.2.18,12.3.18", "--outdir", folder],
      "--parallel",
      "1",
    ]);
    const servers = await serversOf(running.pid);
    running.signal("SIGINT");
    const { code, stderr } = await running.finished;
    assert.equal(code, 130, stderr);
    assert.match(stderr, /ended by SIGINT/);
    if (process.platform === "linux") assert.equal(servers.length, 1);
    for (const pid of servers) {
      assert(!existsSync(`/proc/${pid}`), `${pid} is still there`);
    }
  });
});

/** The servers that a process has started, where the system says so. */
async function serversOf(pid: number): Promise<string[]> {
  const file = `/proc/${pid}/task/${pid}/children`;
  for (let attempt = 0; existsSync(file) && attempt < 400; attempt++) {
    const servers = readFileSync(file, "utf8").trim().split(" ")
      .filter(isServer);
    if (servers.length > 0) return servers;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  return [];
}

function isServer(pid: string): boolean {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "utf8").includes("server.ts");
  } catch {
    return false; // It was there for a moment, to tell its version.
  }
}

test("what cannot be used ends with 2, in one line", async () => {
  const server = await startEchoServer();
  const { port } = new URL(server.url);
  await inFolder(async (folder) => {
    const file = join(folder, "file");
    writeFileSync(file, "");
    for (
      const [args, message] of [
        [["--colour"], /^autobahn: Unknown flag --colour/],
        [["--cases", "5.21"], /^autobahn: There is no case "5\.21"/],
        [["--config", "/nowhere.json"], /^autobahn: Cannot read "\/nowhere/],
        [
          ["--url", server.url, "--cases", "1.1.1", "--outdir", file],
          /^autobahn: Cannot write reports into .*: there is a file of that/,
        ],
        [
          ["--serve", port, "--outdir", folder],
          /^autobahn: Cannot listen on 127\.0\.0\.1:\d+: the port is in use/,
        ],
      ] as const
    ) {
      const { code, stdout, stderr } = await autobahn(args);
      assert.equal(code, 2, stderr);
      assert.equal(stdout, "");
      assert.match(stderr, message);
      assert.match(stderr, /^.+\n$/);
    }
  });
  await server.close();
});

test("a runtime that is missing, or a server that does not start, fails", async () => {
  const context = {
    cases: casesFor(["1.1.*"], []),
    parallel: 1,
    folders: foldersFor("reports"),
    progress: new Progress(silent),
    signal: new AbortController().signal,
  };
  const command = {
    runtimes: ["bun" as const],
    schemes: ["ws" as const],
    roles: ["server" as const],
  };
  const missing = await testWeir(command, [], context);
  assert.deepEqual(totalsOf(missing.outcomes), { passed: 0, failed: 8 });
  assert.match(missing.outcomes[0].problem!, /Bun is missing/);

  const path = join(import.meta.dirname!, "no_such_runtime");
  const broken = [{ name: "bun" as const, version: "0", path }];
  for (const roles of [["server" as const], ["client" as const]]) {
    const { outcomes } = await testWeir({ ...command, roles }, broken, context);
    assert.deepEqual(totalsOf(outcomes), { passed: 0, failed: 8 });
    assert.match(outcomes[0].problem!, /ENOENT|No such file|not found/i);
  }
});

test("without a Docker engine, --docker says so and ends with 2", async () => {
  await inFolder(async (folder) => {
    const { code, stderr } = await autobahn(["--docker"], { PATH: folder });
    assert.equal(code, 2, stderr);
    assert.match(stderr, /No Docker engine answers \(there is no docker/);
  });
});

test("with one, --docker runs the official image", async () => {
  await inFolder(async (folder) => {
    const script = new URL("programs/fake_docker.ts", import.meta.url);
    const command = scriptCommand(fileURLToPath(script));
    const log = join(folder, "log");
    const programs = join(folder, "bin");
    mkdirSync(programs);
    writeFileSync(
      join(programs, "docker"),
      `#!/bin/sh\nexec ${command.program} ${
        command.arguments.join(" ")
      } "$@"\n`,
      { mode: 0o755 },
    );
    const { code, stdout, stderr } = await autobahn([
      ...["--docker", "--runtime", runtime, "--cases", "1.1.*"],
      ...["--exclude", "1.1.1", "--outdir", folder, "--json"],
    ], {
      PATH: `${programs}${delimiter}${process.env.PATH}`,
      FAKE_DOCKER_LOG: log,
    });
    assert.equal(code, 0, stdout + stderr);
    const summary = JSON.parse(stdout);
    assert.deepEqual([summary.passed, summary.failed], [14, 0]);
    assert.equal(summary.agents[1].agent, `Weir on ${name}, wss`);
    const calls = readFileSync(log, "utf8").trim().split("\n");
    const run = JSON.parse(calls.at(-1)!);
    assert.deepEqual(run.slice(-6), [
      "crossbario/autobahn-testsuite",
      ...["wstest", "-m", "fuzzingclient", "-s", "/weir/fuzzingclient.json"],
    ]);
    if (process.platform === "linux") {
      assert.equal(run[run.indexOf("--network") + 1], "host");
    }
  });
});
