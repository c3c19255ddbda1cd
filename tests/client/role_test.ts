// What is asked of a client in particular, with a server that does as it is
// told: RFC 6455 sections 5.1 and 5.3, and the end at the first violation.

import assert from "node:assert/strict";
import { test } from "node:test";
import { type Message, WebSocketError } from "../../mod.ts";
import { frameBytes, opcodes, type RawPeer } from "../support/raw_peer.ts";
import { withRawServer } from "../support/raw_server.ts";
import { within } from "../support/serve_on.ts";
import { open } from "./harness.ts";

test("every frame is masked, each with a key of its own", async () => {
  const keys: string[] = [];
  await withRawServer(async ({ socket, ...request }) => {
    const received = Promise.withResolvers<void>();
    const chunks: number[] = [];
    socket.on("data", (chunk: Uint8Array) => {
      chunks.push(...chunk);
      if (chunks.length >= 200 * 11) received.resolve();
    });
    socket.resume();
    socket.write(request.response());
    await received.promise;
    for (let at = 0; at < chunks.length; at += 11) {
      assert.equal(chunks[at], 0x80 | opcodes.text);
      assert.equal(chunks[at + 1], 0x80 | 5);
      const key = chunks.slice(at + 2, at + 6);
      const payload = chunks.slice(at + 6, at + 11)
        .map((byte, index) => byte ^ key[index & 3]);
      assert.equal(String.fromCharCode(...payload), "hello");
      keys.push(key.join(" "));
    }
    socket.end(Uint8Array.of(0x88, 0));
  }, async ({ url }) => {
    const { stream, socket } = await open(url);
    for (let index = 0; index < 200; index++) socket.send("hello");
    assert.equal((await within(stream.closed, "closed")).closeCode, 1005);
  });
  assert.equal(new Set(keys).size, 200);
});

/** What a server must not send, and what it is told. */
const violations: readonly (readonly [
  what: string,
  send: (peer: RawPeer) => Promise<unknown>,
  closeCode: number,
])[] = [
  [
    "a masked frame",
    (peer) => peer.send(opcodes.text, "masked", { masked: true }),
    1002,
  ],
  [
    "a masked ping",
    (peer) => peer.send(opcodes.ping, "", { masked: true }),
    1002,
  ],
  [
    "a continuation of nothing",
    (peer) => peer.send(opcodes.continuation, "stray"),
    1002,
  ],
  ["a message within a message", async (peer) => {
    await peer.send(opcodes.text, "one", { fin: false });
    await peer.send(opcodes.text, "two");
  }, 1002],
  [
    "a reserved bit",
    (peer) => peer.send(opcodes.text, "", { reserved: 0x20 }),
    1002,
  ],
  [
    "a compressed frame where that was not agreed",
    (peer) => peer.send(opcodes.text, "\0", { reserved: 0x40 }),
    1002,
  ],
  ["a reserved opcode", (peer) => peer.send(3), 1002],
  [
    "a fragmented ping",
    (peer) => peer.send(opcodes.ping, "", { fin: false }),
    1002,
  ],
  [
    "a ping of 126 bytes",
    (peer) => peer.send(opcodes.ping, "p".repeat(126)),
    1002,
  ],
  ["a Close of one byte", (peer) => peer.send(opcodes.close, "x"), 1002],
  ["a Close of code 1006", (peer) => peer.close(1006), 1002],
  [
    "text that is not UTF-8",
    (peer) => peer.send(opcodes.text, Uint8Array.of(0xff)),
    1007,
  ],
  [
    "text that is not UTF-8, unfinished",
    (peer) =>
      peer.send(opcodes.text, Uint8Array.of(0xed, 0xa0), { fin: false }),
    1007,
  ],
  [
    "a message over maxMessageSize",
    (peer) => peer.binary(new Uint8Array(1001)),
    1009,
  ],
];

for (const [what, send, closeCode] of violations) {
  test(`${what}: ${closeCode}, and nothing behind it is delivered or answered`, async () => {
    await withRawServer(async (request) => {
      const peer = request.open();
      await peer.text("before");
      await send(peer);
      await peer.text("behind").catch(() => {});
      await peer.send(opcodes.ping, "unanswered").catch(() => {});
      assert.equal((await peer.readClose()).closeCode, closeCode);
      await peer.expectEnd();
      await peer.end();
    }, async ({ url, whenEmpty }) => {
      const { stream, socket } = await open(url, {
        maxMessageSize: 1000,
        deflate: false,
      });
      const messages: Message[] = [];
      const failure = await within(
        (async () => {
          for await (const message of socket.readable) messages.push(message);
        })().then(() => null, (error) => error),
        "the end",
      );
      assert.deepEqual(messages, ["before"]);
      assert.ok(failure instanceof WebSocketError);
      assert.equal(failure.closeCode, closeCode);
      await assert.rejects(stream.closed, { closeCode });
      await within(whenEmpty(), "the end of the connection");
    });
  });
}

test("Autobahn's 5.17: of stray continuations before a fragmented text, all in one write", async () => {
  await withRawServer(async (request) => {
    const peer = request.open();
    const cont = opcodes.continuation;
    const parts = [
      frameBytes(cont, "stray", { masked: false }),
      frameBytes(opcodes.text, "frag", { masked: false, fin: false }),
      frameBytes(cont, "ment", { masked: false }),
    ];
    request.socket.write(Uint8Array.from(parts.flatMap((part) => [...part])));
    assert.equal((await peer.readClose()).closeCode, 1002);
    await peer.expectEnd();
    await peer.end();
  }, async ({ url }) => {
    const { stream, socket } = await open(url);
    const reader = socket.readable.getReader();
    await assert.rejects(within(reader.read(), "the end"), { closeCode: 1002 });
    await assert.rejects(stream.closed, { closeCode: 1002 });
  });
});
