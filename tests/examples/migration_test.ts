// The programs of the migration pages: what Weir's does is what the one before
// did, told by the same client.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { RawClient } from "../support/raw_client.ts";
import { type Runtime, runtime } from "../support/runtime.ts";
import { until } from "../support/serve_on.ts";
import { Client, type Received } from "./client.ts";
import { ExampleProcess, startAll } from "./example_process.ts";

/** A migration page. */
interface Page {
  readonly name: string;
  /** Where the program before runs as it should. */
  readonly runtimes: readonly Runtime[];
  /** Whether both programs refuse a message over 64 KiB. */
  readonly limited: boolean;
}

const pages: Page[] = [
  { name: "from_ws", runtimes: ["node", "deno", "bun"], limited: true },
  { name: "from_bun", runtimes: ["bun"], limited: true },
  { name: "from_deno", runtimes: ["deno"], limited: false },
];

const programs = startAll(
  Object.fromEntries(
    pages.flatMap(({ name, runtimes }) =>
      ["before", "after"]
        .filter((which) => which === "after" || runtimes.includes(runtime))
        .map((which) => {
          const script = `migrate/${name}/${which}.ts`;
          return [script, [script]];
        })
    ),
  ),
);

for (const { name, limited } of pages) {
  for (const which of ["before", "after"] as const) {
    const script = `migrate/${name}/${which}.ts`;
    if (!(script in programs)) continue;
    test(`examples/${script}: a chat`, async () => {
      await programs[script](async (example) => {
        const ada = await converse(example);
        if (limited) await exceed(example, ada);
        assert.equal((await ada.close()).code, 1000);
      });
    });
  }

  test(`examples/migrate/${name}.md shows the programs that are run`, () => {
    const folder = new URL("../../examples/migrate/", import.meta.url);
    const page = readFileSync(new URL(`${name}.md`, folder), "utf8");
    const shown = [...page.matchAll(/^```ts\n(.*?)^```$/gms)]
      .map(([, code]) => code);
    const files = ["before.ts", "after.ts"].map((file) =>
      readFileSync(new URL(`${name}/${file}`, folder), "utf8")
    );
    assert.deepEqual(shown.slice(0, 2), files);
  });
}

/** What all six programs have in common. It gives the client that is left. */
async function converse(example: ExampleProcess): Promise<Client> {
  const page = await fetch(example.http());
  assert.equal(await page.text(), "a chat\n");

  const stranger = await RawClient.connect({ port: example.port });
  await assert.rejects(stranger.upgrade({ path: "/" }), /"status":401/);
  stranger.socket.destroy();

  const ada = await Client.open(example.ws("/?name=ada"), {
    protocols: ["chat.v1", "chat.v2"],
  });
  assert.equal(ada.protocol, "chat.v2");
  // Once what it sends comes back, the server has it among those who listen.
  await roundTrip(ada);
  const bob = await Client.open(example.ws("/?name=bob"));
  assert.equal(bob.protocol, "");
  await roundTrip(bob);
  assert.equal(await ada.next(), "bob joined");

  ada.send("hello, Bob ☂");
  ada.send(new Uint8Array([0, 127, 255]));
  assert.equal(await bob.next(), "ada: hello, Bob ☂");
  assert.deepEqual(await bob.next(), new Uint8Array([0, 127, 255]));
  for (let number = 1; number <= 100; number++) bob.send(`message ${number}`);
  for (let number = 1; number <= 100; number++) {
    assert.equal(await ada.next(), `bob: message ${number}`);
  }

  assert.equal((await bob.close()).code, 1000);
  assert.equal(await ada.next(), "bob left");
  return ada;
}

/** Asks for the lines, and checks that they are all there, in order. */
async function roundTrip(client: Client): Promise<void> {
  client.send("count");
  const lines: Received[] = [];
  while (lines.length < 2000) lines.push(await client.next());
  assert.deepEqual(
    lines,
    Array.from({ length: 2000 }, (_, index) => `line ${index + 1}`),
  );
}

/** A message over the limit ends its sender's connection, and reaches nobody. */
async function exceed(example: ExampleProcess, ada: Client): Promise<void> {
  const bob = await Client.open(example.ws("/?name=bob"));
  assert.equal(await ada.next(), "bob joined");
  bob.send("x".repeat(65_000));
  assert.equal(await ada.next(), `bob: ${"x".repeat(65_000)}`);
  bob.send("x".repeat(66_000));
  assert.equal(await ada.next(), "bob left");
  const { code } = await bob.closed;
  assert.ok(code === 1009 || code === 1006, `closed with ${code}`);
}

/** Milliseconds between pings: time for a client to answer on a busy machine. */
const heartbeat = "4000";
const silences = ["before", "after"].map((which) => {
  const script = `migrate/from_ws/${which}.ts`;
  const silence = startSilence(script);
  silence.catch(() => {}); // is told to the test
  return { script, silence };
});
// They have run beside all the tests above.
for (const { script, silence } of silences) {
  test(`examples/${script}: who does not answer pings is dropped`, () =>
    silence);
}

async function startSilence(script: string): Promise<void> {
  const example = await ExampleProcess.start(script, { HEARTBEAT: heartbeat });
  try {
    const ada = await Client.open(example.ws("/?name=ada"));
    await roundTrip(ada);
    const mute = await RawClient.open({ port: example.port }, {
      path: "/?name=mute",
    });
    assert.equal(await ada.next(), "mute joined");
    assert.equal(await ada.next(), "mute left");
    await until(() => mute.ended || mute.closed, "the end of the mute one");
    mute.socket.destroy();
    // Ada, who has answered, is there as before.
    await roundTrip(ada);
    await ada.close();
  } finally {
    await example.stop();
  }
}
