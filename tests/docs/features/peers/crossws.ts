/** `crossws` on Node, as its documentation has it; `ws` is inside. */
import crossws from "crossws/adapters/node";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import {
  announce,
  burst,
  burstEnd,
  burstMessage,
  keepsAlive,
  messageLimit,
  sleep,
} from "./control.ts";

const adapter = crossws({
  idleTimeout: keepsAlive ? 3 : 0,
  hooks: {
    upgrade(request) {
      if (new URL(request.url).pathname === "/refused") {
        return new Response("no", { status: 401 });
      }
      return undefined;
    },
    open(peer) {
      switch (new URL(peer.request.url).pathname) {
        case "/burst":
          for (let number = 0; number < burst.messages; number++) {
            peer.send(burstMessage(number));
          }
          break;
        case "/ping":
          peer.ping("are you there");
          break;
        case "/topic":
          peer.subscribe("all");
          break;
      }
    },
    async message(peer, message) {
      const data = message.rawData;
      switch (new URL(peer.request.url).pathname) {
        case "/close":
          peer.close(4001, "bye");
          break;
        case "/serial":
          peer.send(`start ${message}`);
          await sleep(100);
          peer.send(`end ${message}`);
          break;
        case "/burst":
          peer.send(burstEnd);
          break;
        case "/stuck":
          await new Promise(() => {});
          break;
        case "/topic":
          peer.publish("all", data);
          break;
        case "/first":
          peer.send(`got ${message}`);
          break;
        case "/parts":
          break;
        default:
          peer.send(data);
      }
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
