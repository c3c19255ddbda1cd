// `messageBuffers` on real sockets: a burst of short binary messages, to hooks and
// to streams, is what the client sent, whether they share buffers or not.

import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { after, test } from "node:test";
import type { Handler, MessageBuffers, ServeOptions } from "../../mod.ts";
import { frame, opcodes } from "../support/raw_client.ts";
import {
  assertNoStrayErrors,
  serveOn,
  transports,
  until,
} from "../support/serve_on.ts";

after(assertNoStrayErrors);

const count = 2000;

/** The bytes of one message. */
function payload(index: number): Buffer {
  return Buffer.alloc(64 + index % 7, `message ${index} `);
}

/** Takes the messages of a connection, in one way or another. */
type Taking = (taken: Uint8Array[]) => Handler;

const ways: Record<string, Taking> = {
  "hooks": (taken) => ({
    message: (_socket, message) => void taken.push(message as Uint8Array),
  }),
  "readable": (taken) => async (socket) => {
    for await (const message of socket.readable) {
      taken.push(message as Uint8Array);
    }
  },
  "incoming": (taken) => async (socket) => {
    for await (const message of socket.incoming) {
      taken.push(await message.bytes());
    }
  },
};

for (const transport of transports) {
  for (const [way, taking] of Object.entries(ways)) {
    for (const messageBuffers of ["own", "shared"] as const) {
      test(`${transport}: ${way}, ${messageBuffers} buffers: a burst arrives whole`, () =>
        burst(transport, way, taking, messageBuffers));
    }
  }
}

function burst(
  transport: (typeof transports)[number],
  way: string,
  taking: Taking,
  messageBuffers: MessageBuffers,
): Promise<void> {
  const taken: Uint8Array[] = [];
  const options: ServeOptions = { messageBuffers };
  return serveOn(transport, options, taking(taken), async ({ open }) => {
    const client = await open();
    // The first bytes of a connection are read in another way than the rest.
    client.write(frame(opcodes.binary, payload(0)));
    await until(() => taken.length === 1, "the first message");
    const frames: Buffer[] = [];
    for (let index = 1; index < count; index++) {
      frames.push(frame(opcodes.binary, payload(index)));
    }
    client.write(Buffer.concat(frames));
    await until(() => taken.length === count, "all the messages");
    taken.forEach((message, index) => {
      assert.equal(payload(index).compare(message), 0, `message ${index}`);
    });
    const buffers = new Set(taken.map(({ buffer }) => buffer));
    if (messageBuffers === "shared" && way !== "incoming") {
      assert.ok(buffers.size < count / 4, `${buffers.size} buffers`);
    } else {
      assert.equal(buffers.size, count);
    }
  });
}
