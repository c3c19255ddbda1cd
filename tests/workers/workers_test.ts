// `server.ts --workers 2` as its users meet it.

import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import process from "node:process";
import { test } from "node:test";
import { flagsOfWorker } from "../../src/demonstration/workers.ts";
import { RestartBrake } from "../../src/demonstration/restart_brake.ts";
import { listen, run, start } from "../demonstration/server_process.ts";
import { until } from "../support/waiting.ts";

const patience = 15_000;

/** The processes that a process has started and that run. */
function childrenOf(pid: number): number[] {
  return readdirSync(`/proc/${pid}/task`).flatMap((task) =>
    readFileSync(`/proc/${pid}/task/${task}/children`, "utf8")
      .split(" ").filter((text) => text !== "").map(Number)
  );
}

function isRunning(pid: number): boolean {
  try {
    return !/^\d+ \(.*\) Z/.test(readFileSync(`/proc/${pid}/stat`, "utf8"));
  } catch {
    return false;
  }
}

interface Client {
  socket: WebSocket;
  closed: Promise<number>;
  isClosed: boolean;
}

async function open(url: string): Promise<Client> {
  const socket = new WebSocket(url);
  const client: Client = {
    socket,
    isClosed: false,
    closed: new Promise((resolve) => {
      socket.addEventListener("close", ({ code }) => {
        client.isClosed = true;
        resolve(code);
      });
    }),
  };
  await new Promise((resolve, reject) => {
    socket.addEventListener("open", resolve);
    socket.addEventListener("error", () => reject(new Error("not opened")));
  });
  return client;
}

function openMany(url: string, count: number): Promise<Client[]> {
  return Promise.all(Array.from({ length: count }, () => open(url)));
}

async function echo({ socket }: Client, text: string): Promise<void> {
  const answer = new Promise((resolve) =>
    socket.addEventListener("message", ({ data }) => resolve(data), {
      once: true,
    })
  );
  socket.send(text);
  assert.equal(await answer, text);
}

test("server.ts --workers 2: one port, a killed worker is replaced, all end together", async () => {
  const server = await listen("--port=0", "--workers=2");
  try {
    const workers = childrenOf(server.pid);
    assert.equal(workers.length, 2);
    const url = server.urlOf("/echo");
    const clients = await openMany(url, 40);
    await Promise.all(clients.map((client) => echo(client, "hello")));

    // The connections of one of both are lost with it, and only those.
    process.kill(workers[0], "SIGKILL");
    await until(
      () => clients.some(({ isClosed }) => isClosed),
      "some are lost",
    );
    await until(() => {
      const now = childrenOf(server.pid);
      return now.length === 2 && !now.includes(workers[0]);
    }, "there are two again");
    const left = clients.filter(({ isClosed }) => !isClosed);
    assert.ok(left.length > 0, "the other's are left");
    await Promise.all(left.map((client) => echo(client, "still there")));

    // With the other one gone as well, who answers is new.
    process.kill(workers[1], "SIGKILL");
    // The runtimes differ in the code of a connection that is lost.
    for (const { closed } of left) assert.notEqual(await closed, 1001);
    await until(() => {
      const now = childrenOf(server.pid);
      return now.length === 2 && !now.includes(workers[1]);
    }, "there are two new ones");
    const late: Client[] = [];
    const end = performance.now() + patience;
    while (late.length < 10 && performance.now() < end) {
      // Until a new one listens, nobody does.
      await open(url).then((client) => late.push(client), () => {});
    }
    assert.equal(late.length, 10);
    await Promise.all(late.map((client) => echo(client, "a new one")));

    const last = childrenOf(server.pid);
    server.kill("SIGTERM");
    for (const { closed } of late) assert.equal(await closed, 1001);
    const { code, stdout, stderr } = await server.finished;
    assert.equal(code, 0, stderr);
    assert.match(stdout, /SIGTERM: closing 2 workers\.\nClosed\.\n$/);
    assert.match(
      stderr,
      new RegExp(`Worker ${workers[0]} has ended .*replaced`),
    );
    for (const pid of last) assert.ok(!isRunning(pid), `${pid} has ended`);
  } finally {
    await server[Symbol.asyncDispose]();
  }
});

test("server.ts --workers 2: the workers end when the first process is killed", async () => {
  const server = await listen("--port=0", "--workers=2");
  const workers = childrenOf(server.pid);
  const client = await open(server.urlOf("/echo"));
  await server[Symbol.asyncDispose]();
  assert.equal(await client.closed, 1001);
  await until(() => !workers.some(isRunning), "all have ended");
});

test("server.ts --workers 2 does not share a port with anyone else", async () => {
  const server = await listen("--port=0", "--workers=2");
  try {
    const { port } = new URL(server.address);
    const { code, stderr } = await run("--port", port, "--workers=2");
    assert.equal(code, 1);
    assert.match(stderr, /^Cannot listen on .*the port is in use/);
  } finally {
    await server[Symbol.asyncDispose]();
  }
});

test("server.ts --workers 2: SIGTERM before it listens ends it soon, and nothing is announced", async () => {
  const server = start("--port=0", "--workers=2");
  try {
    await until(() => {
      try {
        return childrenOf(server.pid).length > 0;
      } catch {
        return false; // A task of it has just ended.
      }
    }, "the first worker is there");
    const asked = performance.now();
    server.kill("SIGTERM");
    const { code, stdout, stderr } = await server.finished;
    const took = performance.now() - asked;
    assert.equal(code, 0, stderr);
    assert.match(stdout, /^SIGTERM: closing 1 workers\.\nClosed\.\n$/);
    // After 5 seconds a worker that does not hear is killed.
    assert.ok(took < 4500, `it took ${took} ms`);
  } finally {
    server.kill("SIGKILL");
  }
});

test("server.ts --workers: the port of a worker counts, whatever the flags are", () => {
  assert.deepEqual(flagsOfWorker(["--port", "0", "--workers=2", "--"], 1234), [
    ...["--port", "0", "--workers=2"],
    "--port=1234",
  ]);
});

test("restart brake: at once after a long life, ever later after short ones", () => {
  const brake = new RestartBrake();
  assert.equal(brake.waitAfter(60_000), 0);
  assert.deepEqual(
    Array.from({ length: 9 }, () => brake.waitAfter(50)),
    [100, 200, 400, 800, 1600, 3200, 6400, 10_000, 10_000],
  );
  assert.equal(brake.waitAfter(60_000), 0);
  assert.equal(brake.waitAfter(50), 100);
});
