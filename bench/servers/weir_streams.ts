/** Weir, driven by its streams. */
import { serve } from "../../mod.ts";
import { announce } from "./arguments.ts";
import { handlerOf, weirOptions } from "./weir_options.ts";

const server = serve(
  weirOptions,
  handlerOf({
    echo: async (socket) => {
      for await (const message of socket.readable) {
        await socket.send(message);
      }
    },
    broadcast: async (socket) => {
      socket.subscribe("all");
      for await (const message of socket.readable) {
        server.publish("all", message);
      }
    },
    large: async (socket) => {
      for await (const message of socket.incoming) {
        await socket.send(message.body, { type: message.type });
      }
    },
  }),
);
await server.ready;
if (server.addr.transport === "tcp") announce(server.addr.port);
