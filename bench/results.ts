/**
 * What a run has found, as it stands in `results.json`.
 *
 * @module
 */
import type { RuntimeName } from "../tests/toolchain.ts";
import type { Measurement, Metric } from "./workloads/workload.ts";

/** A contender's measurements in a workload on a runtime. */
export interface Cell {
  /** The contender's name. */
  contender: string;
  /** What a table calls it. */
  title: string;
  /** One for each round. */
  rounds: Measurement[];
  /** Why it was not measured, or not to the end; null if all went well. */
  failure: string | null;
}

/** A workload on a runtime. */
export interface WorkloadResult {
  /** The runtime, or null for the ceiling: a raw TCP echo. */
  runtime: RuntimeName | null;
  /** The workload's name. */
  workload: string;
  /** What was measured. */
  metrics: readonly Metric[];
  /** The name of the contender that others are compared with; null for none. */
  reference: string | null;
  /** By contender. */
  cells: Cell[];
}

/** A run. */
export interface Results {
  /** When it was started, in ISO 8601. */
  date: string;
  /** How long it took, in seconds. */
  seconds: number;
  /** The machine. */
  machine: {
    processor: string;
    cores: number;
    memory: number;
    system: string;
  };
  /** Versions of runtimes and peers, by name. */
  versions: Record<string, string>;
  /** The command line's options. */
  options: Record<string, string | number | boolean>;
  /** What was measured. */
  workloads: WorkloadResult[];
}
