/**
 * What the processes of a cluster say to each other over the channel of
 * `node:child_process`.
 *
 * A payload goes as a `Uint8Array` where the channel can carry one
 * (`serialization: "advanced"`), and as base64 where it makes JSON of it. Which
 * of both it is, is seen from what becomes of a probe.
 *
 * @module
 */
import { Buffer } from "node:buffer";

/** A payload as it travels. */
export type CarriedPayload = string | Uint8Array;

/** Topics and payloads in turns: topic, payload, topic, payload … */
export type Entries = (string | CarriedPayload)[];

/** What a child says. `backplane` tells several ones of a process apart. */
export interface ChildMessage {
  /** Tells Weir's messages from those of the program. */
  readonly weir: "cluster";
  /** Which backplane of the process it is. */
  readonly backplane: number;
  /** Begin to send these topics. */
  readonly subscribe?: string[];
  /** Goes with `subscribe`. */
  readonly probe?: unknown;
  /** Send this topic no more. */
  readonly unsubscribe?: string;
  /** Relay these. */
  readonly publish?: Entries;
}

/** What the parent says. */
export interface ParentMessage {
  /** Tells Weir's messages from those of the program. */
  readonly weir: "cluster-relay";
  /** Which backplane it is for; all where there is none. */
  readonly backplane?: number;
  /** "I relay, tell me your topics." */
  readonly hello?: true;
  /** The answer to `subscribe`: whether its probe has arrived as bytes. */
  readonly binary?: boolean;
  /** What others have published. */
  readonly deliver?: Entries;
}

/** What a probe is. */
export const probe: Uint8Array = new Uint8Array([0x77]);

/** Whether what has become of a probe is bytes. */
export function isBytes(carried: unknown): carried is Uint8Array {
  return carried instanceof Uint8Array;
}

/**
 * Makes of a payload what the channel can carry.
 *
 * @param binary Whether it can carry bytes.
 */
export function carry(
  payload: CarriedPayload,
  binary: boolean,
): CarriedPayload {
  if (typeof payload === "string") return payload;
  const { buffer, byteOffset, byteLength } = payload;
  if (!binary) {
    return Buffer.from(buffer, byteOffset, byteLength).toString("base64");
  }
  // A structured clone takes all of the buffer with it.
  return byteLength === buffer.byteLength ? payload : payload.slice();
}

/** Makes bytes of what was carried; they belong to the caller. */
export function uncarry(carried: CarriedPayload): Uint8Array<ArrayBuffer> {
  if (typeof carried !== "string") {
    return new Uint8Array(
      carried.buffer as ArrayBuffer,
      carried.byteOffset,
      carried.byteLength,
    );
  }
  const bytes = Buffer.from(carried, "base64");
  return new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
