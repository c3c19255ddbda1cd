// A transport that is gone before the call that ends it has returned.

import assert from "node:assert/strict";
import { test } from "node:test";
import { createContext } from "../../src/connection/context.ts";
import { resolveConnectionOptions } from "../../src/connection/options.ts";
import type { Session } from "../../src/connection/session.ts";
import { ProtocolError, WebSocketError } from "../../src/error.ts";
import { RecordingTransport } from "../support/recording_transport.ts";
import { context, startSession } from "./bare_session.ts";
import { within } from "./harness.ts";

for (
  const [how, end] of [
    ["fails", (session) => session.fail(new ProtocolError(1002, "wrong"))],
    ["is closed by the peer", (session) => {
      session.receive(new Uint8Array([0x88, 0x80, 0, 0, 0, 0]), false);
    }],
    ["is terminated", (session) => session.terminate(new WebSocketError())],
  ] as [string, (session: Session) => void][]
) {
  test(`nothing waits for a connection that ${how} `, async () => {
    const transport = new RecordingTransport({ endsAtOnce: true });
    const session = startSession(transport);
    session.inbound.deliverTo({ takeMessage() {} });
    end(session);
    await within(session.closed.catch(() => {}), "the end");
    assert.equal(context.closings.size, 0);
  });
}

test("clients with the same closeTimeout share a timer, however many there were", () => {
  const contextOf = (closeTimeout: number) =>
    createContext("client", resolveConnectionOptions({ closeTimeout }));
  assert.equal(contextOf(Infinity).closings, contextOf(Infinity).closings);
  assert.notEqual(contextOf(1000).closings, contextOf(2000).closings);
});
