/**
 * The chat room of the demonstration server.
 *
 * @module
 */

import type { ConnectionHooks, WebSocketConnection } from "../../mod.ts";

/** Makes the hooks of a room in which every message goes to all the others. */
export function chat(): ConnectionHooks {
  const members = new Set<WebSocketConnection>();
  return {
    open(socket) {
      members.add(socket);
    },
    message(sender, message) {
      for (const member of members) {
        // Not awaited: a slow member must not hold up the others. What it has
        // not read yet is bounded by its own `maxBufferedBytes`.
        if (member !== sender) void member.send(message);
      }
    },
    close(socket) {
      members.delete(socket);
    },
  };
}
