// Weir's client goes through the cases of the fuzzing server.

import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { startFuzzingServer } from "../../autobahn/fuzzing_server.ts";
import { casesFor } from "../../autobahn/run_context.ts";
import { isPassed } from "../../autobahn/summary.ts";
import { withHeldPort } from "../support/held_port.ts";
import {
  authority,
  signedCertificate,
  signedPrivateKey,
} from "../support/private_authority.ts";
import { withTcpServer } from "../support/raw_server.ts";
import { inFolder, start } from "./command.ts";

const cases = casesFor(
  ["1.*", "2.*", "5.*", "6.1.*", "6.4.*", "7.1.*", "9.1.1", "12.1.1", "13.7.1"],
  ["5.15"],
);
const tls = { cert: signedCertificate, key: signedPrivateKey };

test("over ws, all cases, and the server is told to end", async () => {
  const asked: string[] = [];
  const server = await startFuzzingServer({
    cases,
    onUpdateReports: (_results, agent) => void asked.push(agent),
  });
  const { code, stdout, stderr } = await start("testee.ts", [
    ...["--url", server.url, "--agent", "A & B", "--parallel", "8"],
    "--shutdown",
  ]).finished;
  assert.equal(code, 0, stderr);
  assert.equal(stdout + stderr, "");
  await server.finished;
  assert.deepEqual(asked, ["A & B"]);
  assert.equal(server.results.length, cases.length);
  assert.deepEqual(
    server.results.filter((result) => !isPassed(result)).map((result) => [
      result.id,
      result.behavior,
      result.behaviorClose,
    ]),
    [],
  );
});

test("5.17: nothing behind the first stray frame is answered", async () => {
  const server = await startFuzzingServer({ cases: casesFor(["5.17"], []) });
  const { code } = await start("testee.ts", ["--url", server.url]).finished;
  assert.equal(code, 0);
  const [result] = server.results;
  assert.deepEqual(result.received, []);
  assert.equal(result.remoteCloseCode, 1002);
  assert.equal(result.agent, "Weir");
  await server.stop();
});

test("over wss, if it trusts the authority", async () => {
  await inFolder(async (folder) => {
    const file = join(folder, "authority.pem");
    writeFileSync(file, authority);
    const server = await startFuzzingServer({
      cases: casesFor(["1.1.*"], []),
      ...tls,
    });
    const trusting = await start("testee.ts", [
      ...["--url", server.url, "--ca", file],
    ]).finished;
    assert.equal(trusting.code, 0, trusting.stderr);
    assert.equal(server.results.filter(isPassed).length, 8);
    const other = await start("testee.ts", ["--url", server.url]).finished;
    assert.equal(other.code, 1);
    assert.match(other.stderr, /certificate/i);
    await server.stop();
  });
});

async function assertFails(url: string): Promise<void> {
  const { code, stderr } = await start("testee.ts", ["--url", url]).finished;
  assert.equal(code, 1);
  assert.match(stderr, /^autobahn\/testee\.ts: \S/);
}

test("a server that is not there, or ends, is an error", async () => {
  await withHeldPort(({ url }) => assertFails(url));
  await withTcpServer(
    (socket) => socket.destroy(),
    async ({ url }) => assertFails(await url),
  );
});

test("flags that cannot be used end with 2", async () => {
  const url = ["--url", "ws://127.0.0.1:1"];
  for (
    const args of [
      [],
      ["--colour"],
      [...url, "--parallel", "0"],
      ["--url", "nonsense"],
      [...url, "--ca", "/nowhere.pem"],
    ]
  ) {
    const { code, stderr } = await start("testee.ts", args).finished;
    assert.equal(code, 2, stderr);
    assert.match(stderr, /^autobahn\/testee\.ts: .+\n$/);
  }
});
