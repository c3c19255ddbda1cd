/**
 * The demonstration server: `deno run -A server.ts`, `bun server.ts` or
 * `node server.ts`, with `--help` for its flags.
 */

import { serve, type Server } from "./mod.ts";
import { chat } from "./src/demonstration/chat.ts";
import { figures } from "./src/demonstration/figures.ts";
import { flood } from "./src/demonstration/flood.ts";
import { notFound, servePage } from "./src/demonstration/page.ts";
import type { Paths } from "./src/demonstration/paths.ts";
import { serveMetrics } from "./src/demonstration/prometheus.ts";
import {
  announce,
  exitUnheard,
  outliveReaders,
  readCommandLine,
  shutdownOnSignals,
} from "./src/demonstration/process.ts";
import { rooms } from "./src/demonstration/rooms.ts";
import {
  isWorker,
  joinSupervisor,
  superviseWorkers,
  workerOptions,
} from "./src/demonstration/workers.ts";

const paths: Paths = {
  "/echo": {
    about: "echoes through hooks",
    handler: {
      // Returning the promise waits for a slow client before the next message.
      message: (socket, message) => socket.send(message),
    },
  },
  "/echo-stream": {
    about: "echoes with readable.pipeTo(writable)",
    handler: ({ readable, writable }) => readable.pipeTo(writable),
  },
  "/echo-incoming": {
    about: "sends each message back while it is still arriving",
    handler: async (socket) => {
      for await (const message of socket.incoming) {
        await socket.send(message.body, { type: message.type });
      }
    },
  },
  "/chat": {
    about: "relays every message to all others",
    handler: chat(),
  },
  "/rooms": {
    about: "rooms of the page: ?room=ROOM&name=NAME",
    handler: rooms(),
  },
  "/flood": {
    about: "sends the page as much as it takes",
    handler: flood,
  },
  "/figures": {
    about: "figures for the page's charts",
    handler: figures,
  },
};

outliveReaders();
const options = readCommandLine();

try {
  const { workers = 1 } = options;
  if (workers > 1 && !isWorker()) {
    await superviseWorkers(options, (server) => announce(server, paths));
  } else {
    await run();
  }
} catch (error) {
  exitUnheard(error, options);
}

async function run(): Promise<void> {
  const server: Server = serve({
    ...options,
    ...workerOptions(),
    fetch: serveMetrics(() => server.metrics(), servePage(paths)),
    upgrade(request) {
      const { pathname } = new URL(request.url);
      if (!Object.hasOwn(paths, pathname)) return notFound(pathname, paths);
      return { handler: paths[pathname].handler };
    },
  }, paths["/echo"].handler);
  if (isWorker()) {
    await server.ready;
    return joinSupervisor(server);
  }
  const isStopping = shutdownOnSignals(server);
  await server.ready;
  if (!isStopping()) announce(server, paths);
}
