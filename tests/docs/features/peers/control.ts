/** How a peer's program talks to the one that probes it. */
import process from "node:process";
import { createInterface } from "node:readline";

/** Whether silent clients are to be pinged, which would be in the way otherwise. */
export const keepsAlive: boolean = process.argv.includes("--keep-alive");

/** The size that every peer is told to allow for a message. */
export const messageLimit = 1024 * 1024;

/**
 * What `/burst` sends at once: so many messages of so many bytes, numbered. Each
 * message that it gets it answers with `burstEnd`.
 */
export const burst = { messages: 640, size: 64 * 1024 } as const;

/** See {@linkcode burst}. */
export const burstEnd = "that was all";

/** A message of {@linkcode burst}. */
export function burstMessage(number: number): Uint8Array<ArrayBuffer> {
  const message = new Uint8Array(burst.size);
  new DataView(message.buffer).setUint32(0, number);
  return message;
}

/** Waits for a time. */
export function sleep(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}

/** Says where the peer listens, and shuts it down when it is told to. */
export function announce(port: number, shutDown: () => unknown): void {
  console.log(JSON.stringify({ port }));
  createInterface({ input: process.stdin }).on("line", (line) => {
    if (line === "shutdown") shutDown();
  });
}
