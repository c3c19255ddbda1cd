/**
 * Connections with permessage-deflate over an in-memory duplex: the sessions
 * that `serve()` makes, without a handshake.
 */

import { WebSocketConnection } from "../../src/connection/connection.ts";
import { createContext } from "../../src/connection/context.ts";
import { type Handler, HandlerRunner } from "../../src/connection/handler.ts";
import {
  type ConnectionOptions,
  resolveConnectionOptions,
} from "../../src/connection/options.ts";
import { Session } from "../../src/connection/session.ts";
import type { DeflateAgreement } from "../../src/deflate/negotiation/agreement.ts";
import { checkResponse } from "../../src/deflate/negotiation/client.ts";
import {
  type DeflateOptions,
  resolveDeflateOptions,
} from "../../src/deflate/options.ts";
import {
  answerOffers,
  createDeflateStages,
  prepareDeflate,
} from "../../src/deflate/permessage_deflate.ts";
import { standardCapabilities } from "../../src/deflate/standard.ts";
import { zlibCapabilities } from "../../src/deflate/zlib.ts";
import {
  formatExtensions,
  parseExtensions,
} from "../../src/handshake/extension_header.ts";
import { DuplexTransport } from "../../src/transport/duplex.ts";
import { type DuplexEnd, duplexPair } from "./duplex_pair.ts";

await prepareDeflate();

/** How one end compresses, and what its connection is like. */
export interface EndOptions {
  deflate?: DeflateOptions;
  connection?: ConnectionOptions;
  handler?: Handler;
}

/** What both ends agreed on. */
export interface Agreements {
  readonly server: DeflateAgreement;
  readonly client: DeflateAgreement;
  /** The server's answer. */
  readonly extensions: string;
}

/** Negotiates an offer, given as a header's value, between two ends. */
export function agree(
  offer: string,
  server: DeflateOptions = {},
  client: DeflateOptions = {},
): Agreements {
  const offers = parseExtensions(offer);
  const accepted = answerOffers(offers, resolveDeflateOptions(server)!);
  if (accepted === null) throw new Error(`the offer was declined: ${offer}`);
  const answer = checkResponse(
    [accepted.response],
    offers,
    resolveDeflateOptions(client)!,
    standardCapabilities(),
    zlibCapabilities,
  );
  if (answer === null) throw new Error("the client has no agreement");
  const extensions = formatExtensions([accepted.response]);
  return { server: accepted, client: answer, extensions };
}

/** Makes one end of a connection over a duplex. */
export function compressedEnd(
  duplex: DuplexEnd,
  role: "server" | "client",
  agreement: DeflateAgreement,
  { deflate = {}, connection = {}, handler = () => {} }: EndOptions = {},
): WebSocketConnection {
  const session = new Session(
    new DuplexTransport(duplex, null),
    createContext(
      role,
      resolveConnectionOptions({ keepAlive: false, ...connection }),
    ),
    createDeflateStages(agreement, role, resolveDeflateOptions(deflate)!),
  );
  const socket = new WebSocketConnection(session, {
    protocol: "",
    extensions: "permessage-deflate",
    url: "ws://localhost/",
    join: () => null,
    leave() {},
    request: () => new Request("http://localhost/"),
  }, undefined);
  const onError = (error: unknown) => console.error(error);
  const runner = new HandlerRunner(socket, session, handler, onError, () => {});
  runner.start(new Uint8Array(0));
  return socket;
}

/** Makes both ends; each speaks to the other. */
export function compressedPair(
  offer: string,
  server: EndOptions = {},
  client: EndOptions = {},
): { server: WebSocketConnection; client: WebSocketConnection } {
  const agreements = agree(offer, server.deflate, client.deflate);
  const [serverEnd, clientEnd] = duplexPair();
  return {
    server: compressedEnd(serverEnd, "server", agreements.server, server),
    client: compressedEnd(clientEnd, "client", agreements.client, client),
  };
}
