/** What tests of the client have in common. */

import assert from "node:assert/strict";
import {
  type WebSocketConnection,
  WebSocketError,
  WebSocketStream,
  type WebSocketStreamOptions,
} from "../../mod.ts";
import { certificate } from "../support/certificate.ts";
import { assertNoStrayErrors, within } from "../support/serve_on.ts";

/** A stream whose connection is open. */
export interface OpenStream {
  readonly stream: WebSocketStream;
  readonly socket: WebSocketConnection;
}

/** Opens a stream; it trusts the tests' certificate. */
export async function open(
  url: string,
  options: WebSocketStreamOptions = {},
): Promise<OpenStream> {
  const stream = new WebSocketStream(url, {
    caCerts: url.startsWith("wss:") ? [certificate] : [],
    ...options,
  });
  return { stream, socket: await within(stream.opened, "opened") };
}

/** Waits for a clean close with 1000. */
export async function finish({ stream }: OpenStream): Promise<void> {
  stream.close();
  assert.deepEqual(await within(stream.closed, "closed"), {
    closeCode: 1000,
    reason: "",
  });
}

/**
 * What a handshake fails with: a `WebSocketError` whose message matches, with
 * which both promises reject.
 */
export async function failureOf(
  stream: WebSocketStream,
  message: RegExp,
): Promise<WebSocketError> {
  const [opened, closed] = await within(
    Promise.allSettled([stream.opened, stream.closed]),
    "the end of the handshake",
  );
  assert.equal(opened.status, "rejected", "opened");
  assert.equal(closed.status, "rejected", "closed");
  const { reason } = opened as PromiseRejectedResult;
  assert.equal(reason, (closed as PromiseRejectedResult).reason);
  assert.ok(reason instanceof WebSocketError, String(reason));
  assert.equal(reason.name, "WebSocketError");
  assert.match(reason.message, message);
  await assertNoStrayErrors();
  return reason;
}
