/**
 * The chat room of the demonstration server.
 *
 * @module
 */

import type { ConnectionHooks } from "../../mod.ts";

const topic = "/chat";

/**
 * Makes the hooks of a room in which every message goes to all the others, in
 * whichever of the workers they are.
 */
export function chat(): ConnectionHooks {
  return {
    open: (socket) => socket.subscribe(topic),
    message: (sender, message) => void sender.publish(topic, message),
  };
}
