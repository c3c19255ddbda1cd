/**
 * What the two Weir servers have in common.
 *
 * @module
 */
import type {
  DeflateOptions,
  Handler,
  ServeOptions,
  Server,
  WebSocketConnection,
} from "../../mod.ts";
import {
  announce,
  type Deflate,
  type Mode,
  serverArguments,
} from "./arguments.ts";

/** The defaults, but for the port, and for what is measured. */
export const weirOptions: ServeOptions = {
  port: serverArguments.port,
  messageBuffers: serverArguments.buffers,
  ...deflateOption(serverArguments.deflate),
};

/** The handler of the mode that was asked for. */
export function handlerOf(handlers: Record<Mode, Handler>): Handler {
  return handlers[serverArguments.mode];
}

/** The handler of the mode `large`: each message goes back as it comes. */
export async function echoLarge(socket: WebSocketConnection): Promise<void> {
  for await (const message of socket.incoming) {
    await socket.send(message.body, { type: message.type });
  }
}

/** Waits until the server listens, and tells whoever started it where. */
export async function announceServer(server: Server): Promise<void> {
  await server.ready;
  if (server.addr.transport === "tcp") announce(server.addr.port);
}

function deflateOption(
  deflate: Deflate,
): { deflate?: boolean | DeflateOptions } {
  // Plain connections are those whose client does not offer compression.
  if (deflate === "off") return {};
  return {
    deflate: { threshold: 0, backend: deflate === "auto" ? "auto" : "zlib" },
  };
}
