// A message larger than memory, through a server that echoes what arrives.

import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { Opcode } from "../../mod.ts";
import { EndlessPayload, frameHeader } from "./masked_frames.ts";
import { flood, megabytes, smallServer, soon, testMemory } from "./measure.ts";

testMemory(
  "300 MB through incoming and send(stream) comes back whole",
  { ...smallServer, alone: true },
  async ({ connect }) => {
    const sent = new EndlessPayload();
    let read = 0;
    let fragments = 0;
    let wrongAt: number | undefined;
    const whole = Promise.withResolvers<void>();
    const client = await connect("/echo-incoming", ({ payload, fin }) => {
      const { buffer, byteOffset, length } = payload;
      if (!sent.matches(Buffer.from(buffer, byteOffset, length), read)) {
        wrongAt ??= read;
      }
      read += length;
      fragments++;
      if (fin) whole.resolve();
    });
    const started = performance.now();
    await client.write(frameHeader(Opcode.Binary, flood));
    client.flood(sent.masked, flood);
    await soon("end", Promise.race([whole.promise, client.closed]));
    const seconds = (performance.now() - started) / 1000;
    assert.equal(read, flood, "all bytes have come back");
    assert.equal(wrongAt, undefined, "they are those that were sent");
    return `${megabytes(flood / seconds)}/s, ${fragments} fragments`;
  },
);
