/** `ws` on Node, as its README has it. */
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { type WebSocket, WebSocketServer } from "ws";
import {
  announce,
  burst,
  burstEnd,
  burstMessage,
  messageLimit,
  sleep,
} from "./control.ts";

const server = createServer();
const webSocketServer = new WebSocketServer({
  noServer: true,
  maxPayload: messageLimit,
  perMessageDeflate: { threshold: 0 },
});
server.on("upgrade", (request, socket, head) => {
  if (request.url === "/refused") {
    socket.end("HTTP/1.1 401 Unauthorized\r\nContent-Length: 2\r\n\r\nno");
    return;
  }
  webSocketServer.handleUpgrade(request, socket, head, (webSocket) => {
    webSocket.on("error", () => {});
    handle(webSocket, request.url ?? "/");
  });
});

async function handle(socket: WebSocket, path: string): Promise<void> {
  switch (path) {
    case "/close":
      socket.on("message", () => socket.close(4001, "bye"));
      break;
    case "/serial":
      socket.on("message", async (message) => {
        socket.send(`start ${message}`);
        await sleep(100);
        socket.send(`end ${message}`);
      });
      break;
    case "/stuck":
      socket.on("message", () => new Promise(() => {}));
      break;
    case "/burst":
      for (let number = 0; number < burst.messages; number++) {
        socket.send(burstMessage(number));
      }
      socket.on("message", () => socket.send(burstEnd));
      break;
    case "/ping":
      socket.ping("are you there");
      break;
    case "/parts":
      socket.send("one", { fin: false });
      await sleep(200);
      socket.send("two", { fin: true });
      break;
    case "/first":
      socket.on("message", (message) => socket.send(`got ${message}`));
      break;
    default:
      socket.on("message", (message, isBinary) => {
        socket.send(message, { binary: isBinary });
      });
  }
}

server.listen(0, "127.0.0.1", () => {
  announce((server.address() as AddressInfo).port, () => {
    webSocketServer.close();
    server.close();
  });
});
