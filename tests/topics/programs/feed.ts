// A server in a process of its own, whose memory process_test.ts watches. Asked
// by a text `count size`, it publishes so many messages of that size to all, and
// 35 times as much to those of the path /idle; then it answers how long a
// publish took at most, and how few took one.

import process from "node:process";
import { setTimeout as delay } from "node:timers/promises";
import { serve } from "../../../mod.ts";
import { certificate, privateKey } from "../../support/certificate.ts";

const server = serve({
  hostname: "127.0.0.1",
  port: 0,
  deflate: false,
  // The clients are sockets that answer no ping.
  keepAlive: false,
  ...process.argv[2] === "wss" ? { cert: certificate, key: privateKey } : {},
}, {
  open(socket) {
    socket.subscribe("feed");
    if (socket.url.endsWith("/idle")) socket.subscribe("more");
  },
  async message(socket, request) {
    const [count, size] = String(request).split(" ").map(Number);
    let longest = 0;
    let fewest = Infinity;
    for (let index = 0; index < count; index++) {
      const started = performance.now();
      const message = `${index} `.padEnd(size, "x");
      fewest = Math.min(fewest, server.publish("feed", message));
      longest = Math.max(longest, performance.now() - started);
      server.publish("more", message.repeat(35));
      await delay(1);
    }
    await socket.send(JSON.stringify({ longest, fewest }));
  },
});
await server.ready;
console.log(server.url);
process.stdin.on("end", () => process.exit()).resume();
