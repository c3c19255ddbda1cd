/**
 * Node's TCP and TLS listeners, below `node:http`.
 *
 * @module
 */
import { type AddressInfo, createServer, type Socket } from "node:net";
import { createServer as createTlsServer } from "node:tls";
import { isDeno } from "./deno_tls_socket.ts";
import type {
  NativeListener,
  NativeListenerOptions,
  NativeTlsOptions,
} from "./native.ts";
import { NodeSocketTransport } from "./node_socket.ts";

/**
 * Listens with `net.Server` or `tls.Server`.
 *
 * @throws The system's error if it can't listen.
 */
export function listenOnNode(
  options: NativeListenerOptions,
  tls: NativeTlsOptions | null,
): Promise<NativeListener> {
  const { hostname, port, reusePort, onTransport, onFailed } = options;
  // Deno's HTTP server reads on from such a socket where it has paused it.
  const direct = tls === null && !isDeno();
  const accept = (socket: Socket): void => {
    onTransport(
      direct
        ? NodeSocketTransport.accepted(socket)
        : new NodeSocketTransport(socket, true),
    );
  };
  const server = tls === null
    ? createServer({ allowHalfOpen: true, pauseOnConnect: direct }, accept)
    : createTlsServer({ ...tls, allowHalfOpen: true }, accept);
  // Bun tells of a handshake that takes too long, and leaves the connection.
  server.on("tlsClientError", (_error, socket) => socket.destroy());
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
