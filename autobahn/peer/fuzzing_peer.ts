/**
 * The fuzzing peer: one end of a WebSocket that can send whatever a case wants
 * it to, correct or not, and that records all that happens. It is a client
 * when servers are tested and a server when clients are.
 */
import type { Socket } from "node:net";
import type {
  ClosingRecord,
  TrafficStatistics,
  WireLogEntry,
} from "../case_result.ts";
import type { MessageCompression } from "./compression.ts";
import { FrameReceiver } from "./frame_receiver.ts";
import { isCloseCodeAllowed } from "./frame_rules.ts";
import { FrameSender, type FrameToSend } from "./frame_sender.ts";
import {
  type Agreement,
  type ClientHandshake,
  HandshakeExchange,
  type HandshakeResult,
  type ServerHandshake,
} from "./handshake_exchange.ts";
import { concatenate, octetsOf } from "./octets.ts";
import type { HandshakeRequest } from "./opening_handshake.ts";
import {
  defaultTimeouts,
  type PeerTimeouts,
  PeerTimers,
} from "./peer_timers.ts";
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

/** A peer that opens the connection. */
export interface ClientRole extends ClientHandshake {
  /** Who is told what happens. */
  handler: PeerHandler;
}

/** How a server answers a request that it accepts. */
export interface Acceptance extends Agreement {
  /** Who is told what happens. */
  handler: PeerHandler;
}

/** A peer that waits for the client to open the connection. */
export interface ServerRole extends ServerHandshake {
  /** See {@linkcode ServerHandshake}. */
  accept(request: HandshakeRequest): Acceptance;
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

  #socket: Socket;
  #handler: PeerHandler | null = null;
  #timeouts: PeerTimeouts;
  #timers = new PeerTimers();
  #stopClosingTimer: (() => void) | null = null;
  #state: PeerState = "connecting";
  #wasOpen = false;
  #isLost = false;
  #handshake: HandshakeExchange;
  #sendQueue: SendQueue;
  #sender: FrameSender;
  #receiver: FrameReceiver;
  #traffic = new TrafficCounter();
  #compression: MessageCompression | null = null;

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
    this.isServer = options.role === "server";
    this.#timeouts = { ...defaultTimeouts, ...timeouts };
    this.#sendQueue = new SendQueue(
      (octets) => this.#socket.write(octets),
      (octets, sync) => this.#octetsSent(octets, sync),
    );
    const { isServer, wireLog } = this;
    const parts = { isServer, wireLog, traffic: this.#traffic };
    this.#sender = new FrameSender({ ...parts, queue: this.#sendQueue });
    this.#receiver = this.#makeReceiver(parts);
    this.#handshake = this.#makeHandshake(options);
    socket.setNoDelay(true);
    socket.on("data", (octets: Uint8Array) => this.#octetsReceived(octets));
    const ended = (): void => this.#receiver.whenReady(() => this.#lose());
    socket.on("end", ended);
    socket.on("error", ended);
    socket.on("close", ended);
    this.#timers.start(
      this.#timeouts.openingHandshake,
      () => this.#openingTimedOut(),
    );
    this.#handshake.begin();
  }

  /** The request's head; empty before there is one. */
  get httpRequest(): string {
    return this.#handshake.httpRequest;
  }

  /** The response's head; empty before there is one. */
  get httpResponse(): string {
    return this.#handshake.httpResponse;
  }

  /** The response's or request's fields by lower-case name. */
  get fields(): ReadonlyMap<string, string> {
    return this.#handshake.fields;
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
    this.#sender.send(frame);
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
      this.#sender.sendMessage(payload, opcode, 0, size);
      return;
    }
    const compressed = this.#compression.compress(payload);
    if (compressed instanceof Uint8Array) {
      this.#sender.sendMessage(compressed, opcode, 4, size);
      return;
    }
    compressed.then(
      (compressed) => {
        if (this.#state === "open") {
          this.#sender.sendMessage(compressed, opcode, 4, size);
        }
      },
      (error) =>
        this.abandon(`the message could not be compressed: ${String(error)}`),
    );
  }

  /** Begins a message of one frame whose payload comes piece by piece. */
  beginMessage(length: number, isBinary = false): void {
    if (this.#state === "open") {
      this.#sender.beginMessage(length, isBinary ? 2 : 1);
    }
  }

  /** Sends a piece of that payload. */
  sendMessageData(payload: Uint8Array): void {
    if (this.#state === "open") {
      this.#sender.sendMessageData(payload);
    }
  }

  /** Ends that message, with an empty continuation frame. */
  endMessage(): void {
    if (this.#state === "open") {
      this.#sender.endMessage();
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
      this.#timers.start(seconds * 1000, () => {
        if (this.#state !== "closed") {
          this.wireLog.addDelay(end);
          action();
        }
      })
    );
  }

  #makeReceiver(
    parts: { isServer: boolean; wireLog: WireLog; traffic: TrafficCounter },
  ): FrameReceiver {
    return new FrameReceiver({
      isListening: () => this.#state === "open" || this.#state === "closing",
      violation: (reason) => this.failConnection(1002, reason),
      controlFrame: (opcode, payload) => this.#controlFrame(opcode, payload),
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
    }, parts);
  }

  #makeHandshake(options: ClientRole | ServerRole): HandshakeExchange {
    const send = (head: string): void => this.#sendQueue.send(octetsOf(head));
    if (options.role === "client") {
      this.#handler = options.handler;
      return new HandshakeExchange(options, send);
    }
    const { role, server } = options;
    const accept = (request: HandshakeRequest): Agreement => {
      const acceptance = options.accept(request);
      this.#handler = acceptance.handler;
      return acceptance;
    };
    return new HandshakeExchange({ role, server, accept }, send);
  }

  #octetsSent(octets: Uint8Array, sync: boolean): void {
    if (this.#state === "open") {
      this.#traffic.outgoingOctetsWireLevel += octets.length;
    } else if (this.#state === "connecting") {
      this.#traffic.preopenOutgoingOctetsWireLevel += octets.length;
    }
    this.wireLog.octetsSent(octets, sync);
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
      const { closingHandshake } = this.#timeouts;
      this.#stopClosingTimer = this.#timers.start(closingHandshake, () => {
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
      this.#timers.start(5000, () => this.#socket.destroy());
      this.#socket.end(() => this.#socket.destroy());
    }
  }

  #lose(): void {
    if (this.#isLost) {
      return;
    }
    this.#isLost = true;
    this.#state = "closed";
    this.#timers.clear();
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
      this.#receiver.push(octets);
      this.#receiver.read();
    }
  }

  #readHead(octets: Uint8Array): void {
    let result: HandshakeResult | null;
    try {
      result = this.#handshake.push(octets);
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      this.closing.wasNotCleanReason = reason;
      this.#handshake.refuse(error, reason);
      this.#drop(!this.isServer);
      return;
    }
    if (result === null) {
      return;
    }
    if (result.compression !== null) {
      this.#compression = result.compression;
      this.#receiver.use(result.compression);
    }
    this.#state = "open";
    this.#wasOpen = true;
    this.#receiver.push(result.rest);
    this.#handler?.opened(this);
    this.#receiver.read();
  }

  #openingTimedOut(): void {
    if (this.#state === "connecting") {
      this.closing.wasOpenHandshakeTimeout = true;
      this.abandon("the peer did not finish the opening handshake in time");
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
      this.#stopClosingTimer?.();
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
    this.#timers.start(milliseconds, () => {
      if (this.#state !== "closed") {
        this.closing.wasServerConnectionDropTimeout = true;
        this.abandon("the server did not drop TCP in time");
      }
    });
  }
}
