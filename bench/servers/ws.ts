/**
 * `ws`, as its README advises ("Simple server", "Server broadcast", "WebSocket
 * compression").
 */
import type { AddressInfo } from "node:net";
import WebSocket, { WebSocketServer } from "ws";
import { announce, largeMessageLimit, serverArguments } from "./arguments.ts";
import { perMessageDeflate } from "./ws_deflate.ts";

const { mode, port, deflate } = serverArguments;
const server = new WebSocketServer({
  port,
  host: "0.0.0.0",
  perMessageDeflate: perMessageDeflate(deflate),
  ...(mode === "large" ? { maxPayload: largeMessageLimit } : {}),
});

server.on("connection", (socket) => {
  socket.on("error", console.error);
  socket.on("message", (data, isBinary) => {
    if (mode !== "broadcast") {
      socket.send(data, { binary: isBinary });
      return;
    }
    for (const client of server.clients) {
      if (client.readyState === WebSocket.OPEN) {
        client.send(data, { binary: isBinary });
      }
    }
  });
});
server.on("listening", () => {
  announce((server.address() as AddressInfo).port);
});
