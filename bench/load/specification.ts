/**
 * What the load generator is told, and what it answers: one JSON document on its
 * command line, and lines of JSON on its standard output.
 *
 * @module
 */

/** The messages that are sent. */
export interface MessageShape {
  /** Which opcode they have. */
  type: "text" | "binary";
  /** Bytes of payload, before compression. */
  size: number;
  /** Whether they are sent compressed, to servers that agree to that. */
  compressed: boolean;
}

/** Where to connect, and how many times. */
interface Target {
  /** The server's port, on 127.0.0.1 and the addresses behind it. */
  port: number;
  /** The server's process, whose time on the CPU is measured; 0 for none. */
  serverProcess: number;
  /** How many connections. */
  connections: number;
  /** Whether the server is one of raw TCP: there is no handshake then. */
  raw: boolean;
}

/** Which part of the run counts, in milliseconds. */
interface Window {
  /** Time under load that is not measured. */
  warmUp: number;
  /** Time that is measured. */
  duration: number;
}

/** Every connection sends, and sends again for each answer. */
export interface EchoLoad extends Target, Window {
  kind: "echo";
  message: MessageShape;
  /** How many messages of a connection are on their way at any time. */
  inFlight: number;
}

/** One connection sends, and all receive. */
export interface BroadcastLoad extends Target, Window {
  kind: "broadcast";
  message: MessageShape;
  /** How many messages not all connections have received, at most. */
  inFlight: number;
}

/** Connections are opened and closed, `connections` of them at a time. */
export interface HandshakeLoad extends Target, Window {
  kind: "handshakes";
}

/** Messages are sent at a fixed rate, whether or not they are answered. */
export interface LatencyLoad extends Target, Window {
  kind: "latency";
  message: MessageShape;
  /** Messages a second, over all connections. */
  rate: number;
}

/** Connections are opened and stay until the standard input ends. */
export interface IdleLoad extends Target {
  kind: "idle";
  /** A message that each connection sends once and has answered; null for none. */
  message: MessageShape | null;
}

/** One message that is larger than what fits into most programs. */
export interface LargeLoad extends Target {
  kind: "large";
  /** Bytes of payload. */
  size: number;
}

/** What the load generator does. */
export type Load =
  | EchoLoad
  | BroadcastLoad
  | HandshakeLoad
  | LatencyLoad
  | IdleLoad
  | LargeLoad;

/** What it has measured. */
export interface LoadResult {
  /** Messages, or handshakes, in the window. */
  count: number;
  /** The window's length in seconds. */
  seconds: number;
  /** Seconds that the server's process spent on the CPU; null if unknown. */
  serverCpu: number | null;
  /** Seconds that the load generator spent on the CPU. */
  loadCpu: number;
  /** How many messages' contents were compared with what was sent. */
  verified: number;
  /** Bytes that a message took on its way here, header included, on average. */
  bytesPerMessage: number;
  /** Of 100 messages, how many came compressed. */
  compressedPercent: number;
  /** Latencies in milliseconds by percentile: 50, 90, 99, 99.9, 100. */
  latency?: Record<string, number>;
}

/** A line of the load generator's output. */
export type LoadEvent =
  | { event: "opened"; seconds: number }
  | { event: "result"; result: LoadResult }
  | { event: "failed"; reason: string };
