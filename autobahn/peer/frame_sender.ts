/** Frames and messages on their way out, correct or not, as a case wants them. */
import { randomBytes } from "node:crypto";
import { mask, writeFrame, writeFrameHeader } from "./frame_writer.ts";
import { repeat } from "./octets.ts";
import type { SendQueue } from "./send_queue.ts";
import type { TrafficCounter } from "./traffic_statistics.ts";
import type { WireLog } from "./wire_log.ts";

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

/** What a sender works with. */
export interface FrameSenderParts {
  /** Whether this end is the server, which does not mask. */
  isServer: boolean;
  queue: SendQueue;
  wireLog: WireLog;
  traffic: TrafficCounter;
}

/** Writes the frames of one connection, and records them. */
export class FrameSender {
  #parts: FrameSenderParts;
  /** The message whose payload comes piece by piece. */
  #streamed: { maskingKey: Uint8Array | null; position: number } | null = null;

  constructor(parts: FrameSenderParts) {
    this.#parts = parts;
  }

  /** Sends a frame of any kind. */
  send(frame: FrameToSend): void {
    const { queue, traffic, wireLog } = this.#parts;
    const payload = frame.payload ?? new Uint8Array(0);
    const { opcode, fin = true, rsv = 0 } = frame;
    const maskingKey = this.#maskingKey();
    if (opcode <= 2) {
      traffic.outgoingWebSocketFrames++;
    }
    wireLog.frameSent({
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
    queue.send(octets, frame.sync, frame.chopSize);
  }

  /**
   * Sends a message.
   *
   * @param payload Compressed, if it is to be.
   * @param opcode 1 or 2.
   * @param rsv What its first frame has.
   * @param size Octets of payload in a frame; 0 for one frame.
   */
  sendMessage(
    payload: Uint8Array,
    opcode: number,
    rsv: number,
    size: number,
  ): void {
    this.#parts.traffic.outgoingOctetsWebSocketLevel += payload.length;
    if (size === 0 || payload.length <= size) {
      this.send({ opcode, payload, rsv });
      return;
    }
    // A payload that is a multiple of the size ends in an empty frame.
    for (let start = 0; start <= payload.length; start += size) {
      const first = start === 0;
      this.send({
        opcode: first ? opcode : 0,
        payload: payload.subarray(start, start + size),
        fin: start + size > payload.length,
        rsv: first ? rsv : 0,
      });
    }
  }

  /** Begins a message of one frame whose payload comes piece by piece. */
  beginMessage(length: number, opcode: number): void {
    const { queue, traffic } = this.#parts;
    traffic.outgoingWebSocketMessages++;
    traffic.outgoingWebSocketFrames++;
    const maskingKey = this.#maskingKey();
    this.#streamed = { maskingKey, position: 0 };
    queue.send(writeFrameHeader({ opcode, fin: false, maskingKey }, length));
  }

  /** Sends a piece of that payload. */
  sendMessageData(payload: Uint8Array): void {
    const message = this.#streamed;
    if (message === null) {
      return;
    }
    const { queue, traffic } = this.#parts;
    traffic.outgoingOctetsAppLevel += payload.length;
    traffic.outgoingOctetsWebSocketLevel += payload.length;
    const octets = payload.slice();
    if (message.maskingKey !== null) {
      mask(octets, message.maskingKey, message.position);
    }
    message.position += octets.length;
    queue.send(octets);
  }

  /** Ends that message, with an empty continuation frame. */
  endMessage(): void {
    this.#streamed = null;
    this.send({ opcode: 0 });
  }

  #maskingKey(): Uint8Array | null {
    return this.#parts.isServer ? null : randomBytes(4);
  }
}
