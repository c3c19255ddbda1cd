/**
 * Latency under half of the load that the slowest contender can bear.
 *
 * @module
 */
import type { MessageShape } from "../load/specification.ts";
import type { Workload } from "./workload.ts";

const connections = 64;
const message: MessageShape = { type: "binary", size: 64, compressed: false };
/** Below this part of the messages, a contender has not kept up. */
const keptUp = 0.9;

/** Messages a second; the same for all the contenders of a runtime. */
let rate = 0;

/** The workloads of this file. */
export const latencyWorkloads: readonly Workload[] = [{
  name: "latency",
  metrics: [
    {
      name: "latency-p50",
      title: "latency p50 at half load",
      unit: "ms",
      better: "lower",
    },
    {
      name: "latency-p99",
      title: "latency p99 at half load",
      unit: "ms",
      better: "lower",
    },
  ],
  mode: "echo",
  connections,
  compressed: false,
  server: "kept",
  rounds: 3,
  long: true,
  takesPart: ({ takesPart }) => takesPart.long,
  prepare: async (servers, tools) => {
    rate = Infinity;
    for (const server of servers) {
      try {
        const { count, seconds } = await tools.load(server, {
          kind: "echo",
          message,
          connections,
          inFlight: 1,
          warmUp: 700,
          duration: tools.duration,
        });
        rate = Math.min(rate, Math.round(count / seconds / 2));
      } catch {
        // It fails again where it is measured, and that is reported.
      }
    }
  },
  measure: async (server, tools) => {
    if (!Number.isFinite(rate)) throw new Error("no server could be measured");
    // The load generator never sleeps here, so its time on the CPU says nothing.
    const { latency = {}, count, seconds } = await tools.load(server, {
      kind: "latency",
      message,
      connections,
      rate,
      warmUp: 250,
      duration: tools.duration,
    });
    if (count / seconds < rate * keptUp) {
      throw new Error(
        `answered ${Math.round(count / seconds)} of ${rate} messages a second`,
      );
    }
    return {
      values: { "latency-p50": latency["50"], "latency-p99": latency["99"] },
      details: {
        rate,
        "p99.9": latency["99.9"],
        maximum: latency["100"],
      },
    };
  },
}];
