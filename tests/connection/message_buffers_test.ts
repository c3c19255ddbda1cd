// The option `messageBuffers`: what stands in the buffer of a binary message. With
// either value every cut of the bytes gives the same messages.

import assert from "node:assert/strict";
import { after, test } from "node:test";
import type { DecodedMessage } from "../../src/codec/message_decoder.ts";
import { ReceivingStages } from "../../src/connection/receiving_stages.ts";
import type { Role } from "../../src/frame.ts";
import {
  concatBytes,
  frameBytes,
  type RawFrame,
  toHex,
} from "../support/frames.ts";
import { type SeededRandom, seededRandom } from "../support/seeded_random.ts";
import { connect, disconnectAll, pattern, until } from "./harness.ts";

after(disconnectAll);

const key = [0x37, 0xfa, 0x21, 0x3d];
const lengths = [0, 1, 64, 65, 126, 512, 513, 4096, 4097, 20_000];

/** How the stages are set up, and what they are given. */
interface Setting {
  role: Role;
  shares: boolean;
  fragments: boolean;
  gives: boolean;
  /** Whether the memory of a chunk is overwritten once it was received. */
  lent: boolean;
}

/** A frame as the peer of `role` sends it. */
function from(role: Role, frame: RawFrame): Uint8Array<ArrayBuffer> {
  return frameBytes(role === "server" ? { key, ...frame } : frame);
}

/** Runs chunks through the stages; the messages, each with its parts. */
function run(setting: Setting, chunks: readonly Uint8Array[]): Uint8Array[][] {
  const messages: Uint8Array[][] = [];
  const stages = new ReceivingStages(
    { maxMessageSize: 1e6, ...setting },
    null,
    {
      enqueue(message: DecodedMessage) {
        if (typeof message === "string") {
          messages.push([new TextEncoder().encode(message)]);
        } else if (message instanceof Uint8Array) {
          messages.push([message]);
        } else if ("first" in message) {
          if (message.first) messages.push([]);
          messages.at(-1)!.push(message.payload);
        }
      },
      error: (reason) => assert.fail(String(reason)),
    },
  );
  const memory = new Uint8Array(200_000);
  for (const chunk of chunks) {
    if (setting.lent) {
      memory.set(chunk);
      stages.receive(memory.subarray(0, chunk.length), true);
      memory.fill(0x55, 0, chunk.length);
    } else {
      stages.receive(new Uint8Array(chunk), false);
    }
  }
  return messages;
}

/** Frames of some messages, and the bytes that each message has. */
function traffic(
  random: SeededRandom,
  role: Role,
): { bytes: Uint8Array<ArrayBuffer>; expected: string[] } {
  const frames: Uint8Array[] = [];
  const expected: string[] = [];
  for (let count = random.pick([1, 2, 6, 20]); count > 0; count--) {
    const payload = pattern(random.pick(lengths), count)
      .map((byte) => byte & 0x7f);
    const opcode = random.pick([1, 2, 2, 2]);
    const cut = random.integer(4) === 0 ? random.integer(payload.length) : 0;
    if (cut === 0) frames.push(from(role, { opcode, payload }));
    else {
      const [first, last] = [payload.subarray(0, cut), payload.subarray(cut)];
      frames.push(
        from(role, { opcode, fin: false, payload: first }),
        from(role, { opcode: 9, payload: "ping" }),
        from(role, { opcode: 0, payload: last }),
      );
    }
    expected.push(toHex(payload));
  }
  return { bytes: concatBytes(frames), expected };
}

/** Bytes in chunks of at most so many. */
function chop(
  random: SeededRandom,
  bytes: Uint8Array<ArrayBuffer>,
): Uint8Array[] {
  const most = random.pick([1, 13, 512, 5000, 65_536, 200_000]);
  const chunks: Uint8Array[] = [];
  for (let at = 0; at < bytes.length;) {
    const length = random.integer(3) === 0 ? 1 + random.integer(most) : most;
    chunks.push(bytes.subarray(at, at + length));
    at += length;
  }
  return chunks;
}

