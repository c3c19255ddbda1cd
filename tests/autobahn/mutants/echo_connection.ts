/**
 * A connection of a WebSocket server that sends back every message, written for
 * the tests of the fuzzing client. It is correct and strict; each mutant is a
 * subclass that gets one of its methods wrong.
 *
 * It shares no code with Weir nor with the suite.
 */

import { Buffer } from "node:buffer";
import type { Socket } from "node:net";
import type { Compression } from "./compression.ts";

/** A frame that has arrived whole. Its payload is unmasked. */
export interface Frame {
  fin: boolean;
  rsv: number;
  opcode: number;
  payload: Buffer;
}

/** What is known of a frame once its header is there. */
export interface FrameHeader extends Omit<Frame, "payload"> {
  length: number;
}

/** Why a connection is failed, with the close code that says so. */
export class Violation extends Error {
  readonly closeCode: number;

  constructor(closeCode: number, message: string) {
    super(message);
    this.closeCode = closeCode;
  }
}

const continuation = 0;
const text = 1;
const close = 8;
const ping = 9;

/** See the module. */
export class EchoConnection {
  protected readonly socket: Socket;
  protected readonly compression: Compression | null;
  /** The message that is arriving. */
  protected opcode = 0;
  protected compressed = false;
  protected fragments: Buffer[] = [];
  protected closing = false;
  #received: Buffer = Buffer.alloc(0);
  /** How far a text has been validated; a new one for each message. */
  #decoder = newDecoder();
  /** How many octets of the frame that is arriving have been validated. */
  #validated = 0;
  /** One message after the other, as compression is asynchronous. */
  #queue: Promise<void> = Promise.resolve();

  constructor(socket: Socket, compression: Compression | null) {
    this.socket = socket;
    this.compression = compression;
  }

