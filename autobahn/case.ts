/**
 * What a case is, and how its verdict comes about.
 *
 * A {@linkcode Case} is a number, two texts and a function that sends. It is
 * given a {@linkcode CaseRun}, on which it also puts what it expects. When the
 * connection is gone, what was received is compared with that.
 */
import type {
  Behavior,
  BehaviorClose,
  CaseEvent,
  CaseResult,
  TrafficStatistics,
} from "./case_result.ts";
import type {
  CompressionAnswer,
  CompressionOffer,
} from "./peer/compression.ts";
import type { FuzzingPeer, PeerHandler } from "./peer/fuzzing_peer.ts";
import { sameOctets } from "./peer/octets.ts";
import { textExcerpt } from "./peer/wire_log.ts";

/** One case of the suite, for servers and clients alike. */
export interface Case {
  /** The case's number, such as `"5.17"`. */
  readonly id: string;
  /** What it does. Plain text; lines are paragraphs. */
  readonly description: string;
  /** What it expects. Plain text; lines are paragraphs. */
  readonly expectation: string;
  /**
   * Whether it is about speed or size: its duration is reported, and the
   * fuzzing client keeps it apart from others. False by default.
   */
  readonly isMeasured?: boolean;
  /** Whether the compression ratio is reported. False by default. */
  readonly reportCompressionRatio?: boolean;
  /** The compression to agree on, as a client and as a server; or none. */
  readonly compression?: {
    offer(): CompressionOffer;
    answer(): CompressionAnswer;
  };
  /**
   * The connection is open: sets `run.expected` and `run.expectedClose`, and
   * sends with `run.peer`.
   */
  open(run: CaseRun): void;
  /** The usual verdict is reached: changes it where the case is special. */
  judge?(run: CaseRun): void;
}

/** Something that a case expects, or that it observed. */
export type RunEvent =
  | ["message", payload: Uint8Array, isBinary: boolean]
  | ["pong", payload: Uint8Array]
  | ["timeout", tag: string];

/** How a case expects the connection to be closed. */
export interface ExpectedClose {
  /** Whether the fuzzing peer is to send its close frame first. */
  closedByMe: boolean;
  /** The codes that the other end may close with. None at all is fine, too. */
  closeCode: readonly number[];
  /** Whether both close frames and the server's dropping TCP are needed. */
  requireClean: boolean;
  /** Whether the case has failed if the wrong end closed. */
  closedByWrongEndpointIsFatal?: boolean;
}

/** A case while it runs. */
export class CaseRun {
  /** The end of the connection that the case drives. */
  readonly peer: FuzzingPeer;
  /** The sequences of events that lead to a verdict. */
  readonly expected: Partial<Record<Behavior, RunEvent[]>> = {};
  /** How the connection is to be closed; set when the case opens. */
  expectedClose: ExpectedClose | null = null;
  /** What has happened so far. */
  readonly received: RunEvent[] = [];
  /** The verdict so far. */
  behavior: Behavior = "FAILED";
  /** The verdict on the closing so far. */
  behaviorClose: BehaviorClose = "FAILED";
  /** Why `behavior` is what it is. */
  result = "What happened differs from all that is expected.";
  /** Why `behaviorClose` is what it is. */
  resultClose = "TCP was dropped without a closing handshake.";
  /** Whether the case closes by itself, not when all it expects has come. */
  suppressClose = false;
  /** What compression did, if the case is about that. */
  trafficStatistics: TrafficStatistics | null = null;
  /** Takes a message instead of comparing it with what is expected. */
  onMessage: ((payload: Uint8Array, isBinary: boolean) => void) | null = null;

  constructor(peer: FuzzingPeer) {
    this.peer = peer;
  }

  /** Records an event, and closes if that was all that is expected. */
  receive(event: RunEvent): void {
    this.received.push(event);
    const isDone = Object.values(this.expected).every((expected) =>
      sameEvents(this.received, expected)
    );
    if (isDone && this.expectedClose?.closedByMe && !this.suppressClose) {
      this.peer.sendClose(this.expectedClose.closeCode[0]);
    }
  }

