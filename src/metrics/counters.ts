/**
 * What is counted while a server runs.
 *
 * Sessions add to plain number fields of one object per server: that costs a
 * message least, and no memory for each connection.
 *
 * @module
 */
import { Histogram } from "./histogram.ts";

/** Bytes that went through a compressor or a decompressor. */
export class CodedBytes {
  /** What went in. */
  before = 0;
  /** What came out. */
  after = 0;
}

/** Upper bounds of the round trips that are told apart, in milliseconds. */
const roundTripBounds: readonly number[] = [
  1,
  2.5,
  5,
  10,
  25,
  50,
  100,
  250,
  500,
  1000,
  2500,
  5000,
  10_000,
];

/** The numbers of one server, since it was made. */
export class Counters {
  /** Whole messages from clients, as they leave the message decoder. */
  messagesReceived = 0;
  /** Bytes from clients, behind the opening handshake. */
  bytesReceived = 0;
  /** Messages to clients, whose last frame was given to the transport. */
  messagesSent = 0;
  /** Bytes to clients, behind the opening handshake, given to the transport. */
  bytesSent = 0;
  /** What was inflated. */
  readonly inflated: CodedBytes = new CodedBytes();
  /** What was deflated. */
  readonly deflated: CodedBytes = new CodedBytes();
  /** Pings that keepalive has sent. */
  keepAlivePings = 0;
  /** Connections that keepalive has given up. */
  keepAliveTimeouts = 0;
  /** Milliseconds from a keepalive ping to its pong. */
  readonly roundTrips: Histogram = new Histogram(roundTripBounds);
  /** Handshakes that became a connection. */
  handshakesAccepted = 0;
  /** Other handshakes, by what was answered. */
  readonly handshakesRefused: Tally<string> = new Tally();
  /** Connections that are over, by close code. */
  readonly closes: Tally<number> = new Tally();
}

/** How often each of a few things has occurred. */
export class Tally<Key extends string | number> {
  readonly #counts = new Map<Key, number>();

  /** Counts one. */
  add(key: Key): void {
    this.#counts.set(key, (this.#counts.get(key) ?? 0) + 1);
  }

  /** The counts so far, as an object of its own. */
  toRecord(): Record<Key, number> {
    return Object.fromEntries(this.#counts) as Record<Key, number>;
  }
}

/** Where those count whom nobody asks: clients, and connections of `accept()`. */
export const uncounted: Counters = new Counters();
