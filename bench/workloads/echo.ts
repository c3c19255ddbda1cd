/**
 * Echoes: messages of several sizes, plain and compressed.
 *
 * @module
 */
import type { EchoLoad } from "../load/specification.ts";
import { type LoadOf, throughput, type Workload } from "./workload.ts";

/** The workloads of this file. */
export const echoWorkloads: readonly Workload[] = [
  echo("echo-64-1", "echo 64 B, 1 in flight", 64, 64, 1, "binary"),
  echo("echo-64-32", "echo 64 B, 32 in flight", 64, 64, 32, "binary"),
  sharing(
    echo(
      "echo-64-32-shared",
      "echo 64 B, 32 in flight, shared buffers",
      64,
      64,
      32,
      "binary",
    ),
  ),
  echo("echo-1k", "echo 1 KiB text, 1 in flight", 1024, 64, 1, "text"),
  echo("echo-64k", "echo 64 KiB, 4 in flight", 65536, 8, 4, "binary"),
  echo("echo-1m", "echo 1 MiB, 1 in flight", 2 ** 20, 8, 1, "binary"),
  echo("deflate-512", "compressed 512 B JSON", 512, 64, 1, "text", true),
  echo("deflate-16k", "compressed 16 KiB JSON", 16384, 64, 1, "text", true),
];

/** The same with shared buffers: the peers have no choice, and stand beside it. */
function sharing(workload: Workload): Workload {
  const { ceiling: _, ...rest } = workload;
  return { ...rest, buffers: "shared", rounds: 3, long: true };
}

function echo(
  name: string,
  title: string,
  size: number,
  connections: number,
  inFlight: number,
  type: "text" | "binary",
  compressed = false,
): Workload {
  const load = (duration: number): LoadOf<EchoLoad> => ({
    kind: "echo",
    message: { type, size, compressed },
    connections,
    inFlight,
    warmUp: 250,
    duration,
  });
  const common = size <= 512 || size === 65536;
  return {
    name,
    metrics: [{ name, title, unit: "messages/s", better: "higher" }],
    mode: "echo",
    connections,
    compressed,
    // A process collects garbage in one way or another, each for its whole life.
    server: size === 65536 ? "renewed" : "kept",
    ...(common ? {} : { rounds: 3 }),
    long: !common,
    takesPart: ({ takesPart }) =>
      compressed ? takesPart.compressed : takesPart.plain,
    ...(compressed ? {} : { ceiling: load }),
    measure: async (server, tools) =>
      throughput(name, await tools.load(server, load(tools.duration))),
  };
}
