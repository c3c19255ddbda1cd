/** A session on a transport that a test drives, with no connection above it. */

import { createContext } from "../../src/connection/context.ts";
import { resolveConnectionOptions } from "../../src/connection/options.ts";
import { Session } from "../../src/connection/session.ts";
import type { Transport } from "../../src/connection/transport.ts";
import type { DeflateStages } from "../../src/deflate/permessage_deflate.ts";

/** What the sessions of a test have in common. */
export const context = createContext(
  "server",
  resolveConnectionOptions({ keepAlive: false }),
);

/** Starts the session of a server's end. What its message hook throws is thrown. */
export function startSession(
  transport: Transport,
  deflate: DeflateStages | null = null,
): Session {
  const session = new Session(transport, context, deflate);
  session.start({
    sessionDrained() {},
    sessionHookFailed(error: unknown) {
      throw error;
    },
    sessionClosed() {},
  }, new Uint8Array(0));
  return session;
}
