// A message larger than memory, through a server that echoes what arrives.

import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { Opcode } from "../../mod.ts";
import { EndlessPayload, frameHeader } from "./masked_frames.ts";
import { megabytes, smallServer, soon, testMemory } from "./measure.ts";

const gibibyte = 2 ** 30;

testMemory(
  "1 GiB through incoming and send(stream) comes back whole",
  { ...smallServer, peakOverDenoTls: 200_000_000, alone: true },
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
    await client.write(frameHeader(Opcode.Binary, gibibyte));
    client.flood(sent.masked, gibibyte);
    await soon("end", Promise.race([whole.promise, client.closed]));
    const seconds = (performance.now() - started) / 1000;
    assert.equal(read, gibibyte, "all bytes have come back");
    assert.equal(wrongAt, undefined, "they are those that were sent");
    return `${megabytes(gibibyte / seconds)}/s, ${fragments} fragments`;
  },
);
