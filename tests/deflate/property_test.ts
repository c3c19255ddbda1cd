// Random messages, options and backends, at both ends of a connection.

import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { test } from "node:test";
import type { DeflateOptions, WebSocketConnection } from "../../mod.ts";
import { within } from "../connection/harness.ts";
import { compressedPair } from "../support/compressed_pair.ts";
import { type SeededRandom, seededRandom } from "../support/seeded_random.ts";
import { randomBytes, someMessage } from "./backends.ts";

const alphabet = 'abc {}:,"0123 äß€ 😀 \n';

function someOffer(random: SeededRandom): string {
  const parts = ["permessage-deflate"];
  const bits = () => 8 + random.integer(8);
  if (random.integer(3) === 0) parts.push("server_no_context_takeover");
  if (random.integer(3) === 0) parts.push("client_no_context_takeover");
  if (random.integer(3) === 0) parts.push(`server_max_window_bits=${bits()}`);
  const own = random.integer(4);
  if (own === 0) parts.push("client_max_window_bits");
  if (own === 1) parts.push(`client_max_window_bits=${bits()}`);
  return parts.join("; ");
}

function someOptions(random: SeededRandom): DeflateOptions {
  return {
    backend: random.pick(["standard", "zlib"] as const),
    threshold: random.pick([0, 1, 1024, 5000]),
    level: random.pick([-1, 0, 1, 6, 9]),
    memLevel: 1 + random.integer(9),
  };
}

/** The last message of each end. */
const end = Buffer.from("the end");

type Kind = "text" | "binary";
interface Sent {
  kind: Kind;
  bytes: Buffer;
}

function someSent(random: SeededRandom): Sent {
  const length = random.pick([
    0,
    1,
    5,
    125,
    126,
    1023,
    1024,
    3000,
    17_000,
    70_000,
  ]);
  if (random.integer(2) === 0) {
    const text = random.text(alphabet, Math.min(length, 3000));
    // Halves of a pair stand alone in some: what is sent is well-formed.
    const bytes = Buffer.from(
      new TextEncoder().encode(text.repeat(1 + random.integer(3))),
    );
    return { kind: "text", bytes };
  }
  const bytes = random.integer(4) === 0
    ? randomBytes(random, length)
    : someMessage(random, length);
  return { kind: "binary", bytes: Buffer.from(bytes) };
}

/** Sends in one of the ways that there are. */
function send(
  random: SeededRandom,
  socket: WebSocketConnection,
  { kind, bytes }: Sent,
): Promise<void> {
  const compress = random.pick([undefined, undefined, true, false]);
  switch (random.integer(3)) {
    case 0: {
      const cut = random.integer(bytes.length + 1);
      const parts = [
        new Uint8Array(bytes.subarray(0, cut)),
        new Uint8Array(bytes.subarray(cut)),
      ];
      const stream = new ReadableStream<Uint8Array>({
        start(controller) {
          for (const part of parts) controller.enqueue(part);
          controller.close();
        },
      });
      return socket.send(stream, { type: kind, compress });
    }
    case 1: {
      const source = new Uint8Array(bytes);
      return socket.send(
        kind === "text" ? bytes.toString("utf8") : new Blob([source]),
        { compress },
      );
    }
    default:
      return socket.send(
        kind === "text" ? bytes.toString("utf8") : new Uint8Array(bytes),
        { compress },
      );
  }
}

/** Receives to the connection's end; `all` is called with the text `"end"`. */
async function receive(
  random: SeededRandom,
  socket: WebSocketConnection,
  all: () => void,
): Promise<Sent[]> {
  const received: Sent[] = [];
  const push = (kind: Kind, bytes: Buffer) => {
    received.push({ kind, bytes });
    if (bytes.equals(end)) all();
  };
  if (random.integer(2) === 0) {
    for await (const message of socket.readable) {
      push(
        typeof message === "string" ? "text" : "binary",
        Buffer.from(message as string),
      );
      if (random.integer(20) === 0) await turn();
    }
  } else {
    for await (const message of socket.incoming) {
      push(message.type, Buffer.from(await message.bytes()));
      if (random.integer(20) === 0) await turn();
    }
  }
  return received;
}

function turn(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 0));
}

test("random messages, with random options, stay equal between both ends", async () => {
  const random = seededRandom("compressed conversations");
  for (let round = 0; round < 25; round++) {
    const offer = someOffer(random);
    const server = someOptions(random);
    const client = someOptions(random);
    const pair = compressedPair(offer, { deflate: server }, {
      deflate: client,
    });
    const what = `round ${round}: ${offer}, server ${
      JSON.stringify(server)
    }, client ${JSON.stringify(client)}`;
    const messages = {
      server: Array.from({ length: 30 }, () => someSent(random)),
      client: Array.from({ length: 30 }, () => someSent(random)),
    };
    const bothEnded = [
      Promise.withResolvers<void>(),
      Promise.withResolvers<void>(),
    ];
    const received = Promise.all([
      receive(random, pair.server, bothEnded[0].resolve),
      receive(random, pair.client, bothEnded[1].resolve),
    ]);
    const sendAll = async (socket: WebSocketConnection, messages: Sent[]) => {
      for (const message of messages) {
        const sent = send(random, socket, message);
        if (random.integer(3) > 0) await sent;
        if (random.integer(10) === 0) socket.ping().catch(() => {});
      }
      await socket.send(end.toString());
    };
    await within(
      Promise.all([
        sendAll(pair.server, messages.server),
        sendAll(pair.client, messages.client),
        ...bothEnded.map(({ promise }) => promise),
      ]),
      `all messages, ${what}`,
    );
    random.pick([pair.server, pair.client]).close();
    const [atServer, atClient] = await within(received, `the end, ${what}`);
    await within(
      Promise.all([pair.server.closed, pair.client.closed]),
      `the closing handshake, ${what}`,
    );
    assertSame(atServer, messages.client, `at the server, ${what}`);
    assertSame(atClient, messages.server, `at the client, ${what}`);
  }
});

function assertSame(received: Sent[], sent: Sent[], what: string): void {
  const expected = [...sent, { kind: "text", bytes: end }];
  assert.equal(received.length, expected.length, what);
  for (const [index, { kind, bytes }] of received.entries()) {
    assert.equal(kind, expected[index].kind, `message ${index} ${what}`);
    assert.ok(bytes.equals(expected[index].bytes), `message ${index} ${what}`);
  }
}

for (const backend of ["standard", "zlib"] as const) {
  test(`10,000 varied messages with context takeover both ways stay in step: ${backend}`, async () => {
    const random = seededRandom(`10,000 messages: ${backend}`);
    const deflate = { backend, threshold: 0 };
    const { server, client } = compressedPair(
      "permessage-deflate",
      { deflate, handler: { message: (socket, data) => socket.send(data) } },
      { deflate },
    );
    const count = 10_000;
    const expected: Buffer[] = [];
    const receiving = (async () => {
      let index = 0;
      for await (const message of client.readable) {
        const bytes = Buffer.from(message as Uint8Array);
        assert.ok(bytes.equals(expected[index]), `message ${index}`);
        if (++index === count) break;
      }
    })();
    for (let index = 0; index < count; index++) {
      const length = random.pick([0, 3, 20, 60, 60, 150, 150, 300, 1500]);
      const message = index % 7 === 0
        ? randomBytes(random, length)
        : someMessage(random, length);
      expected.push(Buffer.from(message));
      await client.send(message, {
        compress: random.pick([undefined, true, false]),
      });
    }
    await within(receiving, "all messages");
    await within(
      Promise.all([server.closed, client.closed]),
      "the closing handshake",
    );
  });
}
