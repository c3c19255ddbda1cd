import assert from "node:assert/strict";
import { test } from "node:test";
import { FrameDecoderStream } from "../../src/codec/frame_decoder.ts";
import { FrameEncoderStream } from "../../src/codec/frame_encoder.ts";
import { MessageDecoderStream } from "../../src/codec/message_decoder.ts";
import {
  type EncodableMessage,
  MessageEncoderStream,
} from "../../src/codec/message_encoder.ts";
import type { Role } from "../../src/frame.ts";
import { concatBytes, toHex } from "../support/frames.ts";
import { type SeededRandom, seededRandom } from "../support/seeded_random.ts";
import { cutRandomly, runStream } from "./run_stage.ts";

/** What is sent, and what must arrive for it, in a form to compare. */
interface Sent {
  messages: EncodableMessage[];
  expected: string[];
}

const borders = [0, 1, 2, 125, 126, 127, 2047, 2048, 2049, 4096, 4097];

function randomBytes(
  random: SeededRandom,
  length: number,
): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(length);
  for (let index = 0; index < length; index++) {
    bytes[index] = random.integer(256);
  }
  return bytes;
}

function randomLength(random: SeededRandom): number {
  return random.integer(3) === 0
    ? random.pick(borders)
    : random.integer(random.pick([10, 300, 5000]));
}

function randomText(random: SeededRandom, length: number): string {
  const alphabet = random.pick([
    ["a", "b", " "],
    ["a", "é", "€", "𝄞", "\ufeff", "\u0000", "\ufffd"],
    ["\u{10ffff}", "\u{10000}", "\uffff", "\ue000", "\ud7ff", "\u0800"],
  ]);
  return Array.from({ length }, () => random.pick(alphabet)).join("");
}

function plain(message: unknown): string {
  if (typeof message === "string") return `text ${message}`;
  if (message instanceof Uint8Array) return `binary ${toHex(message)}`;
  const { type, payload, closeCode, reason } = message as {
    type: string;
    payload?: Uint8Array;
    closeCode?: number;
    reason?: string;
  };
  return payload === undefined
    ? `${type} ${closeCode} ${reason}`
    : `${type} ${toHex(payload)}`;
}

function randomPing(random: SeededRandom, sent: Sent): void {
  const message = {
    type: random.pick(["ping", "pong"] as const),
    payload: randomBytes(random, random.pick([0, 1, 4, 125])),
  };
  sent.messages.push(message);
  sent.expected.push(plain(message));
}

/** A message of random fragments, cut anywhere, with pings between them. */
function randomFragments(random: SeededRandom, sent: Sent): void {
  const type = random.pick(["text", "binary"] as const);
  const text = randomText(random, random.integer(50));
  const bytes = type === "text"
    ? new TextEncoder().encode(text)
    : randomBytes(random, random.integer(500));
  const parts = cutRandomly(bytes, random, 2 + random.integer(40));
  parts.forEach((payload, index) => {
    if (random.integer(4) === 0) randomPing(random, sent);
    sent.messages.push({
      type,
      first: index === 0,
      fin: index === parts.length - 1,
      payload,
    });
  });
  sent.expected.push(plain(type === "text" ? text : bytes));
}

function randomMessages(random: SeededRandom, count: number): Sent {
  const sent: Sent = { messages: [], expected: [] };
  const add = (message: EncodableMessage, expected: unknown = message) => {
    sent.messages.push(message);
    sent.expected.push(plain(expected));
  };
  for (let index = 0; index < count; index++) {
    const length = randomLength(random);
    switch (random.integer(7)) {
      case 0:
      case 1:
        add(randomText(random, length));
        break;
      case 2:
        add(randomBytes(random, length));
        break;
      case 3: {
        const bytes = randomBytes(random, length + 8);
        const view = new DataView(bytes.buffer, 3, length);
        add(view, bytes.slice(3, 3 + length));
        break;
      }
      case 4: {
        const bytes = randomBytes(random, length);
        const blob = random.integer(2) === 0;
        add(blob ? new Blob([bytes]) : bytes.buffer, bytes);
        break;
      }
      case 5:
        randomPing(random, sent);
        break;
      case 6:
        randomFragments(random, sent);
    }
  }
  if (random.integer(2) === 0) {
    const closeCode = random.pick([1000, 1001, 1014, 3000, 4999]);
    add({ type: "close", closeCode, reason: "späßig" });
  }
  return sent;
}

