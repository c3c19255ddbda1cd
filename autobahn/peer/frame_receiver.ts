/** Octets that come in: frames that are judged and recorded, and what they carry. */
import type { MessageCompression } from "./compression.ts";
import { type FrameHeader, FrameReader } from "./frame_reader.ts";
import { violationsOf } from "./frame_rules.ts";
import { type MessageListener, MessageReceiver } from "./message_receiver.ts";
import { concatenate } from "./octets.ts";
import type { TrafficCounter } from "./traffic_statistics.ts";
import type { WireLog } from "./wire_log.ts";

/** Who is told of what comes in. */
export interface FrameListener extends MessageListener {
  /** Whether there is an interest in more frames. */
  isListening(): boolean;
  /** A frame breaks a rule; called for each that it breaks. */
  violation(reason: string): void;
  /** A control frame is complete. */
  controlFrame(opcode: number, payload: Uint8Array): void;
}

/** What a receiver works with. */
export interface FrameReceiverParts {
  /** Whether this end is the server. */
  isServer: boolean;
  wireLog: WireLog;
  traffic: TrafficCounter;
}

/** Reads the frames of one connection. */
export class FrameReceiver {
  #listener: FrameListener;
  #isServer: boolean;
  #wireLog: WireLog;
  #reader = new FrameReader();
  #messages: MessageReceiver;
  #isCompressed = false;
  #framePieces: Uint8Array[] = [];
  #waitsForMessage = false;
  #whenReady: (() => void) | null = null;

  constructor(
    listener: FrameListener,
    { isServer, wireLog, traffic }: FrameReceiverParts,
  ) {
    this.#listener = listener;
    this.#isServer = isServer;
    this.#wireLog = wireLog;
    this.#messages = new MessageReceiver(listener, traffic);
  }

  /** Uses `compression` for messages that come with RSV1 set. */
  use(compression: MessageCompression): void {
    this.#isCompressed = true;
    this.#messages.use(compression);
  }

  /** Keeps octets for the next `read()`. */
  push(octets: Uint8Array): void {
    this.#reader.push(octets);
  }

  /** Reads all frames that are there. */
  read(): void {
    let insidePayload = false;
    // A frame whose payload made the peer drop TCP is still logged.
    while (
      !this.#waitsForMessage && (this.#listener.isListening() || insidePayload)
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

  /** Calls back when no message is being decompressed: now, or later. */
  whenReady(callback: () => void): void {
    if (this.#waitsForMessage) {
      this.#whenReady = callback;
    } else {
      callback();
    }
  }

  #frameBegins(header: FrameHeader): void {
    const violations = violationsOf(header, {
      isServer: this.#isServer,
      insideMessage: this.#messages.insideMessage,
      compression: this.#isCompressed,
    });
    for (const violation of violations) {
      this.#listener.violation(violation);
    }
    this.#framePieces = [];
    if (header.opcode <= 7) {
      this.#messages.frameBegins(header);
    }
  }

  #framePayload(header: FrameHeader, octets: Uint8Array): void {
    if (header.opcode > 7 || this.#wireLog.enabled) {
      this.#framePieces.push(octets);
    }
    if (header.opcode <= 7) {
      this.#messages.framePayload(octets);
    }
  }

  #frameEnds(header: FrameHeader): void {
    const pieces = this.#framePieces;
    this.#wireLog.frameReceived(header, () => concatenate(pieces));
    if (header.opcode > 7) {
      this.#listener.controlFrame(header.opcode, concatenate(pieces));
      return;
    }
    const pending = this.#messages.frameEnds(header);
    if (pending) {
      this.#waitsForMessage = true;
      pending.then(() => {
        this.#waitsForMessage = false;
        this.read();
        if (!this.#waitsForMessage) {
          this.#whenReady?.();
        }
      });
    }
  }
}
