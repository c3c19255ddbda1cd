/**
 * What a workload is.
 *
 * @module
 */
import type { Contender } from "../contenders.ts";
import type { Load, LoadResult } from "../load/specification.ts";
import type { ServerProcess } from "../processes.ts";
import type { Buffers, Mode } from "../servers/arguments.ts";

/** What is compared: a row of a table. */
export interface Metric {
  /** What `results.json` calls it. */
  name: string;
  /** What a table calls it. */
  title: string;
  /** What its values are. */
  unit: "messages/s" | "handshakes/s" | "bytes" | "ms";
  /** Which of two values is the better one. */
  better: "higher" | "lower";
}

/** One measurement of one contender. */
export interface Measurement {
  /** The values of the workload's metrics, by name. */
  values: Record<string, number>;
  /** What else was seen, by name. */
  details: Record<string, number>;
}

/** What a workload has to measure with. */
export interface Tools {
  /** How long is measured, in milliseconds. */
  duration: number;
  /** Runs the load generator on a server to its end. */
  load(server: ServerProcess, load: LoadOf<Load>): Promise<LoadResult>;
  /** Opens connections that do nothing, calls back, and drops them. */
  idle<Result>(
    server: ServerProcess,
    load: LoadOf<Load>,
    whileOpen: () => Promise<Result>,
  ): Promise<Result>;
}

/** A load without what is known of the server. */
export type LoadOf<Kind> = Kind extends unknown
  ? Omit<Kind, "port" | "serverProcess" | "raw">
  : never;

/** A workload. */
export interface Workload {
  /** What `--workload` calls it. */
  name: string;
  /** What is measured. */
  metrics: readonly Metric[];
  /** What the server does. */
  mode: Mode;
  /** How many connections there are. */
  connections: number;
  /** Whether the server compresses. */
  compressed: boolean;
  /** What those do with the buffers of messages that have a choice. Default `"own"`. */
  buffers?: Buffers;
  /**
   * Which server is measured: the same in all rounds, one of its own for each that
   * is warmed up first (not with `--quick`: then it is kept), or one of its own
   * that has done nothing yet.
   */
  server: "kept" | "renewed" | "fresh";
  /**
   * How long a server is loaded before the first round, in milliseconds, if not
   * as long as with others; in the second place, with `--quick`.
   */
  warmUp?: readonly [full: number, quick: number];
  /** Measured so many times at most. Default: as often as was asked for. */
  rounds?: number;
  /** Whether `--quick` leaves it out. */
  long: boolean;
  /** Which contenders take part, with `--quick` or without. */
  takesPart(contender: Contender, quick: boolean): boolean;
  /** The load that a raw TCP echo is put under to see the load generator's limit. */
  ceiling?: (duration: number) => LoadOf<Load>;
  /**
   * Is called with all the servers, before any is measured. It does not throw
   * for one that cannot be measured: `measure()` says so.
   */
  prepare?(servers: ServerProcess[], tools: Tools): Promise<void>;
  /** Measures a server. */
  measure(server: ServerProcess, tools: Tools): Promise<Measurement>;
}

/** What a throughput's measurement says. */
export function throughput(name: string, result: LoadResult): Measurement {
  const { count, seconds, serverCpu, loadCpu } = result;
  return {
    values: { [name]: count / seconds },
    details: {
      ...(serverCpu === null
        ? {}
        : { serverCpuMicroseconds: serverCpu * 1e6 / Math.max(count, 1) }),
      loadCpuPercent: 100 * loadCpu / seconds,
      verified: result.verified,
      ...(result.bytesPerMessage > 0
        ? { bytesPerMessage: result.bytesPerMessage }
        : {}),
      ...(result.compressedPercent > 0
        ? { compressedPercent: result.compressedPercent }
        : {}),
    },
  };
}
