// A client that does not read what the server sends.

import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { Opcode } from "../../mod.ts";
import { maskedFrame, repeated } from "./masked_frames.ts";
import {
  boundedGrowth,
  flood,
  megabytes,
  smallServer,
  soon,
  testMemory,
} from "./measure.ts";

const senders = {
  "/send-awaited": "await send() of 64 KiB",
  "/send-text": "await send() of 1 KiB of text",
  "/send-writer": "await writer.ready and writer.write()",
  "/send-stream": "send() of a ReadableStream",
};

for (const [path, sender] of Object.entries(senders)) {
  testMemory(
    `300 MB by ${sender} to a client that reads later`,
    smallServer,
    async ({ server, connectThroughRelay }) => {
      let read = 0;
      const whole = Promise.withResolvers<void>();
      const { client, relay } = await connectThroughRelay(
        path,
        ({ payload }) => {
          read += payload.length;
          if (read >= flood) whole.resolve();
        },
      );
      relay.hold();
      await client.write(maskedFrame(Opcode.Text, String(flood)));
      await server.until("sending", ({ sent }) => sent > 0);
      await server.standstill(() => read);
      const { sent } = server.report();
      assert.ok(sent < flood, "the handler is held back");

      relay.release();
      await soon("end", Promise.race([whole.promise, client.closed]));
      assert.ok(read >= flood, `${read} bytes have come in the end`);
      return `held back after ${megabytes(sent)}`;
    },
  );
}

testMemory(
  "300 MB by send() that is not awaited to a client that does not read",
  boundedGrowth,
  async ({ server, connectThroughRelay }) => {
    const { client, relay } = await connectThroughRelay("/send-unawaited");
    relay.hold();
    await client.write(maskedFrame(Opcode.Text, String(flood)));
    await server.until(
      "without the client",
      ({ sent, connections }) => sent > 0 && connections === 0,
    );
    return "dropped";
  },
);

testMemory(
  "300 MB of messages at an echo from a client that does not read",
  boundedGrowth,
  async ({ server, connectThroughRelay }) => {
    const { client, relay } = await connectThroughRelay("/echo");
    relay.hold();
    const message = maskedFrame(Opcode.Binary, Buffer.alloc(1000));
    client.flood(repeated(message, 250), flood);
    await server.standstill(() => client.written);
    assert.equal(server.report().connections, 1, "the connection is open");
    assert.ok(client.written < flood, "the client is held back");
    return `held back after ${megabytes(client.written)}`;
  },
);

testMemory(
  "100 MB of pings from a client that does not read",
  boundedGrowth,
  async ({ server, connectThroughRelay }) => {
    const { client, relay } = await connectThroughRelay("/measure");
    relay.hold();
    const ping = maskedFrame(Opcode.Ping, Buffer.alloc(125));
    client.flood(repeated(ping, 2000), 100_000_000);
    await server.standstill(() => client.written);
    assert.equal(server.report().connections, 1, "the connection is open");
    return `${megabytes(client.written)} written`;
  },
);
