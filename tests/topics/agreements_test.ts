// One topic, receivers that agreed on different things: each gets the same
// messages in the same order, whatever was compressed when.

import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import type { DeflateOptions, Message, Server } from "../../mod.ts";
import { scriptCommand } from "../support/runtime.ts";
import { seededRandom } from "../support/seeded_random.ts";
import { until, within } from "../support/serve_on.ts";
import { serveTopics, Subscriber } from "./subscribers.ts";

/** What `ws` offers in one connection each, and what is expected of the answer. */
const wsOffers = [
  false,
  true,
  { serverNoContextTakeover: true },
  { serverNoContextTakeover: true },
  { serverNoContextTakeover: true, serverMaxWindowBits: 10 },
  { serverMaxWindowBits: 9 },
  { serverNoContextTakeover: true, serverMaxWindowBits: 9 },
];

/** What `WebSocketStream` offers. */
const ownOffers: (boolean | DeflateOptions)[] = [
  false,
  true,
  { serverNoContextTakeover: true },
  { serverNoContextTakeover: true, serverMaxWindowBits: 8 },
];

for (const transport of ["tcp", "tls"] as const) {
  for (const backend of ["auto", "standard", "zlib"] as const) {
    const scheme = transport === "tcp" ? "ws" : "wss";
    test(`mixed agreements in one topic over ${scheme}, backend ${backend}`, async () => {
      const deflate = { backend, threshold: 100 };
      await serveTopics(transport, { deflate }, {
        open: (socket) => socket.subscribe("all"),
      }, async ({ server }) => {
        const own = await Promise.all(
          ownOffers.map((offer) =>
            Subscriber.open(server.url, { deflate: offer })
          ),
        );
        const ws = await startWs(server.url);
        try {
          const count = wsOffers.length + own.length;
          await until(
            () => server.topics.subscriberCount("all") === count,
            "all subscriptions",
          );
          const agreed = [...server.sockets].map((socket) => socket.extensions);
          assert.ok(new Set(agreed).size >= 4, agreed.join("\n"));
          const received = own.map((subscriber) => subscriber.upTo("end"));
          const sent = await publishMany(server);
          for (const messages of await Promise.all(received)) {
            assert.equal(messages.length, sent.length);
            for (const [index, message] of messages.entries()) {
              assert.ok(
                equal(message, sent[index]),
                `message ${index}: ${shown(message)} for ${shown(sent[index])}`,
              );
            }
          }
          const answers = await within(ws.answers, "ws", 60_000);
          assert.equal(answers.length, wsOffers.length);
          for (const [index, answer] of answers.entries()) {
            assert.equal(answer.count, sent.length, `${wsOffers[index]}`);
            assert.equal(answer.hash, hashOf(sent), JSON.stringify(answer));
          }
        } finally {
          ws.end();
        }
      });
    });
  }
}

interface WsAnswer {
  readonly count: number;
  readonly hash: string;
}

async function startWs(
  url: string,
): Promise<{ answers: Promise<WsAnswer[]>; end(): void }> {
  const script = fileURLToPath(
    new URL("programs/ws_subscribers.ts", import.meta.url),
  );
  const command = scriptCommand(script, "node");
  const child = spawn(
    command.program,
    [...command.arguments, url, JSON.stringify(wsOffers)],
    { stdio: ["ignore", "pipe", "inherit"] },
  );
  const lines = createInterface({ input: child.stdout });
  await within(once(lines, "line"), "the connections of ws", 30_000);
  const answers = once(lines, "line").then(([line]) => JSON.parse(line));
  answers.catch(() => {});
  return { answers, end: () => void child.kill("SIGKILL") };
}

/**
 * Publishes and sends messages of all kinds, in bursts and one after the other.
 *
 * @returns What every receiver has to get.
 */
async function publishMany(server: Server): Promise<Message[]> {
  const random = seededRandom("mixed agreements");
  const below = (limit: number) => random.integer(limit);
  const sent: Message[] = [];
  const make = (): Message => {
    const size = [10, 90, 500, 3000, 20_000, 150_000][below(6)];
    const part = `message ${sent.length}: gr\u00fc\u00dfe \u{1f30a} ${
      below(1_000_000_000)
    }`;
    const text = part.repeat(Math.ceil(size / part.length));
    if (below(3) > 0) return text;
    if (below(2) === 0) return new TextEncoder().encode(text);
    return Uint8Array.from({ length: size }, () => below(256));
  };
  for (let round = 0; round < 30; round++) {
    for (let count = below(6); count >= 0; count--) {
      const message = make();
      const compress = [undefined, undefined, true, false][below(4)];
      sent.push(message);
      switch (below(6)) {
        case 0:
          for (const socket of server.sockets) {
            socket.send(message, { compress });
          }
          break;
        case 1:
          for (const socket of server.sockets) {
            const type = typeof message === "string" ? "text" : "binary";
            const half = Math.floor(message.length / 2);
            const parts = [message.slice(0, half), message.slice(half)];
            socket.send(streamOf(parts), { type, compress });
          }
          break;
        default:
          assert.equal(
            server.publish("all", message, { compress }),
            server.sockets.size,
          );
      }
    }
    if (below(2) === 0) await delay(below(3));
    // What waits is bounded, and the machine may be slow.
    for (const socket of server.sockets) {
      await until(() => socket.bufferedAmount < 4_000_000, "room", 30_000);
    }
  }
  server.publish("all", "end");
  return sent;
}

function streamOf<Part>(parts: Part[]): ReadableStream<Part> {
  return new ReadableStream({
    start(controller) {
      for (const part of parts) controller.enqueue(part);
      controller.close();
    },
  });
}

function equal(first: Message, second: Message): boolean {
  if (typeof first === "string" || typeof second === "string") {
    return first === second;
  }
  return Buffer.compare(first, second) === 0;
}

function shown(message: Message): string {
  return typeof message === "string"
    ? JSON.stringify(message.slice(0, 40))
    : `${message.length} bytes ${message.subarray(0, 20)}`;
}

function hashOf(messages: Message[]): string {
  const hash = createHash("sha256");
  for (const message of messages) {
    const bytes = Buffer.from(message as string);
    hash.update(
      `${typeof message === "string" ? "text" : "binary"} ${bytes.length} `,
    );
    hash.update(bytes);
  }
  return hash.digest("hex");
}
