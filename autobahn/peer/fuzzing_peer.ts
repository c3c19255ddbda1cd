/**
 * The fuzzing peer: one end of a WebSocket that can send whatever a case wants
 * it to, correct or not, and that records all that happens. It is a client
 * when servers are tested and a server when clients are.
 */
import { randomBytes } from "node:crypto";
import type { Socket } from "node:net";
import type {
  ClosingRecord,
  TrafficStatistics,
  WireLogEntry,
} from "../case_result.ts";
import type {
  CompressionAnswer,
  CompressionOffer,
  MessageCompression,
} from "./compression.ts";
import { isCloseCodeAllowed, violationsOf } from "./frame_rules.ts";
import { type FrameHeader, FrameReader } from "./frame_reader.ts";
import { mask, writeFrame, writeFrameHeader } from "./frame_writer.ts";
import { MessageReceiver } from "./message_receiver.ts";
import { concatenate, octetsOf, repeat } from "./octets.ts";
import {
  checkRequest,
  checkResponse,
  createKey,
  HandshakeError,
  type HandshakeRequest,
  parseHead,
  type RequestParameters,
  writeRefusal,
  writeRequest,
  writeResponse,
} from "./opening_handshake.ts";
import { SendQueue } from "./send_queue.ts";
import { TrafficCounter } from "./traffic_statistics.ts";
import { WireLog } from "./wire_log.ts";

const textDecoder = new TextDecoder("utf-8", { ignoreBOM: true });
const strictTextDecoder = new TextDecoder("utf-8", {
  fatal: true,
  ignoreBOM: true,
});

/** Where a connection is in its life. */
export type PeerState = "connecting" | "open" | "closing" | "closed";

/** What the peer tells of its connection. */
export interface PeerHandler {
  /** The opening handshake is done. */
  opened(peer: FuzzingPeer): void;
  /** A message has come. Not called after the peer failed the connection. */
  message(peer: FuzzingPeer, payload: Uint8Array, isBinary: boolean): void;
  /** A pong has come. Pings are answered by the peer itself. */
  pong(peer: FuzzingPeer, payload: Uint8Array): void;
  /** The connection is gone. Called once, also if it never was open. */
  lost(peer: FuzzingPeer): void;
}

/** How long the peer waits, in milliseconds. */
export interface PeerTimeouts {
  /** For the opening handshake. 5000 by default. */
  openingHandshake: number;
  /** For the answer to its close frame. 1000 by default. */
  closingHandshake: number;
  /** As a client, for the server to drop TCP after both close frames. 1000. */
  serverDrop: number;
  /**
   * As a client, for a server that sent its close frame first to drop TCP.
   * 10000 by default: most cases end the wait before that.
   */
  serverDropAfterReply: number;
}

/** A peer that opens the connection. */
export interface ClientRole {
  role: "client";
  /** What to ask for. */
  request: Omit<RequestParameters, "key" | "extensions">;
  /** What compression to offer; none by default. */
  compression?: CompressionOffer | null;
  /** Who is told what happens. */
  handler: PeerHandler;
}

/** How a server answers a request that it accepts. */
export interface Acceptance {
  /** Who is told what happens. */
  handler: PeerHandler;
  /** The subprotocol to use, one of those offered. */
  protocol?: string | null;
  /** What compression to agree on; none by default. */
  compression?: CompressionAnswer | null;
}

/** A peer that waits for the client to open the connection. */
export interface ServerRole {
  role: "server";
  /** The `Server` field of the response. */
  server: string;
  /**
   * Decides on a request that is well formed.
   *
   * @throws {HandshakeError} To refuse it.
   */
  accept(request: HandshakeRequest): Acceptance;
}

/** What to send in a frame, and how. */
export interface FrameToSend {
  /** 0 to 15. */
  opcode: number;
  /** The payload. Nothing by default. */
  payload?: Uint8Array;
  /** Whether it is the last frame of its message. True by default. */
  fin?: boolean;
  /** RSV1, RSV2 and RSV3 as a number: 4, 2 and 1. 0 by default. */
  rsv?: number;
  /** Repeats the payload up to this length in octets. */
  repeatLength?: number;
  /** Sends the frame in runs of so many octets. */
  chopSize?: number;
  /** Sends the frame in a turn of its own. */
  sync?: boolean;
}

