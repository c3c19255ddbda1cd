/** A WebSocket server for tests that does what a script says, right or wrong. */
import { once } from "node:events";
import { type AddressInfo, createServer, type Socket } from "node:net";
import { FrameReader } from "../../autobahn/peer/frame_reader.ts";
import {
  type FrameToWrite,
  writeFrame,
} from "../../autobahn/peer/frame_writer.ts";
import { concatenate } from "../../autobahn/peer/octets.ts";
import { acceptOf, parseHead } from "../../autobahn/peer/opening_handshake.ts";

/** A frame as the server got it. */
export interface ReceivedFrame {
  opcode: number;
  fin: boolean;
  rsv: number;
  isMasked: boolean;
  payload: Uint8Array;
}

/** What a script can do with a connection. */
export interface ScriptedConnection {
  socket: Socket;
  send(frame: FrameToWrite): void;
}

/** What the server does. */
export interface Script {
  opened?(connection: ScriptedConnection): void;
  frame?(connection: ScriptedConnection, frame: ReceivedFrame): void;
  /** The `Sec-WebSocket-Extensions` field of the response. */
  extensions?: string;
  /** Sent instead of an acceptance. */
  refusal?: string;
}

/** A server that is listening. */
export interface ScriptedServer {
  port: number;
  /** Octets of each run read after the handshake. */
  runs: number[];
  /** Drops all connections and stops listening. */
  stop(): Promise<void>;
}

/** Starts a server on a free port of the loopback address. */
export async function startScriptedServer(
  script: Script,
): Promise<ScriptedServer> {
  const sockets = new Set<Socket>();
  const runs: number[] = [];
  const server = createServer((socket) => {
    sockets.add(socket);
    serveScript(socket, script, runs);
    socket.on("close", () => sockets.delete(socket));
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    port: (server.address() as AddressInfo).port,
    runs,
    async stop(): Promise<void> {
      const closed = once(server, "close");
      server.close();
      for (const socket of sockets) {
        socket.destroy();
      }
      await closed;
    },
  };
}

function serveScript(socket: Socket, script: Script, runs: number[]): void {
  const reader = new FrameReader();
  const connection: ScriptedConnection = {
    socket,
    send: (frame) => socket.write(writeFrame(frame)),
  };
  let head: string | null = "";
  let pieces: Uint8Array[] = [];
  socket.setNoDelay(true);
  socket.on("error", () => {});
  socket.on("data", (octets: Uint8Array) => {
    if (head !== null) {
      head += new TextDecoder("latin1").decode(octets);
      if (!head.includes("\r\n\r\n")) {
        return;
      }
      const key = parseHead(head).fields.get("sec-websocket-key") ?? "";
      head = null;
      socket.write(
        script.refusal ??
          "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n" +
            "Connection: Upgrade\r\nServer: scripted\r\n" +
            (script.extensions === undefined
              ? ""
              : `Sec-WebSocket-Extensions: ${script.extensions}\r\n`) +
            `Sec-WebSocket-Accept: ${acceptOf(key)}\r\n\r\n`,
      );
      script.opened?.(connection);
      return;
    }
    runs.push(octets.length);
    reader.push(octets);
    for (let event = reader.next(); event !== null; event = reader.next()) {
      if (event.type === "header") {
        pieces = [];
      } else if (event.type === "payload") {
        pieces.push(event.octets);
      } else {
        const { opcode, fin, rsv, maskingKey } = event.header;
        script.frame?.(connection, {
          opcode,
          fin,
          rsv,
          isMasked: maskingKey !== null,
          payload: concatenate(pieces),
        });
      }
    }
  });
}

/** A correct server that echoes messages of one frame. */
export const echoScript: Script = {
  frame(connection, { opcode, payload }): void {
    if (opcode === 8) {
      connection.send({ opcode, payload });
      connection.socket.end();
    } else {
      connection.send({ opcode: opcode === 9 ? 10 : opcode, payload });
    }
  },
};
