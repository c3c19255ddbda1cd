/**
 * All the workloads, in the order of the tables.
 *
 * @module
 */
import { broadcastWorkloads } from "./broadcast.ts";
import { echoWorkloads } from "./echo.ts";
import { growthWorkloads } from "./growth.ts";
import { handshakeWorkloads } from "./handshakes.ts";
import { idleMemoryWorkloads } from "./idle_memory.ts";
import { largeMessageWorkloads } from "./large_message.ts";
import { latencyWorkloads } from "./latency.ts";
import type { Workload } from "./workload.ts";

/** All of them. */
export const workloads: readonly Workload[] = [
  ...echoWorkloads,
  ...broadcastWorkloads,
  ...handshakeWorkloads,
  ...latencyWorkloads,
  ...idleMemoryWorkloads,
  ...largeMessageWorkloads,
  ...growthWorkloads,
];
