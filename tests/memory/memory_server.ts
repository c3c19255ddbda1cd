// A Weir server in a process of its own, so that its memory can be measured:
// `memory_server.ts ws` or `memory_server.ts wss`. It prints its URL, then one
// report a line, and ends with its standard input.

import process from "node:process";
import { type Handler, serve, type WebSocketConnection } from "../../mod.ts";
import { certificate, privateKey } from "../support/certificate.ts";
import { reportInterval, type ServerReport } from "./report.ts";

/** Used again and again: what garbage there is, is of the library. */
const chunk = new Uint8Array(64 * 1024).fill(0x5a);
let sent = 0;
let received = 0;

const never = new Promise<never>(() => {});

/** Sends as many bytes as the client asks for with a text message. */
function onRequest(
  send: (socket: WebSocketConnection, size: number) => unknown,
): Handler {
  return { message: (socket, size) => send(socket, Number(size)) };
}

const handlers: Record<string, Handler> = {
  "/untouched": () => {},
  "/readable-taken": async ({ readable }) => {
    readable.getReader();
    await never;
  },
  "/readable-first": async ({ readable }) => {
    await readable.getReader().read();
    await never;
  },
  "/hook-pending": { message: () => never },
  "/incoming-taken": async ({ incoming }) => {
    incoming.getReader();
    await never;
  },
  "/incoming-unread": async ({ incoming }) => {
    for await (const _message of incoming) await never;
  },
  "/send-awaited": onRequest(async (socket, size) => {
    for (let left = size; left > 0; left -= chunk.length) {
      await socket.send(chunk);
      sent += chunk.length;
    }
  }),
  "/send-text": onRequest(async (socket, size) => {
    const text = "\u00e9".repeat(512);
    for (let left = size; left > 0; left -= 1024) {
      await socket.send(text);
      sent += 1024;
    }
  }),
  "/send-writer": onRequest(async ({ writable }, size) => {
    const writer = writable.getWriter();
    for (let left = size; left > 0; left -= chunk.length) {
      await writer.ready;
      writer.write(chunk).catch(() => {});
      sent += chunk.length;
    }
  }),
  "/send-stream": onRequest((socket, size) => {
    let left = size;
    return socket.send(
      new ReadableStream({
        pull(controller) {
          controller.enqueue(chunk);
          sent += chunk.length;
          left -= chunk.length;
          if (left <= 0) controller.close();
        },
      }),
    );
  }),
  "/send-unawaited": onRequest((socket, size) => {
    // Of a size that is copied, so that what waits is memory.
    const small = chunk.subarray(0, 16 * 1024);
    for (let left = size; left > 0; left -= small.length) {
      socket.send(small);
      sent += small.length;
    }
  }),
  "/echo-incoming": async (socket) => {
    for await (const message of socket.incoming) {
      await socket.send(message.body, { type: message.type });
    }
  },
  "/echo": { message: (socket, message) => socket.send(message) },
  "/measure": {
    message: (socket, message) => {
      received += message.length;
      return socket.send(String(message.length));
    },
  },
};
const server = serve({
  hostname: "127.0.0.1",
  port: 0,
  keepAlive: false,
  ...process.argv[2] === "wss" ? { cert: certificate, key: privateKey } : {},
  upgrade: (request) => ({ handler: handlers[new URL(request.url).pathname] }),
}, () => {});
await server.ready;
console.log(server.url);

setInterval(() => {
  const report: ServerReport = {
    sent,
    received,
    connections: server.sockets.size,
    rss: process.memoryUsage().rss,
  };
  console.log(JSON.stringify(report));
}, reportInterval);

process.stdin.on("end", () => process.exit()).resume();
