/**
 * Close codes and the body of a Close frame: RFC 6455 sections 5.5.1 and 7.4.
 *
 * @module
 */
import { ProtocolError } from "./error.ts";

/**
 * The close codes of RFC 6455 section 7.4.1 and of the IANA registry of section
 * 11.7. Applications have 4000 to 4999 for themselves; 3000 to 3999 are for
 * libraries and frameworks, registered with IANA.
 *
 * @example
 * ```ts
 * import { CloseCode } from "@weir/ws";
 *
 * console.log(CloseCode.GoingAway); // 1001
 * ```
 */
export const CloseCode = {
  /** The purpose of the connection is fulfilled. */
  NormalClosure: 1000,
  /** The server shuts down, or the page is left. */
  GoingAway: 1001,
  /** The peer broke the protocol. */
  ProtocolError: 1002,
  /** The peer sent a type of data that can't be accepted. */
  UnsupportedData: 1003,
  /** Never sent: stands for a Close frame without a code. */
  NoStatusReceived: 1005,
  /** Never sent: stands for a connection lost without a Close frame. */
  AbnormalClosure: 1006,
  /** Text that is not UTF-8. */
  InvalidPayload: 1007,
  /** A policy was violated, and no other code fits. */
  PolicyViolation: 1008,
  /** A message is too big. */
  MessageTooBig: 1009,
  /** The client misses an extension in the server's response. */
  MandatoryExtension: 1010,
  /** The server met something unexpected. */
  InternalError: 1011,
  /** The service restarts. */
  ServiceRestart: 1012,
  /** The service is overloaded; try again later. */
  TryAgainLater: 1013,
  /** A gateway got no good answer from behind it. */
  BadGateway: 1014,
  /** Never sent: stands for a failed TLS handshake. */
  TlsHandshake: 1015,
} as const;

/** One of the values of {@linkcode CloseCode}. */
export type CloseCode = (typeof CloseCode)[keyof typeof CloseCode];

/** The longest reason in bytes: a control frame's 125 less the code's two. */
export const maxReasonLength = 123;

const noBytes = new Uint8Array(0);
const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** Whether a code may stand in a Close frame (RFC 6455 section 7.4). */
export function isSendableCloseCode(closeCode: number): boolean {
  return Number.isInteger(closeCode) &&
    ((closeCode >= 1000 && closeCode <= 1014 && closeCode !== 1004 &&
      closeCode !== 1005 && closeCode !== 1006) ||
      (closeCode >= 3000 && closeCode <= 4999));
}

/** What a Close frame's body says. */
export interface CloseBody {
  /** The code; {@linkcode CloseCode.NoStatusReceived} where the body is empty. */
  readonly closeCode: number;
  /** The reason, `""` where there is none. */
  readonly reason: string;
}

/**
 * Reads the body of a Close frame.
 *
 * @param payload The frame's payload.
 * @throws {ProtocolError} 1002 for a body of one byte or a code that must not be
 * sent, 1007 for a reason that is not UTF-8.
 */
export function decodeCloseBody(payload: Uint8Array): CloseBody {
  if (payload.length === 0) {
    return { closeCode: CloseCode.NoStatusReceived, reason: "" };
  }
  if (payload.length === 1) {
    throw new ProtocolError(
      CloseCode.ProtocolError,
      "a Close frame's body is empty or has a code of two bytes, not one byte",
    );
  }
  const closeCode = payload[0] * 0x100 + payload[1];
  if (!isSendableCloseCode(closeCode)) {
    throw new ProtocolError(
      CloseCode.ProtocolError,
      `close code ${closeCode} must not be sent in a Close frame`,
    );
  }
  try {
    const reason = payload.length === 2
      ? ""
      : decoder.decode(payload.subarray(2));
    return { closeCode, reason };
  } catch {
    throw new ProtocolError(
      CloseCode.InvalidPayload,
      `the reason of close code ${closeCode} is not valid UTF-8`,
    );
  }
}

/**
 * Writes the body of a Close frame.
 *
 * @param closeCode A code that may be sent, or
 * {@linkcode CloseCode.NoStatusReceived} for an empty body.
 * @param reason At most 123 bytes of UTF-8.
 * @throws {RangeError} If the code must not be sent or the reason is too long.
 */
export function encodeCloseBody(
  closeCode: number,
  reason = "",
): Uint8Array<ArrayBuffer> {
  if (closeCode === CloseCode.NoStatusReceived && reason === "") {
    return new Uint8Array(0);
  }
  if (!isSendableCloseCode(closeCode)) {
    throw new RangeError(
      `close code ${closeCode} must not be sent: use 1000, one of 1001 to 1014 that is not 1004, 1005 or 1006, or 3000 to 4999`,
    );
  }
  const text = reason === "" ? noBytes : encoder.encode(reason);
  if (text.length > maxReasonLength) {
    throw new RangeError(
      `a close reason has at most ${maxReasonLength} bytes of UTF-8, not ${text.length}: shorten ${
        JSON.stringify(reason.slice(0, 40))
      }…`,
    );
  }
  const body = new Uint8Array(2 + text.length);
  body[0] = closeCode >> 8;
  body[1] = closeCode & 0xff;
  body.set(text, 2);
  return body;
}

/** Cuts a reason to what fits into a Close frame, at a character's boundary. */
export function truncateReason(reason: string): string {
  const bytes = encoder.encode(reason);
  if (bytes.length <= maxReasonLength) return reason;
  let end = maxReasonLength;
  while ((bytes[end] & 0xc0) === 0x80) end--;
  return decoder.decode(bytes.subarray(0, end));
}
