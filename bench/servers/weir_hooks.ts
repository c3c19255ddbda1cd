/** Weir, driven by hooks. */
import { serve } from "../../mod.ts";
import { announce } from "./arguments.ts";
import { handlerOf, weirOptions } from "./weir_options.ts";

const server = serve(
  weirOptions,
  handlerOf({
    echo: {
      message: (socket, message) => socket.send(message),
    },
    broadcast: {
      open: (socket) => socket.subscribe("all"),
      message(_socket, message) {
        server.publish("all", message);
      },
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
