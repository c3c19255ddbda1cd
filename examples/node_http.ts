// Weir beside node:http, on one port: plain requests get what they always got,
// WebSockets on /live are echoed and hear whatever is posted to /news.
//   node examples/node_http.ts      (or bun, or deno run -A)
//   curl -X POST 'http://localhost:8000/news?text=hello'
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import process from "node:process";
import { createUpgradeHandler, Topics } from "../mod.ts";

const topics = new Topics();

const server = createServer((request, response) => {
  const url = new URL(request.url ?? "/", "http://localhost");
  if (request.method === "POST" && url.pathname === "/news") {
    const text = url.searchParams.get("text") ?? "";
    const sentTo = topics.publish("news", text);
    response.setHeader("content-type", "application/json");
    response.end(JSON.stringify({ sentTo }));
  } else if (url.pathname === "/") {
    response.end("hello from node:http\n");
  } else {
    response.writeHead(404).end("not found\n");
  }
});

server.on(
  "upgrade",
  createUpgradeHandler({
    topics,
    upgrade(request) {
      if (new URL(request.url).pathname === "/live") return;
      return new Response("WebSockets are on /live\n", { status: 404 });
    },
  }, {
    open: (socket) => socket.subscribe("news"),
    message: (socket, message) => socket.send(message),
  }),
);

server.listen(Number(process.env.PORT ?? 8000), () => {
  const { port } = server.address() as AddressInfo;
  console.log(`http://localhost:${port}/ and ws://localhost:${port}/live`);
});
