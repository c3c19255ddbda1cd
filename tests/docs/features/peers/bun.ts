/** `Bun.serve()`, as Bun's documentation has it. */
import { announce, keepsAlive, messageLimit } from "./control.ts";
import { type HookSocket, opened, received } from "./hooks.ts";

interface Socket extends HookSocket {
  data: { path: string };
  send(message: string | Uint8Array, compress?: boolean): number;
}

interface Server {
  port: number;
  upgrade(request: Request, options: { data: Socket["data"] }): boolean;
  stop(closeActiveConnections: boolean): void;
}

/** The part of Bun that is used. */
interface BunServe {
  serve(options: {
    port: number;
    hostname: string;
    fetch(request: Request, server: Server): Response | undefined;
    websocket: {
      perMessageDeflate: { compress: string; decompress: string };
      maxPayloadLength: number;
      idleTimeout: number;
      open(socket: Socket): void;
      message(socket: Socket, message: string | Uint8Array): unknown;
    };
  }): Server;
}

const server = (globalThis as unknown as { Bun: BunServe }).Bun.serve({
  port: 0,
  hostname: "127.0.0.1",
  fetch(request, server) {
    const path = new URL(request.url).pathname;
    if (path === "/refused") return new Response("no", { status: 401 });
    if (server.upgrade(request, { data: { path } })) return undefined;
    return new Response("Upgrade failed", { status: 400 });
  },
  websocket: {
    perMessageDeflate: { compress: "dedicated", decompress: "dedicated" },
    maxPayloadLength: messageLimit,
    idleTimeout: keepsAlive ? 8 : 0,
    open: (socket) => opened(socket, socket.data.path),
    message: (socket, message) =>
      received(socket, socket.data.path, message, () => {
        socket.send(message, true);
      }),
  },
});
announce(server.port, () => server.stop(true));
