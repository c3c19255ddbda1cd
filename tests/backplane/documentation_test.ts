// The programs of docs/scaling.md, on real brokers.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { WebSocketStream } from "../../mod.ts";
import { runtime, scriptCommand } from "../support/runtime.ts";
import { within } from "../support/serve_on.ts";
import { Broker } from "./brokers.ts";

const root = new URL("../../", import.meta.url);

/** Where the packages are that the programs import, by their names in them. */
const modules: Record<string, string> = {
  "@weir/ws": "mod.ts",
  "@weir/ws/nats": "src/backplane/nats.ts",
  "@weir/ws/redis": "src/backplane/redis.ts",
};

/** The programs with a backplane that this runtime can run. */
async function programs(): Promise<string[]> {
  const page = await readFile(new URL("docs/scaling.md", root), "utf8");
  return [...page.matchAll(/^```ts.*\n([^]*?)^```$/gm)]
    .map(([, code]) => code)
    .filter((code) => code.includes("  backplane: new "))
    .filter((code) => runtime === "bun" || !code.includes('from "bun"'));
}

/** A program that listens on a free port and prints it, on these brokers. */
function prepare(code: string, redis: Broker, nats: Broker): string {
  return code
    .replace("port: 8000,", "port: 0, onListen: (at) => console.log(at.port),")
    .replaceAll("127.0.0.1:6379", `127.0.0.1:${redis.port}`)
    .replaceAll("127.0.0.1:4222", `127.0.0.1:${nats.port}`)
    .replace(
      /from "(@weir[^"]*)"/g,
      (_, name) => `from ${JSON.stringify(new URL(modules[name], root).href)}`,
    );
}

test("every program of docs/scaling.md relays what is published elsewhere", async () => {
  const all = await programs();
  assert.equal(all.length, runtime === "bun" ? 4 : 3);
  const [redis, nats] = await Promise.all([
    Broker.start("redis"),
    Broker.start("nats"),
  ]);
  // Within the repository, where packages are found.
  const reports = fileURLToPath(new URL("reports/", root));
  await mkdir(reports, { recursive: true });
  const folder = await mkdtemp(join(reports, "scaling-"));
  try {
    await Promise.all(all.map(async (code, index) => {
      const path = join(folder, `${index}.ts`);
      const publishing = prepare(code, redis, nats)
        .replace(/^serve\(/m, "const server = serve(") +
        `setInterval(() => server.publish("news", "news ${index}"), 50);\n`;
      await writeFile(path, publishing);
      const listening = join(folder, `${index}-listening.ts`);
      await writeFile(listening, prepare(code, redis, nats));
      await check([path, listening], `news ${index}`);
    }));
  } finally {
    await rm(folder, { recursive: true, force: true });
    await redis.end();
    await nats.end();
  }
});

/** Starts programs; a subscriber at the last one must receive `expected`. */
async function check(paths: string[], expected: string): Promise<void> {
  const children = paths.map((path) => {
    const command = scriptCommand(path);
    return spawn(command.program, [...command.arguments], {
      stdio: ["ignore", "pipe", "inherit"],
    });
  });
  try {
    let port = "";
    for (const child of children) {
      const line = once(createInterface({ input: child.stdout }), "line");
      [port] = await within(line, expected, 60_000);
    }
    const { opened } = new WebSocketStream(`ws://127.0.0.1:${port}/`);
    const { readable } = await opened;
    const reading = (async () => {
      for await (const message of readable) if (message === expected) return;
      throw new Error("closed");
    })();
    await within(reading, expected, 30_000);
  } finally {
    for (const child of children) child.kill("SIGKILL");
    await delay(0);
  }
}
