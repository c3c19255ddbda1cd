/**
 * Node's TCP listener, below `node:http`.
 *
 * @module
 */
import { type AddressInfo, createServer } from "node:net";
import type { NativeListener, NativeListenerOptions } from "./native.ts";
import { NodeSocketTransport } from "./node_socket.ts";

/**
 * Listens with `net.Server`.
 *
 * @throws The system's error if it can't listen.
 */
export function listenOnNode(
  options: NativeListenerOptions,
): Promise<NativeListener> {
  const { hostname, port, reusePort, onTransport, onFailed } = options;
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    onTransport(new NodeSocketTransport(socket));
  });
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen({ port, host: hostname, reusePort }, () => {
      server.off("error", reject);
      server.on("error", onFailed);
      const { address, port } = server.address() as AddressInfo;
      resolve({
        address: { hostname: address, port },
        // Its callback is not waited for: connections that were upgraded keep
        // the server, and are waited for elsewhere.
        close: () => {
          server.close();
          return Promise.resolve();
        },
        ref: () => server.ref(),
        unref: () => server.unref(),
      });
    });
  });
}
