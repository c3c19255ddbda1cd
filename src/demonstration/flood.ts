/**
 * The flood of the demonstration's page: the server sends as fast as the page
 * takes it.
 *
 * @module
 */

import process from "node:process";
import {
  CloseCode,
  type ConnectionHandler,
  type WebSocketConnection,
} from "../../mod.ts";

/** The size of each message in bytes. */
const messageSize = 64 * 1024;
/** How often the figures of a flood are published, in milliseconds. */
const figuresInterval = 250;

/** What has come of a flood so far. */
interface Progress {
  bytes: number;
  /** The longest wait for `send()` that ended since the last figures, in milliseconds. */
  longestWait: number;
  /** Since when the server waits now, if it does. */
  waitingSince: number | null;
}

/**
 * The handler of a flood, which goes on until the page closes the connection.
 *
 * Figures go to the {@linkcode floodTopic} of `watch` in the URL, with the
 * number in `run` to tell this flood from the page's other ones.
 */
export const flood: ConnectionHandler = async (socket) => {
  const { searchParams } = new URL(socket.url);
  const watch = searchParams.get("watch");
  if (watch === null || !isWatchName(watch)) {
    socket.close({
      closeCode: CloseCode.PolicyViolation,
      reason: "watch has 32 hexadecimal digits",
    });
    return;
  }
  const run = Number(searchParams.get("run"));
  const progress: Progress = { bytes: 0, longestWait: 0, waitingSince: null };
  const timer = setInterval(() => {
    const now = performance.now();
    const { bytes, longestWait, waitingSince } = progress;
    const figures = {
      type: "flood",
      run,
      at: now,
      bytes,
      longestWait: Math.max(longestWait, now - (waitingSince ?? now)),
      buffered: socket.bufferedAmount,
      memory: process.memoryUsage().rss,
    };
    progress.longestWait = 0;
    socket.publish(floodTopic(watch), JSON.stringify(figures), { lossy: true });
  }, figuresInterval);
  try {
    await write(socket, progress);
  } finally {
    clearInterval(timer);
  }
};

/** The topic of a page's floods. */
export function floodTopic(watch: string): string {
  return `flood ${watch}`;
}

/** Whether a page may watch its floods under this name: one that nobody guesses. */
export function isWatchName(text: string): boolean {
  return /^[0-9a-f]{32}$/.test(text);
}

/** Sends until the connection closes, which rejects the promise of `send()`. */
async function write(
  socket: WebSocketConnection,
  progress: Progress,
): Promise<never> {
  const message = new Uint8Array(messageSize);
  while (true) {
    const begun = performance.now();
    progress.waitingSince = begun;
    await socket.send(message, { compress: false });
    progress.waitingSince = null;
    progress.longestWait = Math.max(
      progress.longestWait,
      performance.now() - begun,
    );
    progress.bytes += message.length;
  }
}
