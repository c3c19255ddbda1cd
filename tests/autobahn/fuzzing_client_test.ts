import { test } from "node:test";
import assert from "node:assert/strict";
import { once } from "node:events";
import { type AddressInfo, createServer, type Socket } from "node:net";
import { createServer as createTlsServer } from "node:tls";
import type { Case } from "../../autobahn/case.ts";
import type { CaseResult } from "../../autobahn/case_result.ts";
import { allCases, findCase } from "../../autobahn/cases/index.ts";
import {
  type FuzzingClientOptions,
  runFuzzingClient,
  UnreachableError,
} from "../../autobahn/fuzzing_client.ts";
import { FuzzingPeer } from "../../autobahn/peer/fuzzing_peer.ts";
import { certificate, privateKey } from "../support/certificate.ts";
import { withHeldPort } from "../support/held_port.ts";
import { echoScript, startScriptedServer } from "./scripted_server.ts";

/** The fuzzing peer as a correct server, which echoes. */
function echo(socket: Socket): void {
  new FuzzingPeer(socket, {
    role: "server",
    server: "echo",
    accept: () => ({
      handler: {
        opened(): void {},
        message: (peer, payload, isBinary) =>
          peer.sendMessage(payload, { isBinary }),
        pong(): void {},
        lost(): void {},
      },
    }),
  });
}

async function startEchoServer(
  isSecure = false,
): Promise<{ url: string; stop(): Promise<void> }> {
  const server = isSecure
    ? createTlsServer({ cert: certificate, key: privateKey }, echo)
    : createServer(echo);
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  return {
    url: `${isSecure ? "wss" : "ws"}://127.0.0.1:${port}/`,
    async stop(): Promise<void> {
      const closed = once(server, "close");
      server.close();
      await closed;
    },
  };
}

async function resultsOf(
  options: FuzzingClientOptions,
): Promise<Map<string, CaseResult>> {
  const results = new Map<string, CaseResult>();
  for await (const result of runFuzzingClient(options)) {
    assert.equal(results.has(result.id), false, `${result.id} came twice`);
    results.set(result.id, result);
  }
  return results;
}

function casesOf(...ids: string[]): Case[] {
  return ids.map((id) => findCase(id) ?? assert.fail(`no case ${id}`));
}

test("fuzzing_client: a correct server passes all cases that are not measured", async () => {
  const server = await startEchoServer();
  const cases = allCases.filter(({ isMeasured }) => !isMeasured);
  const started = performance.now();
  const results = await resultsOf({ url: server.url, cases });
  const seconds = (performance.now() - started) / 1000;
  await server.stop();
  assert.equal(results.size, cases.length);
  const informational = ["7.1.6", "7.13.1", "7.13.2"];
  for (const { id, behavior, behaviorClose, result } of results.values()) {
    const expected = informational.includes(id) ? "INFORMATIONAL" : "OK";
    assert.equal(behavior, expected, `${id}: ${result}`);
    assert.equal(behaviorClose, expected, id);
  }
  // One after the other they would take 20 seconds or more.
  assert.ok(seconds < 15, `${seconds} seconds`);
});

test("fuzzing_client: large messages, fragments, chops and round trips", async () => {
  const server = await startEchoServer();
  const cases = casesOf("9.1.4", "9.2.3", "9.3.3", "9.4.1", "9.6.4", "9.7.3");
  const results = await resultsOf({ url: server.url, cases });
  await server.stop();
  assert.deepEqual([...results.keys()], cases.map(({ id }) => id));
  for (const result of results.values()) {
    assert.equal(result.behavior, "OK", `${result.id}: ${result.result}`);
    assert.equal(result.behaviorClose, "OK");
    assert.equal(result.reportTime, true);
    assert.ok(result.wirelog.length < 20);
  }
  const fragments = results.get("9.4.1")!.txFrameStats;
  assert.deepEqual(fragments, { 0: 65_536, 2: 1, 8: 1 });
  assert.equal(results.get("9.6.4")!.txOctetStats[512], 2048);
  assert.equal(results.get("9.7.3")!.txFrameStats[1], 1000);
});

