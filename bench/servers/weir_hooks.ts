/** Weir, driven by hooks. */
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
    echo: {
      message: (socket, message) => socket.send(message),
    },
    broadcast: {
      open: (socket) => socket.subscribe("all"),
      message(_socket, message) {
        server.publish("all", message);
      },
    },
    large: echoLarge,
  }),
);
await announceServer(server);