  /** Takes octets off the wire. */
  receive(chunk: Uint8Array): void {
    this.#received = Buffer.concat([this.#received, chunk]);
    try {
      while (!this.closing || this.answersAfterClose()) {
        if (!this.#readFrame()) break;
      }
    } catch (error) {
      this.failWith(error);
    }
  }

  /** The peer has ended its half of TCP. */
  receiveEnd(): void {
    this.socket.end();
  }

  /** Whether frames behind a Close frame are handled. */
  protected answersAfterClose(): boolean {
    return false;
  }

  /** Throws if a frame with this header is not allowed here. */
  protected checkHeader(header: FrameHeader): void {
    this.checkReservedBits(header);
    this.checkOpcode(header);
    if (header.opcode >= close) this.checkControl(header);
    else this.checkOrder(header);
  }

  protected checkReservedBits({ rsv, opcode }: FrameHeader): void {
    const allowed = this.compression !== null && opcode > 0 && opcode < close
      ? 4
      : 0;
    if ((rsv & ~allowed) !== 0) throw new Violation(1002, "a reserved bit");
  }

  protected checkOpcode({ opcode }: FrameHeader): void {
    if (![0, 1, 2, 8, 9, 10].includes(opcode)) {
      throw new Violation(1002, "an unknown opcode");
    }
  }

  protected checkControl({ fin, length }: FrameHeader): void {
    if (!fin) throw new Violation(1002, "a fragmented control frame");
    if (length > 125) throw new Violation(1002, "a long control frame");
  }

  protected checkOrder({ opcode }: FrameHeader): void {
    if (opcode === continuation && this.opcode === 0) {
      throw new Violation(1002, "nothing to continue");
    }
    if (opcode !== continuation && this.opcode !== 0) {
      throw new Violation(1002, "a message within a message");
    }
  }

  /** Validates a part of a text as soon as it is there. */
  protected checkText(part: Buffer, isLast: boolean): void {
    try {
      this.#decoder.decode(part, { stream: !isLast });
    } catch {
      throw new Violation(1007, "not UTF-8");
    }
  }

  /** A frame of a known kind, in its place. */
  protected handle(frame: Frame): void {
    switch (frame.opcode) {
      case close:
        return this.handleClose(frame.payload);
      case ping:
        return this.handlePing(frame.payload);
      case 10:
        return this.handlePong(frame.payload);
      default:
        return this.handleData(frame);
    }
  }

  protected handleData({ fin, opcode, rsv, payload }: Frame): void {
    if (opcode !== continuation) {
      this.opcode = opcode;
      this.compressed = rsv === 4;
    }
    this.fragments.push(payload);
    if (!fin) return;
    const message = Buffer.concat(this.fragments);
    const [type, compressed] = [this.opcode, this.compressed];
    this.fragments = [];
    this.opcode = 0;
    this.handleMessage(type, message, compressed);
  }

  protected handleMessage(
    opcode: number,
    payload: Buffer,
    compressed: boolean,
  ): void {
    const compression = this.compression;
    if (!compressed || compression === null) {
      this.echo(opcode, payload);
      return;
    }
    this.#queue = this.#queue.then(async () => {
      const message = await compression.decompress(payload);
      if (opcode === text) newDecoder().decode(message);
      this.sendFrame(opcode, await compression.compress(message), 4);
    }).catch((error) => this.failWith(error));
  }

  protected handlePing(payload: Buffer): void {
    this.sendFrame(10, payload);
  }

  protected handlePong(_payload: Buffer): void {}

  protected handleClose(payload: Buffer): void {
    this.checkClose(payload);
    this.closing = true;
    this.answerClose(payload);
  }

  protected checkClose(payload: Buffer): void {
    if (payload.length === 0) return;
    this.checkCloseLength(payload);
    this.checkCloseCode(payload.readUInt16BE(0));
    this.checkCloseReason(payload.subarray(2));
  }

  protected checkCloseLength(payload: Buffer): void {
    if (payload.length === 1) throw new Violation(1002, "half a close code");
  }

  protected checkCloseCode(code: number): void {
    const known = code >= 1000 && code <= 1011 && code !== 1004 &&
      code !== 1005 && code !== 1006;
    if (!known && (code < 3000 || code > 4999)) {
      throw new Violation(1002, "a close code that must not be sent");
    }
  }

  protected checkCloseReason(reason: Buffer): void {
    try {
      newDecoder().decode(reason);
    } catch {
      throw new Violation(1007, "a reason that is not UTF-8");
    }
  }

  /** Sends a Close frame and ends TCP. */
  protected answerClose(payload: Buffer): void {
    this.sendFrame(close, payload.subarray(0, 2));
    this.endTcp();
  }

  /** Sends a message back. */
  protected echo(opcode: number, payload: Buffer): void {
    this.sendFrame(opcode, payload);
  }

  protected endTcp(): void {
    this.socket.end();
  }

  /** Fails the connection (RFC 6455, section 7.1.7). */
  protected failWith(error: unknown): void {
    if (this.closing) return;
    this.closing = true;
    const code = Buffer.alloc(2);
    code.writeUInt16BE(error instanceof Violation ? error.closeCode : 1007);
    this.sendFrame(close, code);
    this.endTcp();
  }

  protected sendFrame(opcode: number, payload: Buffer, rsv = 0): void {
    this.write(0x80 | rsv << 4 | opcode, this.lengthOf(payload), payload);
  }

  /** The octets of a frame's header that say how long its payload is. */
  protected lengthOf({ length }: Buffer): Buffer {
    if (length < 126) return Buffer.from([length]);
    const octets = Buffer.alloc(length < 0x10000 ? 3 : 9);
    octets[0] = length < 0x10000 ? 126 : 127;
    if (length < 0x10000) octets.writeUInt16BE(length, 1);
    else octets.writeBigUInt64BE(BigInt(length), 1);
    return octets;
  }

  protected write(first: number, length: Buffer, payload: Buffer): void {
    if (!this.socket.writable) return;
    this.socket.write(Buffer.concat([Buffer.from([first]), length, payload]));
  }

  /** Reads a frame, or what of a text is there of one. */
  #readFrame(): boolean {
    const octets = this.#received;
    if (octets.length < 2) return false;
    const short = octets[1] & 127;
    const start = 2 + (short === 126 ? 2 : short === 127 ? 8 : 0);
    if (octets.length < start + 4) return false;
    const length = short === 126
      ? octets.readUInt16BE(2)
      : short === 127
      ? Number(octets.readBigUInt64BE(2))
      : short;
    const header: FrameHeader = {
      fin: octets[0] >= 128,
      rsv: octets[0] >> 4 & 7,
      opcode: octets[0] & 15,
      length,
    };
    this.checkHeader(header);
    if (octets[1] < 128) throw new Violation(1002, "a frame without a mask");
    const mask = octets.subarray(start, start + 4);
    const arrived = octets.subarray(start + 4, start + 4 + length);
    const payload = Buffer.from(
      arrived.map((octet, at) => octet ^ mask[at % 4]),
    );
    this.#validate(header, payload);
    if (arrived.length < length) return false;
    this.#received = octets.subarray(start + 4 + length);
    this.#validated = 0;
    this.handle({ ...header, payload });
    return true;
  }

  /** Validates what is new of a text that is not compressed. */
  #validate({ opcode, rsv, fin, length }: FrameHeader, arrived: Buffer): void {
    if (opcode > 2) return;
    const isText = opcode === continuation
      ? this.opcode === text && !this.compressed
      : opcode === text && rsv !== 4;
    if (!isText) return;
    if (opcode === text && this.#validated === 0) this.#decoder = newDecoder();
    const isLast = fin && arrived.length === length;
    this.checkText(arrived.subarray(this.#validated), isLast);
    this.#validated = arrived.length;
  }
}

/** A decoder that notices what is not UTF-8 at its first octet. */
function newDecoder(): TextDecoder {
  return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
}
