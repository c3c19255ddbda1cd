/**
 * Run as a process of its own by server_test.ts: a server that measures itself.
 * The backend is the argument. It writes its port on a line; each line that it
 * reads is answered with what it has measured since the one before, as JSON.
 */

import process from "node:process";
import { createInterface } from "node:readline";
import { serve, type WebSocketConnection } from "../../../mod.ts";
import { prepareDeflate } from "../../../src/deflate/permessage_deflate.ts";
import type { Measured } from "../measured_server.ts";

const [backend, maxMessageSize] = process.argv.slice(2);
const mebibyte = new Uint8Array(1 << 20);
for (let index = 0; index < mebibyte.length; index++) {
  mebibyte[index] = 97 + ((index * index) >> 9) % 19 * (index % 3);
}
const large = new Uint8Array(16 << 20);
for (let at = 0; at < large.length; at += mebibyte.length) {
  large.set(mebibyte, at);
}

const paths: Record<string, (socket: WebSocketConnection) => Promise<unknown>> =
  {
    /** Answers each message with its length. */
    async "/length"(socket) {
      for await (const message of socket.readable) {
        await socket.send(String(message.length));
      }
    },
    /** The same, whatever the size. */
    async "/incoming"(socket) {
      for await (const { body } of socket.incoming) {
        let length = 0;
        for await (const part of body) length += part.length;
        await socket.send(String(length));
      }
    },
    /** Reads nothing. */
    "/unread": () => new Promise(() => {}),
    /** Answers a number with a stream of so many MiB. */
    async "/stream"(socket) {
      for await (const message of socket.readable) {
        let left = Number(message);
        await socket.send(
          new ReadableStream({
            pull(controller) {
              if (left-- > 0) controller.enqueue(mebibyte);
              else controller.close();
            },
          }),
        );
      }
    },
    /** Answers each message with 16 MiB in one piece. */
    async "/large"(socket) {
      for await (const _ of socket.readable) {
        await socket.send(large, { compress: true });
      }
    },
  };

await prepareDeflate();
const server = serve({
  hostname: "127.0.0.1",
  port: 0,
  keepAlive: false,
  closeTimeout: 1000,
  maxMessageSize: Number(maxMessageSize),
  deflate: { backend: backend as "standard" | "zlib" },
  // As "/length", with a hook.
  upgrade: (request) =>
    new URL(request.url).pathname !== "/hook" ? undefined : {
      handler: {
        message: (socket, message) => {
          socket.send(String(message.length));
        },
      },
    },
}, (socket) => paths[new URL(socket.url).pathname](socket));
await server.ready;

let longestTurn = 0;
let peak = 0;
let last = performance.now();
function look(): void {
  const now = performance.now();
  longestTurn = Math.max(longestTurn, now - last);
  last = now;
  peak = Math.max(peak, process.memoryUsage.rss());
}
setInterval(look, 2);

createInterface({ input: process.stdin }).on("line", () => {
  look();
  const measured: Measured = {
    memory: process.memoryUsage.rss(),
    peak,
    longestTurn,
    sockets: server.sockets.size,
  };
  console.log(JSON.stringify(measured));
  longestTurn = 0;
  peak = 0;
});
process.stdin.on("end", () => process.exit());
if (server.addr.transport === "tcp") console.log(server.addr.port);
