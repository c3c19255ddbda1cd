// @ts-nocheck: Bun's types are not installed here
// A chat with `Bun.serve`: who has a name may come in, and a room hears whatever
// one in it says.
const lines = 2000;

const server = Bun.serve({
  port: Number(process.env.PORT ?? 8000),
  fetch(request, server) {
    if (request.headers.get("upgrade") !== "websocket") {
      return new Response("a chat\n");
    }
    const name = new URL(request.url).searchParams.get("name");
    if (name === null) return new Response("Unauthorized", { status: 401 });
    const offered = request.headers.get("sec-websocket-protocol") ?? "";
    const headers = offered.split(/\s*,\s*/).includes("chat.v2")
      ? { "sec-websocket-protocol": "chat.v2" }
      : {};
    if (server.upgrade(request, { headers, data: { name, next: null } })) {
      return;
    }
    return new Response("Bad Request", { status: 400 });
  },
  websocket: {
    maxPayloadLength: 64 * 1024,
    perMessageDeflate: true,
    backpressureLimit: 1024 * 1024,
    closeOnBackpressureLimit: true,
    idleTimeout: 60,
    open(socket) {
      socket.publish("chat", `${socket.data.name} joined`);
      socket.subscribe("chat");
    },
    message(socket, message) {
      if (message === "count") {
        socket.data.next = 1;
        count(socket);
      } else if (typeof message === "string") {
        socket.publish("chat", `${socket.data.name}: ${message}`);
      } else {
        socket.publish("chat", message);
      }
    },
    drain(socket) {
      count(socket);
    },
    close(socket) {
      server.publish("chat", `${socket.data.name} left`);
    },
  },
});

/** Sends lines until the client is too slow; `drain` goes on with it. */
function count(socket) {
  const { data } = socket;
  while (data.next !== null) {
    const sent = socket.send(`line ${data.next}`);
    if (sent === 0) return; // dropped: the connection is over
    data.next = data.next < lines ? data.next + 1 : null;
    if (sent === -1) return; // buffered: the client is slow
  }
}

console.log(`http://localhost:${server.port}/`);
