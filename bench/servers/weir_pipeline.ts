/**
 * Weir's public `TransformStream`s, one behind the other, under `node:http`:
 * what the same stages cost when they are not fused.
 */
import { createHash } from "node:crypto";
import { createServer, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";
import { type Duplex, Readable, Writable } from "node:stream";
import {
  type ControlMessage,
  type EncodableMessage,
  FrameDecoderStream,
  FrameEncoderStream,
  type Message,
  MessageDecoderStream,
  MessageEncoderStream,
} from "../../mod.ts";
import { announce, serverArguments } from "./arguments.ts";

/** RFC 6455 section 1.3. */
const keySuffix = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

const server = createServer();
server.on("upgrade", (request: IncomingMessage, socket: Duplex) => {
  const accept = createHash("sha1")
    .update(request.headers["sec-websocket-key"] + keySuffix)
    .digest("base64");
  socket.write(
    "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n" +
      `Connection: Upgrade\r\nSec-WebSocket-Accept: ${accept}\r\n\r\n`,
  );
  echo(socket).catch(() => socket.destroy());
});
server.listen(serverArguments.port, "0.0.0.0", () => {
  announce((server.address() as AddressInfo).port);
});

function echo(socket: Duplex): Promise<void> {
  const bytes = Readable.toWeb(socket) as unknown as ReadableStream<
    Uint8Array<ArrayBuffer>
  >;
  return bytes
    .pipeThrough(new FrameDecoderStream())
    .pipeThrough(new MessageDecoderStream())
    .pipeThrough(new TransformStream({ transform: answer }))
    .pipeThrough(new MessageEncoderStream())
    .pipeThrough(new FrameEncoderStream())
    .pipeTo(Writable.toWeb(socket));
}

/** Answers messages, pings and closes, each with its like. */
function answer(
  message: Message | ControlMessage,
  controller: TransformStreamDefaultController<EncodableMessage>,
): void {
  if (typeof message === "string" || message instanceof Uint8Array) {
    controller.enqueue(message);
  } else if (message.type === "ping") {
    controller.enqueue({ type: "pong", payload: message.payload });
  } else if (message.type === "close") {
    controller.enqueue(message);
    controller.terminate();
  }
}
