/**
 * Run as a process of its own by process_test.ts: connections that end in every
 * way while nobody looks at a promise of theirs. On all runtimes a rejection
 * that is not handled ends the process with another code than 0, and so does a
 * timer that is left, because the process is then ended from outside.
 */

import process from "node:process";
import { WebSocketError } from "../../src/error.ts";
import { opcodes } from "../support/raw_peer.ts";
import { connect, type Harness, pattern, settled } from "./harness.ts";

if (process.argv.includes("--unhandled")) {
  Promise.reject(new Error("not handled"));
}

const options = { keepAlive: { interval: 20, timeout: 20 }, closeTimeout: 40 };

/** Starts everything that gives a promise, and forgets it. */
function use({ socket }: Harness): void {
  void socket.closed;
  socket.ping();
  socket.send("text");
  socket.send(new Blob(["blob"]));
  socket.send(new ReadableStream({ start: (c) => c.enqueue("unfinished") }));
  socket.send(new ReadableStream({ start: (c) => c.error(new Error("x")) }));
  socket.send(pattern(1_000_000));
}

const endings: ((harness: Harness) => unknown)[] = [
  ({ socket }) => socket.terminate(),
  ({ socket }) => socket.close(),
  ({ socket }) => socket[Symbol.asyncDispose](),
  ({ peer }) => peer.destroy(),
  ({ peer }) => peer.end(),
  ({ peer }) => peer.close(1000),
  ({ peer }) => peer.send(0x3),
  ({ peer }) => peer.send(opcodes.text, Uint8Array.of(0xff)),
  // Nothing: keepAlive notices.
  () => {},
];

const bodyMethods = [
  "bytes",
  "arrayBuffer",
  "blob",
  "text",
  "json",
] as const;

for (const end of endings) {
  const both = [
    connect(undefined, options),
    connect({ message: () => {} }, options),
    connect(async (socket) => {
      for await (const message of socket.readable) await socket.send(message);
    }, options),
    connect(async (socket) => {
      for await (const { body } of socket.incoming) await socket.send(body);
    }, options),
    ...bodyMethods.map((method) =>
      connect(async (socket) => {
        for await (const message of socket.incoming) {
          message[method]();
          // It was read already.
          message[method]();
        }
      }, options)
    ),
    connect(({ readable, writable }) => readable.pipeTo(writable), options),
    connect(({ writable }) => {
      writable.getWriter();
    }, options),
  ];
  for (const harness of both) {
    use(harness);
    harness.peer.text("hello");
    harness.peer.send(opcodes.text, "unfinished", { fin: false });
  }
  await settled();
  for (const harness of both) {
    end(harness);
    harness.socket.send("late").catch((error) => {
      if (!(error instanceof WebSocketError)) throw error;
    });
    harness.socket.send("later");
    harness.socket.send(new ReadableStream({ start: (c) => c.close() }));
  }
  await Promise.all(both.map(({ socket }) => socket.closed.catch(() => {})));
}
await settled();
console.log("all over");
