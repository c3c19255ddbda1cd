// A peer that goes on sending compressed messages after close().

import assert from "node:assert/strict";
import { test } from "node:test";
import { constants, deflateRawSync } from "node:zlib";
import { resolveDeflateOptions } from "../../src/deflate/options.ts";
import { stagesForAgreed } from "../../src/deflate/permessage_deflate.ts";
import { RecordingTransport } from "../support/recording_transport.ts";
import { frameBytes, opcodes } from "../support/raw_peer.ts";
import { seededRandom } from "../support/seeded_random.ts";
import { startSession } from "./bare_session.ts";
import { until } from "./harness.ts";

for (const backend of ["auto", "standard"] as const) {
  test(`after close() it is read no faster than its messages are inflated: ${backend}`, async () => {
    const random = seededRandom("closing flood");
    const payload = Uint8Array.from(
      { length: 300_000 },
      () => random.integer(256),
    );
    const frame = frameBytes(
      opcodes.binary,
      deflateRawSync(payload, { finishFlush: constants.Z_SYNC_FLUSH })
        .subarray(0, -4),
      { reserved: 0x40 },
    );
    const transport = new RecordingTransport();
    const session = startSession(
      transport,
      stagesForAgreed(
        "permessage-deflate",
        "server",
        resolveDeflateOptions({ backend }),
      ),
    );
    session.inbound.deliverTo({ takeMessage() {} });
    session.close(1000, "");
    for (let round = 0; round < 3; round++) {
      // What a socket may have read before it hears of the pause.
      for (let index = 0; index < 3; index++) {
        session.receive(frame.slice(), false);
      }
      assert.equal(transport.paused, true, "enough waits to be inflated");
      await until(() => !transport.paused, "room");
    }
    session.receive(frameBytes(opcodes.close), false);
    await until(() => !transport.paused, "room");
    const { closed } = session;
    transport.destroy();
    await closed;
  });
}
