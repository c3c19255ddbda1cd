/** Weir, as its documentation has it. */
import { type ConnectionHooks, type Handler, serve } from "../../../../mod.ts";
import {
  announce,
  burst,
  burstEnd,
  burstMessage,
  keepsAlive,
  messageLimit,
  sleep,
} from "./control.ts";

const never = new Promise<void>(() => {});
const handlers: Record<string, Handler> = {
  "/close": {
    message: (socket) => socket.close({ closeCode: 4001, reason: "bye" }),
  },
  "/serial": {
    async message(socket, message) {
      await socket.send(`start ${message}`);
      await sleep(100);
      await socket.send(`end ${message}`);
    },
  },
  "/stuck": { message: () => never },
  "/burst": {
    open(socket) {
      for (let number = 0; number < burst.messages; number++) {
        socket.send(burstMessage(number));
      }
    },
    message: (socket) => void socket.send(burstEnd),
  },
  "/ping": { open: (socket) => void socket.ping("are you there") },
  "/topic": {
    open: (socket) => socket.subscribe("all"),
    message: (socket, message) => void socket.publish("all", message),
  },
  "/first": async (socket) => {
    for await (const message of socket.incoming) {
      const parts = message.body.pipeThrough(new TextDecoderStream());
      for await (const part of parts) await socket.send(`got ${part}`);
    }
  },
  "/parts": {
    open: (socket) =>
      socket.send(
        new ReadableStream<string>({
          async start(controller) {
            controller.enqueue("one");
            await sleep(200);
            controller.enqueue("two");
            controller.close();
          },
        }),
      ),
  },
};
const echo: ConnectionHooks = {
  message: (socket, message) => socket.send(message),
};

const server = serve({
  port: 0,
  hostname: "127.0.0.1",
  maxMessageSize: messageLimit,
  deflate: { backend: "zlib", threshold: 0 },
  keepAlive: keepsAlive && { interval: 1500, timeout: 700 },
  upgrade(request) {
    const { pathname } = new URL(request.url);
    if (pathname === "/refused") return new Response("no", { status: 401 });
    return { handler: handlers[pathname] ?? echo };
  },
  onError: () => {},
}, echo);
await server.ready;
if (server.addr.transport === "tcp") {
  announce(server.addr.port, () => server.shutdown());
}
