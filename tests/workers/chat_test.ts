// The chat of `server.ts --workers 2`, whose clients are at different workers.

import assert from "node:assert/strict";
import { test } from "node:test";
import { listen } from "../demonstration/server_process.ts";

test("server.ts --workers 2: the chat goes across workers", async () => {
  const server = await listen("--port=0", "--workers=2");
  try {
    const sockets = await Promise.all(
      Array.from({ length: 20 }, () => open(server.urlOf("/chat"))),
    );
    const [sender, ...others] = sockets;
    // A subscription is on its way to the other worker for a moment: what is
    // sent until then may be missed, so it is sent until all have had one.
    const timer = setInterval(() => sender.send("hello"), 50);
    try {
      const all = others.map((socket) =>
        new Promise((resolve) =>
          socket.addEventListener("message", ({ data }) => resolve(data), {
            once: true,
          })
        )
      );
      const late = setTimeout(() => sender.close(), 10_000);
      const closed = new Promise((_resolve, reject) =>
        sender.addEventListener("close", () => reject(new Error("too late")))
      );
      closed.catch(() => {});
      const received = await Promise.race([Promise.all(all), closed]);
      clearTimeout(late);
      assert.deepEqual(received, others.map(() => "hello"));
    } finally {
      clearInterval(timer);
    }
    for (const socket of sockets) socket.close();
  } finally {
    await server[Symbol.asyncDispose]();
  }
});

async function open(url: string): Promise<WebSocket> {
  const socket = new WebSocket(url);
  await new Promise((resolve, reject) => {
    socket.addEventListener("open", resolve);
    socket.addEventListener("error", () => reject(new Error("not opened")));
  });
  return socket;
}
