/** Puts the client through conversations with one independent server. */

import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { randomBytes } from "node:crypto";
import { after } from "node:test";
import {
  type DeflateOptions,
  type Message,
  type WebSocketConnection,
  WebSocketStream,
} from "../../mod.ts";
import { certificate } from "../support/certificate.ts";
import type { Command } from "../support/runtime.ts";
import type { Offer } from "./deflate_interop.ts";
import { Peer, type ServerUrls } from "./peer.ts";
import { maxMessageSize } from "./scenarios.ts";
import { randomIntegers, variedMessages } from "./standard_websocket.ts";

/** How messages are sent: one after the other, far ahead of what comes back, or in fragments. */
export type Manner = "one by one" | "pipelined" | "fragmented";

/** One connection. */
export interface Conversation {
  /** Default `"ws"`. */
  readonly scheme?: keyof ServerUrls;
  /** Default `"/echo"`. */
  readonly path?: string;
  /** What the client demands. Default: to compress everything. */
  readonly deflate?: boolean | DeflateOptions;
  /** What the server asks for beside; `false` for no compression. */
  readonly wishes?: Offer | false;
  readonly seed: number;
  /** Default `"one by one"`. */
  readonly manner?: Manner;
  /** How many varied messages, or the messages themselves. */
  readonly messages: number | Iterable<Message>;
  /** What must be agreed, where that does not follow from the rest. */
  readonly extensions?: string;
}

const timeout = 30_000;

/** Starts the server when it is needed first, and stops it after all tests. */
export function prepareServer(
  command: () => Command,
): (conversation: Conversation) => Promise<void> {
  let running: Promise<{ peer: Peer; urls: ServerUrls }> | undefined;
  const start = async () => {
    const peer = await Peer.start(command());
    return { peer, urls: await peer.listen() };
  };
  after(async () => {
    // What did not start has failed every test already.
    const started = await running?.catch(() => undefined);
    await started?.peer.stop();
  });
  return async (conversation) => {
    const { urls } = await (running ??= start());
    await converse(urls, conversation);
  };
}

async function converse(
  urls: ServerUrls,
  conversation: Conversation,
): Promise<void> {
  const {
    scheme = "ws",
    path = "/echo",
    deflate = { threshold: 0 },
    wishes = {},
    seed,
    manner = "one by one",
  } = conversation;
  const url = new URL(path, urls[scheme]);
  url.searchParams.set("seed", String(seed));
  if (wishes === false) url.searchParams.set("deflate", "0");
  for (const [name, value] of Object.entries(wishes)) {
    const parameter = name.replace(/[A-Z]/g, (letter) => "_" + letter)
      .toLowerCase();
    url.searchParams.set(parameter, String(value));
  }
  const stream = new WebSocketStream(url, {
    deflate,
    caCerts: [certificate],
    maxMessageSize,
    // A server under test may be held up by another process.
    handshakeTimeout: timeout,
    signal: AbortSignal.timeout(timeout),
  });
  const socket = await stream.opened;
  const what = `${url} ${JSON.stringify(deflate)}: ${socket.extensions}`;
  const timer = setTimeout(() => socket.terminate(), timeout);
  try {
    if (conversation.extensions !== undefined) {
      assert.equal(socket.extensions, conversation.extensions);
    } else if (deflate === false || wishes === false) {
      assert.equal(socket.extensions, "");
    } else {
      assertAgreed(socket.extensions, deflate === true ? {} : deflate, wishes);
    }
    await exchange(socket, conversation, manner);
    stream.close();
    assert.equal((await stream.closed).closeCode, 1000);
  } catch (error) {
    throw new Error(`${what}: ${(error as Error).message}`, { cause: error });
  } finally {
    clearTimeout(timer);
    socket.terminate();
  }
}

