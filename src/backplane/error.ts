/**
 * What goes wrong between processes.
 *
 * @module
 */

/**
 * What `onError` is told of a backplane: the broker cannot be reached, messages
 * were lost on the way, or what came in is not what Weir sends. None of it ends a
 * connection, and messages are still delivered within the process.
 *
 * @example
 * ```ts
 * import { BackplaneError, serve } from "@weir/ws";
 *
 * serve({
 *   port: 0,
 *   onError(error) {
 *     if (error instanceof BackplaneError) console.warn(error.message, error.cause);
 *     else console.error(error);
 *   },
 * }, { open: (socket) => socket.subscribe("news") });
 * ```
 */
export class BackplaneError extends Error {
  /** `"BackplaneError"`. */
  override readonly name = "BackplaneError";

  /**
   * Makes one; the library does.
   *
   * @param message What is wrong.
   * @param options Its `cause`: what the backplane threw or rejected with.
   */
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
  }
}

/**
 * Makes what `subscribe()` of a backplane throws for a topic that it is asked
 * for twice.
 *
 * @param topic The topic, in the user's words.
 */
export function alreadySubscribed(topic: string): Error {
  return new Error(
    `the topic ${JSON.stringify(topic)} is subscribed already: a backplane ` +
      "serves one Topics, which several servers can share",
  );
}