/** How to send a message. */
export interface MessageOptions {
  /** Whether it is binary; text by default. */
  isBinary?: boolean;
  /**
   * Octets of payload in a frame. By default the peer's `autoFragmentSize`.
   */
  fragmentSize?: number;
}

/** One end of a connection that is tested. */
export class FuzzingPeer {
  /** Whether it is the server. */
  readonly isServer: boolean;
  /** What went over the wire. */
  readonly wireLog: WireLog = new WireLog();
  /** How the connection ended, or what is known of that so far. */
  readonly closing: ClosingRecord = {
    closedByMe: false,
    failedByMe: false,
    droppedByMe: false,
    wasClean: false,
    wasNotCleanReason: null,
    wasServerConnectionDropTimeout: false,
    wasOpenHandshakeTimeout: false,
    wasCloseHandshakeTimeout: false,
    localCloseCode: null,
    localCloseReason: null,
    remoteCloseCode: null,
    remoteCloseReason: null,
  };
  /** Octets of payload in a frame of a message; 0 for one frame a message. */
  autoFragmentSize = 0;
  /** The request's head; empty before there is one. */
  httpRequest = "";
  /** The response's head; empty before there is one. */
  httpResponse = "";
  /** The response's or request's fields by lower-case name. */
  fields: ReadonlyMap<string, string> = new Map();

