// A chat with `Deno.upgradeWebSocket`: who has a name may come in, and everyone
// hears everyone else.
const port = Number(Deno.env.get("PORT") ?? 8000);
const sockets = new Set<WebSocket>();

Deno.serve({
  port,
  onListen: ({ port }) => console.log(`http://localhost:${port}/`),
}, (request) => {
  if (request.headers.get("upgrade") !== "websocket") {
    return new Response("a chat\n");
  }
  const name = new URL(request.url).searchParams.get("name");
  if (name === null) return new Response("Unauthorized", { status: 401 });
  const offered = request.headers.get("sec-websocket-protocol") ?? "";
  const { socket, response } = Deno.upgradeWebSocket(request, {
    protocol: offered.split(/\s*,\s*/).includes("chat.v2") ? "chat.v2" : "",
    idleTimeout: 60,
  });
  socket.binaryType = "arraybuffer";
  socket.addEventListener("open", () => {
    broadcast(`${name} joined`, socket);
    sockets.add(socket);
  });
  socket.addEventListener("message", ({ data }) => {
    if (data === "count") count(socket);
    else if (typeof data === "string") broadcast(`${name}: ${data}`, socket);
    else broadcast(data, socket);
  });
  socket.addEventListener("close", () => {
    sockets.delete(socket);
    broadcast(`${name} left`, socket);
  });
  socket.addEventListener("error", console.error);
  return response;
});

function broadcast(message: string | ArrayBuffer, sender: WebSocket): void {
  for (const socket of sockets) {
    if (socket === sender || socket.readyState !== WebSocket.OPEN) continue;
    socket.send(message);
  }
}

/** Sends 2,000 lines, and looks at intervals whether the client reads them. */
async function count(socket: WebSocket): Promise<void> {
  for (let number = 1; number <= 2000; number++) {
    while (socket.bufferedAmount > 64 * 1024) {
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    if (socket.readyState !== WebSocket.OPEN) return;
    socket.send(`line ${number}`);
  }
}
