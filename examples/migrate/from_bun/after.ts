// The same chat with Weir: who has a name may come in, and a room hears whatever
// one in it says.
import process from "node:process";
import { serve, type WebSocketConnection } from "../../../mod.ts";

const lines = 2000;

const server = serve<{ name: string }>({
  port: Number(process.env.PORT ?? 8000),
  fetch: () => new Response("a chat\n"),
  upgrade(request) {
    const name = new URL(request.url).searchParams.get("name");
    if (name === null) return new Response("Unauthorized", { status: 401 });
    return { data: { name } };
  },
  protocols: ["chat.v2"],
  maxMessageSize: 64 * 1024,
  maxBufferedBytes: 1024 * 1024,
  keepAlive: { interval: 30_000, timeout: 30_000 },
}, {
  open(socket) {
    socket.publish("chat", `${socket.data.name} joined`);
    socket.subscribe("chat");
  },
  async message(socket, message) {
    if (message === "count") {
      await count(socket);
    } else if (typeof message === "string") {
      socket.publish("chat", `${socket.data.name}: ${message}`);
    } else {
      socket.publish("chat", message);
    }
  },
  close(socket) {
    server.publish("chat", `${socket.data.name} left`);
  },
});

/** Sends lines, as fast as the client reads them. */
async function count(socket: WebSocketConnection): Promise<void> {
  for (let number = 1; number <= lines; number++) {
    await socket.send(`line ${number}`);
  }
}

await server.ready;
console.log(`http://localhost:${new URL(server.url).port}/`);
