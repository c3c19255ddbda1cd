/**
 * Node's TCP and TLS listeners, below `node:http`.
 *
 * @module
 */
import { type AddressInfo, createServer, type Socket } from "node:net";
import { createServer as createTlsServer } from "node:tls";
import {
  checkDenoVersion,
  checkKeyPair,
  DenoTlsServerTransport,
  isDenoTls,
} from "./deno_tls_server.ts";
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
 * @throws {Error} For a certificate or a key that can't be used.
 */
export async function listenOnNode(
  options: NativeListenerOptions,
  tls: NativeTlsOptions | null,
): Promise<NativeListener> {
  const { hostname, port, reusePort, onTransport, onFailed } = options;
  if (tls !== null && isDeno()) {
    checkDenoVersion();
    checkKeyPair(tls);
  }
  const accept = (socket: Socket): void => {
    onTransport(
      isDenoTls(socket)
        ? new DenoTlsServerTransport(socket, true)
        : new NodeSocketTransport(socket, true, tls === null),
    );
  };
  const server = tls === null
    ? createServer({ allowHalfOpen: true }, accept)
    : createTlsServer({ ...tls, allowHalfOpen: true }, accept);
  // Bun tells of a handshake that takes too long, and leaves the connection.
  server.on("tlsClientError", (_error, socket) => socket.destroy());
  return await new Promise((resolve, reject) => {
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
