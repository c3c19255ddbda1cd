/**
 * Acceptance of a handshake: what is agreed on, the head of the response, and the
 * start of the connection (RFC 6455 section 4.2.2).
 *
 * @module
 */
import { createHash } from "node:crypto";
import { leaveTopics, WebSocketConnection } from "../connection/connection.ts";
import {
  type ConnectionContext,
  createContext,
} from "../connection/context.ts";
import {
  checkHandler,
  type ClosedCallback,
  type Handler,
  HandlerRunner,
} from "../connection/handler.ts";
import { Session } from "../connection/session.ts";
import { resolveDeflateOptions } from "../deflate/options.ts";
import {
  answerOffers,
  createDeflateStages,
} from "../deflate/permessage_deflate.ts";
import { formatExtensions } from "../handshake/extension_header.ts";
import {
  acceptValue,
  type HandshakeOffer,
  type HandshakeRequest,
} from "../handshake/request.ts";
import {
  checkResponseHeaders,
  formatHeaders,
  formatStatusLine,
} from "../handshake/response.ts";
import {
  checkSelectedProtocol,
  selectProtocol,
} from "../handshake/subprotocol.ts";
import type { Counters } from "../metrics/counters.ts";
import { publishClose, publishConnection } from "../transport/diagnostics.ts";
import type { HandshakeSocket } from "../transport/handshake_socket.ts";
import { AcceptedHandshake } from "./accepted_handshake.ts";
import type { OpenConnections } from "./open_connections.ts";
import type { ResolvedUpgradeOptions, UpgradeAnswer } from "./options.ts";
import { recordHandshake } from "./record.ts";

/** Makes the connections of one server. */
export class HandshakeAcceptor {
  readonly #options: ResolvedUpgradeOptions;
  readonly #handler: Handler;
  readonly #context: ConnectionContext;
  readonly #sockets: OpenConnections;
  readonly #closed: ClosedCallback;

  /**
   * @param handler Runs on a connection that is given no other.
   * @param sockets Holds the connections as long as they are open.
   * @param onClosed Called when one is over.
   */
  constructor(
    options: ResolvedUpgradeOptions,
    handler: Handler,
    counters: Counters,
    sockets: OpenConnections,
    onClosed: () => void,
  ) {
    this.#options = options;
    this.#handler = handler;
    this.#context = createContext("server", options.connection, counters);
    this.#sockets = sockets;
    // One for all connections.
    this.#closed = (connection, result) => {
      leaveTopics(connection);
      sockets.delete(connection);
      counters.closes.add(result.closeCode);
      publishClose(connection, result);
      onClosed();
    };
  }

  /**
   * Accepts a handshake, unless the client has left.
   *
   * @param offer What the request asks for.
   * @param answer What the `upgrade` hook wants of the connection.
   * @throws {TypeError | RangeError | HandshakeError} For an answer that can't be
   * right; nothing is written then.
   */
  accept(
    request: HandshakeRequest,
    socket: HandshakeSocket,
    offer: HandshakeOffer,
    answer: UpgradeAnswer,
  ): void {
    const { topics, onError } = this.#options;
    const { counters } = this.#context;
    const { handler = this.#handler } = answer;
    if (handler !== this.#handler) checkHandler(handler);
    const protocol = this.#protocolFor(offer, answer);
    const deflateOptions = answer.deflate === undefined
      ? this.#options.deflate
      : resolveDeflateOptions(answer.deflate);
    const agreement = deflateOptions &&
      answerOffers(offer.extensions, deflateOptions);
    const extensions = agreement ? formatExtensions([agreement.response]) : "";
    const head = acceptingHead(offer, protocol, extensions, answer.headers);
    if (socket.gone) {
      recordHandshake(counters, request, socket, null);
      return;
    }
    const { secure } = socket;
    const { transport, early } = socket.accept(head);
    const session = new Session(
      transport,
      this.#context,
      agreement &&
        createDeflateStages(agreement, "server", deflateOptions!, counters),
    );
    const accepted = new AcceptedHandshake(
      request,
      secure,
      protocol,
      extensions,
      topics,
    );
    const connection = new WebSocketConnection(session, accepted, answer.data);
    this.#sockets.add(connection);
    const runner = new HandlerRunner(
      connection,
      session,
      handler,
      onError,
      this.#closed,
    );
    recordHandshake(counters, request, socket, 101, "", connection);
    publishConnection(connection);
    runner.start(early);
  }

  #protocolFor(offer: HandshakeOffer, { protocol }: UpgradeAnswer): string {
    if (protocol === undefined) {
      return selectProtocol(offer.protocols, this.#options.protocols);
    }
    checkSelectedProtocol(protocol, offer.protocols);
    return protocol;
  }
}

function acceptingHead(
  offer: HandshakeOffer,
  protocol: string,
  extensions: string,
  headers: UpgradeAnswer["headers"],
): string {
  let head = `${beginning}${acceptValue(offer.key, sha1)}\r\n`;
  if (protocol !== "") {
    head += formatHeaders([["Sec-WebSocket-Protocol", protocol]]);
  }
  if (extensions !== "") {
    head += formatHeaders([["Sec-WebSocket-Extensions", extensions]]);
  }
  if (headers !== undefined) {
    const own = new Headers(headers);
    checkResponseHeaders(own);
    head += formatHeaders(own);
  }
  return head + "\r\n";
}

/** The head of every accepting response, up to the value that accepts the key. */
const beginning = formatStatusLine(101) +
  formatHeaders([["Upgrade", "websocket"], ["Connection", "Upgrade"]]) +
  "Sec-WebSocket-Accept: ";

function sha1(text: string): string {
  return createHash("sha1").update(text).digest("base64");
}
