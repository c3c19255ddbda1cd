/** `Bun.serve()`, as Bun's documentation has it. */
import {
  announce,
  burst,
  burstEnd,
  burstMessage,
  keepsAlive,
  messageLimit,
  sleep,
} from "./control.ts";

interface Socket {
  data: { path: string };
  send(message: string | Uint8Array, compress?: boolean): number;
  close(code: number, reason: string): void;
  ping(payload: string): number;
  subscribe(topic: string): void;
  publish(topic: string, message: string | Uint8Array): number;
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
    open(socket) {
      switch (socket.data.path) {
        case "/burst":
          for (let number = 0; number < burst.messages; number++) {
            socket.send(burstMessage(number));
          }
          break;
        case "/ping":
          socket.ping("are you there");
          break;
        case "/topic":
          socket.subscribe("all");
          break;
      }
    },
    async message(socket, message) {
      switch (socket.data.path) {
        case "/close":
          socket.close(4001, "bye");
          break;
        case "/serial":
          socket.send(`start ${message}`);
          await sleep(100);
          socket.send(`end ${message}`);
          break;
        case "/burst":
          socket.send(burstEnd);
          break;
        case "/stuck":
          await new Promise(() => {});
          break;
        case "/topic":
          socket.publish("all", message);
          break;
        case "/first":
          socket.send(`got ${message}`);
          break;
        case "/parts":
          break;
        default:
          socket.send(message, true);
      }
    },
  },
});
announce(server.port, () => server.stop(true));
