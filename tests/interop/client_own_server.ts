/**
 * The WebSocket server that Deno or Bun brings: `Deno.upgradeWebSocket`, which
 * knows no compression, and `Bun.serve`. To be run on one of those.
 */

import process from "node:process";
import { certificate, privateKey } from "../support/certificate.ts";
import { maxMessageSize } from "./scenarios.ts";

/** The parts of the `Deno` namespace that are used here. */
interface DenoNamespace {
  serve(
    options: Record<string, unknown>,
    handler: (request: Request) => Response,
  ): { addr: { port: number } };
  upgradeWebSocket(request: Request): { socket: WebSocket; response: Response };
}

/** The parts of the `Bun` namespace that are used here. */
interface BunNamespace {
  serve(options: Record<string, unknown>): { port: number };
}

const { Deno, Bun } = globalThis as unknown as {
  Deno?: DenoNamespace;
  Bun?: BunNamespace;
};

/** Listens, with TLS or without; returns the port. */
function listen(secure: boolean): number {
  const tls = { cert: certificate, key: privateKey };
  const place = { hostname: "127.0.0.1", port: 0 };
  if (Bun !== undefined) {
    return Bun.serve({
      ...place,
      ...secure ? { tls } : {},
      fetch: (
        request: Request,
        server: { upgrade(request: Request): boolean },
      ) => server.upgrade(request) ? undefined : new Response("no"),
      websocket: {
        perMessageDeflate: { compress: "dedicated", decompress: "dedicated" },
        maxPayloadLength: maxMessageSize + 2 ** 20,
        backpressureLimit: 2 ** 28,
        message(
          socket: { send(data: unknown, compress: boolean): void },
          data: unknown,
        ) {
          socket.send(data, true);
        },
      },
    }).port;
  }
  return Deno!.serve({
    ...place,
    ...secure ? tls : {},
    onListen: () => {},
  }, (request) => {
    const { socket, response } = Deno!.upgradeWebSocket(request);
    socket.binaryType = "arraybuffer";
    socket.onmessage = ({ data }) => socket.send(data);
    return response;
  }).addr.port;
}

console.log(JSON.stringify({
  urls: {
    ws: `ws://127.0.0.1:${listen(false)}/`,
    wss: `wss://127.0.0.1:${listen(true)}/`,
  },
}));
process.stdin.on("end", () => process.exit()).resume();
