// A client that floods a handler that does not read.

import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { Opcode } from "../../mod.ts";
import { frameHeader, maskedFrame, repeated } from "./masked_frames.ts";
import {
  boundedGrowth,
  flood,
  megabytes,
  type Scenario,
  smallServer,
  testMemory,
} from "./measure.ts";

/** Handlers that stop to read, each another way for messages to wait. */
const handlers = {
  "/untouched": "a function that touches nothing",
  "/readable-taken": "a function that takes readable and never reads",
  "/readable-first": "a function that reads one message of readable",
  "/hook-pending": "a message hook whose promise is pending",
  "/incoming-taken": "a function that takes incoming and never reads",
  "/incoming-unread": "a function that does not read a message's body",
};

for (const [path, handler] of Object.entries(handlers)) {
  testMemory(
    `300 MB of 64-KiB messages at ${handler}`,
    smallServer,
    (scenario) => {
      const message = maskedFrame(Opcode.Binary, Buffer.alloc(64 * 1024));
      return floodUntilHeldBack(scenario, path, repeated(message, 4));
    },
  );
}

testMemory(
  "one message of 300 MB whose body is not read",
  smallServer,
  (scenario) => {
    const block = Buffer.alloc(256 * 1024);
    const header = frameHeader(Opcode.Binary, flood);
    return floodUntilHeldBack(scenario, "/incoming-unread", block, header);
  },
);

testMemory(
  "millions of 1-byte fragments of a message whose body is not read",
  boundedGrowth,
  (scenario) => {
    const fragment = maskedFrame(Opcode.Continuation, "x", false);
    const block = repeated(fragment, 10_000);
    const first = maskedFrame(Opcode.Binary, "x", false);
    return floodUntilHeldBack(scenario, "/incoming-unread", block, first);
  },
);

for (const path of ["/untouched", "/hook-pending", "/incoming-unread"]) {
  const handler = handlers[path as keyof typeof handlers];

  testMemory(
    `millions of empty messages at ${handler}`,
    boundedGrowth,
    (scenario) => {
      const block = repeated(maskedFrame(Opcode.Text, ""), 10_000);
      return floodUntilHeldBack(scenario, path, block);
    },
  );

  testMemory(
    `1-byte messages in packets of their own at ${handler}`,
    boundedGrowth,
    (scenario) => sendOneByOneUntilHeldBack(scenario, path),
  );
}

/** Floods until nothing moves; it must be before all of the flood is written. */
async function floodUntilHeldBack(
  { server, connect }: Scenario,
  path: string,
  block: Buffer,
  before?: Buffer,
): Promise<string> {
  const client = await connect(path);
  if (before !== undefined) await client.write(before);
  client.flood(block, flood);
  await server.standstill(() => client.written);
  assert.equal(server.report().connections, 1, "the connection is open");
  assert.ok(client.written < flood, "the client is held back");
  return `held back after ${megabytes(client.written)}`;
}

/**
 * Sends a 1-byte message and a ping, and the next ones when the pong is there:
 * so the server reads each message on its own, until it reads no more.
 */
async function sendOneByOneUntilHeldBack(
  { server, connect }: Scenario,
  path: string,
): Promise<string> {
  const bytes = Buffer.concat([
    maskedFrame(Opcode.Binary, "x"),
    maskedFrame(Opcode.Ping, ""),
  ]);
  const most = 10_000;
  let sent = 0;
  const client = await connect(path, sendNext);
  function sendNext(): void {
    if (sent === most) return;
    sent++;
    client.flood(bytes, bytes.length);
  }
  sendNext();
  await server.standstill(() => sent);
  assert.ok(sent < most, "the client is held back");
  return `held back after ${sent} messages`;
}
