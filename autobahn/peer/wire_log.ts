/** The record of what went over the wire in a case, both ways. */
import type { LoggedOctets, Statistics, WireLogEntry } from "../case_result.ts";
import { hexadecimal } from "./octets.ts";
import type { FrameHeader } from "./frame_reader.ts";

const EXCERPT_LENGTH = 64;
const ELLIPSIS = " ...";
const strictDecoder = new TextDecoder("utf-8", {
  fatal: true,
  ignoreBOM: true,
});

/** The first 64 octets as hexadecimal digits. */
export function hexadecimalExcerpt(octets: Uint8Array): string {
  return isExcerpt(octets)
    ? hexadecimal(octets.subarray(0, EXCERPT_LENGTH)) + ELLIPSIS
    : hexadecimal(octets);
}

/** The first 64 octets as text if they are UTF-8, or else as `0x…`. */
export function textExcerpt(octets: Uint8Array): string {
  try {
    return isExcerpt(octets)
      ? strictDecoder.decode(octets.subarray(0, EXCERPT_LENGTH)) + ELLIPSIS
      : strictDecoder.decode(octets);
  } catch {
    return "0x" + hexadecimalExcerpt(octets);
  }
}

function isExcerpt(octets: Uint8Array): boolean {
  return octets.length > EXCERPT_LENGTH - ELLIPSIS.length;
}

/** A frame to log as sent. */
export interface SentFrame {
  opcode: number;
  fin: boolean;
  rsv: number;
  maskingKey: Uint8Array | null;
  /** The payload before it was repeated. */
  payload: Uint8Array;
  repeatLength: number | null;
  chopSize: number | null;
  sync: boolean;
}

/** Rows in the order in which things happened, and counts of octet runs. */
export class WireLog {
  /** The rows. */
  readonly entries: WireLogEntry[] = [];
  /** How often a run of so many octets was received. */
  readonly receivedOctets: Statistics = {};
  /** How often a run of so many octets was sent. */
  readonly sentOctets: Statistics = {};
  /** How many frames of an opcode were received. */
  readonly receivedFrames: Statistics = {};
  /** How many frames of an opcode were sent. */
  readonly sentFrames: Statistics = {};
  /**
   * Whether octets and frames get rows. Cases turn this off while they send
   * much; the counts go on. Setting it leaves no trace, `enable()` does.
   */
  enabled = true;

  /** Sets `enabled`, with a row that says so if that is a change. */
  enable(enabled: boolean): void {
    if (enabled !== this.enabled) {
      this.enabled = enabled;
      this.entries.push(["WLM", enabled]);
    }
  }

  /** Adds a row about a delay. Those are logged in any case. */
  addDelay(entry: WireLogEntry): void {
    this.entries.push(entry);
  }

  /** A run of octets was received. */
  octetsReceived(octets: Uint8Array): void {
    count(this.receivedOctets, octets.length);
    if (this.enabled) {
      this.entries.push(["RO", loggedHexadecimal(octets)]);
    }
  }

  /** A run of octets was sent. */
  octetsSent(octets: Uint8Array, sync: boolean): void {
    count(this.sentOctets, octets.length);
    if (this.enabled) {
      this.entries.push(["TO", loggedHexadecimal(octets), sync]);
    }
  }

  /** A frame was received. Its payload is asked for only if it is logged. */
  frameReceived(header: FrameHeader, payload: () => Uint8Array): void {
    count(this.receivedFrames, header.opcode);
    if (this.enabled) {
      this.entries.push([
        "RF",
        loggedText(payload()),
        header.opcode,
        header.fin,
        header.rsv,
        header.maskingKey !== null,
        header.maskingKey && hexadecimal(header.maskingKey),
      ]);
    }
  }

  /** A frame was sent. */
  frameSent(frame: SentFrame): void {
    count(this.sentFrames, frame.opcode);
    if (this.enabled) {
      this.entries.push([
        "TF",
        loggedText(frame.payload),
        frame.opcode,
        frame.fin,
        frame.rsv,
        frame.maskingKey && hexadecimal(frame.maskingKey),
        frame.repeatLength,
        frame.chopSize,
        frame.sync,
      ]);
    }
  }
}

function loggedHexadecimal(octets: Uint8Array): LoggedOctets {
  return [octets.length, hexadecimalExcerpt(octets)];
}

function loggedText(octets: Uint8Array): LoggedOctets {
  return [octets.length, textExcerpt(octets)];
}

function count(statistics: Statistics, key: number): void {
  statistics[key] = (statistics[key] ?? 0) + 1;
}
