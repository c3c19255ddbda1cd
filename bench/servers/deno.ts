/** `Deno.upgradeWebSocket()`, as Deno's manual advises. */
import { announce, serverArguments } from "./arguments.ts";

const { mode, port } = serverArguments;
const sockets = new Set<WebSocket>();

Deno.serve(
  { port, hostname: "0.0.0.0", onListen: ({ port }) => announce(port) },
  (request) => {
    if (request.headers.get("upgrade") !== "websocket") {
      return new Response(null, { status: 426 });
    }
    const { socket, response } = Deno.upgradeWebSocket(request);
    socket.binaryType = "arraybuffer";
    if (mode === "broadcast") {
      socket.addEventListener("open", () => sockets.add(socket));
      socket.addEventListener("close", () => sockets.delete(socket));
      socket.addEventListener("message", ({ data }) => {
        for (const receiver of sockets) receiver.send(data);
      });
    } else {
      socket.addEventListener("message", ({ data }) => socket.send(data));
    }
    return response;
  },
);
