// A chat with `ws`: who has a name may come in, everyone hears everyone else,
// and whoever does not answer pings is dropped.
import { createServer, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";
import process from "node:process";
import { WebSocket, WebSocketServer } from "ws";

const heartbeat = Number(process.env.HEARTBEAT ?? 30_000);

const http = createServer((_request, response) => response.end("a chat\n"));
const server = new WebSocketServer({
  server: http,
  maxPayload: 64 * 1024,
  perMessageDeflate: { threshold: 1024 },
  handleProtocols: (offered) => offered.has("chat.v2") ? "chat.v2" : false,
  verifyClient({ req }, done) {
    done(nameOf(req) !== null, 401, "Unauthorized");
  },
});
const alive = new WeakSet<WebSocket>();

server.on("connection", (socket, request) => {
  const name = nameOf(request)!;
  alive.add(socket);
  broadcast(`${name} joined`, socket);
  socket.on("message", (data, isBinary) => {
    const text = data.toString();
    if (isBinary) broadcast(data as Uint8Array, socket);
    else if (text === "count") count(socket);
    else broadcast(`${name}: ${text}`, socket);
  });
  socket.on("pong", () => alive.add(socket));
  socket.on("error", console.error);
  socket.on("close", () => broadcast(`${name} left`, socket));
});

function broadcast(message: string | Uint8Array, sender: WebSocket): void {
  for (const client of server.clients) {
    if (client === sender || client.readyState !== WebSocket.OPEN) continue;
    client.send(message);
  }
}

/** Sends 2,000 lines, each when the one before was handed to the system. */
async function count(socket: WebSocket): Promise<void> {
  for (let number = 1; number <= 2000; number++) {
    const sent = Promise.withResolvers<Error | undefined>();
    socket.send(`line ${number}`, sent.resolve);
    if (await sent.promise) return; // the connection is over
  }
}

setInterval(() => {
  for (const client of server.clients) {
    if (!alive.delete(client)) client.terminate();
    else client.ping();
  }
}, heartbeat);

function nameOf(request: IncomingMessage): string | null {
  return new URL(request.url!, "http://localhost").searchParams.get("name");
}

http.listen(Number(process.env.PORT ?? 8000), () => {
  const { port } = http.address() as AddressInfo;
  console.log(`http://localhost:${port}/`);
});
