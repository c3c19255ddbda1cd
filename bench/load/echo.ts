/**
 * The load of an echo server: each answer is followed by the next message.
 *
 * @module
 */
import { Fleet } from "./fleet.ts";
import { FrameRing } from "./frame_ring.ts";
import type { LoadConnection } from "./connection.ts";
import { measure, settle } from "./measurement.ts";
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
  await Promise.race([fleet.open(), failure.promise]);
  for (const connection of fleet.connections) send(connection, inFlight);
  const measured = await Promise.race([
    measure(load, load.serverProcess, () => fleet.totals()),
    failure.promise,
  ]);
  sending = false;
  await Promise.race([
    settle(() => fleet.totals().count === sent),
    failure.promise,
  ]);
  sample.inflate();
  await Promise.race([failure.promise, Promise.resolve()]);
  const { count, compressed } = fleet.totals();
  // A server may send what does not become shorter as it is, but not all.
  if (message.compressed && compressed === 0) {
    throw new Error("no message came compressed");
  }
  return {
    count: measured.count,
    seconds: measured.seconds,
    serverCpu: measured.serverCpu,
    loadCpu: measured.loadCpu,
    verified: sample.verified,
    bytesPerMessage: measured.bytes / measured.count,
    compressedPercent: 100 * compressed / count,
  };
}
