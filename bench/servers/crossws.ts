/**
 * `crossws` on Node, as its documentation advises: its adapter under
 * `node:http`, its hooks, its publish and subscribe.
 */
import crossws from "crossws/adapters/node";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { announce, largeMessageLimit, serverArguments } from "./arguments.ts";
import { perMessageDeflate } from "./ws_deflate.ts";

const { mode, port, deflate } = serverArguments;
const adapter = crossws({
  hooks: {
    open(peer) {
      if (mode === "broadcast") peer.subscribe("all");
    },
    message(peer, message) {
      const data = message.rawData;
      if (mode === "broadcast") {
        adapter.publish("all", data);
      } else {
        peer.send(data);
      }
    },
  },
  serverOptions: {
    perMessageDeflate: perMessageDeflate(deflate),
    ...(mode === "large" ? { maxPayload: largeMessageLimit } : {}),
  },
});

const server = createServer();
server.on("upgrade", adapter.handleUpgrade);
server.listen(port, "0.0.0.0", () => {
  announce((server.address() as AddressInfo).port);
});
