// Listens on a port that others listen on too, and greets with its process id.

import process from "node:process";
import { serve } from "../../../mod.ts";
import { certificate, privateKey } from "../../support/certificate.ts";

const [port, scheme] = process.argv.slice(2);
const server = serve({
  port: Number(port),
  hostname: "127.0.0.1",
  reusePort: true,
  ...scheme === "wss" ? { cert: certificate, key: privateKey } : {},
  fetch: () => new Response(String(process.pid)),
}, {
  open: (socket) => void socket.send(String(process.pid)),
  message: (socket, message) => socket.send(message),
});
try {
  await server.ready;
  process.send!({ url: server.url });
} catch (error) {
  process.send!({ error: (error as Error).message });
}
process.on("message", async () => {
  await server.shutdown();
  process.disconnect!();
});