test("fuzzing_client: wss, whose certificate is checked only if asked for", async () => {
  const server = await startEchoServer(true);
  const cases = casesOf("1.1.8", "2.11", "5.20", "6.4.3", "7.3.2");
  const results = await resultsOf({ url: server.url, cases });
  for (const { id, behavior, behaviorClose } of results.values()) {
    assert.deepEqual([behavior, behaviorClose], ["OK", "OK"], id);
  }
  assert.equal(results.size, cases.length);
  await assert.rejects(
    resultsOf({ url: server.url, cases, rejectUnauthorized: true }),
    UnreachableError,
  );
  const trusting = await resultsOf({
    url: server.url,
    cases: casesOf("1.1.1"),
    rejectUnauthorized: true,
    ca: certificate,
    servername: "localhost",
  });
  assert.equal(trusting.get("1.1.1")!.behavior, "OK");
  await server.stop();
});

test("fuzzing_client: nobody listens", () =>
  withHeldPort(async ({ url }) => {
    const started = performance.now();
    await assert.rejects(
      resultsOf({ url }),
      (error: Error) =>
        error instanceof UnreachableError &&
        error.message.includes(url) && /refused/i.test(error.message),
    );
    assert.ok(performance.now() - started < 5000);
  }));

test("fuzzing_client: only ws: and wss:", async () => {
  await assert.rejects(resultsOf({ url: "http://localhost/" }), TypeError);
});

test("fuzzing_client: a server that does nothing ends by the clock", async () => {
  const server = await startScriptedServer({});
  const results = await resultsOf({
    url: `ws://127.0.0.1:${server.port}/`,
    cases: casesOf("1.1.1", "2.1", "9.1.6"),
    caseTimeLimit: 300,
  });
  await server.stop();
  assert.equal(results.size, 3);
  for (const result of results.values()) {
    assert.equal(result.behavior, "FAILED");
    assert.match(result.wasNotCleanReason!, /over 300 ms/);
    assert.equal(result.droppedByMe, true);
  }
});

test("fuzzing_client: the request and the agent", async () => {
  const server = await startScriptedServer(echoScript);
  const url = `ws://127.0.0.1:${server.port}/echo?x=1`;
  const cases = casesOf("1.1.1");
  const [result] = (await resultsOf({
    url,
    cases,
    origin: "https://example.com",
    protocols: ["chat"],
    headers: { "X-Test": "yes" },
  })).values();
  assert.equal(result.agent, "scripted");
  assert.equal(result.case, 1);
  assert.match(result.httpRequest, /^GET \/echo\?x=1 HTTP\/1\.1\r\n/);
  assert.match(result.httpRequest, /\r\nHost: 127\.0\.0\.1:\d+\r\n/);
  assert.match(result.httpRequest, /\r\nOrigin: https:\/\/example\.com\r\n/);
  assert.match(result.httpRequest, /\r\nSec-WebSocket-Protocol: chat\r\n/);
  assert.match(result.httpRequest, /\r\nX-Test: yes\r\n/);
  const [named] = (await resultsOf({ url, cases, agent: "me" })).values();
  assert.equal(named.agent, "me");
  await server.stop();
});

test("fuzzing_client: a run can be given up", async () => {
  const server = await startEchoServer();
  for await (const result of runFuzzingClient({ url: server.url })) {
    assert.equal(result.behavior, "OK");
    break;
  }
  const controller = new AbortController();
  const run = resultsOf({
    url: server.url,
    cases: casesOf("6.4.1"),
    signal: controller.signal,
  });
  setTimeout(() => controller.abort(new Error("enough")), 100);
  await assert.rejects(run, /enough/);
  // Which it only does when all connections are gone.
  await server.stop();
});
