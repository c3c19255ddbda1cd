// Weir beside Fastify, on one port: Fastify has its routes, and WebSockets on
// /live are echoed and hear whatever is posted to /news.
//   npm install && node examples/fastify.ts      (or bun, or deno run -A)
//   curl -X POST 'http://localhost:8000/news?text=hello'
import type { AddressInfo } from "node:net";
import process from "node:process";
import fastify from "fastify";
import { createUpgradeHandler, Topics } from "../mod.ts";

const topics = new Topics();

const app = fastify();
app.get("/", () => "hello from Fastify\n");
app.post<{ Querystring: { text?: string } }>("/news", (request) => {
  return { sentTo: topics.publish("news", request.query.text ?? "") };
});

// app.server is the server of node:http that Fastify listens with.
app.server.on(
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

await app.listen({ port: Number(process.env.PORT ?? 8000), host: "0.0.0.0" });
const { port } = app.server.address() as AddressInfo;
console.log(`http://localhost:${port}/ and ws://localhost:${port}/live`);
