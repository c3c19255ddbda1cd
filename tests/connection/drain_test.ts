// A program that sends while `desiredSize` is above 0, and goes on in `drain`,
// sends all: whatever it was that had no room.

import assert from "node:assert/strict";
import { test } from "node:test";
import {
  type Sendable,
  serve,
  type ServeOptions,
  type WebSocketConnection,
  WebSocketStream,
} from "../../mod.ts";
import { until } from "../support/serve_on.ts";

interface Variant {
  name: string;
  options?: ServeOptions<Progress>;
  count: number;
  message: (index: number) => Sendable;
}

interface Progress {
  next: number;
}

const line = (index: number): string => `line ${index} `.repeat(200);

const variants: readonly Variant[] = [
  { name: "short lines", count: 20_000, message: (index) => `line ${index}` },
  { name: "lines of 2 KiB", count: 2000, message: line },
  {
    name: "lines of 2 KiB, backend zlib",
    options: { deflate: { backend: "zlib" } },
    count: 2000,
    message: line,
  },
  {
    name: "lines of 2 KiB, backend standard",
    options: { deflate: { backend: "standard" } },
    count: 500,
    message: line,
  },
  {
    name: "lines of 2 KiB, uncompressed",
    options: { deflate: false },
    count: 5000,
    message: line,
  },
  {
    name: "Blobs",
    options: { deflate: false },
    count: 100,
    message: () => new Blob([new Uint8Array(10_000)]),
  },
  {
    name: "streams",
    count: 50,
    message: () => ReadableStream.from(["x".repeat(40_000), "y"]),
  },
  {
    name: "300 KB that become short",
    count: 30,
    message: () => new Uint8Array(300_000),
  },
  {
    name: "100 KB, uncompressed",
    options: { deflate: false },
    count: 200,
    message: () => new Uint8Array(100_000),
  },
];

for (const { name, options, count, message } of variants) {
  test(`drain: ${name}`, async () => {
    const sendMore = (socket: WebSocketConnection<Progress>): void => {
      while (socket.desiredSize > 0 && socket.data.next < count) {
        socket.send(message(socket.data.next++));
      }
    };
    const server = serve<Progress>({
      hostname: "127.0.0.1",
      port: 0,
      upgrade: () => ({ data: { next: 0 } }),
      ...options,
    }, { open: sendMore, drain: sendMore });
    await server.ready;
    const client = new WebSocketStream(server.url);
    const { readable } = await client.opened;
    let received = 0;
    const reading = (async () => {
      for await (const _ of readable) received++;
    })();
    try {
      await until(
        () => received === count,
        `${count} messages; ${received} came`,
        20_000,
      );
    } finally {
      client.close();
      await server.shutdown({ timeout: 1000 });
      await reading;
    }
    assert.equal(received, count);
  });
}
