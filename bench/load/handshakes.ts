/**
 * Connections that are opened and closed: as soon as one is open, it closes and
 * the next one starts. The closing handshakes overlap with the opening ones.
 *
 * @module
 */
import { type ConnectionListener, LoadConnection } from "./connection.ts";
import { measure, sleep } from "./measurement.ts";
import type { HandshakeLoad, LoadResult } from "./specification.ts";

/** A server that has not ended a connection after so many milliseconds is left. */
const closeTimeout = 5_000;
const nothing = { wants: () => false, part: () => {} };

/** Runs it. */
export async function runHandshakes(load: HandshakeLoad): Promise<LoadResult> {
  const failure = Promise.withResolvers<never>();
  let started = 0;
  let opened = 0;
  let closed = 0;
  let stopping = false;
  const listener: ConnectionListener = {
    opened(connection) {
      opened++;
      connection.close();
      start();
    },
    received() {},
    closed(_connection, reason) {
      closed++;
      if (reason !== null && !stopping) failure.reject(new Error(reason));
    },
    sinkOf: () => nothing,
  };
  const start = () => {
    if (stopping) return;
    new LoadConnection(started++, {
      port: load.port,
      raw: load.raw,
      compressed: false,
    }, listener);
  };
  for (let index = 0; index < load.connections; index++) start();
  const measured = await Promise.race([
    measure(load, load.serverProcess, () => ({ count: opened, bytes: 0 })),
    failure.promise,
  ]);
  stopping = true;
  const deadline = performance.now() + closeTimeout;
  while (closed < started && performance.now() < deadline) await sleep(10);
  if (closed < opened) {
    throw new Error(
      `${
        opened - closed
      } of ${opened} connections were not closed by the server in ${
        closeTimeout / 1000
      } s`,
    );
  }
  return {
    count: measured.count,
    seconds: measured.seconds,
    serverCpu: measured.serverCpu,
    loadCpu: measured.loadCpu,
    verified: measured.count,
    bytesPerMessage: 0,
    compressedPercent: 0,
  };
}
