// A side that does not read holds the other one back, through both.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { scriptCommand } from "../support/runtime.ts";
import { serveOn, until, within } from "../support/serve_on.ts";
import { finish, open } from "./harness.ts";

const chunk = new Uint8Array(65_536);
const total = 200_000_000;

/** Waits until a number has not changed for a while. */
async function standstill(count: () => number): Promise<void> {
  let last = -1;
  let since = performance.now();
  await until(
    () => {
      if (count() !== last) {
        last = count();
        since = performance.now();
      }
      return last > 0 && performance.now() - since > 500;
    },
    "a standstill",
    30_000,
  );
}

for (const transport of ["tcp", "tls"] as const) {
  test(`a server that reads nothing holds the client back, over ${transport}`, async () => {
    const reading = Promise.withResolvers<void>();
    let received = 0;
    await serveOn(transport, {}, async (socket) => {
      await reading.promise;
      for await (const message of socket.readable) received += message.length;
    }, async ({ server }) => {
      const opened = await open(server.url, { deflate: false });
      const { socket } = opened;
      let sent = 0;
      const sending = (async () => {
        while (sent < total) {
          await socket.send(chunk);
          sent += chunk.length;
        }
      })();
      await standstill(() => sent);
      assert.ok(sent < total, "all was sent to a server that reads nothing");
      assert.ok(socket.desiredSize <= 0);
      assert.ok(socket.bufferedAmount > 0);
      assert.ok(socket.bufferedAmount < 1_000_000, "little waits here");
      assert.ok(socket.writable.getWriter().desiredSize! <= 1);
      reading.resolve();
      await within(sending, "the rest", 30_000);
      await finish(opened);
      assert.equal(received, sent);
    });
  });

  test(`a client that reads nothing holds the server back, its memory stays flat, over ${transport}`, async () => {
    let sent = 0;
    let buffered = (): number => 0;
    await serveOn(transport, { deflate: false }, async (socket) => {
      buffered = () => socket.bufferedAmount;
      while (sent < total) {
        await socket.send(chunk);
        sent += chunk.length;
      }
    }, async ({ server }) => {
      const client = startClient(server.url);
      try {
        const [before] = await client.ask("connect");
        await standstill(() => sent);
        assert.ok(sent < total, "all was sent to a client that reads nothing");
        assert.ok(buffered() > 0);
        const [waiting] = await client.ask("memory");
        const growth = waiting - before;
        assert.ok(growth < 40_000_000, `the client grew by ${growth} bytes`);
        const [, received] = await client.ask("read");
        assert.equal(received, sent);
        assert.ok(sent >= total);
      } finally {
        await client.end();
      }
    });
  });
}

/** A client in a process of its own, which answers with numbers. */
function startClient(url: string): {
  ask(what: "connect" | "memory" | "read"): Promise<number[]>;
  end(): Promise<void>;
} {
  const script = fileURLToPath(
    new URL("programs/unread_client.ts", import.meta.url),
  );
  const command = scriptCommand(script);
  const child = spawn(command.program, [...command.arguments, url], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  const ended = new Promise((resolve) => child.on("close", resolve));
  const lines = createInterface({ input: child.stdout })[
    Symbol.asyncIterator
  ]();
  return {
    async ask(what) {
      child.stdin.write(`${what}\n`);
      const { value } = await within(lines.next(), what, 30_000);
      assert.ok(value !== undefined, "the client has ended");
      return JSON.parse(value);
    },
    async end() {
      child.stdin.end();
      await within(ended, "the client's end", 30_000);
    },
  };
}
