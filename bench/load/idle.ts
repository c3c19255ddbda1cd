/**
 * Connections that are opened and then do nothing.
 *
 * @module
 */
import process from "node:process";
import { Fleet } from "./fleet.ts";
import { FrameRing } from "./frame_ring.ts";
import { Sample } from "./sample.ts";
import type { IdleLoad, LoadEvent, LoadResult } from "./specification.ts";

/**
 * Opens the connections, has one message answered on each if there is one, says
 * so, and drops them when the standard input ends.
 */
export async function runIdle(
  load: IdleLoad,
  tell: (event: LoadEvent) => void,
): Promise<LoadResult> {
  const { message, connections } = load;
  const failure = Promise.withResolvers<never>();
  const answered = Promise.withResolvers<void>();
  const fail = (reason: string) => failure.reject(new Error(reason));
  const ring = message === null ? null : new FrameRing(message, 1);
  const sample = ring === null ? null : new Sample(ring, load.raw, 1, fail);
  let answers = 0;
  const fleet = new Fleet({
    ...load,
    compressed: message?.compressed ?? false,
    sinkOf: (index) =>
      sample?.sinkOf(index) ?? { wants: () => false, part: () => {} },
    received: (_connection, messages) => {
      answers += messages;
      if (answers === connections) answered.resolve();
    },
    failed: fail,
  });
  const started = performance.now();
  await Promise.race([fleet.open(), failure.promise]);
  if (ring !== null) {
    for (const connection of fleet.connections) {
      connection.write(ring.bytes, 0, ring.offsets[1]);
    }
    await Promise.race([answered.promise, failure.promise]);
  }
  const seconds = (performance.now() - started) / 1000;
  tell({ event: "opened", seconds });
  const ended = new Promise<void>((resolve) => {
    process.stdin.on("end", resolve).resume();
  });
  await Promise.race([ended, failure.promise]);
  fleet.drop();
  const { compressed } = fleet.totals();
  return {
    count: connections,
    seconds,
    serverCpu: null,
    loadCpu: 0,
    verified: sample?.verified ?? connections,
    bytesPerMessage: 0,
    compressedPercent: 100 * compressed / connections,
  };
}