/** Messages to bytes, through the public streams. */
function encoder(
  role: Role,
): ReadableWritablePair<Uint8Array<ArrayBuffer>, EncodableMessage> {
  const { readable, writable } = new MessageEncoderStream();
  return {
    writable,
    readable: readable.pipeThrough(new FrameEncoderStream({ role })),
  };
}

/** Bytes to messages, through the public streams. */
function decoder(
  role: Role,
  unmaskInPlace: boolean,
): ReadableWritablePair<unknown, Uint8Array<ArrayBuffer>> {
  const { readable, writable } = new FrameDecoderStream({
    role,
    unmaskInPlace,
  });
  return {
    writable,
    readable: readable.pipeThrough(new MessageDecoderStream()),
  };
}

const ways: [Role, Role][] = [["client", "server"], ["server", "client"]];

for (const [from, to] of ways) {
  test(`random messages from a ${from} to a ${to}, cut at random, arrive as they were sent`, async () => {
    const random = seededRandom(`round trip from ${from} to ${to}`);
    for (let round = 0; round < 60; round++) {
      const chop = random.pick([3, 50, 5000, 200_000]);
      const { messages, expected } = randomMessages(
        random,
        random.integer(chop === 3 ? 4 : 25),
      );
      const encoded = await runStream(encoder(from), messages);
      assert.equal(encoded.error, null);
      const bytes = concatBytes(encoded.output);
      const chunks = cutRandomly(bytes, random, chop);
      const decoded = await runStream(
        decoder(to, random.integer(2) === 0),
        chunks,
      );
      assert.equal(decoded.error, null);
      assert.deepEqual(decoded.output.map(plain), expected);
    }
  });

  test(`one long message from a ${from} to a ${to} arrives as it was sent`, async () => {
    const random = seededRandom(`long message from ${from} to ${to}`);
    const bytes = new Uint8Array(3_000_000 + random.integer(1000));
    for (let index = 0; index < bytes.length; index++) {
      bytes[index] = Math.imul(index, 0x9e3779b1) >>> 24;
    }
    const text = "Größe 𝄞 €".repeat(100_000);
    const encoded = await runStream(encoder(from), [bytes, text]);
    const chunks = cutRandomly(concatBytes(encoded.output), random, 100_000);
    const decoded = await runStream(decoder(to, true), chunks);
    assert.equal(decoded.error, null);
    assert.equal(decoded.output.length, 2);
    assert.ok(toHex(decoded.output[0] as Uint8Array) === toHex(bytes));
    assert.ok(decoded.output[1] === text);
  });
}

test("the four streams joined are an echo that waits while nobody reads", async () => {
  const encoded = encoder("client");
  const readable = encoded.readable
    .pipeThrough(decoder("server", false) as ReadableWritablePair<
      EncodableMessage,
      Uint8Array<ArrayBuffer>
    >)
    .pipeThrough(encoder("server"))
    .pipeThrough(decoder("client", false));
  const writer = encoded.writable.getWriter();
  let written = 0;
  const writing = (async () => {
    for (; written < 1000; written++) {
      await writer.ready;
      writer.write(`message ${written}`);
    }
    await writer.close();
  })();
  // However long nobody reads, only what the queues hold is taken.
  for (let turn = 0; turn < 50; turn++) {
    await new Promise((resolve) => setTimeout(resolve));
  }
  assert.ok(written > 0 && written < 100, `${written} messages were taken`);
  let read = 0;
  for await (const message of readable) {
    assert.equal(message, `message ${read++}`);
  }
  await writing;
  assert.equal(read, 1000);
});
