/** Cases that send some frames and wait for what comes back. */
import type { Case, ExpectedClose, RunEvent } from "../case.ts";
import type { FrameToSend } from "../peer/frame_sender.ts";
import { octetsOf } from "../peer/octets.ts";

/** All went well: the fuzzing peer closes with 1000. */
export const normalClose: ExpectedClose = {
  closedByMe: true,
  closeCode: [1000],
  requireClean: true,
};

/** The other end notices a violation: it fails the connection with 1002. */
export const protocolError: ExpectedClose = {
  closedByMe: false,
  closeCode: [1002],
  requireClean: false,
};

/** The other end notices text that is not UTF-8: it fails it with 1007. */
export const invalidText: ExpectedClose = {
  closedByMe: false,
  closeCode: [1007],
  requireClean: false,
  closedByWrongEndpointIsFatal: true,
};

/** Frames to send and what is to happen. */
export interface FrameCase {
  id: string;
  description: string;
  expectation: string;
  /** Sent one after the other as soon as the connection is open. */
  frames: readonly FrameToSend[];
  /** The events that are correct. */
  expected: readonly RunEvent[];
  /** Events that are not as they should be, but allowed. */
  nonStrict?: readonly RunEvent[];
  /** How the connection is to be closed. */
  close: ExpectedClose;
  /** Seconds until the connection is failed. */
  killAfter?: number;
  /** Seconds until it is closed. */
  closeAfter?: number;
}

/** Makes a case of frames. */
export function frameCase(definition: FrameCase): Case {
  const { id, description, expectation } = definition;
  return {
    id,
    description,
    expectation,
    open(run): void {
      run.expected.OK = [...definition.expected];
      if (definition.nonStrict !== undefined) {
        run.expected["NON-STRICT"] = [...definition.nonStrict];
      }
      run.expectedClose = definition.close;
      for (const frame of definition.frames) {
        run.peer.sendFrame(frame);
      }
      if (definition.killAfter !== undefined) {
        run.peer.killAfter(definition.killAfter);
      }
      if (definition.closeAfter !== undefined) {
        run.peer.closeAfter(definition.closeAfter);
      }
    },
  };
}

/** A text message as an event. */
export function textMessage(text: string): RunEvent {
  return ["message", octetsOf(text), false];
}

/** A pong as an event. */
export function pong(text: string): RunEvent {
  return ["pong", octetsOf(text)];
}

/** How octets are run together on the wire. */
export type Pace = Pick<FrameToSend, "sync" | "chopSize">;

/** All frames at once. */
export const atOnce: Pace = {};
/** Frame by frame. */
export const frameWise: Pace = { sync: true };
/** Octet by octet. */
export const octetWise: Pace = { chopSize: 1 };
