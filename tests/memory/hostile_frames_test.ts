// Frames that ask for more memory than they are worth.

import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { CloseCode, type Frame, Opcode } from "../../mod.ts";
import { frameHeader, maskedFrame, repeated } from "./masked_frames.ts";
import { boundedGrowth, type Scenario, soon, testMemory } from "./measure.ts";
import type { RawClient } from "./raw_client.ts";

const count = 2_000_000;

for (
  const [type, opcode, payload] of [
    ["text", Opcode.Text, ""],
    ["binary", Opcode.Binary, ""],
    ["text", Opcode.Text, "x"],
    ["binary", Opcode.Binary, "x"],
  ] as const
) {
  const { length } = payload;
  testMemory(
    `a ${type} message of 2 million ${length}-byte fragments`,
    boundedGrowth,
    async (scenario) => {
      const fragment = maskedFrame(Opcode.Continuation, payload, false);
      const block = repeated(fragment, 10_000);
      const answer = await ask(scenario, async (client) => {
        await client.write(maskedFrame(opcode, payload, false));
        await client.flood(block, fragment.length * (count - 2));
        await client.write(maskedFrame(Opcode.Continuation, payload));
      });
      assert.equal(answer.opcode, Opcode.Text);
      assert.equal(asText(answer), String(length * count));
      return "answered";
    },
  );
}

testMemory(
  "fragments over maxMessageSize are refused with 1009",
  boundedGrowth,
  async (scenario) => {
    const fragment = Buffer.alloc(1024);
    const block = repeated(
      maskedFrame(Opcode.Continuation, fragment, false),
      256,
    );
    const answer = await ask(scenario, async (client) => {
      await client.write(maskedFrame(Opcode.Binary, fragment, false));
      await client.flood(block, 100_000_000);
    });
    assertTooBig(answer);
    return "answered";
  },
);

testMemory(
  "a length of 2^40 is refused with 1009 at its header",
  boundedGrowth,
  async (scenario) => {
    const answer = await ask(
      scenario,
      (client) => client.write(frameHeader(Opcode.Binary, 2 ** 40)),
    );
    assertTooBig(answer);
    return "refused";
  },
);

/** Has a client send something and waits for the frame that answers it. */
async function ask(
  { connect }: Scenario,
  send: (client: RawClient) => Promise<void>,
): Promise<Frame> {
  const answer = Promise.withResolvers<Frame>();
  const parts: Uint8Array[] = [];
  const client = await connect("/measure", (frame) => {
    parts.push(frame.payload);
    if (frame.remaining > 0) return;
    const payload = new Uint8Array(Buffer.concat(parts));
    answer.resolve({ ...frame, payload });
  });
  client.closed.then(() =>
    answer.reject(new Error("The connection has ended without an answer."))
  );
  // A server that refuses what comes may end the connection while it comes.
  send(client).catch(() => {});
  return await soon("answer", answer.promise);
}

function assertTooBig({ opcode, payload }: Frame): void {
  assert.equal(opcode, Opcode.Close);
  assert.equal(
    new DataView(payload.buffer).getUint16(0),
    CloseCode.MessageTooBig,
  );
}

function asText({ payload }: Frame): string {
  return new TextDecoder().decode(payload);
}