  /** Reaches the verdict. To be called once, when the connection is gone. */
  conclude(): void {
    const match = Object.entries(this.expected).find(([, expected]) =>
      sameEvents(this.received, expected)
    );
    if (match !== undefined) {
      this.behavior = match[0] as Behavior;
      this.result = this.behavior === "NON-STRICT"
        ? "What happened is allowed, but not as early or as exact as it could be."
        : "What happened is what is expected.";
    }
    if (!this.peer.wasOpen || this.expectedClose === null) {
      this.behaviorClose = "FAILED";
      this.resultClose = "The opening handshake was never completed: " +
        `${this.peer.closing.wasNotCleanReason}.`;
      return;
    }
    [this.behaviorClose, this.resultClose] = this.#concludeClose(
      this.expectedClose,
    );
    if (
      this.expectedClose.closedByWrongEndpointIsFatal &&
      this.expectedClose.closedByMe !== this.peer.closing.closedByMe
    ) {
      this.behavior = "FAILED";
    }
  }

  #concludeClose(expected: ExpectedClose): [BehaviorClose, string] {
    const closing = this.peer.closing;
    const code = closing.remoteCloseCode;
    if (expected.closedByMe !== closing.closedByMe) {
      return ["FAILED", "The wrong end closed or failed the connection."];
    }
    if (expected.requireClean && !closing.wasClean) {
      return ["UNCLEAN", "The connection was to be closed cleanly."];
    }
    if (code !== null && !expected.closeCode.includes(code)) {
      const codes = expected.closeCode.join(", ");
      return ["WRONG CODE", `The close code is ${code}, not ${codes} or none.`];
    }
    if (!this.peer.isServer && closing.droppedByMe) {
      return ["FAILED BY CLIENT", "The server is to drop TCP, not the client."];
    }
    return ["OK", "The connection was closed properly."];
  }
}

/** What is known of a run besides the case. */
export interface RunParameters {
  /** The case's place in the list of all cases, from 1. */
  number: number;
  /**
   * The name of the implementation under test. Without one, that of the
   * response's `Server` field.
   */
  agent?: string;
  /** Told when the case has ended. */
  onResult(result: CaseResult): void;
}

/** Runs a case on the peer that it is the handler of. */
export class CaseExecution implements PeerHandler {
  #case: Case;
  #parameters: RunParameters;
  #run: CaseRun | null = null;
  #started = new Date();
  #openedAt: number | null = null;

  constructor(definition: Case, parameters: RunParameters) {
    this.#case = definition;
    this.#parameters = parameters;
  }

  opened(peer: FuzzingPeer): void {
    this.#openedAt = performance.now();
    this.#case.open(this.#runOn(peer));
  }

  message(peer: FuzzingPeer, payload: Uint8Array, isBinary: boolean): void {
    const run = this.#runOn(peer);
    if (run.onMessage === null) {
      run.receive(["message", payload, isBinary]);
    } else {
      run.onMessage(payload, isBinary);
    }
  }

  pong(peer: FuzzingPeer, payload: Uint8Array): void {
    this.#runOn(peer).receive(["pong", payload]);
  }

  lost(peer: FuzzingPeer): void {
    const run = this.#runOn(peer);
    run.conclude();
    this.#case.judge?.(run);
    this.#parameters.onResult(this.#resultOf(run));
  }

  #runOn(peer: FuzzingPeer): CaseRun {
    return this.#run ??= new CaseRun(peer);
  }

  #resultOf(run: CaseRun): CaseResult {
    const { peer } = run;
    const { wireLog } = peer;
    return {
      case: this.#parameters.number,
      id: this.#case.id,
      description: this.#case.description,
      expectation: this.#case.expectation,
      agent: this.#parameters.agent ?? peer.fields.get("server") ??
        "UnknownServer",
      started: this.#started.toISOString(),
      duration: this.#openedAt === null
        ? 0
        : Math.round(performance.now() - this.#openedAt),
      reportTime: this.#case.isMeasured ?? false,
      reportCompressionRatio: this.#case.reportCompressionRatio ?? false,
      behavior: run.behavior,
      behaviorClose: run.behaviorClose,
      expected: Object.fromEntries(
        Object.entries(run.expected).map((
          [behavior, events],
        ) => [behavior, events.map(reported)]),
      ),
      expectedClose: run.expectedClose === null
        ? {}
        : { ...run.expectedClose, closeCode: [...run.expectedClose.closeCode] },
      received: run.received.map(reported),
      result: run.result,
      resultClose: run.resultClose,
      wirelog: wireLog.entries,
      createWirelog: wireLog.enabled,
      ...peer.closing,
      isServer: peer.isServer,
      createStats: true,
      rxOctetStats: wireLog.receivedOctets,
      rxFrameStats: wireLog.receivedFrames,
      txOctetStats: wireLog.sentOctets,
      txFrameStats: wireLog.sentFrames,
      httpRequest: peer.httpRequest,
      httpResponse: peer.httpResponse,
      trafficStats: run.trafficStatistics,
    };
  }
}

function reported(event: RunEvent): CaseEvent {
  if (event[0] === "timeout") {
    return event;
  }
  return event[0] === "message"
    ? ["message", textExcerpt(event[1]), event[2]]
    : ["pong", textExcerpt(event[1])];
}

function sameEvents(some: RunEvent[], others: RunEvent[]): boolean {
  return some.length === others.length &&
    some.every((event, index) => sameEvent(event, others[index]));
}

function sameEvent(one: RunEvent, other: RunEvent): boolean {
  if (one[0] === "timeout" || other[0] === "timeout") {
    return one[0] === other[0] && one[1] === other[1];
  }
  return one[0] === other[0] && sameOctets(one[1], other[1]) &&
    one[2] === other[2];
}
