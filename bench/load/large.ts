/**
 * One message of a gigabyte, in one frame, and its echo.
 *
 * @module
 */
import { LoadConnection } from "./connection.ts";
import { clientFrameHeader, randomBytes, randomNumbers } from "./frame_ring.ts";
import type { LargeLoad, LoadResult } from "./specification.ts";

/** The message is this many bytes, again and again. */
const period = 2 ** 20;
/** One in so many chunks of the echo is compared. */
const every = 16;

/** Runs it. */
export async function runLarge(load: LargeLoad): Promise<LoadResult> {
  const { size } = load;
  const random = randomNumbers(1);
  const key = randomBytes(4, random);
  const payload = randomBytes(period, random);
  const masked = payload.map((byte, index) => byte ^ key[index & 3]);
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  let received = 0;
  let chunks = 0;
  let verified = 0;
  let unsent = size;

  const compare = (chunk: Uint8Array, start: number, end: number) => {
    for (let offset = start; offset < end;) {
      const from = (received + offset - start) % period;
      const length = Math.min(end - offset, period - from);
      const same = Buffer.compare(
        chunk.subarray(offset, offset + length),
        payload.subarray(from, from + length),
      ) === 0;
      if (!same) reject(new Error(`the echo is wrong near byte ${received}`));
      offset += length;
    }
    verified++;
  };
  const started = performance.now();
  const connection = new LoadConnection(0, {
    port: load.port,
    raw: load.raw,
    compressed: false,
  }, {
    opened: (connection) => {
      connection.write(clientFrameHeader(0x82, size, key));
      connection.drained = send;
      send();
    },
    received: () => {
      if (received === size) resolve();
      else {reject(
          new Error(`the echo has ${received} bytes instead of ${size}`),
        );}
    },
    closed: (_connection, reason) => {
      if (reason !== null) {
        reject(
          new Error(`${reason}, after ${size - unsent} bytes were sent`),
        );
      }
    },
    sinkOf: () => ({
      wants: () => true,
      part: (_position, chunk, start, end) => {
        if (chunks++ % every === 0) compare(chunk, start, end);
        received += end - start;
      },
    }),
  });
  function send(): void {
    while (unsent > 0 && !connection.waiting) {
      const length = Math.min(period, unsent);
      unsent -= length;
      connection.write(masked, 0, length);
    }
  }
  await promise;
  connection.drop();
  return {
    count: 1,
    seconds: (performance.now() - started) / 1000,
    serverCpu: null,
    loadCpu: 0,
    verified,
    bytesPerMessage: connection.received,
    compressedPercent: 0,
  };
}
