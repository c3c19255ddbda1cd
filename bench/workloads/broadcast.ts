/**
 * Broadcasts: one connection sends, a thousand receive, or five thousand.
 *
 * @module
 */
import { throughput, type Workload } from "./workload.ts";

/**
 * A feed that does not wait until everybody has received a message before it
 * sends the next, and does not run away from the slowest either.
 */
const inFlight = 8;

/** The workloads of this file. */
export const broadcastWorkloads: readonly Workload[] = [
  broadcast("broadcast-64", "broadcast 64 B to 1,000", 64, false),
  broadcast("broadcast-64-5k", "broadcast 64 B to 5,000", 64, false, 5000),
  broadcast("broadcast-1k", "broadcast 1 KiB to 1,000", 1024, false),
  broadcast(
    "broadcast-64-deflate",
    "broadcast 64 B to 1,000, compressed",
    64,
    true,
  ),
  broadcast(
    "broadcast-1k-deflate",
    "broadcast 1 KiB to 1,000, compressed",
    1024,
    true,
  ),
];

function broadcast(
  name: string,
  title: string,
  size: number,
  compressed: boolean,
  connections = 1000,
): Workload {
  return {
    name,
    metrics: [{ name, title, unit: "messages/s", better: "higher" }],
    mode: "broadcast",
    connections,
    compressed,
    server: "kept",
    rounds: connections > 1000 ? 2 : 3,
    long: name !== "broadcast-64",
    takesPart: ({ takesPart }) =>
      compressed ? takesPart.compressed : takesPart.broadcast,
    measure: async (server, tools) =>
      throughput(
        name,
        await tools.load(server, {
          kind: "broadcast",
          message: { type: "text", size, compressed },
          connections,
          inFlight,
          warmUp: 300,
          duration: tools.duration,
        }),
      ),
  };
}
