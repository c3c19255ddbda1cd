/** `crossws` on Node, as its documentation has it; `ws` is inside. */
import crossws from "crossws/adapters/node";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { announce, keepsAlive, messageLimit } from "./control.ts";
import { opened, received } from "./hooks.ts";

const adapter = crossws({
  idleTimeout: keepsAlive ? 3 : 0,
  hooks: {
    upgrade(request) {
      if (pathOf({ request }) === "/refused") {
        return new Response("no", { status: 401 });
      }
      return undefined;
    },
    open: (peer) => opened(peer, pathOf(peer)),
    message(peer, message) {
      const data = message.rawData as string | Uint8Array;
      return received(peer, pathOf(peer), data, () => peer.send(data));
    },
  },
  serverOptions: {
    maxPayload: messageLimit,
    perMessageDeflate: { threshold: 0 },
  },
});

const server = createServer();
server.on("upgrade", adapter.handleUpgrade);
server.listen(0, "127.0.0.1", () => {
  announce((server.address() as AddressInfo).port, async () => {
    await adapter.close();
    server.close();
  });
});

function pathOf({ request }: { request: Request }): string {
  return new URL(request.url).pathname;
}
