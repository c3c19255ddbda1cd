/**
 * Throughput and memory as the number of connections grows.
 *
 * @module
 */
import { memoryOf } from "../processes.ts";
import { throughput, type Workload } from "./workload.ts";

/** The workloads of this file. */
export const growthWorkloads: readonly Workload[] = [
  growth(100, "100"),
  growth(1000, "1,000"),
  growth(5000, "5,000"),
  growth(10_000, "10,000"),
];

function growth(connections: number, words: string): Workload {
  const name = `growth-${connections}`;
  return {
    name,
    metrics: [
      {
        name,
        title: `echo 64 B on ${words} connections`,
        unit: "messages/s",
        better: "higher",
      },
      {
        name: `${name}-rss`,
        title: `peak RSS with ${words} connections`,
        unit: "bytes",
        better: "lower",
      },
    ],
    mode: "echo",
    connections,
    compressed: false,
    server: "fresh",
    rounds: 1,
    long: true,
    takesPart: ({ takesPart }) => takesPart.long,
    measure: async (server, tools) => {
      const result = await tools.load(server, {
        kind: "echo",
        message: { type: "binary", size: 64, compressed: false },
        connections,
        inFlight: 1,
        warmUp: 700,
        duration: Math.max(tools.duration, 1000),
      });
      const { values, details } = throughput(name, result);
      const memory = memoryOf(server.id);
      if (memory !== null) values[`${name}-rss`] = memory.peak;
      return { values, details };
    },
  };
}
