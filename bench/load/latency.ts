/**
 * Messages at a fixed rate. The latency of a message counts from when it should
 * have been sent, so that a server that stalls is not given a rest.
 *
 * @module
 */
import type { LoadConnection } from "./connection.ts";
import { Fleet } from "./fleet.ts";
import { FrameRing } from "./frame_ring.ts";
import { measure } from "./measurement.ts";
import { Sample } from "./sample.ts";
import type { LatencyLoad, LoadResult } from "./specification.ts";

const percentiles = [50, 90, 99, 99.9, 100];

/** Runs it. */
export async function runLatency(load: LatencyLoad): Promise<LoadResult> {
  const { message, raw, connections, rate } = load;
  const ring = new FrameRing(message, 1);
  const failure = Promise.withResolvers<never>();
  const fail = (reason: string) => failure.reject(new Error(reason));
  const sample = new Sample(ring, raw, 256, fail);
  /** When the messages that each connection waits for should have been sent. */
  const due: number[][] = Array.from({ length: connections }, () => []);
  let latencies: number[] = [];
  const fleet = new Fleet({
    ...load,
    compressed: message.compressed,
    sinkOf: (index) => sample.sinkOf(index),
    received: (connection, messages) => {
      const now = performance.now();
      const queue = due[connection.index];
      for (let index = 0; index < messages; index++) {
        latencies.push(now - queue[index]);
      }
      queue.splice(0, messages);
    },
    failed: fail,
  });
  const send = (connection: LoadConnection, time: number) => {
    const first = connection.next;
    connection.next = (first + 1) % ring.count;
    due[connection.index].push(time);
    connection.write(ring.bytes, ring.offsets[first], ring.offsets[first + 1]);
  };
  await Promise.race([fleet.open(), failure.promise]);

  const interval = 1000 / rate;
  let time = performance.now();
  let turn = 0;
  let sending = true;
  const sendWhatIsDue = () => {
    if (!sending) return;
    for (const now = performance.now(); time <= now; time += interval) {
      send(fleet.connections[turn++ % connections], time);
    }
    setImmediate(sendWhatIsDue);
  };
  sendWhatIsDue();

  let before = 0;
  const { bytes, ...measured } = await Promise.race([
    measure(load, load.serverProcess, () => {
      if (before++ === 0) latencies = [];
      return fleet.totals();
    }),
    failure.promise,
  ]);
  sending = false;
  // What is not answered yet has waited for so long at least.
  const now = performance.now();
  for (const queue of due) for (const time of queue) latencies.push(now - time);
  const sorted = Float64Array.from(latencies).sort();
  return {
    ...measured,
    verified: sample.verified,
    bytesPerMessage: bytes / measured.count,
    compressedPercent: 0,
    latency: Object.fromEntries(
      percentiles.map((percentile) => [
        percentile,
        sorted[Math.ceil(sorted.length * percentile / 100) - 1],
      ]),
    ),
  };
}
