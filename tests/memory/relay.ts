/**
 * A TCP relay between a client and the server, that can stop to pass on what
 * the server sends.
 *
 * It is how a client reads nothing: over TLS, Deno's `node:tls` sockets ignore
 * `pause()`, plain TCP sockets do not.
 */

import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";

/** A relay for one connection. */
export interface Relay {
  /** The URL to connect to in place of the server's. */
  readonly url: string;
  /** Passes nothing on any more that the server sends. */
  hold(): void;
  /** Passes it on again. */
  release(): void;
  /** Drops the connection and listens no more. */
  end(): Promise<void>;
}

/** Starts a relay to the server at `url`. */
export async function startRelay(url: string): Promise<Relay> {
  const target = new URL(url);
  const sockets: Socket[] = [];
  let toServer: Socket | undefined;
  const server = createServer((fromClient) => {
    toServer = connect(Number(target.port), target.hostname);
    sockets.push(fromClient, toServer);
    fromClient.on("error", () => {});
    toServer.on("error", () => {});
    fromClient.on("close", () => toServer?.destroy());
    toServer.on("close", () => fromClient.destroy());
    copy(fromClient, toServer);
    copy(toServer, fromClient);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const own = new URL(url);
  own.port = String((server.address() as AddressInfo).port);
  let held = false;

  function copy(from: Socket, to: Socket): void {
    from.on("data", (bytes) => {
      if (!to.write(bytes)) from.pause();
    });
    to.on("drain", () => {
      if (!(held && from === toServer)) from.resume();
    });
  }

  return {
    url: own.href,
    hold() {
      held = true;
      toServer?.pause();
    },
    release() {
      held = false;
      toServer?.resume();
    },
    async end() {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, "close");
    },
  };
}