/** Each side has what it asked for, and none has what nobody asked for. */
function assertAgreed(
  extensions: string,
  demands: DeflateOptions,
  wishes: Offer,
): void {
  const [name, ...parameters] = extensions.split(/; ?/);
  assert.equal(name, "permessage-deflate");
  const agreed = new Map(
    parameters.map((text) => text.split("=") as [string, string]),
  );
  const bits = (parameter: string): number =>
    Number(agreed.get(parameter) ?? "15");
  const least = (...limits: (number | true | undefined)[]): number =>
    Math.min(15, ...limits.filter((limit) => typeof limit === "number"));
  assert.deepEqual({
    serverNoContextTakeover: agreed.has("server_no_context_takeover"),
    // A client keeps to what it offered also where the server does not say so.
    clientNoContextTakeover: agreed.has("client_no_context_takeover") ||
      demands.clientNoContextTakeover === true,
    serverMaxWindowBits: bits("server_max_window_bits"),
    clientMaxWindowBits: least(
      bits("client_max_window_bits"),
      demands.clientMaxWindowBits,
    ),
  }, {
    serverNoContextTakeover: Boolean(
      demands.serverNoContextTakeover || wishes.serverNoContextTakeover,
    ),
    clientNoContextTakeover: Boolean(
      demands.clientNoContextTakeover || wishes.clientNoContextTakeover,
    ),
    serverMaxWindowBits: least(
      demands.serverMaxWindowBits,
      wishes.serverMaxWindowBits,
    ),
    clientMaxWindowBits: least(
      demands.clientMaxWindowBits,
      wishes.clientMaxWindowBits,
    ),
  });
}

async function exchange(
  socket: WebSocketConnection,
  { messages, seed }: Conversation,
  manner: Manner,
): Promise<void> {
  const integer = randomIntegers(seed);
  const ahead = manner === "one by one" ? 1 : 100;
  const reader = socket.readable.getReader();
  const expected: Message[] = [];
  for (const message of messagesOf(messages, integer)) {
    expected.push(message);
    if (manner === "fragmented") sendFragments(socket, message, integer);
    else socket.send(message);
    if (expected.length === ahead) await receive(reader, expected.shift()!);
  }
  for (const message of expected) await receive(reader, message);
}

function* messagesOf(
  messages: number | Iterable<Message>,
  integer: (limit: number) => number,
): Iterable<Message> {
  if (typeof messages !== "number") return yield* messages;
  const next = variedMessages(integer);
  for (let index = 0; index < messages; index++) yield next();
}

async function receive(
  reader: ReadableStreamDefaultReader<Message>,
  expected: Message,
): Promise<void> {
  const { value, done } = await reader.read();
  assert.equal(done, false, "the connection closed");
  if (typeof expected === "string" || typeof value === "string") {
    // Not assert.equal(): what it prints of a long message takes minutes.
    assert.ok(value === expected, "another text came back");
  } else {
    assert.ok(value?.length === expected.length, "another length came back");
    assert.equal(Buffer.compare(value, expected), 0, "other bytes came back");
  }
}

/** Sends a message in fragments cut at random places, with pings between. */
function sendFragments(
  socket: WebSocketConnection,
  message: Message,
  integer: (limit: number) => number,
): void {
  let start = 0;
  const parts = new ReadableStream<Message>({
    async pull(controller) {
      const end = start + integer(message.length - start + 1);
      const last = integer(4) === 0;
      controller.enqueue(message.slice(start, last ? undefined : end));
      start = end;
      if (last) controller.close();
      else if (integer(2) === 0) await socket.ping(String(start));
    },
  }, { highWaterMark: 0 });
  socket.send(parts, {
    type: typeof message === "string" ? "text" : "binary",
  });
}

/** 16 MiB of text. */
export const largeText: string = "a 😀é§".repeat(1_677_721) + "123456";

/** 16 MiB that cannot be compressed. */
export function largeRandom(): Uint8Array<ArrayBuffer> {
  return new Uint8Array(randomBytes(maxMessageSize));
}