test("shared or not, every cut gives the same messages, and all of them stay", () => {
  const random = seededRandom("message buffers");
  let shared = 0;
  for (let round = 0; round < 600; round++) {
    const flag = () => random.integer(2) === 0;
    const setting: Setting = {
      role: random.pick(["server", "client"]),
      shares: flag(),
      fragments: random.integer(4) === 0,
      gives: flag(),
      lent: flag(),
    };
    const { bytes, expected } = traffic(random, setting.role);
    const messages = run(setting, chop(random, bytes));
    assert.deepEqual(
      messages.map((parts) => toHex(concatBytes(parts))),
      expected,
      JSON.stringify(setting),
    );
    const parts = messages.flat().filter(({ length }) => length > 0);
    const buffers = new Set(parts.map(({ buffer }) => buffer));
    // What is read while it arrives is transferred to who reads it.
    if (!setting.shares || setting.fragments) {
      assert.equal(buffers.size, parts.length, JSON.stringify(setting));
    }
    shared += parts.length - buffers.size;
  }
  assert.ok(shared > 100, `${shared} messages shared the buffer of another`);
});

for (const role of ["server", "client"] as const) {
  for (const lent of [false, true]) {
    const name = `${role}, ${lent ? "lent" : "given"} memory`;

    test(`${name}: short binary messages of one chunk share its bytes, and no others do`, () => {
      const payloads = [64, 4096, 4097, 64, 64].map((length, index) =>
        pattern(length, index)
      );
      const frames = [
        ...payloads.map((payload) => from(role, { opcode: 2, payload })),
        from(role, { opcode: 1, payload: "text" }),
        from(role, { opcode: 2, fin: false, payload: payloads[0] }),
        from(role, { opcode: 0, payload: payloads[0] }),
        from(role, { opcode: 2, payload: payloads[0] }),
      ];
      const alone = from(role, { opcode: 2, payload: payloads[0] });
      const setting = { role, lent, fragments: false, gives: !lent };
      const chunks = [concatBytes(frames), alone];
      const taken = run({ ...setting, shares: true }, chunks).flat();
      assert.deepEqual(
        taken.map(toHex),
        [...payloads, new TextEncoder().encode("text")].map(toHex).concat(
          toHex(concatBytes([payloads[0], payloads[0]])),
          Array(2).fill(toHex(payloads[0])),
        ),
      );
      const [first, second, long, ...rest] = taken;
      const [fourth, fifth, _text, fragmented, last, lone] = rest;
      for (const message of [second, fourth, fifth, last]) {
        assert.equal(message.buffer, first.buffer);
      }
      for (const message of [long, fragmented, lone]) {
        assert.notEqual(message.buffer, first.buffer);
        assert.equal(
          message.byteOffset + message.length,
          message.buffer.byteLength,
        );
      }
      const own = run({ ...setting, shares: false }, chunks).flat();
      assert.equal(new Set(own.map(({ buffer }) => buffer)).size, own.length);
    });
  }
}

test("the default is a buffer for each message, which may be transferred", async () => {
  for (const messageBuffers of [undefined, "own", "shared"] as const) {
    const taken: Uint8Array[] = [];
    const { peer } = connect({
      message: (_socket, message) => void taken.push(message as Uint8Array),
    }, { messageBuffers });
    await peer.sendBytes(
      ...Array.from(
        { length: 10 },
        (_, index) => peer.frame(2, pattern(64, index)),
      ),
    );
    await until(() => taken.length === 10, "all the messages");
    const buffers = new Set(taken.map(({ buffer }) => buffer));
    assert.equal(buffers.size, messageBuffers === "shared" ? 1 : 10);
    if (messageBuffers !== "shared") {
      structuredClone(taken[3], { transfer: [taken[3].buffer as ArrayBuffer] });
      taken[3] = pattern(64, 3);
    }
    taken.forEach((message, index) => {
      assert.deepEqual(new Uint8Array(message), pattern(64, index));
    });
  }
});

test("any other value is a TypeError that names the two", () => {
  for (const messageBuffers of ["views", true, null, 1]) {
    assert.throws(
      () => connect(undefined, { messageBuffers: messageBuffers as "own" }),
      (error) =>
        error instanceof TypeError && error.message.includes('"shared"') &&
        error.message.includes(String(messageBuffers)),
      String(messageBuffers),
    );
  }
});
