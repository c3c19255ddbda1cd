/**
 * The load of a broadcast: the first connection sends, all receive.
 *
 * @module
 */
import { Fleet } from "./fleet.ts";
import { runFleet } from "./fleet_run.ts";
import { FrameRing } from "./frame_ring.ts";
import { Sample } from "./sample.ts";
import type { BroadcastLoad, LoadResult } from "./specification.ts";

/** Runs it. */
export async function runBroadcast(load: BroadcastLoad): Promise<LoadResult> {
  const { message, inFlight, connections } = load;
  const ring = new FrameRing(message, inFlight);
  const failure = Promise.withResolvers<never>();
  const fail = (reason: string) => failure.reject(new Error(reason));
  const sample = new Sample(ring, false, 64, fail);
  let deliveries = 0;
  let sent = 0;
  let sending = true;
  const fleet = new Fleet({
    ...load,
    compressed: message.compressed,
    sinkOf: (index) => sample.sinkOf(index),
    received: (_connection, messages) => {
      deliveries += messages;
      while (sending && deliveries >= (sent - inFlight + 1) * connections) {
        send();
      }
    },
    failed: fail,
  });
  const send = () => {
    const publisher = fleet.connections[0];
    const first = sent++ % ring.count;
    publisher.write(ring.bytes, ring.offsets[first], ring.offsets[first + 1]);
  };
  return await runFleet(load, {
    fleet,
    sample,
    failed: failure.promise,
    start: () => {
      for (let index = 0; index < inFlight; index++) send();
    },
    stop: () => {
      sending = false;
    },
    answered: () => deliveries === sent * connections,
  });
}
