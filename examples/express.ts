// Weir beside Express, on one port: Express has its routes, and WebSockets on
// /live are echoed and hear whatever is posted to /news.
//   npm install && node examples/express.ts      (or bun, or deno run -A)
//   curl -X POST 'http://localhost:8000/news?text=hello'
import type { AddressInfo } from "node:net";
import process from "node:process";
import express from "express";
import { createUpgradeHandler, Topics } from "../mod.ts";

const topics = new Topics();

const app = express();
app.get("/", (_request, response) => {
  response.type("text/plain").send("hello from Express\n");
});
app.post("/news", (request, response) => {
  const sentTo = topics.publish("news", String(request.query.text ?? ""));
  response.json({ sentTo });
});

// What Express listens with is a server of node:http.
const server = app.listen(Number(process.env.PORT ?? 8000), (error) => {
  if (error) throw error;
  const { port } = server.address() as AddressInfo;
  console.log(`http://localhost:${port}/ and ws://localhost:${port}/live`);
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
