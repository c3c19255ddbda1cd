/**
 * The load of an echo server: each answer is followed by the next message.
 *
 * @module
 */
import { Fleet } from "./fleet.ts";
import { runFleet } from "./fleet_run.ts";
import { FrameRing } from "./frame_ring.ts";
import type { LoadConnection } from "./connection.ts";
import { Sample } from "./sample.ts";
import type { EchoLoad, LoadResult } from "./specification.ts";

/** Runs it. */
export async function runEcho(load: EchoLoad): Promise<LoadResult> {
  const { message, inFlight, raw } = load;
  const ring = new FrameRing(message, inFlight);
  const failure = Promise.withResolvers<never>();
  const fail = (reason: string) => failure.reject(new Error(reason));
  const sample = new Sample(ring, raw, message.size > 4096 ? 16 : 256, fail);
  let sending = true;
  let sent = 0;
  const send = (connection: LoadConnection, messages: number) => {
    if (!sending) return;
    sent += messages;
    const first = connection.next;
    const end = ring.offsets[first + messages];
    connection.next = (first + messages) % ring.count;
    connection.write(ring.bytes, ring.offsets[first], end);
  };
  const fleet = new Fleet({
    ...load,
    compressed: message.compressed,
    sinkOf: (index) => sample.sinkOf(index),
    received: send,
    failed: fail,
  });
  return await runFleet(load, {
    fleet,
    sample,
    failed: failure.promise,
    start: () => {
      for (const connection of fleet.connections) send(connection, inFlight);
    },
    stop: () => {
      sending = false;
    },
    answered: () => fleet.totals().count === sent,
  });
}
