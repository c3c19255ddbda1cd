// Weir in front of Hono, on one port: plain HTTP goes to app.fetch, as with any
// fetch-style application, so that no other server is needed. WebSockets on /live
// are echoed and hear whatever is posted to /news.
//   npm install && node examples/hono.ts      (or bun, or deno run -A)
//   curl -X POST 'http://localhost:8000/news?text=hello'
import process from "node:process";
import { Hono } from "hono";
import { serve } from "../mod.ts";

const app = new Hono();
app.get("/", (context) => context.text("hello from Hono\n"));
app.post("/news", (context) => {
  const sentTo = server.publish("news", context.req.query("text") ?? "");
  return context.json({ sentTo });
});

const server = serve({
  port: Number(process.env.PORT ?? 8000),
  fetch: app.fetch,
  upgrade(request) {
    if (new URL(request.url).pathname === "/live") return;
    return new Response("WebSockets are on /live\n", { status: 404 });
  },
}, {
  open: (socket) => socket.subscribe("news"),
  message: (socket, message) => socket.send(message),
});

await server.ready;
const { port } = new URL(server.url);
console.log(`http://localhost:${port}/ and ws://localhost:${port}/live`);
