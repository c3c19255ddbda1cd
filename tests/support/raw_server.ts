/**
 * A server on TCP that answers a handshake exactly as a test tells it to, right
 * or wrong. It shares no code with the library.
 */

import { Buffer } from "node:buffer";
import { createHash } from "node:crypto";
import { type AddressInfo, createServer, type Socket } from "node:net";
import { RawPeer } from "./raw_peer.ts";

/** A client's request, and the socket that it came on. */
export interface RawRequest {
  /** The first line. */
  readonly line: string;
  /** Names as they were written and values, in order. */
  readonly headers: readonly (readonly [name: string, value: string])[];
  /** What `Sec-WebSocket-Accept` must be. */
  readonly accept: string;
  readonly socket: Socket;
  /** The value of a header whose name is given in lower case. */
  header(lowerCasedName: string): string | undefined;
  /** The lines of a response that accepts, with what is different. */
  response(changes?: ResponseChanges): string;
  /** Sends such a response; returns the connection's other end. */
  open(changes?: ResponseChanges): RawPeer;
}

/** What a response has in place of what is right. */
export interface ResponseChanges {
  /** Default `HTTP/1.1 101 Switching Protocols`. */
  readonly line?: string;
  /** Headers in place of the usual ones; `null` leaves one out. */
  readonly headers?: Readonly<
    Record<string, string | readonly string[] | null>
  >;
}

/** A server for one test. */
export interface RawServer {
  /** Where it listens, such as `ws://127.0.0.1:12345/`. */
  readonly url: string;
  /** Reads on, and resolves when the clients of all sockets so far have gone. */
  whenEmpty(): Promise<void>;
}

/**
 * Runs `use` with a server that calls `answer` with each request.
 *
 * @param answer May throw or reject, which fails the test.
 */
export async function withRawServer(
  answer: (request: RawRequest) => unknown,
  use: (server: RawServer) => Promise<void>,
): Promise<void> {
  const failure = Promise.withResolvers<never>();
  failure.promise.catch(() => {});
  await withTcpServer(
    (socket) => {
      readRequest(socket).then(answer).catch(failure.reject);
    },
    (server) => Promise.race([use(server), failure.promise]),
  );
}

/** The same for one that does not even read the request. */
export async function withTcpServer(
  onSocket: (socket: Socket) => void,
  use: (server: RawServer) => Promise<void>,
): Promise<void> {
  const sockets = new Set<Socket>();
  const gone: Promise<void>[] = [];
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    sockets.add(socket);
    socket.setNoDelay(true);
    socket.on("error", () => {});
    gone.push(
      new Promise((resolve) => {
        socket.on("end", resolve);
        socket.on("close", () => {
          sockets.delete(socket);
          resolve();
        });
      }),
    );
    onSocket(socket);
  });
  await new Promise<void>((resolve) => {
    server.listen(0, "127.0.0.1", () => resolve());
  });
  const { port } = server.address() as AddressInfo;
  try {
    await use({
      url: `ws://127.0.0.1:${port}/`,
      whenEmpty: async () => {
        for (const socket of sockets) socket.resume();
        await Promise.all(gone);
      },
    });
  } finally {
    for (const socket of sockets) socket.destroy();
    await new Promise((resolve) => server.close(resolve));
  }
}

/** Reads a request's head, behind which a client must not have sent anything. */
function readRequest(socket: Socket): Promise<RawRequest> {
  return new Promise((resolve, reject) => {
    let head = "";
    const onData = (chunk: Uint8Array): void => {
      head += Buffer.from(chunk).toString("latin1");
      const end = head.indexOf("\r\n\r\n");
      if (end === -1) return;
      socket.off("data", onData);
      socket.pause();
      if (end + 4 === head.length) resolve(parseRequest(head, socket));
      else reject(new Error("the client sent something behind its request"));
    };
    socket.on("data", onData);
  });
}

function parseRequest(head: string, socket: Socket): RawRequest {
  const [line, ...lines] = head.slice(0, -4).split("\r\n");
  const headers = lines.map((text) => {
    const colon = text.indexOf(": ");
    return [text.slice(0, colon), text.slice(colon + 2)] as const;
  });
  const header = (lowerCasedName: string): string | undefined =>
    headers.find(([name]) => name.toLowerCase() === lowerCasedName)?.[1];
  const accept = createHash("sha1")
    .update(
      `${header("sec-websocket-key")}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`,
    )
    .digest("base64");
  const response = (changes: ResponseChanges = {}): string => {
    const all: Record<string, string | readonly string[] | null> = {
      "Upgrade": "websocket",
      "Connection": "Upgrade",
      "Sec-WebSocket-Accept": accept,
      ...changes.headers,
    };
    let text = `${changes.line ?? "HTTP/1.1 101 Switching Protocols"}\r\n`;
    for (const [name, value] of Object.entries(all)) {
      if (value === null) continue;
      for (const single of typeof value === "string" ? [value] : value) {
        text += `${name}: ${single}\r\n`;
      }
    }
    return text + "\r\n";
  };
  return {
    line,
    headers,
    accept,
    socket,
    header,
    response,
    open(changes) {
      socket.write(response(changes), "latin1");
      return new RawPeer(streamsOf(socket), "server");
    },
  };
}

/** A socket's two directions as {@linkcode RawPeer} takes them. */
function streamsOf(socket: Socket): {
  readable: ReadableStream<Uint8Array>;
  writable: WritableStream<Uint8Array>;
  bytesRead: number;
  bytesWritten: number;
} {
  let open = true;
  const readable = new ReadableStream<Uint8Array>({
    start(controller) {
      const end = (): void => {
        if (open) controller.close();
        open = false;
      };
      socket.on("data", (chunk: Uint8Array) => {
        if (open) controller.enqueue(new Uint8Array(chunk));
      });
      socket.on("end", end);
      socket.on("close", end);
    },
    pull: () => void socket.resume(),
    cancel: () => void (open = false),
  });
  const writable = new WritableStream<Uint8Array>({
    write: (chunk) =>
      new Promise((resolve) => socket.write(chunk, () => resolve())),
    close: () => void socket.end(),
    abort: () => void socket.destroy(),
  });
  return { readable, writable, bytesRead: 0, bytesWritten: 0 };
}
