// Processes that share a port with `reusePort`.

import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { type ChildProcess, spawn } from "node:child_process";
import { get } from "node:https";
import process from "node:process";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { serve, WebSocketStream } from "../../mod.ts";
import { certificate } from "../support/certificate.ts";
import { scriptCommand } from "../support/runtime.ts";

const program = fileURLToPath(
  new URL("./programs/sharing_server.ts", import.meta.url),
);

/** Starts a server; it answers with its URL, or with what is wrong. */
async function start(
  port: number,
  scheme: string,
): Promise<{ child: ChildProcess; url?: string; error?: string }> {
  const { program: executable, arguments: given } = scriptCommand(program);
  const child = spawn(executable, [...given, String(port), scheme], {
    stdio: ["ignore", "inherit", "inherit", "ipc"],
  });
  const said = await new Promise<{ url?: string; error?: string }>(
    (resolve) => {
      child.once("message", (message) => resolve(message as { url?: string }));
      child.once("exit", (code) => resolve({ error: `it ended with ${code}` }));
    },
  );
  return { child, ...said };
}

async function end({ child }: { child: ChildProcess }): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = new Promise((resolve) => child.on("exit", resolve));
  process.kill(child.pid!, "SIGKILL");
  await ended;
}

async function startTwo(
  scheme: string,
): Promise<{ url: string; children: ChildProcess[] }> {
  const first = await start(0, scheme);
  assert.ok(first.url, first.error ?? "");
  const second = await start(Number(new URL(first.url).port), scheme);
  assert.equal(second.url, first.url, second.error ?? "");
  return { url: first.url, children: [first.child, second.child] };
}

test("reusePort: connections spread over two processes, and one takes over from the other", async () => {
  const { url, children } = await startTwo("ws");
  const pids = children.map(({ pid }) => String(pid));
  const long = "ü🌊 ".repeat(50_000);
  /** Connects, and says who answers. */
  const connect = async () => {
    const client = new WebSocketStream(url);
    const { readable, writable } = await client.opened;
    const reader = readable.getReader();
    const pid = String((await reader.read()).value);
    return { client, reader, writer: writable.getWriter(), pid };
  };
  try {
    const answered: string[] = [];
    for (let number = 0; number < 40; number++) {
      const { client, reader, writer, pid } = await connect();
      answered.push(pid);
      if (number < 8) {
        void writer.write(long);
        assert.equal((await reader.read()).value, long);
      }
      client.close({ closeCode: 1000 });
      await client.closed;
    }
    assert.deepEqual(new Set(answered), new Set(pids));

    const { client, reader, pid } = await connect();
    const leaving = children[pids.indexOf(pid)];
    const ended = new Promise((resolve) => leaving.on("exit", resolve));
    void reader.read();
    leaving.send({ shutdown: true });
    assert.equal((await client.closed).closeCode, 1001);
    assert.equal(await ended, 0);
    for (let number = 0; number < 10; number++) {
      const { client, pid: other } = await connect();
      assert.ok(other !== pid && pids.includes(other));
      client.close();
      await client.closed;
    }
  } finally {
    await Promise.all(children.map((child) => end({ child })));
  }
});

test("reusePort: over TLS as well, requests and upgrades alike", async () => {
  const { url, children } = await startTwo("wss");
  const { port } = new URL(url);
  const ask = (headers: Record<string, string>) =>
    new Promise<string>((resolve, reject) => {
      const request = get({
        port,
        hostname: "127.0.0.1",
        agent: false,
        ca: certificate,
        servername: "localhost",
        rejectUnauthorized: false,
        headers,
      });
      request.on("error", reject);
      request.on("response", async (response) => {
        let body = "";
        for await (const chunk of response) body += chunk;
        resolve(body);
      });
      request.on("upgrade", (_response, socket, head) => {
        socket.on("error", () => {});
        const chunks: Uint8Array[] = [head];
        const read = () => {
          const greeting = Buffer.concat(chunks);
          // Two bytes of header, then the text.
          if (greeting.length < 2 || greeting.length < 2 + greeting[1]) return;
          resolve(greeting.subarray(2).toString());
          socket.destroy();
        };
        socket.on("data", (chunk: Uint8Array) => {
          chunks.push(chunk);
          read();
        });
        read();
      });
    });
  try {
    for (
      const headers of [{}, {
        "connection": "Upgrade",
        "upgrade": "websocket",
        "sec-websocket-version": "13",
        "sec-websocket-key": "dGhlIHNhbXBsZSBub25jZQ==",
      }]
    ) {
      const answered = new Set<string>();
      for (let number = 0; number < 40; number++) {
        answered.add(await ask(headers as Record<string, string>));
      }
      assert.deepEqual(
        answered,
        new Set(children.map(({ pid }) => String(pid))),
      );
    }
  } finally {
    await Promise.all(children.map((child) => end({ child })));
  }
});

test("reusePort: a Unix socket can't be shared", () => {
  assert.throws(
    () => serve({ path: "/tmp/weir-shared.sock", reusePort: true }, () => {}),
    /reusePort is for TCP ports.*weir-shared\.sock/,
  );
});
