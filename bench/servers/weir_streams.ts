/** Weir, driven by its streams. */
import { serve } from "../../mod.ts";
import {
  announceServer,
  echoLarge,
  handlerOf,
  weirOptions,
} from "./weir_options.ts";

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
    large: echoLarge,
  }),
);
await announceServer(server);
