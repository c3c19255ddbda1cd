// What a whole program does: it ends when its server does, and a server that
// can't listen ends it, loudly. Each runs as a process on this runtime.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { scriptCommand } from "../support/runtime.ts";

const script = fileURLToPath(new URL("programs/own_end.ts", import.meta.url));

interface Outcome {
  code: number | null;
  signal: string | null;
  output: string;
  milliseconds: number;
}

/** Runs a program to its end. */
function run(...args: string[]): Promise<Outcome> {
  const started = performance.now();
  const command = scriptCommand(script);
  const child = spawn(command.program, [...command.arguments, ...args], {
    stdio: ["ignore", "pipe", "pipe"],
  });
  const timer = setTimeout(() => child.kill("SIGKILL"), 20_000);
  let output = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding("utf8").on("data", (text: string) => output += text);
  }
  return new Promise((resolve, reject) => {
    child.on("error", reject);
    child.on("close", (code, signal) => {
      clearTimeout(timer);
      const milliseconds = performance.now() - started;
      resolve({ code, signal, output, milliseconds });
    });
  });
}

for (const transport of ["tcp", "tls"]) {
  test(`${transport}: a port in use that nobody asks about ends the program, loudly`, async () => {
    const { code, signal, output } = await run("portInUse", transport);
    assert.equal(signal, null);
    assert.notEqual(code, 0, output);
    assert.match(output, /EADDRINUSE|AddrInUse|in use/i);
  });

  test(`${transport}: unref() lets the program end`, async () => {
    const { code, output } = await run("unref", transport);
    assert.equal(output, "done\n");
    assert.equal(code, 0);
  });

  test(`${transport}: so does unref() of a server that does not listen yet`, async () => {
    const { code, output } = await run("unrefAtOnce", transport);
    assert.equal(output, "done\n");
    assert.equal(code, 0);
  });

  test(`${transport}: after unref() a client that has gone does not keep it running`, async () => {
    const { code, output, milliseconds } = await run(
      "unrefServed",
      transport,
    );
    assert.equal(output, "done\n");
    assert.equal(code, 0);
    assert.ok(milliseconds < 6000, `it took ${milliseconds} ms`);
  });

  test(`${transport}: ref() keeps it running again`, async () => {
    const { code, output } = await run("refAgain", transport);
    assert.equal(output, "done\nstill running\n");
    assert.equal(code, 0);
  });

  test(`${transport}: ref() before it listens takes unref() back`, async () => {
    const { code, output } = await run("refBeforeReady", transport);
    assert.equal(output, "done\nstill running\n");
    assert.equal(code, 0);
  });

  test(`${transport}: after shutdown() nothing keeps the program running`, async () => {
    const { code, output, milliseconds } = await run("shutdown", transport);
    assert.equal(output, "done\n");
    assert.equal(code, 0);
    assert.ok(milliseconds < 4000, `it took ${milliseconds} ms`);
  });
}
