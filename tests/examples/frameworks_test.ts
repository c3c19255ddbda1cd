// Weir beside frameworks: each example as a process, with real clients.

import assert from "node:assert/strict";
import { test } from "node:test";
import { RawClient } from "../support/raw_client.ts";
import { Client } from "./client.ts";
import { startAll } from "./example_process.ts";

const names = {
  "node_http.ts": "node:http",
  "express.ts": "Express",
  "fastify.ts": "Fastify",
  "hono.ts": "Hono",
};
const examples = startAll(
  Object.fromEntries(Object.keys(names).map((file) => [file, [file]])),
);

for (const [file, name] of Object.entries(names)) {
  test(`examples/${file}: HTTP and WebSockets on one port`, async () => {
    await examples[file](async (example) => {
      const page = await fetch(example.http());
      assert.equal(page.status, 200);
      assert.equal(await page.text(), `hello from ${name}\n`);
      const missing = await fetch(example.http("/nowhere"));
      assert.equal(missing.status, 404);
      await missing.body?.cancel();

      const clients = await Promise.all([
        Client.open(example.ws("/live")),
        Client.open(example.ws("/live")),
      ]);
      for (const client of clients) {
        client.send("an echo");
        assert.equal(await client.next(), "an echo");
        client.send(new Uint8Array([1, 2, 3]));
        assert.deepEqual(await client.next(), new Uint8Array([1, 2, 3]));
      }
      const posted = await fetch(example.http("/news?text=something+new"), {
        method: "POST",
      });
      assert.deepEqual(await posted.json(), { sentTo: 2 });
      for (const client of clients) {
        assert.equal(await client.next(), "something new");
        assert.equal((await client.close()).code, 1000);
      }

      const raw = await RawClient.connect({ port: example.port });
      await assert.rejects(
        raw.upgrade({ path: "/elsewhere" }),
        /"status":404.*WebSockets are on \/live/,
      );
      raw.socket.destroy();
    });
  });
}
