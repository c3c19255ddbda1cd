/** Starts echo servers: the correct one, or one of the mutants. */

import { Buffer } from "node:buffer";
import { createHash } from "node:crypto";
import { type AddressInfo, createServer, type Socket } from "node:net";
import { Compression, readOffer, writeAnswer } from "./compression.ts";
import { EchoConnection } from "./echo_connection.ts";

/** What is special about a server. */
export interface EchoServerParts {
  /** The class of its connections. */
  Connection?: typeof EchoConnection;
  /** The class of their compression. */
  Compression?: typeof Compression;
}

/** A server that listens. */
export interface EchoServer {
  /** A `ws:` URL. */
  readonly url: string;
  /** Drops all connections and stops listening. */
  close(): Promise<void>;
}

/** Starts a server on a free port of the loopback interface. */
export async function startEchoServer(
  parts: EchoServerParts = {},
): Promise<EchoServer> {
  const sockets = new Set<Socket>();
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    sockets.add(socket);
    socket.on("close", () => sockets.delete(socket));
    socket.on("error", () => {});
    socket.setNoDelay(true);
    accept(socket, parts);
  });
  await new Promise<void>((resolve) => {
    server.listen(0, "127.0.0.1", () => resolve());
  });
  return {
    url: `ws://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    close() {
      for (const socket of sockets) socket.destroy();
      return new Promise((resolve) => server.close(() => resolve()));
    },
  };
}

/** Answers the opening handshake, then leaves the socket to a connection. */
function accept(socket: Socket, parts: EchoServerParts): void {
  let head = Buffer.alloc(0);
  let connection: EchoConnection | null = null;
  let compression: Compression | null = null;
  socket.on("data", (chunk: Buffer) => {
    if (connection !== null) {
      connection.receive(chunk);
      return;
    }
    head = Buffer.concat([head, chunk]);
    const end = head.indexOf("\r\n\r\n");
    if (end < 0) return;
    const fields = readFields(head.toString("latin1", 0, end));
    const parameters = readOffer(fields.get("sec-websocket-extensions"));
    if (parameters !== null) {
      compression = new (parts.Compression ?? Compression)(parameters);
    }
    socket.write(
      [
        "HTTP/1.1 101 Switching Protocols",
        "Upgrade: websocket",
        "Connection: Upgrade",
        `Sec-WebSocket-Accept: ${acceptFor(fields)}`,
        ...parameters === null
          ? []
          : [`Sec-WebSocket-Extensions: ${writeAnswer(parameters)}`],
        "\r\n",
      ].join("\r\n"),
    );
    connection = new (parts.Connection ?? EchoConnection)(socket, compression);
    connection.receive(head.subarray(end + 4));
  });
  socket.on("end", () => connection?.receiveEnd() ?? socket.end());
  socket.on("close", () => compression?.close());
}

function readFields(head: string): Map<string, string> {
  return new Map(
    head.split("\r\n").slice(1).map((line) => {
      const colon = line.indexOf(":");
      return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()];
    }),
  );
}

function acceptFor(fields: Map<string, string>): string {
  return createHash("sha1")
    .update(
      `${fields.get("sec-websocket-key")}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`,
    )
    .digest("base64");
}
