/**
 * Sends back the bytes that it gets, on a bare TCP socket of Bun: what the load
 * generator can do at most.
 */
import { announce, serverArguments } from "./arguments.ts";
import { Bun, type BunSocket } from "../bun.ts";

const waiting = new Map<BunSocket, Uint8Array[]>();

const server = Bun.listen({
  port: serverArguments.port,
  hostname: "0.0.0.0",
  socket: {
    data(socket, chunk) {
      const queue = waiting.get(socket);
      if (queue !== undefined) {
        queue.push(chunk);
        return;
      }
      const written = socket.write(chunk);
      if (written < chunk.length) {
        waiting.set(socket, [chunk.subarray(Math.max(written, 0))]);
      }
    },
    drain(socket) {
      const queue = waiting.get(socket);
      if (queue === undefined) return;
      while (queue.length > 0) {
        const written = socket.write(queue[0]);
        if (written < queue[0].length) {
          queue[0] = queue[0].subarray(Math.max(written, 0));
          return;
        }
        queue.shift();
      }
      waiting.delete(socket);
    },
    close(socket) {
      waiting.delete(socket);
    },
  },
});
announce(server.port);
