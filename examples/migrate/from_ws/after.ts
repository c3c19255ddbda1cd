// The same chat with Weir: who has a name may come in, everyone hears everyone
// else, and whoever does not answer pings is dropped.
import process from "node:process";
import { serve, type WebSocketConnection } from "../../../mod.ts";

const heartbeat = Number(process.env.HEARTBEAT ?? 30_000);

const server = serve<{ name: string }>({
  port: Number(process.env.PORT ?? 8000),
  fetch: () => new Response("a chat\n"),
  maxMessageSize: 64 * 1024,
  deflate: { threshold: 1024 },
  keepAlive: { interval: heartbeat, timeout: heartbeat },
  closeTimeout: 1000,
  protocols: ["chat.v2"],
  upgrade(request) {
    const name = new URL(request.url).searchParams.get("name");
    if (name === null) return new Response("Unauthorized", { status: 401 });
    return { data: { name } };
  },
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
    socket.publish("chat", `${socket.data.name} left`);
  },
});

/** Sends 2,000 lines, as fast as the client reads them. */
async function count(socket: WebSocketConnection): Promise<void> {
  for (let number = 1; number <= 2000; number++) {
    await socket.send(`line ${number}`);
  }
}

await server.ready;
console.log(`http://localhost:${new URL(server.url).port}/`);
