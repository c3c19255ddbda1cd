// What server.metrics() says of permessage-deflate.

import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { test } from "node:test";
import { deflateRawSync } from "node:zlib";
import type { DeflateOptions } from "../../mod.ts";
import { opcodes } from "../support/raw_client.ts";
import { echo, serveOn, until } from "../support/serve_on.ts";

const offer = {
  headers: {
    "Sec-WebSocket-Extensions":
      "permessage-deflate; client_no_context_takeover; server_no_context_takeover",
  },
};

/** A compressed message's payload (RFC 7692 section 7.2.1). */
function compress(plain: string | Uint8Array): Buffer {
  const bytes = deflateRawSync(plain, { finishFlush: 2 });
  assert.deepEqual([...bytes.subarray(-4)], [0, 0, 255, 255]);
  return bytes.subarray(0, -4);
}

const backends: readonly NonNullable<DeflateOptions["backend"]>[] = [
  "zlib",
  "standard",
];
const repeated = "a price of many prices ".repeat(200);
/** Below and above what is compressed as a whole. */
const sizes = [repeated, repeated.repeat(200)];

for (const backend of backends) {
  test(`bytes before and after compression are counted both ways, backend ${backend}`, async () => {
    await serveOn(
      "tcp",
      { deflate: { backend } },
      echo,
      async ({ server, open }) => {
        const client = await open(offer);
        let plain = 0;
        let inbound = 0;
        let outbound = 0;
        for (const text of sizes) {
          const payload = compress(text);
          client.send(opcodes.text, payload, { reserved: 4 });
          plain += text.length;
          inbound += payload.length;
          for (;;) {
            const { fin, payload } = await client.frame();
            outbound += payload.length;
            if (fin) break;
          }
        }
        const { received, sent } = server.metrics();
        assert.deepEqual(received.compression, {
          plainBytes: plain,
          compressedBytes: inbound,
          ratio: inbound / plain,
        });
        assert.deepEqual(sent.compression, {
          plainBytes: plain,
          compressedBytes: outbound,
          ratio: outbound / plain,
        });
        assert.ok(sent.compression.ratio! < 0.1);
        // What is too short to be compressed does not count.
        client.send(opcodes.text, "short");
        assert.equal(await client.text(), "short");
        assert.deepEqual(server.metrics().sent.compression, sent.compression);
        assert.equal(server.metrics().sent.messages, 3);
        // What does not become shorter counts with what goes out.
        const noise = crypto.getRandomValues(Buffer.alloc(5000));
        client.send(opcodes.binary, noise);
        const answer = await client.frame();
        const after = server.metrics().sent.compression;
        assert.equal(after.plainBytes, plain + noise.length);
        assert.equal(
          after.compressedBytes,
          outbound + answer.payload.length,
        );
        assert.equal(server.metrics().received.messages, 4);
      },
    );
  });

  test(`a compressed message that is published counts for each receiver, backend ${backend}`, async () => {
    await serveOn(
      "tcp",
      { deflate: { backend } },
      { open: (socket) => socket.subscribe("prices") },
      async ({ server, open }) => {
        const clients = [await open(offer), await open(offer), await open()];
        assert.equal(server.publish("prices", repeated), 3);
        const [one, two, plain] = await Promise.all(
          clients.map((client) => client.frame()),
        );
        assert.equal(plain.payload.toString(), repeated);
        assert.deepEqual(one.payload, two.payload);
        await until(
          () => server.metrics().sent.messages === 3,
          "three messages",
        );
        assert.deepEqual(server.metrics().sent.compression, {
          plainBytes: repeated.length * 2,
          compressedBytes: one.payload.length * 2,
          ratio: one.payload.length / repeated.length,
        });
      },
    );
  });
}

test("text that does not become shorter counts by its bytes", () =>
  serveOn(
    "tcp",
    { deflate: { threshold: 0 } },
    echo,
    async ({ server, open }) => {
      const client = await open(offer);
      const text = "\u{1f600} \u65e5\u672c\u8a9e";
      client.send(opcodes.text, text);
      const { reserved, payload } = await client.frame();
      assert.equal(reserved, 0);
      assert.equal(payload.toString(), text);
      assert.deepEqual(server.metrics().sent.compression, {
        plainBytes: payload.length,
        compressedBytes: payload.length,
        ratio: 1,
      });
    },
  ));

test("a context that is kept makes the second message smaller, and the counts show it", async () => {
  await serveOn(
    "tcp",
    { deflate: { backend: "zlib", threshold: 0 } },
    echo,
    async ({ server, open }) => {
      const client = await open({
        headers: { "Sec-WebSocket-Extensions": "permessage-deflate" },
      });
      const text = Array.from({ length: 300 }, (_, index) => index * 7919)
        .join(" ");
      const counts: number[] = [];
      for (let round = 0; round < 2; round++) {
        client.send(opcodes.text, text);
        const { reserved, payload } = await client.frame();
        assert.equal(reserved, 4);
        counts.push(payload.length);
        const { compression } = server.metrics().sent;
        assert.equal(compression.plainBytes, text.length * (round + 1));
        assert.equal(
          compression.compressedBytes,
          counts.reduce((sum, count) => sum + count),
        );
      }
      assert.ok(counts[1] < counts[0] / 4, `${counts}`);
    },
  );
});
