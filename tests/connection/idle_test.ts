// What a connection lets go of when it is quiet, and makes again for the next
// bytes: wherever the silence falls, nothing of the protocol's state is lost.

import assert from "node:assert/strict";
import { after, test } from "node:test";
import { compressedPair } from "../support/compressed_pair.ts";
import { concatenate, frameBytes, opcodes } from "../support/raw_peer.ts";
import { connect, disconnectAll, within } from "./harness.ts";

after(disconnectAll);

/** A tick is an eighth of the shorter time; a ping comes never. */
const keepAlive = { interval: 600_000, timeout: 40 };

/** Time for more ticks than it takes to be quiet. */
async function silence(): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, 40));
}

const echo = {
  message: (
    socket: { send(message: string | Uint8Array): unknown },
    message: string | Uint8Array,
  ) => socket.send(message),
};

test("a silence at every byte of a message in fragments, with a ping between them", async () => {
  const whole = concatenate([
    frameBytes(opcodes.text, "caf", { fin: false }),
    frameBytes(opcodes.ping, "p"),
    frameBytes(opcodes.continuation, "\u00e9 \u20ac"),
    frameBytes(opcodes.binary, new Uint8Array(300).fill(7)),
  ]);
  const { peer } = connect(echo, { keepAlive });
  for (let at = 1; at < whole.length; at += at < 32 ? 1 : 61) {
    await peer.sendBytes(whole.slice(0, at));
    await silence();
    await peer.sendBytes(whole.slice(at));
    const pong = await within(peer.readFrame(), "the pong");
    assert.equal(pong?.opcode, opcodes.pong);
    assert.equal(await within(peer.readText(), "the text"), "caf\u00e9 \u20ac");
    const { payload } = await within(peer.readMessage(), "the bytes");
    assert.deepEqual(new Uint8Array(payload), new Uint8Array(300).fill(7));
    await silence();
  }
});

for (const first of ["the server", "the client"]) {
  test(`long silent, then ${first} begins`, async () => {
    const { socket, peer } = connect(echo, { keepAlive });
    for (let turn = 0; turn < 3; turn++) {
      await silence();
      if (first === "the server") {
        await socket.send(`news ${turn}`);
        assert.equal(await within(peer.readText(), "it"), `news ${turn}`);
        await silence();
      }
      await peer.text(`question ${turn}`);
      assert.equal(await within(peer.readText(), "it"), `question ${turn}`);
      if (first === "the client") {
        await silence();
        await socket.send(`news ${turn}`);
        assert.equal(await within(peer.readText(), "it"), `news ${turn}`);
      }
      await silence();
      assert.equal(socket.bufferedAmount, 0);
      const roundTrip = socket.ping();
      const ping = await within(peer.readFrame(), "the ping");
      await peer.send(opcodes.pong, ping!.payload);
      assert.ok(await within(roundTrip, "the pong") >= 0);
    }
  });
}

test("a limit and the order of frames hold after a silence as before", async () => {
  const tooLong = connect(echo, { keepAlive, maxMessageSize: 10 });
  await tooLong.peer.text("0123456789");
  assert.equal(await within(tooLong.peer.readText(), "it"), "0123456789");
  await silence();
  await tooLong.peer.text("0123456789+");
  assert.equal((await within(tooLong.peer.readClose(), "it")).closeCode, 1009);

  const broken = connect(echo, { keepAlive });
  await broken.peer.send(opcodes.text, "begun", { fin: false });
  await silence();
  // The message that was begun is not forgotten.
  await broken.peer.text("another");
  assert.equal((await within(broken.peer.readClose(), "it")).closeCode, 1002);

  const orphan = connect(echo, { keepAlive });
  await orphan.peer.text("whole");
  assert.equal(await within(orphan.peer.readText(), "it"), "whole");
  await silence();
  await orphan.peer.send(opcodes.continuation, "of nothing");
  assert.equal((await within(orphan.peer.readClose(), "it")).closeCode, 1002);
});

test("`incoming` hands out a message that begins after a silence before it is whole", async () => {
  const { socket, peer } = connect(undefined, { keepAlive });
  await silence();
  const reader = socket.incoming.getReader();
  for (let turn = 0; turn < 3; turn++) {
    await silence();
    await peer.send(opcodes.text, "one ", { fin: false });
    const { value } = await within(reader.read(), "the message");
    await silence();
    await peer.send(opcodes.continuation, "two");
    assert.equal(await within(value!.text(), "its text"), "one two");
  }
});

test("messages that waited for a hook come in order, also behind a silence", async () => {
  const seen: string[] = [];
  const gates: (() => void)[] = [];
  const { peer } = connect({
    message: (_socket, message) => {
      seen.push(message as string);
      return new Promise<void>((resolve) => gates.push(resolve));
    },
  }, { keepAlive });
  for (let round = 0; round < 2; round++) {
    for (const name of ["a", "b", "c"]) await peer.text(name + round);
    for (let open = 0; open < 3; open++) {
      await silence();
      assert.equal(seen.length, 3 * round + open + 1);
      gates.shift()!();
    }
    await silence();
  }
  assert.deepEqual(seen, ["a0", "b0", "c0", "a1", "b1", "c1"]);
});

function inParts(parts: string[]): ReadableStream<string> {
  return new ReadableStream({
    async pull(controller) {
      await silence();
      const part = parts.shift();
      if (part === undefined) controller.close();
      else controller.enqueue(part);
    },
  }, { highWaterMark: 0 });
}

for (const backend of ["auto", "standard", "zlib"] as const) {
  test(`compressed by ${backend}: messages, large ones as well, come in order behind a silence`, async () => {
    const deflate = { backend, threshold: 0 };
    const { server, client } = compressedPair(
      "permessage-deflate",
      { deflate, connection: { keepAlive }, handler: echo },
      { deflate, connection: { keepAlive } },
    );
    const reader = client.readable.getReader();
    for (let turn = 0; turn < 4; turn++) {
      const messages = [
        `short ${turn}`,
        `a long one, ${turn}: ${"of what repeats itself ".repeat(20_000)}`,
        `behind it ${turn}`,
      ];
      for (const message of messages) client.send(message);
      client.send("as it is", { compress: false });
      for (const message of [...messages, "as it is"]) {
        const { value } = await within(reader.read(), "an answer");
        assert.ok(value === message, `not ${message.slice(0, 30)}`);
      }
      await silence();
      assert.equal(server.bufferedAmount, 0);
      // A message that comes in parts, with silences between them.
      client.send(inParts(["in ", "parts ", `${turn}`]), { type: "text" });
      const { value } = await within(reader.read(), "an answer");
      assert.equal(value, `in parts ${turn}`);
      await silence();
    }
    client.close();
    assert.equal((await within(server.closed, "the end")).closeCode, 1000);
  });
}
