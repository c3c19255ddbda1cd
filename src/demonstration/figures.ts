/**
 * The figures that the demonstration's page draws.
 *
 * @module
 */

import process from "node:process";
import { CloseCode, type ConnectionHandler } from "../../mod.ts";
import { floodTopic, isWatchName } from "./flood.ts";

/** How often the server's memory is told, in milliseconds. */
const interval = 500;

/**
 * Tells the memory of this process (its resident set in bytes) twice a second,
 * and with `watch=NAME` in the URL what comes of the floods of that name. What
 * the page sends comes back, so that it can measure the round trip.
 */
export const figures: ConnectionHandler = async (socket) => {
  const watch = new URL(socket.url).searchParams.get("watch");
  if (watch !== null) {
    if (!isWatchName(watch)) {
      socket.close({
        closeCode: CloseCode.PolicyViolation,
        reason: "watch has 32 hexadecimal digits",
      });
      return;
    }
    socket.subscribe(floodTopic(watch));
  }
  const tell = (): void => {
    // Only the newest figures count: a slow page gets fewer.
    if (socket.desiredSize <= 0) return;
    const { rss } = process.memoryUsage();
    void socket.send(JSON.stringify({ type: "server", memory: rss }));
  };
  tell();
  const timer = setInterval(tell, interval);
  try {
    for await (const message of socket.readable) await socket.send(message);
  } finally {
    clearInterval(timer);
  }
};
