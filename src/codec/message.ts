/**
 * What flows between the message stages and the application.
 *
 * @module
 */

/** A message as an application sees it: text is a string, binary a `Uint8Array`. */
export type Message = string | Uint8Array<ArrayBuffer>;

/** A ping or a pong (RFC 6455 sections 5.5.2 and 5.5.3). */
export interface PingPongMessage {
  /** Which of the two. */
  readonly type: "ping" | "pong";
  /** At most 125 bytes. */
  readonly payload: Uint8Array;
}

/** A Close frame (RFC 6455 section 5.5.1). */
export interface CloseMessage {
  /** Always `"close"`. */
  readonly type: "close";
  /** The code; 1005 stands for an empty body. */
  readonly closeCode: number;
  /** The reason, or `""`. */
  readonly reason: string;
}

/** A control frame as the message stages pass it on. */
export type ControlMessage = PingPongMessage | CloseMessage;

/**
 * A part of a message that is not waited for as a whole. The bytes of a text
 * have been checked as UTF-8 so far as they have arrived; a character may be
 * split between two fragments.
 */
export interface MessageFragment {
  /** What the message is. */
  readonly type: "text" | "binary";
  /** Whether the message begins here. */
  readonly first: boolean;
  /** Whether the message ends here. */
  readonly fin: boolean;
  /** The bytes. */
  readonly payload: Uint8Array<ArrayBuffer>;
}
