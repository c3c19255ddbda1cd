/**
 * `ws` with permessage-deflate, as a client. To be run on Node: Bun replaces
 * `ws` with a package of its own.
 */

import { Buffer } from "node:buffer";
import type { IncomingMessage } from "node:http";
import { type PerMessageDeflateOptions, WebSocket } from "ws";
import { answerRequests, pick } from "./answer_requests.ts";
import {
  type RunScenario,
  type ScenarioOptions,
  standardScenarios,
} from "./standard_websocket.ts";

/** What this client needs to know beside what all do. */
interface WsOptions extends ScenarioOptions {
  readonly perMessageDeflate: PerMessageDeflateOptions;
  /** Whether each message is sent in fragments, with pings between them. */
  readonly fragments?: boolean;
}

/** A `WebSocket` of the library with the given options. */
function webSocketWith(
  { perMessageDeflate, fragments = false }: WsOptions,
): typeof globalThis.WebSocket {
  function open(url: string, protocols: string[]): WebSocket {
    const socket = new WebSocket(url, protocols, { perMessageDeflate });
    socket.on("upgrade", ({ headers }: IncomingMessage) => {
      // The library's own property has the extensions' names alone.
      const extensions = headers["sec-websocket-extensions"] ?? "";
      Object.defineProperty(socket, "extensions", { value: extensions });
    });
    if (fragments) sendFragments(socket);
    return socket;
  }
  return open as unknown as typeof globalThis.WebSocket;
}

/** Makes `send()` send three fragments and an empty one, with pings between. */
function sendFragments(socket: WebSocket): void {
  const send = socket.send.bind(socket);
  socket.send = (data: string | Uint8Array) => {
    const binary = typeof data !== "string";
    const bytes = Buffer.from(data as Uint8Array);
    const length = Math.ceil(bytes.length / 3);
    for (let start = 0; start < bytes.length; start += length) {
      const part = bytes.subarray(start, start + length);
      send(part, { binary, fin: false });
      socket.ping("between");
    }
    send("", { binary, fin: true });
  };
}

await answerRequests(({ scenario, url, options }) => {
  const wsOptions = options as unknown as WsOptions;
  const scenarios: Record<string, RunScenario> = standardScenarios(
    webSocketWith(wsOptions),
  );
  return pick(scenarios, scenario)(url, wsOptions);
});
