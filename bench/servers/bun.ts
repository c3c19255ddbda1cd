/** `Bun.serve()`, as Bun's documentation advises. */
import { announce, largeMessageLimit, serverArguments } from "./arguments.ts";
import { Bun, type BunServerWebSocket } from "../bun.ts";

const { mode, port, deflate } = serverArguments;
const compress = deflate !== "off";

const server = Bun.serve({
  port,
  hostname: "0.0.0.0",
  fetch(request, server) {
    if (server.upgrade(request)) return undefined;
    return new Response("Upgrade failed", { status: 400 });
  },
  websocket: {
    perMessageDeflate: compress,
    ...(mode === "large"
      ? {
        maxPayloadLength: largeMessageLimit,
        backpressureLimit: largeMessageLimit,
      }
      : {}),
    open(socket: BunServerWebSocket) {
      if (mode === "broadcast") socket.subscribe("all");
    },
    message(socket: BunServerWebSocket, message: string | Uint8Array) {
      if (mode === "broadcast") {
        server.publish("all", message, compress);
      } else {
        socket.send(message, compress);
      }
    },
  },
});
announce(server.port);
