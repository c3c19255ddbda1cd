/**
 * `ws` as a server. To be run on Node: Bun replaces `ws` with a package of its
 * own. `/echo` sends every message back, `/fragments` does so in fragments with
 * pings between them.
 */

import type { Buffer } from "node:buffer";
import { createServer, type IncomingMessage } from "node:http";
import { createServer as createSecureServer } from "node:https";
import type { AddressInfo } from "node:net";
import process from "node:process";
import {
  type PerMessageDeflateOptions,
  type WebSocket,
  WebSocketServer,
} from "ws";
import { certificate, privateKey } from "../support/certificate.ts";
import { maxMessageSize } from "./scenarios.ts";
import { randomIntegers } from "./standard_websocket.ts";

/** A server for each of the settings that are asked for. */
const servers = new Map<string, WebSocketServer>();

function serverFor(query: URLSearchParams): WebSocketServer {
  const key = query.toString();
  const known = servers.get(key);
  if (known !== undefined) return known;
  const perMessageDeflate: PerMessageDeflateOptions = { threshold: 0 };
  for (const [name, value] of query) {
    const property = name.replace(
      /_[a-z]/g,
      ([, letter]) => letter.toUpperCase(),
    );
    Object.assign(perMessageDeflate, {
      [property]: name.endsWith("bits") ? Number(value) : true,
    });
  }
  const server = new WebSocketServer({
    noServer: true,
    perMessageDeflate: query.get("deflate") === "0" ? false : perMessageDeflate,
    // It is for what is on the wire, too, which may be more.
    maxPayload: maxMessageSize + 2 ** 20,
  });
  servers.set(key, server);
  return server;
}

function answer(socket: WebSocket, request: IncomingMessage): void {
  const { pathname, searchParams } = new URL(request.url!, "http://localhost");
  const integer = randomIntegers(Number(searchParams.get("seed") ?? "0"));
  socket.on("message", (data: Buffer, binary: boolean) => {
    let start = 0;
    if (pathname === "/fragments") {
      while (integer(4) > 0) {
        const end = start + integer(data.length - start + 1);
        socket.send(data.subarray(start, end), { binary, fin: false });
        if (integer(2) > 0) socket.ping(String(start));
        start = end;
      }
    }
    socket.send(data.subarray(start), { binary, fin: true });
  });
}

const ports = await Promise.all(
  [
    createServer(),
    createSecureServer({ cert: certificate, key: privateKey }),
  ].map((server) => {
    server.on("upgrade", (request, socket, head) => {
      const { searchParams } = new URL(request.url!, "http://localhost");
      searchParams.delete("seed");
      serverFor(searchParams).handleUpgrade(
        request,
        socket,
        head,
        (socket) => answer(socket, request),
      );
    });
    return new Promise<number>((resolve) => {
      server.listen(0, "127.0.0.1", () => {
        resolve((server.address() as AddressInfo).port);
      });
    });
  }),
);
const [ws, wss] = ports;
console.log(JSON.stringify({
  urls: { ws: `ws://127.0.0.1:${ws}/`, wss: `wss://127.0.0.1:${wss}/` },
}));
process.stdin.on("end", () => process.exit()).resume();
