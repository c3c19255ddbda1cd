/**
 * A message of one gigabyte and its echo.
 *
 * @module
 */
import { sleep } from "../load/measurement.ts";
import { memoryOf } from "../processes.ts";
import type { Workload } from "./workload.ts";

/** A server that takes more than this is ended, in bytes. */
const memoryLimit = 8 * 2 ** 30;
/** How often its memory is looked at, in milliseconds. */
const interval = 50;

/** The workloads of this file. */
export const largeMessageWorkloads: readonly Workload[] = [{
  name: "message-1g",
  metrics: [{
    name: "message-1g",
    title: "peak RSS, echo of 1 GiB",
    unit: "bytes",
    better: "lower",
  }],
  mode: "large",
  connections: 1,
  compressed: false,
  server: "fresh",
  rounds: 1,
  long: true,
  takesPart: ({ takesPart }) => takesPart.large,
  measure: async (server, tools) => {
    let peak = 0;
    let done = false;
    let tooMuch = false;
    const watch = async () => {
      while (!done) {
        peak = Math.max(peak, memoryOf(server.id)?.peak ?? 0);
        if (peak > memoryLimit) {
          tooMuch = true;
          await server.end();
        }
        await sleep(interval);
      }
    };
    const watching = watch();
    const gibibytes = () => `${(peak / 2 ** 30).toFixed(1)} GiB`;
    try {
      const { seconds } = await tools.load(server, {
        kind: "large",
        connections: 1,
        size: 2 ** 30,
      });
      peak = memoryOf(server.id)?.peak ?? peak;
      return { values: { "message-1g": peak }, details: { seconds } };
    } catch (error) {
      throw new Error(
        tooMuch
          ? `took more than ${gibibytes()} and was ended`
          : `${(error as Error).message}; peak ${gibibytes()}`,
      );
    } finally {
      done = true;
      await watching;
    }
  },
}];
