/**
 * The course of a load that keeps messages on their way through a fleet.
 *
 * @module
 */
import type { Fleet } from "./fleet.ts";
import { measure, settle } from "./measurement.ts";
import type { Sample } from "./sample.ts";
import type { BroadcastLoad, EchoLoad, LoadResult } from "./specification.ts";

/** Who sends and receives in a load, and what it does at each step. */
export interface FleetRun {
  /** The connections, which are not open yet. */
  fleet: Fleet;
  /** What is compared of the messages that arrive. */
  sample: Sample;
  /** Rejects when the run has failed. */
  failed: Promise<never>;
  /** Sends the first messages; what arrives causes the next ones. */
  start(): void;
  /** From now on what arrives causes nothing. */
  stop(): void;
  /** Whether all that was caused by what was sent has arrived. */
  answered(): boolean;
}

/**
 * Opens the fleet, measures while messages go through it, and waits for the last
 * ones.
 *
 * @throws {Error} If a connection fails, or a message is not what was sent.
 */
export async function runFleet(
  load: EchoLoad | BroadcastLoad,
  run: FleetRun,
): Promise<LoadResult> {
  const { fleet, sample, failed } = run;
  await Promise.race([fleet.open(), failed]);
  run.start();
  const { bytes, ...measured } = await Promise.race([
    measure(load, load.serverProcess, () => fleet.totals()),
    failed,
  ]);
  run.stop();
  await Promise.race([settle(() => run.answered()), failed]);
  sample.inflate();
  await Promise.race([failed, Promise.resolve()]);
  const { count, compressed } = fleet.totals();
  // A server may send what does not become shorter as it is, but not all.
  if (load.message.compressed && compressed === 0) {
    throw new Error("no message came compressed");
  }
  return {
    ...measured,
    verified: sample.verified,
    bytesPerMessage: bytes / measured.count,
    compressedPercent: 100 * compressed / count,
  };
}
