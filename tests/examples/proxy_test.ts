// examples/proxy.ts as a process, before its own echo server and before others.

import assert from "node:assert/strict";
import { test } from "node:test";
import { serve } from "../../mod.ts";
import { closeBody, opcodes, RawClient } from "../support/raw_client.ts";
import { until, within } from "../support/serve_on.ts";
import { Client } from "./client.ts";
import { ExampleProcess, refusalOf, startAll } from "./example_process.ts";

const examples = startAll({ proxy: ["proxy.ts"] });

test("examples/proxy.ts: messages are recorded and censored, all else passes", async () => {
  await examples.proxy(async (example) => {
    const client = await Client.open(example.ws());
    client.send("open the sluice");
    assert.equal(await client.next(), "open the ******");
    client.send(new Uint8Array([1, 2, 3]));
    assert.deepEqual(await client.next(), new Uint8Array([1, 2, 3]));
    const long = "x".repeat(1_000_000);
    client.send(long);
    assert.equal(await client.next(), long);
    assert.equal((await client.close()).code, 1000);
    for (
      const line of [
        '-> "open the sluice"',
        '<- "open the ******"',
        "-> 3 bytes",
        "<- 3 bytes",
        "-> close 1000 ",
        "<- close 1000 ",
      ]
    ) {
      await example.outputs(
        new RegExp(`^${line.replace(/[*]/g, "\\$&")}$`, "m"),
      );
    }

    const raw = await RawClient.open({ port: example.port }, {
      headers: { "sec-websocket-extensions": "permessage-deflate" },
    });
    raw.send(opcodes.ping, "are you there?");
    const pong = await raw.frame();
    assert.equal(pong.opcode, opcodes.pong);
    assert.equal(pong.payload.toString(), "are you there?");
    raw.send(opcodes.text, "a slu", { fin: false });
    raw.send(opcodes.continuation, "ice");
    assert.equal(await raw.text(), "a ******");
    raw.send(opcodes.close, closeBody(4321, "enough"));
    assert.equal((await raw.close()).closeCode, 4321);
    raw.socket.destroy();

    const violating = await RawClient.open({ port: example.port });
    violating.send(opcodes.text, "not masked", { masked: false });
    assert.equal((await violating.close()).closeCode, 1002);
    violating.socket.destroy();

    const large = await Client.open(example.ws());
    large.send(new Uint8Array(2 ** 20 + 1));
    assert.equal((await within(large.closed, "the end")).code, 1009);
  });
});

test("examples/proxy.ts: a target that it can't reach as it is written is refused", async () => {
  for (
    const target of [
      "ws://127.0.0.1:1/echo",
      "wss://127.0.0.1:1/",
    ]
  ) {
    const printed = await refusalOf("proxy.ts", { TARGET: target });
    assert.ok(
      printed.includes(`host and a port alone, not ${target}`),
      printed,
    );
  }
});

test("examples/proxy.ts: refusals and subprotocols pass, and a server that reads nothing holds the client back", async () => {
  const server = serve({
    port: 0,
    hostname: "127.0.0.1",
    protocols: ["chat"],
    upgrade: (request) =>
      new URL(request.url).pathname === "/no"
        ? new Response("not you", { status: 403 })
        : undefined,
  }, () => new Promise(() => {}));
  await server.ready;
  const example = await ExampleProcess.start("proxy.ts", {
    TARGET: server.url,
  });
  try {
    const refused = await RawClient.connect({ port: example.port });
    await assert.rejects(
      refused.upgrade({ path: "/no" }),
      /"status":403.*not you/,
    );
    refused.socket.destroy();

    const client = await RawClient.connect({ port: example.port });
    const response = await client.upgrade({
      headers: { "sec-websocket-protocol": "chat" },
    });
    assert.equal(response.header("sec-websocket-protocol"), "chat");
    const { socket } = client;
    for (let count = 0; count < 128; count++) {
      client.send(opcodes.binary, new Uint8Array(500_000));
    }
    // The proxy says what it has read. It goes on until the buffers on the way
    // are full, and then no further.
    const read = (): number =>
      example.output.split("-> 500000 bytes").length - 1;
    await until(() => read() > 0, "the first message");
    let before: number;
    do {
      before = read();
      await new Promise((resolve) => setTimeout(resolve, 700));
    } while (read() > before);
    assert.ok(before < 64, `it has read ${before} of 128 messages`);
    console.log(`proxy | ${before} of 128 messages were read`);
    socket.destroy();
  } finally {
    await example.stop();
    await server.shutdown({ timeout: 100 });
  }
});
