/**
 * What an idle connection costs in memory.
 *
 * @module
 */
import type { MessageShape } from "../load/specification.ts";
import { sleep } from "../load/measurement.ts";
import { memoryOf, type ServerProcess } from "../processes.ts";
import type { Workload } from "./workload.ts";

const connections = 5000;
/** So many connections come and go before, so that the server is warm. */
const before = 200;
/** How often is looked, in milliseconds, until the memory has settled. */
const interval = 400;

/** The workloads of this file. */
export const idleMemoryWorkloads: readonly Workload[] = [
  idleMemory("idle-rss", "RSS per idle connection of 5,000", null),
  idleMemory("idle-rss-deflate", "RSS per idle connection, compressed", {
    type: "text",
    size: 2048,
    compressed: true,
  }),
];

function idleMemory(
  name: string,
  title: string,
  message: MessageShape | null,
): Workload {
  const compressed = message !== null;
  return {
    name,
    metrics: [{ name, title, unit: "bytes", better: "lower" }],
    mode: "echo",
    connections,
    compressed,
    server: "fresh",
    // Some runtimes compile more in one process than in another.
    rounds: compressed ? 1 : 3,
    long: true,
    takesPart: ({ takesPart }) =>
      compressed ? takesPart.compressed : takesPart.long,
    measure: async (server, tools) => {
      await tools.idle(
        server,
        { kind: "idle", connections: before, message },
        () => Promise.resolve(),
      );
      const first = await settledMemory(server);
      const last = await tools.idle(
        server,
        { kind: "idle", connections, message },
        () => settledMemory(server),
      );
      return {
        values: { [name]: (last - first) / connections },
        details: { rssBefore: first, rssAfter: last },
      };
    },
  };
}

/** Waits until the memory does not change much any more, 5 s at most. */
async function settledMemory(server: ServerProcess): Promise<number> {
  let last = residentMemory(server);
  for (let turn = 0; turn < 10; turn++) {
    await sleep(interval);
    const now = residentMemory(server);
    const settled = turn >= 2 && Math.abs(now - last) < 0.005 * now;
    last = now;
    if (settled) break;
  }
  return last;
}

function residentMemory(server: ServerProcess): number {
  const memory = memoryOf(server.id);
  if (memory === null) throw new Error("/proc does not say its memory");
  return memory.resident;
}
