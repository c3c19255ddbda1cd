// A WebSocket proxy that reads along, from the public TransformStreams alone:
//   bytes -> frames -> messages -> (record, censor) -> frames -> bytes
// each way, with backpressure from end to end, pings and closes included.
//   TARGET=ws://localhost:9000/ deno run -A examples/proxy.ts      (or bun, node)
//   Without TARGET it has an echo server of its own; CENSOR is the word to hide.
import { createServer, type IncomingMessage, request } from "node:http";
import type { AddressInfo } from "node:net";
import process from "node:process";
import type { Duplex } from "node:stream";
import {
  CloseCode,
  type ControlMessage,
  FrameDecoderStream,
  FrameEncoderStream,
  type Message,
  MessageDecoderStream,
  MessageEncoderStream,
  type Role,
  serve,
  WebSocketError,
} from "../mod.ts";

const target = new URL(process.env.TARGET ?? await startEcho());
if (target.protocol !== "ws:" || target.pathname !== "/" || target.search) {
  // Which path is asked for is for the client to say.
  console.error(
    `TARGET must be ws: with a host and a port alone, not ${target}`,
  );
  process.exit(2);
}
const censored = process.env.CENSOR ?? "sluice";

const server = createServer((_request, response) => {
  response.writeHead(426).end("This is a proxy for WebSockets.\n");
});

server.on("upgrade", (incoming, client: Duplex, clientHead: Uint8Array) => {
  client.on("error", () => client.destroy());
  const outgoing = request({
    hostname: target.hostname,
    port: target.port || 80,
    path: incoming.url,
    headers: {
      // The client's Host as well, with which the target compares its Origin.
      ...incoming.headers,
      // No compression is agreed on, so that frames hold messages as they are.
      "sec-websocket-extensions": [],
    },
  });
  const giveUp = (): void => void outgoing.destroy();
  client.on("close", giveUp);
  outgoing.on("upgrade", (response, upstream: Duplex, head: Uint8Array) => {
    client.off("close", giveUp);
    upstream.on("error", () => upstream.destroy());
    client.write(formatHead(response));
    join(client, clientHead, upstream, head);
  });
  outgoing.on("response", (response) => {
    // A refusal. Its body comes without the framing that it had.
    const { statusCode, statusMessage, headers } = response;
    client.write(
      `HTTP/1.1 ${statusCode} ${statusMessage}\r\nConnection: close\r\n` +
        `Content-Type: ${headers["content-type"] ?? "text/plain"}\r\n\r\n`,
    );
    response.pipe(client);
  });
  outgoing.on("error", (error) => {
    client.end(`HTTP/1.1 502 Bad Gateway\r\n\r\n${error.message}\n`);
  });
  outgoing.end();
});

/** Runs both directions of a connection until both are over. */
async function join(
  client: Duplex,
  clientHead: Uint8Array,
  upstream: Duplex,
  upstreamHead: Uint8Array,
): Promise<void> {
  if (clientHead.length > 0) client.unshift(clientHead);
  if (upstreamHead.length > 0) upstream.unshift(upstreamHead);
  await Promise.allSettled([
    // Whoever speaks to the proxy as a client is read with the role of a server,
    // and written to with it.
    relay("->", client, "server", upstream, "client"),
    relay("<-", upstream, "client", client, "server"),
  ]);
  client.destroy();
  upstream.destroy();
}

/** Runs one direction. */
async function relay(
  direction: "->" | "<-",
  source: Duplex,
  sourceRole: Role,
  destination: Duplex,
  destinationRole: Role,
): Promise<void> {
  const bytes = bytesFrom(source);
  const messages = bytes
    .pipeThrough(new FrameDecoderStream({ role: sourceRole }), {
      // Whoever breaks the protocol is still to be told.
      preventCancel: true,
    })
    .pipeThrough(new MessageDecoderStream({ maxMessageSize: 2 ** 20 }));
  await ReadableStream.from(withCloseForFailure(messages))
    .pipeThrough(record(direction))
    .pipeThrough(censor(censored))
    .pipeThrough(new MessageEncoderStream())
    .pipeThrough(new FrameEncoderStream({ role: destinationRole }))
    .pipeTo(bytesTo(destination));
  // What comes behind a failure is discarded: left unread, it would have the
  // system reset TCP, and the Close frame might not be read any more.
  const signal = AbortSignal.timeout(5000);
  await bytes.pipeTo(new WritableStream(), { signal });
}

/** Shows each message, and passes it on. */
function record(
  direction: "->" | "<-",
): TransformStream<Message | ControlMessage, Message | ControlMessage> {
  return new TransformStream({
    transform(message, controller) {
      console.log(direction, describe(message));
      controller.enqueue(message);
    },
  });
}

function describe(message: Message | ControlMessage): string {
  if (typeof message === "string") return JSON.stringify(message);
  if (message instanceof Uint8Array) return `${message.length} bytes`;
  return message.type === "close"
    ? `close ${message.closeCode} ${message.reason}`
    : message.type;
}

/** Makes a word unreadable in texts. */
function censor(
  word: string,
): TransformStream<Message | ControlMessage, Message | ControlMessage> {
  return new TransformStream({
    transform(message, controller) {
      controller.enqueue(
        typeof message === "string"
          ? message.replaceAll(word, "*".repeat(word.length))
          : message,
      );
    },
  });
}

/**
 * What fails on one end becomes a Close message to the other. That end answers
 * it, and so the first one learns as well what it did wrong.
 */
async function* withCloseForFailure(
  messages: ReadableStream<Message | ControlMessage>,
): AsyncGenerator<Message | ControlMessage> {
  try {
    yield* messages;
  } catch (error) {
    const known = error instanceof WebSocketError && error.closeCode !== 1006;
    yield {
      type: "close",
      closeCode: known && error.closeCode || CloseCode.BadGateway,
      reason: known ? error.reason : "",
    };
  }
}

/** The bytes of a socket, read only as fast as they are asked for. */
function bytesFrom(source: Duplex): ReadableStream<Uint8Array<ArrayBuffer>> {
  return ReadableStream.from<Uint8Array<ArrayBuffer>>(source);
}

/** Writes bytes to a socket, each chunk when the one before has gone. */
function bytesTo(destination: Duplex): WritableStream<Uint8Array> {
  return new WritableStream({
    write(chunk) {
      const { promise, resolve, reject } = Promise.withResolvers<void>();
      destination.write(
        chunk,
        (error) => error ? reject(error) : resolve(),
      );
      return promise;
    },
    close: () => void destination.end(),
    abort: () => void destination.destroy(),
  });
}

/** The head of the response that opens the WebSocket, as it came. */
function formatHead(response: IncomingMessage): string {
  const { statusCode, statusMessage, rawHeaders } = response;
  let head = `HTTP/1.1 ${statusCode} ${statusMessage}\r\n`;
  for (let index = 0; index < rawHeaders.length; index += 2) {
    head += `${rawHeaders[index]}: ${rawHeaders[index + 1]}\r\n`;
  }
  return `${head}\r\n`;
}

/** Starts what the proxy stands before if it is told nothing else. */
async function startEcho(): Promise<string> {
  const echo = serve(
    { port: 0, hostname: "127.0.0.1" },
    ({ readable, writable }) => readable.pipeTo(writable),
  );
  await echo.ready;
  return echo.url;
}

server.listen(Number(process.env.PORT ?? 8000), () => {
  const { port } = server.address() as AddressInfo;
  console.log(`ws://localhost:${port}/ stands before ${target}`);
});
