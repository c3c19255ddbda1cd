// The same chat with Weir: who has a name may come in, and everyone hears
// everyone else.
import process from "node:process";
import { serve, type WebSocketConnection } from "../../../mod.ts";

const port = Number(process.env.PORT ?? 8000);

const server = serve<{ name: string }>({
  port,
  fetch: () => new Response("a chat\n"),
  upgrade(request) {
    const name = new URL(request.url).searchParams.get("name");
    if (name === null) return new Response("Unauthorized", { status: 401 });
    return { data: { name } };
  },
  protocols: ["chat.v2"],
  keepAlive: { interval: 30_000, timeout: 30_000 },
}, async (socket) => {
  const { name } = socket.data;
  socket.publish("chat", `${name} joined`);
  socket.subscribe("chat");
  try {
    for await (const message of socket.readable) {
      if (message === "count") await count(socket);
      else if (typeof message !== "string") socket.publish("chat", message);
      else socket.publish("chat", `${name}: ${message}`);
    }
  } finally {
    socket.publish("chat", `${name} left`);
  }
});

/** Sends 2,000 lines, as fast as the client reads them. */
async function count(socket: WebSocketConnection): Promise<void> {
  for (let number = 1; number <= 2000; number++) {
    await socket.send(`line ${number}`);
  }
}

await server.ready;
console.log(`http://localhost:${new URL(server.url).port}/`);