  #socket: Socket;
  #options: ClientRole | ServerRole;
  #handler: PeerHandler | null = null;
  #timeouts: PeerTimeouts;
  #timers = new Set<ReturnType<typeof setTimeout>>();
  #closingTimer: ReturnType<typeof setTimeout> | undefined;
  #state: PeerState = "connecting";
  #wasOpen = false;
  #isLost = false;
  #key = createKey();
  #head: Uint8Array[] = [];
  #sendQueue: SendQueue;
  #traffic = new TrafficCounter();
  #compression: MessageCompression | null = null;
  #reader = new FrameReader();
  #receiver: MessageReceiver;
  #framePieces: Uint8Array[] = [];
  #waitsForMessage = false;
  #endWhenReady = false;
  #streamedMessage: {
    opcode: number;
    maskingKey: Uint8Array | null;
    position: number;
  } | null = null;

  /**
   * Takes over a connected socket. A client sends its request at once.
   *
   * @param socket Nothing may have been read off it.
   */
  constructor(
    socket: Socket,
    options: ClientRole | ServerRole,
    timeouts: Partial<PeerTimeouts> = {},
  ) {
    this.#socket = socket;
    this.#options = options;
    this.isServer = options.role === "server";
    this.#timeouts = {
      openingHandshake: 5000,
      closingHandshake: 1000,
      serverDrop: 1000,
      serverDropAfterReply: 10_000,
      ...timeouts,
    };
    this.#sendQueue = new SendQueue(
      (octets) => this.#socket.write(octets),
      (octets, sync) => this.#octetsSent(octets, sync),
    );
    this.#receiver = new MessageReceiver({
      message: (payload, isBinary) => {
        if (!this.closing.failedByMe) {
          this.#handler?.message(this, payload, isBinary);
        }
      },
      invalidPayload: (reason) => this.failConnection(1007, reason),
      // Like the reference, which ends without a word then.
      undecompressible: (reason) => {
        this.closing.wasNotCleanReason = reason;
        this.#lose();
      },
    }, this.#traffic);
    socket.setNoDelay(true);
    socket.on("data", (octets: Uint8Array) => this.#octetsReceived(octets));
    socket.on("end", () => this.#ended());
    socket.on("error", () => this.#ended());
    socket.on("close", () => this.#ended());
    this.#later(
      this.#timeouts.openingHandshake,
      () => this.#openingTimedOut(),
    );
    if (options.role === "client") {
      this.#handler = options.handler;
      this.#request(options);
    }
  }

  /** Where the connection is in its life. */
  get state(): PeerState {
    return this.#state;
  }

  /** Whether the opening handshake was completed. */
  get wasOpen(): boolean {
    return this.#wasOpen;
  }

  /** Whether permessage-deflate was agreed on. */
  get isCompressed(): boolean {
    return this.#compression !== null;
  }

  /** What compression has done so far. */
  get trafficStatistics(): TrafficStatistics {
    return this.#traffic.snapshot();
  }

  /** Sends a frame of any kind, in any state but that TCP is gone. */
  sendFrame(frame: FrameToSend): void {
    const payload = frame.payload ?? new Uint8Array(0);
    const { opcode, fin = true, rsv = 0 } = frame;
    const maskingKey = this.#maskingKey();
    if (opcode <= 2) {
      this.#traffic.outgoingWebSocketFrames++;
    }
    this.wireLog.frameSent({
      opcode,
      fin,
      rsv,
      maskingKey,
      payload,
      repeatLength: frame.repeatLength ?? null,
      chopSize: frame.chopSize ?? null,
      sync: frame.sync ?? false,
    });
    const octets = writeFrame({
      opcode,
      fin,
      rsv,
      maskingKey,
      payload: frame.repeatLength === undefined
        ? payload
        : repeat(payload, frame.repeatLength),
    });
    this.#sendQueue.send(octets, frame.sync, frame.chopSize);
  }

  /**
   * Sends a message if the connection is open. With compression agreed on it
   * is compressed, and may go out later.
   */
  sendMessage(payload: Uint8Array, options: MessageOptions = {}): void {
    if (this.#state !== "open") {
      return;
    }
    const size = options.fragmentSize ?? this.autoFragmentSize;
    const opcode = options.isBinary ? 2 : 1;
    this.#traffic.outgoingWebSocketMessages++;
    this.#traffic.outgoingOctetsAppLevel += payload.length;
    if (this.#compression === null) {
      this.#sendFragments(payload, opcode, 0, size);
      return;
    }
    const compressed = this.#compression.compress(payload);
    if (compressed instanceof Uint8Array) {
      this.#sendFragments(compressed, opcode, 4, size);
      return;
    }
    compressed.then(
      (compressed) => {
        if (this.#state === "open") {
          this.#sendFragments(compressed, opcode, 4, size);
        }
      },
      (error) =>
        this.abandon(`the message could not be compressed: ${String(error)}`),
    );
  }

  /** Begins a message of one frame whose payload comes piece by piece. */
  beginMessage(length: number, isBinary = false): void {
    if (this.#state !== "open") {
      return;
    }
    this.#traffic.outgoingWebSocketMessages++;
    this.#traffic.outgoingWebSocketFrames++;
    const maskingKey = this.#maskingKey();
    const opcode = isBinary ? 2 : 1;
    this.#streamedMessage = { opcode, maskingKey, position: 0 };
    this.#sendQueue.send(
      writeFrameHeader({ opcode, fin: false, maskingKey }, length),
    );
  }

  /** Sends a piece of that payload. */
  sendMessageData(payload: Uint8Array): void {
    const message = this.#streamedMessage;
    if (this.#state !== "open" || message === null) {
      return;
    }
    this.#traffic.outgoingOctetsAppLevel += payload.length;
    this.#traffic.outgoingOctetsWebSocketLevel += payload.length;
    const octets = payload.slice();
    if (message.maskingKey !== null) {
      mask(octets, message.maskingKey, message.position);
    }
    message.position += octets.length;
    this.#sendQueue.send(octets);
  }

  /** Ends that message, with an empty continuation frame. */
  endMessage(): void {
    if (this.#state === "open") {
      this.#streamedMessage = null;
      this.sendFrame({ opcode: 0 });
    }
  }

  /**
   * Sends a close frame if the connection is open, valid or not, and waits for
   * the answer.
   *
   * @param code Goes before the reason; left out if absent.
   * @param reason Any octets.
   */
  sendClose(
    code: number | null = null,
    reason: Uint8Array | null = null,
  ): void {
    this.#sendClose(code, reason, false);
  }

  /** Fails the connection: a close frame, or if there was one, no more TCP. */
  failConnection(code = 1001, reason = "the peer goes away"): void {
    if (this.#state === "closed" || this.#state === "connecting") {
      return;
    }
    this.closing.failedByMe = true;
    if (this.#state === "closing") {
      this.#drop(false);
    } else {
      this.#sendClose(code, octetsOf(reason).subarray(0, 123), false);
    }
  }

  /**
   * Drops TCP, because the case takes too long.
   *
   * @param reason What is reported.
   */
  abandon(reason: string): void {
    if (this.#state !== "closed") {
      this.closing.wasClean = false;
      this.closing.wasNotCleanReason = reason;
      this.#drop(true);
    }
  }

  /** Does `action` after a delay, unless the connection is gone by then. */
  continueLater(
    seconds: number,
    action: () => void,
    tag: string | null = null,
  ): void {
    this.#afterDelay(seconds, ["CT", seconds, tag], ["CTE", tag], action);
  }

  /** Fails the connection after a delay, unless it is gone by then. */
  killAfter(seconds: number): void {
    this.#afterDelay(
      seconds,
      ["KL", seconds],
      ["KLE"],
      () => this.failConnection(),
    );
  }

  /** Sends an empty close frame after a delay, unless TCP is gone by then. */
  closeAfter(seconds: number): void {
    this.#afterDelay(
      seconds,
      ["TI", seconds],
      ["TIE"],
      () => this.sendClose(),
    );
  }

  /**
   * Logs a delay and then, unless the connection is gone by then, its end. It
   * begins when all that is to be sent has been sent: on a busy machine what
   * goes octet by octet takes longer than some delays, and a connection that
   * is failed before the other end has had it all shows nothing.
   */
  #afterDelay(
    seconds: number,
    begin: WireLogEntry,
    end: WireLogEntry,
    action: () => void,
  ): void {
    this.wireLog.addDelay(begin);
    this.#sendQueue.afterAll(() =>
      this.#later(seconds * 1000, () => {
        if (this.#state !== "closed") {
          this.wireLog.addDelay(end);
          action();
        }
      })
    );
  }

  #later(milliseconds: number, action: () => void): ReturnType<
    typeof setTimeout
  > {
    const timer = setTimeout(() => {
      this.#timers.delete(timer);
      action();
    }, milliseconds);
    this.#timers.add(timer);
    return timer;
  }

  #maskingKey(): Uint8Array | null {
    return this.isServer ? null : randomBytes(4);
  }

  #octetsSent(octets: Uint8Array, sync: boolean): void {
    if (this.#state === "open") {
      this.#traffic.outgoingOctetsWireLevel += octets.length;
    } else if (this.#state === "connecting") {
      this.#traffic.preopenOutgoingOctetsWireLevel += octets.length;
    }
    this.wireLog.octetsSent(octets, sync);
  }

  #sendFragments(
    payload: Uint8Array,
    opcode: number,
    rsv: number,
    size: number,
  ): void {
    this.#traffic.outgoingOctetsWebSocketLevel += payload.length;
    if (size === 0 || payload.length <= size) {
      this.sendFrame({ opcode, payload, rsv });
      return;
    }
    // A payload that is a multiple of the size ends in an empty frame.
    for (let start = 0; start <= payload.length; start += size) {
      const first = start === 0;
      this.sendFrame({
        opcode: first ? opcode : 0,
        payload: payload.subarray(start, start + size),
        fin: start + size > payload.length,
        rsv: first ? rsv : 0,
      });
    }
  }

  #sendClose(
    code: number | null,
    reason: Uint8Array | null,
    isReply: boolean,
  ): void {
    if (this.#state !== "open") {
      return;
    }
    this.sendFrame({
      opcode: 8,
      payload: concatenate([
        code === null
          ? new Uint8Array(0)
          : new Uint8Array([code >> 8, code & 0xff]),
        reason ?? new Uint8Array(0),
      ]),
    });
    this.#state = "closing";
    this.closing.closedByMe = !isReply;
    this.closing.localCloseCode = code;
    this.closing.localCloseReason = reason === null
      ? null
      : textDecoder.decode(reason);
    if (!isReply) {
      this.#closingTimer = this.#later(this.#timeouts.closingHandshake, () => {
        if (this.#state !== "closed") {
          this.closing.wasCloseHandshakeTimeout = true;
          this.abandon("the peer did not answer the close frame in time");
        }
      });
    }
  }

  #drop(abort: boolean): void {
    if (this.#state === "closed") {
      return;
    }
    this.closing.droppedByMe = true;
    this.#state = "closed";
    this.#sendQueue.close();
    if (abort) {
      this.#socket.destroy();
    } else {
      // A peer that reads nothing must not keep the case from ending.
      this.#later(5000, () => this.#socket.destroy());
      this.#socket.end(() => this.#socket.destroy());
    }
  }

  #ended(): void {
    if (this.#waitsForMessage) {
      this.#endWhenReady = true;
    } else {
      this.#lose();
    }
  }

  #lose(): void {
    if (this.#isLost) {
      return;
    }
    this.#isLost = true;
    this.#state = "closed";
    for (const timer of this.#timers) {
      clearTimeout(timer);
    }
    this.#sendQueue.close();
    this.#socket.destroy();
    const closing = this.closing;
    if (
      !closing.wasClean && !closing.droppedByMe &&
      closing.wasNotCleanReason === null
    ) {
      closing.wasNotCleanReason =
        "the peer dropped TCP without a closing handshake before";
    }
    this.#compression?.close?.();
    this.#handler?.lost(this);
  }

  #octetsReceived(octets: Uint8Array): void {
    if (this.#state === "closed") {
      return;
    }
    if (this.#state === "open") {
      this.#traffic.incomingOctetsWireLevel += octets.length;
    } else if (this.#state === "connecting") {
      this.#traffic.preopenIncomingOctetsWireLevel += octets.length;
    }
    this.wireLog.octetsReceived(octets);
    if (this.#state === "connecting") {
      this.#readHead(octets);
    } else {
      this.#reader.push(octets);
      this.#readFrames();
    }
  }

  // Opening handshake

  #request(options: ClientRole): void {
    this.httpRequest = writeRequest({
      ...options.request,
      key: this.#key,
      extensions: options.compression?.extensions ?? null,
    });
    this.#sendQueue.send(octetsOf(this.httpRequest));
  }

  #readHead(octets: Uint8Array): void {
    this.#head.push(octets);
    const whole = concatenate(this.#head);
    this.#head = [whole];
    // Latin-1, so that a character is an octet.
    const text = Array.from(
      whole.subarray(0, 65_536),
      (octet) => String.fromCharCode(octet),
    ).join("");
    const end = text.indexOf("\r\n\r\n");
    if (end < 0) {
      return;
    }
    this.#head = [];
    this.#reader.push(whole.subarray(end + 4));
    try {
      if (this.#options.role === "client") {
        this.#readResponse(text.slice(0, end + 4), this.#options);
      } else {
        this.#readRequest(text.slice(0, end + 4), this.#options);
      }
    } catch (error) {
      this.#refuse(error);
      return;
    }
    this.#wasOpen = true;
    this.#handler?.opened(this);
    this.#readFrames();
  }

  #readResponse(text: string, options: ClientRole): void {
    this.httpResponse = text;
    const head = parseHead(text);
    this.fields = head.fields;
    checkResponse(head, {
      key: this.#key,
      protocols: options.request.protocols,
    });
    const extensions = head.fields.get("sec-websocket-extensions");
    if (extensions !== undefined) {
      if (!options.compression) {
        throw new HandshakeError(
          `the server uses an extension that was not offered: "${extensions}"`,
        );
      }
      this.#compressWith(options.compression.accept(extensions));
    }
    this.#state = "open";
  }

  #readRequest(text: string, options: ServerRole): void {
    this.httpRequest = text;
    const head = parseHead(text);
    this.fields = head.fields;
    const request = checkRequest(head);
    const acceptance = options.accept(request);
    this.#handler = acceptance.handler;
    const answer = request.extensions === null
      ? null
      : acceptance.compression?.answer(request.extensions) ?? null;
    this.httpResponse = writeResponse({
      key: request.key,
      server: options.server,
      protocol: acceptance.protocol ?? null,
      extensions: answer?.extensions ?? null,
    });
    this.#sendQueue.send(octetsOf(this.httpResponse));
    if (answer !== null) {
      this.#compressWith(answer.compression);
    }
    this.#state = "open";
  }

  #compressWith(compression: MessageCompression): void {
    this.#compression = compression;
    this.#receiver.use(compression);
  }

  #refuse(error: unknown): void {
    const reason = error instanceof Error ? error.message : String(error);
    this.closing.wasNotCleanReason = reason;
    if (this.isServer) {
      const status = error instanceof HandshakeError ? error.status : 500;
      this.httpResponse = writeRefusal(status, reason);
      this.#sendQueue.send(octetsOf(this.httpResponse));
    }
    this.#drop(!this.isServer);
  }

  #openingTimedOut(): void {
    if (this.#state === "connecting") {
      this.closing.wasOpenHandshakeTimeout = true;
      this.abandon("the peer did not finish the opening handshake in time");
    }
  }

  // Frames

  #readFrames(): void {
    let insidePayload = false;
    // A frame whose payload made the peer drop TCP is still logged.
    while (
      !this.#waitsForMessage &&
      (this.#state === "open" || this.#state === "closing" || insidePayload)
    ) {
      const event = this.#reader.next();
      if (event === null) {
        return;
      }
      insidePayload = event.type === "payload";
      if (event.type === "header") {
        this.#frameBegins(event.header);
      } else if (event.type === "payload") {
        this.#framePayload(event.header, event.octets);
      } else {
        this.#frameEnds(event.header);
      }
    }
  }

  #frameBegins(header: FrameHeader): void {
    const violations = violationsOf(header, {
      isServer: this.isServer,
      insideMessage: this.#receiver.insideMessage,
      compression: this.#compression !== null,
    });
    for (const violation of violations) {
      this.failConnection(1002, violation);
    }
    this.#framePieces = [];
    if (header.opcode <= 7) {
      this.#receiver.frameBegins(header);
    }
  }

  #framePayload(header: FrameHeader, octets: Uint8Array): void {
    if (header.opcode > 7 || this.wireLog.enabled) {
      this.#framePieces.push(octets);
    }
    if (header.opcode <= 7) {
      this.#receiver.framePayload(octets);
    }
  }

  #frameEnds(header: FrameHeader): void {
    const pieces = this.#framePieces;
    this.wireLog.frameReceived(header, () => concatenate(pieces));
    if (header.opcode > 7) {
      this.#controlFrame(header.opcode, concatenate(pieces));
      return;
    }
    const pending = this.#receiver.frameEnds(header);
    if (pending) {
      this.#waitsForMessage = true;
      pending.then(() => {
        this.#waitsForMessage = false;
        this.#readFrames();
        if (this.#endWhenReady && !this.#waitsForMessage) {
          this.#lose();
        }
      });
    }
  }

  #controlFrame(opcode: number, payload: Uint8Array): void {
    if (opcode === 8) {
      this.#closeReceived(payload);
    } else if (opcode === 9 && this.#state === "open") {
      this.sendFrame({ opcode: 10, payload });
    } else if (opcode === 10) {
      this.#handler?.pong(this, payload);
    }
  }

  #closeReceived(payload: Uint8Array): void {
    const closing = this.closing;
    const code = payload.length >= 2 ? (payload[0] << 8) | payload[1] : null;
    closing.remoteCloseCode = code;
    if (code !== null && !isCloseCodeAllowed(code)) {
      this.failConnection(1002, `the close code ${code} is not allowed`);
    }
    closing.remoteCloseReason = null;
    if (payload.length > 2) {
      const reason = payload.subarray(2);
      try {
        closing.remoteCloseReason = strictTextDecoder.decode(reason);
      } catch {
        closing.remoteCloseReason = textDecoder.decode(reason);
        this.failConnection(1007, "the close reason is not UTF-8");
      }
    }
    if (this.#state === "closing") {
      clearTimeout(this.#closingTimer);
      closing.wasClean = true;
      if (this.isServer) {
        this.#drop(true);
      } else {
        this.#waitForServerDrop(this.#timeouts.serverDrop);
      }
    } else if (this.#state === "open") {
      closing.wasClean = true;
      this.#sendClose(1000, null, true);
      if (this.isServer) {
        this.#drop(false);
      } else {
        this.#waitForServerDrop(this.#timeouts.serverDropAfterReply);
      }
    } else {
      closing.wasClean = false;
    }
  }

  #waitForServerDrop(milliseconds: number): void {
    this.#later(milliseconds, () => {
      if (this.#state !== "closed") {
        this.closing.wasServerConnectionDropTimeout = true;
        this.abandon("the server did not drop TCP in time");
      }
    });
  }
}
