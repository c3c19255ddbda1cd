/**
 * What is known of one case once it has run: the record that the reports are
 * made of. The keys are those of the reference suite's JSON files, so that
 * tools which read these read ours.
 */

/** How a peer did in the case itself. */
export type Behavior =
  | "OK"
  | "NON-STRICT"
  | "INFORMATIONAL"
  | "UNIMPLEMENTED"
  | "FAILED";

/** How a peer closed the connection. */
export type BehaviorClose =
  | "OK"
  | "UNCLEAN"
  | "FAILED"
  | "FAILED BY CLIENT"
  | "WRONG CODE"
  | "INFORMATIONAL";

/** Something that a case expects, or that it observed. */
export type CaseEvent =
  | ["message", payload: string, isBinary: boolean]
  | ["ping", payload: string]
  | ["pong", payload: string]
  | ["timeout", tag: string];

/** A length, and the first octets of it as text or hexadecimal digits. */
export type LoggedOctets = [length: number, excerpt: string];

/** One row of the wire log. */
export type WireLogEntry =
  /** Octets received. */
  | ["RO", octets: LoggedOctets]
  /** Octets transmitted. */
  | ["TO", octets: LoggedOctets, sync: boolean]
  /** A frame received. */
  | [
    "RF",
    payload: LoggedOctets,
    opcode: number,
    fin: boolean,
    rsv: number,
    masked: boolean,
    maskingKey: string | null,
  ]
  /** A frame transmitted. */
  | [
    "TF",
    payload: LoggedOctets,
    opcode: number,
    fin: boolean,
    rsv: number,
    maskingKey: string | null,
    repeatLength: number | null,
    chopSize: number | null,
    sync: boolean,
  ]
  /** What follows goes on after a delay. */
  | ["CT", seconds: number, tag: string | null]
  /** The delay is over. */
  | ["CTE", tag: string | null]
  /** The connection will be failed after a delay. */
  | ["KL", seconds: number]
  /** The connection is failed. */
  | ["KLE"]
  /** The connection will be closed after a delay. */
  | ["TI", seconds: number]
  /** The connection is closed. */
  | ["TIE"]
  /** Logging goes on, or stops. */
  | ["WLM", enabled: boolean];

/** Counts by size (of a chop, in octets) or by opcode. */
export type Statistics = Record<string, number>;

/** What compression did in one case. */
export interface TrafficStatistics {
  incomingCompressionRatio: number | null;
  outgoingCompressionRatio: number | null;
  incomingOctetsWireLevel: number;
  incomingOctetsWebSocketLevel: number;
  incomingOctetsAppLevel: number;
  incomingWebSocketFrames: number;
  incomingWebSocketMessages: number;
  incomingWebSocketOverhead: number | null;
  outgoingOctetsWireLevel: number;
  outgoingOctetsWebSocketLevel: number;
  outgoingOctetsAppLevel: number;
  outgoingWebSocketFrames: number;
  outgoingWebSocketMessages: number;
  outgoingWebSocketOverhead: number | null;
  preopenIncomingOctetsWireLevel: number;
  preopenOutgoingOctetsWireLevel: number;
}

/** How the connection ended: what the fuzzing peer knows of that. */
export interface ClosingRecord {
  /** Whether the fuzzing peer sent its close frame first. */
  closedByMe: boolean;
  /** Whether the fuzzing peer failed the connection. */
  failedByMe: boolean;
  /** Whether the fuzzing peer dropped TCP. */
  droppedByMe: boolean;
  /** Close frames both ways, and TCP dropped by the server. */
  wasClean: boolean;
  wasNotCleanReason: string | null;
  wasServerConnectionDropTimeout: boolean;
  wasOpenHandshakeTimeout: boolean;
  wasCloseHandshakeTimeout: boolean;
  localCloseCode: number | null;
  localCloseReason: string | null;
  remoteCloseCode: number | null;
  remoteCloseReason: string | null;
}

/** The result of one case for one agent. */
export interface CaseResult extends ClosingRecord {
  /** The case's place in the list of all cases, from 1. */
  case: number;
  /** The case's number, such as `"5.17"`. */
  id: string;
  /** What the case does. Plain text; lines are paragraphs. */
  description: string;
  /** What it expects. Plain text; lines are paragraphs. */
  expectation: string;
  /** The name of the implementation under test. */
  agent: string;
  /** When the case began, as an ISO 8601 date in UTC. */
  started: string;
  /** How long it took, in milliseconds. */
  duration: number;
  /** Whether the duration is of interest and shown in the overview. */
  reportTime: boolean;
  /** Whether the compression ratio is. */
  reportCompressionRatio: boolean;
  behavior: Behavior;
  behaviorClose: BehaviorClose;
  /** The sequences of events that lead to a verdict. */
  expected: Partial<Record<Behavior, CaseEvent[]>>;
  expectedClose: {
    closedByMe?: boolean;
    closeCode?: number[];
    requireClean?: boolean;
    closedByWrongEndpointIsFatal?: boolean;
  };
  received: CaseEvent[];
  /** Why `behavior` is what it is, in a sentence. */
  result: string;
  /** Why `behaviorClose` is what it is, in a sentence. */
  resultClose: string;
  wirelog: WireLogEntry[];
  createWirelog: boolean;
  /** Whether the fuzzing peer is a server, and a client is tested. */
  isServer: boolean;
  createStats: boolean;
  rxOctetStats: Statistics;
  rxFrameStats: Statistics;
  txOctetStats: Statistics;
  txFrameStats: Statistics;
  /** The opening handshake's request head as it was on the wire. */
  httpRequest: string;
  /** Its response head. */
  httpResponse: string;
  trafficStats: TrafficStatistics | null;
}
