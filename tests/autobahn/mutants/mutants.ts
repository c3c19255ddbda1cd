/**
 * Servers with one fault each, and the cases that are to find it: `caughtBy`
 * has the verdicts on the mutant; its intact twin, the plain echo server, passes
 * all of these. `spares` are cases near by that the fault does not touch.
 */

import { Buffer } from "node:buffer";
import type { Behavior, BehaviorClose } from "../../../autobahn/case_result.ts";
import { Compression } from "./compression.ts";
import {
  EchoConnection,
  type Frame,
  type FrameHeader,
  Violation,
} from "./echo_connection.ts";
import type { EchoServerParts } from "./echo_server.ts";

/** A server with one fault. */
export interface Mutant extends EchoServerParts {
  /** What is wrong with it. */
  fault: string;
  /** The verdicts of the cases that find it. */
  caughtBy: Record<string, [Behavior, BehaviorClose]>;
  /** Cases that it passes nevertheless. */
  spares: string[];
}

/** All the mutants. */
export const mutants: readonly Mutant[] = [
  {
    fault: "UTF-8 is not checked",
    caughtBy: {
      "6.3.1": ["FAILED", "FAILED"],
      "6.3.2": ["FAILED", "FAILED"],
      "6.4.1": ["FAILED", "FAILED"],
      "6.4.4": ["FAILED", "FAILED"],
    },
    spares: ["6.2.1", "7.5.1"],
    Connection: class extends EchoConnection {
      protected override checkText(): void {}
    },
  },
  {
    fault: "UTF-8 is checked when the message is complete",
    caughtBy: {
      "6.4.1": ["NON-STRICT", "OK"],
      "6.4.2": ["NON-STRICT", "OK"],
      "6.4.3": ["NON-STRICT", "OK"],
      "6.4.4": ["NON-STRICT", "OK"],
    },
    spares: ["6.3.1", "6.3.2"],
    Connection: class extends EchoConnection {
      #parts: Buffer[] = [];
      protected override checkText(part: Buffer, isLast: boolean): void {
        this.#parts.push(part);
        if (!isLast) return;
        super.checkText(Buffer.concat(this.#parts), true);
        this.#parts = [];
      }
    },
  },
  {
    fault: "UTF-8 is checked frame by frame",
    caughtBy: {
      "6.2.3": ["FAILED", "FAILED"],
      "6.2.4": ["FAILED", "FAILED"],
      "6.4.2": ["FAILED", "OK"],
    },
    spares: ["6.2.1", "6.3.1", "6.4.1"],
    Connection: class extends EchoConnection {
      protected override handleData(frame: Frame): void {
        super.checkText(frame.payload, true);
        super.handleData(frame);
      }
      protected override checkText(): void {}
    },
  },
  {
    fault: "reserved bits are ignored",
    caughtBy: {
      "3.1": ["FAILED", "FAILED"],
      "3.2": ["FAILED", "FAILED"],
      "3.4": ["FAILED", "FAILED"],
      "3.5": ["FAILED", "FAILED"],
      "3.6": ["FAILED", "FAILED"],
    },
    spares: ["1.1.2", "4.1.1"],
    Connection: class extends EchoConnection {
      protected override checkReservedBits(): void {}
    },
  },
  {
    fault: "unknown opcodes are ignored",
    caughtBy: {
      "4.1.1": ["OK", "FAILED"],
      "4.1.3": ["FAILED", "FAILED"],
      "4.2.1": ["OK", "FAILED"],
      "4.2.5": ["FAILED", "FAILED"],
    },
    spares: ["3.2", "5.9"],
    Connection: class extends EchoConnection {
      protected override checkOpcode(): void {}
      protected override checkOrder(header: FrameHeader): void {
        if (header.opcode < 3) super.checkOrder(header);
      }
      protected override handleData(frame: Frame): void {
        if (frame.opcode < 3) super.handleData(frame);
      }
    },
  },
  {
    fault: "a stray continuation frame is ignored",
    caughtBy: {
      "5.9": ["FAILED", "FAILED"],
      "5.11": ["FAILED", "FAILED"],
      "5.12": ["FAILED", "FAILED"],
      "5.15": ["FAILED", "FAILED"],
      "5.16": ["FAILED", "FAILED"],
      "5.17": ["FAILED", "FAILED"],
    },
    spares: ["5.3", "5.18"],
    Connection: class extends EchoConnection {
      protected override checkOrder(header: FrameHeader): void {
        if (header.opcode !== 0) super.checkOrder(header);
      }
      protected override handleData(frame: Frame): void {
        if (frame.opcode !== 0 || this.opcode !== 0) super.handleData(frame);
      }
    },
  },
  {
    fault: "a stray continuation frame is taken for a message",
    caughtBy: {
      "5.9": ["FAILED", "FAILED"],
      "5.10": ["FAILED", "FAILED"],
      "5.11": ["FAILED", "FAILED"],
      "5.17": ["FAILED", "FAILED"],
    },
    spares: ["5.3", "5.18"],
    Connection: class extends EchoConnection {
      protected override checkOrder(header: FrameHeader): void {
        if (header.opcode !== 0) super.checkOrder(header);
      }
      protected override handleData(frame: Frame): void {
        const stray = frame.opcode === 0 && this.opcode === 0;
        super.handleData(stray ? { ...frame, opcode: 1 } : frame);
      }
    },
  },
  {
    fault: "a message may begin within another",
    caughtBy: {
      "5.18": ["FAILED", "FAILED"],
    },
    spares: ["5.3", "5.9"],
    Connection: class extends EchoConnection {
      protected override checkOrder(header: FrameHeader): void {
        if (header.opcode === 0) super.checkOrder(header);
      }
    },
  },
  {
    fault: "each fragment is sent back as a message",
    caughtBy: {
      "5.3": ["FAILED", "OK"],
      "5.6": ["FAILED", "OK"],
      "5.19": ["FAILED", "OK"],
      "6.1.2": ["FAILED", "OK"],
    },
    spares: ["1.1.2", "2.2"],
    Connection: class extends EchoConnection {
      protected override handleData(frame: Frame): void {
        this.sendFrame(frame.opcode || this.opcode, frame.payload);
        this.opcode = frame.fin ? 0 : frame.opcode || this.opcode;
      }
    },
  },
  {
    fault: "control frames may be fragmented",
    caughtBy: {
      "5.1": ["FAILED", "FAILED"],
      "5.2": ["OK", "FAILED"],
    },
    spares: ["2.5", "5.6"],
    Connection: class extends EchoConnection {
      protected override checkControl({ length }: FrameHeader): void {
        if (length > 125) throw new Violation(1002, "a long control frame");
      }
      protected override checkOrder(): void {}
    },
  },
  {
    fault: "control frames may be long",
    caughtBy: {
      "2.5": ["FAILED", "FAILED"],
      "7.3.6": ["FAILED", "WRONG CODE"],
    },
    spares: ["2.4", "5.1"],
    Connection: class extends EchoConnection {
      protected override checkControl({ fin }: FrameHeader): void {
        if (!fin) throw new Violation(1002, "a fragmented control frame");
      }
    },
  },
  {
    fault: "pings are not answered",
    caughtBy: {
      "2.1": ["FAILED", "OK"],
      "2.2": ["FAILED", "OK"],
      "2.9": ["FAILED", "OK"],
      "5.6": ["FAILED", "OK"],
      "5.19": ["FAILED", "OK"],
    },
    spares: ["1.1.1", "2.7"],
    Connection: class extends EchoConnection {
      protected override handlePing(): void {}
    },
  },
  {
    fault: "pongs have no payload",
    caughtBy: {
      "2.2": ["FAILED", "OK"],
      "2.4": ["FAILED", "OK"],
      "2.6": ["FAILED", "OK"],
      "5.6": ["FAILED", "OK"],
    },
    spares: ["2.1", "2.7"],
    Connection: class extends EchoConnection {
      protected override handlePing(): void {
        super.handlePing(Buffer.alloc(0));
      }
    },
  },
  {
    fault: "pings wait for the end of a message",
    caughtBy: {
      "5.6": ["FAILED", "OK"],
      "5.7": ["FAILED", "OK"],
      "5.8": ["FAILED", "OK"],
      "5.19": ["FAILED", "OK"],
      "5.20": ["FAILED", "OK"],
    },
    spares: ["2.2", "5.3"],
    Connection: class extends EchoConnection {
      #pings: Buffer[] = [];
      protected override handlePing(payload: Buffer): void {
        if (this.opcode === 0) super.handlePing(payload);
        else this.#pings.push(payload);
      }
      protected override handleData(frame: Frame): void {
        super.handleData(frame);
        if (this.opcode !== 0) return;
        for (const payload of this.#pings.splice(0)) super.handlePing(payload);
      }
    },
  },
  {
    fault: "pongs are answered with pongs",
    caughtBy: {
      "2.7": ["FAILED", "OK"],
      "2.8": ["FAILED", "OK"],
      "2.9": ["FAILED", "OK"],
    },
    spares: ["2.2"],
    Connection: class extends EchoConnection {
      protected override handlePong(payload: Buffer): void {
        super.handlePing(payload);
      }
    },
  },
  {
    fault: "texts are altered",
    caughtBy: {
      "1.1.2": ["FAILED", "WRONG CODE"],
      "5.3": ["FAILED", "OK"],
      "6.2.1": ["FAILED", "OK"],
      "7.1.1": ["FAILED", "WRONG CODE"],
    },
    spares: ["1.1.1", "1.2.2", "9.1.1"],
    Connection: class extends EchoConnection {
      protected override echo(opcode: number, payload: Buffer): void {
        if (opcode === 1 && payload.length > 0) payload[0] ^= 1;
        super.echo(opcode, payload);
      }
    },
  },
  {
    fault: "texts come back as binary",
    caughtBy: {
      "1.1.2": ["FAILED", "WRONG CODE"],
      "5.3": ["FAILED", "OK"],
      "9.1.1": ["FAILED", "OK"],
    },
    spares: ["1.2.2", "9.2.1"],
    Connection: class extends EchoConnection {
      protected override echo(_opcode: number, payload: Buffer): void {
        super.echo(2, payload);
      }
    },
  },
  {
    fault: "messages are cut off at 65535 octets",
    caughtBy: {
      "1.1.8": ["FAILED", "WRONG CODE"],
      "1.2.8": ["FAILED", "WRONG CODE"],
      "9.1.1": ["FAILED", "OK"],
      "9.2.1": ["FAILED", "OK"],
    },
    spares: ["1.1.6", "1.2.6"],
    Connection: class extends EchoConnection {
      protected override echo(opcode: number, payload: Buffer): void {
        super.echo(opcode, payload.subarray(0, 65535));
      }
    },
  },
  {
    fault: "messages come back twice",
    caughtBy: {
      "1.1.2": ["FAILED", "OK"],
      "1.2.2": ["FAILED", "OK"],
      "5.3": ["FAILED", "OK"],
      "7.1.1": ["FAILED", "OK"],
    },
    spares: ["2.2"],
    Connection: class extends EchoConnection {
      protected override echo(opcode: number, payload: Buffer): void {
        super.echo(opcode, payload);
        super.echo(opcode, payload);
      }
    },
  },
  {
    fault: "frames to the client are masked",
    caughtBy: {
      "1.1.2": ["FAILED", "UNCLEAN"],
      "2.2": ["OK", "UNCLEAN"],
      "3.1": ["OK", "FAILED"],
      "6.3.1": ["FAILED", "FAILED"],
      "7.1.2": ["OK", "UNCLEAN"],
      "7.9.1": ["OK", "FAILED BY CLIENT"],
    },
    spares: [],
    Connection: class extends EchoConnection {
      protected override write(
        first: number,
        length: Buffer,
        payload: Buffer,
      ): void {
        length[0] |= 0x80;
        const mask = Buffer.from([1, 2, 3, 4]);
        const masked = payload.map((octet, at) => octet ^ mask[at % 4]);
        super.write(first, length, Buffer.concat([mask, masked]));
      }
    },
  },
  {
    fault: "lengths have more octets than they need",
    caughtBy: {
      "1.1.2": ["FAILED", "UNCLEAN"],
      "2.2": ["FAILED", "UNCLEAN"],
      "7.1.2": ["OK", "UNCLEAN"],
      "9.1.1": ["OK", "UNCLEAN"],
    },
    spares: [],
    Connection: class extends EchoConnection {
      protected override lengthOf({ length }: Buffer): Buffer {
        const octets = Buffer.alloc(9, 127);
        octets.writeBigUInt64BE(BigInt(length), 1);
        return octets;
      }
    },
  },
  {
    fault: "a Close frame is answered with another code",
    caughtBy: {
      "1.1.1": ["OK", "WRONG CODE"],
      "2.1": ["OK", "WRONG CODE"],
      "7.1.1": ["FAILED", "WRONG CODE"],
      "7.1.2": ["FAILED", "WRONG CODE"],
      "7.3.1": ["FAILED", "WRONG CODE"],
      "7.7.3": ["FAILED", "WRONG CODE"],
    },
    spares: ["3.2", "7.3.2", "7.9.1"],
    Connection: class extends EchoConnection {
      protected override answerClose(): void {
        super.answerClose(Buffer.from([0x03, 0xe9]));
      }
    },
  },
  {
    fault: "TCP is dropped in place of a Close frame",
    caughtBy: {
      "1.1.1": ["OK", "UNCLEAN"],
      "2.1": ["OK", "UNCLEAN"],
      "5.3": ["OK", "UNCLEAN"],
      "7.1.1": ["OK", "UNCLEAN"],
      "7.3.1": ["OK", "UNCLEAN"],
      "7.7.1": ["OK", "UNCLEAN"],
    },
    spares: ["3.2", "7.3.2"],
    Connection: class extends EchoConnection {
      protected override answerClose(): void {
        this.endTcp();
      }
    },
  },
  {
    fault: "a Close frame is not answered",
    caughtBy: {
      "1.1.1": ["OK", "UNCLEAN"],
      "2.1": ["OK", "UNCLEAN"],
      "5.3": ["OK", "UNCLEAN"],
      "7.1.1": ["OK", "UNCLEAN"],
      "7.3.1": ["OK", "UNCLEAN"],
      "7.7.1": ["OK", "UNCLEAN"],
    },
    spares: ["3.2", "7.3.2"],
    Connection: class extends EchoConnection {
      protected override answerClose(): void {}
    },
  },
  {
    fault: "TCP is left open after the closing handshake",
    caughtBy: {
      "1.1.1": ["OK", "FAILED BY CLIENT"],
      "7.1.1": ["OK", "FAILED BY CLIENT"],
      "7.7.1": ["OK", "FAILED BY CLIENT"],
    },
    spares: [],
    Connection: class extends EchoConnection {
      protected override endTcp(): void {}
    },
  },
  {
    fault: "a violation drops TCP after a Close frame with 1000",
    caughtBy: {
      "3.1": ["OK", "WRONG CODE"],
      "4.1.1": ["OK", "WRONG CODE"],
      "5.1": ["OK", "WRONG CODE"],
      "6.3.1": ["OK", "WRONG CODE"],
      "7.3.2": ["FAILED", "WRONG CODE"],
      "7.9.1": ["FAILED", "WRONG CODE"],
    },
    spares: ["1.1.1"],
    Connection: class extends EchoConnection {
      protected override failWith(): void {
        super.failWith(new Violation(1000, "all is well"));
      }
    },
  },
  {
    fault: "frames behind a Close frame are answered",
    caughtBy: {
      "7.1.3": ["FAILED", "OK"],
      "7.1.4": ["FAILED", "OK"],
      "7.1.5": ["FAILED", "OK"],
    },
    spares: ["7.1.1", "7.1.2"],
    Connection: class extends EchoConnection {
      #answered = false;
      protected override answersAfterClose(): boolean {
        return true;
      }
      protected override answerClose(payload: Buffer): void {
        if (this.#answered) return;
        this.#answered = true;
        // After the rest of this chunk, as a server that is busy would.
        setTimeout(() => super.answerClose(payload), 20);
      }
    },
  },
  {
    fault: "close codes are not checked",
    caughtBy: {
      "7.9.1": ["FAILED", "WRONG CODE"],
      "7.9.4": ["FAILED", "WRONG CODE"],
      "7.9.5": ["FAILED", "WRONG CODE"],
      "7.9.9": ["FAILED", "WRONG CODE"],
    },
    spares: ["7.3.2", "7.5.1"],
    Connection: class extends EchoConnection {
      protected override checkCloseCode(): void {}
    },
  },
  {
    fault: "valid close codes are refused",
    caughtBy: {
      "7.7.2": ["FAILED", "WRONG CODE"],
      "7.7.5": ["FAILED", "WRONG CODE"],
      "7.7.10": ["FAILED", "WRONG CODE"],
      "7.7.13": ["FAILED", "WRONG CODE"],
    },
    spares: ["7.7.1", "7.9.1"],
    Connection: class extends EchoConnection {
      protected override checkCloseCode(code: number): void {
        if (code !== 1000) throw new Violation(1002, "not 1000");
      }
    },
  },
  {
    fault: "half a close code is taken for a whole one",
    caughtBy: {
      "7.3.2": ["FAILED", "WRONG CODE"],
    },
    spares: ["7.3.1", "7.3.3"],
    Connection: class extends EchoConnection {
      protected override checkClose(payload: Buffer): void {
        if (payload.length !== 1) super.checkClose(payload);
      }
      protected override answerClose(payload: Buffer): void {
        const whole = payload.length === 1
          ? Buffer.from([0x03, payload[0]])
          : payload;
        super.answerClose(whole);
      }
    },
  },
  {
    fault: "close reasons are not checked",
    caughtBy: {
      "7.5.1": ["FAILED", "WRONG CODE"],
    },
    spares: ["6.3.1", "7.3.4"],
    Connection: class extends EchoConnection {
      protected override checkCloseReason(): void {}
    },
  },
  {
    fault: "the client's context is lost between messages",
    caughtBy: {
      "12.1.1": ["FAILED", "FAILED"],
      "13.3.1": ["FAILED", "FAILED"],
    },
    spares: ["1.1.2"],
    Compression: class extends Compression {
      protected override forgetsReceived(): boolean {
        return true;
      }
    },
  },
  {
    fault: "the server's context is kept against the agreement",
    caughtBy: {
      "13.2.1": ["FAILED", "FAILED"],
    },
    spares: ["12.1.1"],
    Compression: class extends Compression {
      protected override forgetsSent(): boolean {
        return false;
      }
    },
  },
  {
    fault: "the server's window is larger than agreed",
    caughtBy: {
      "13.3.1": ["FAILED", "FAILED"],
    },
    spares: ["12.1.1"],
    Compression: class extends Compression {
      protected override windowBits(): number {
        return 15;
      }
    },
  },
  {
    fault: "compressed messages go out without RSV1",
    caughtBy: {
      "12.1.1": ["FAILED", "UNCLEAN"],
    },
    spares: ["1.1.2"],
    Connection: class extends EchoConnection {
      protected override sendFrame(opcode: number, payload: Buffer): void {
        super.sendFrame(opcode, payload);
      }
    },
  },
  {
    fault: "compressed messages come back as they are, without RSV1",
    caughtBy: {
      "12.1.1": ["FAILED", "UNCLEAN"],
    },
    spares: ["1.1.2"],
    Connection: class extends EchoConnection {
      protected override handleMessage(opcode: number, payload: Buffer): void {
        super.handleMessage(opcode, payload, false);
      }
    },
  },
];
