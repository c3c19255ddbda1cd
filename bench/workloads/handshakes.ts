/**
 * Opening handshakes.
 *
 * @module
 */
import { throughput, type Workload } from "./workload.ts";

/** The workloads of this file. */
export const handshakeWorkloads: readonly Workload[] = [{
  name: "handshakes",
  metrics: [{
    name: "handshakes",
    title: "handshakes",
    unit: "handshakes/s",
    better: "higher",
  }],
  mode: "echo",
  // Opening; those that close come on top.
  connections: 64,
  compressed: false,
  server: "kept",
  // There are so few a second that just-in-time compilers take longer.
  warmUp: [4_000, 1_500],
  rounds: 4,
  long: false,
  // The time that streams would take is better spent on warming up.
  takesPart: ({ name, takesPart }, quick) =>
    takesPart.handshakes && !(quick && name === "weir-streams"),
  measure: async (server, tools) =>
    throughput(
      "handshakes",
      await tools.load(server, {
        kind: "handshakes",
        connections: 64,
        warmUp: 250,
        duration: tools.duration,
      }),
    ),
}];
