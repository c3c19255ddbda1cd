/**
 * What compresses and inflates the messages of one connection: RFC 7692
 * section 7.2.
 *
 * @module
 */

/** Takes output while a message is being worked on; what follows waits for its promise. */
export type Emit = (bytes: Uint8Array<ArrayBuffer>) => void | Promise<void>;

/** One message that is compressed, or inflated, part by part. */
export interface MessageCodec {
  /**
   * Takes the next part.
   *
   * @param part The bytes; they are not needed any more when the promise has
   * resolved.
   * @param last Whether the message ends with it.
   * @param emit Is called with the output, in order.
   */
  write(part: Uint8Array, last: boolean, emit: Emit): Promise<void>;
  /** Gives the message up. */
  abort(): void;
}

/** Compresses or inflates messages, one connection's. */
export interface Backend {
  /**
   * Whether a message may refer back to those before it (context takeover), so
   * that they must be worked on one after the other.
   */
  readonly sequential: boolean;
  /**
   * Works on a message that is whole; the answer may be there at once.
   *
   * @param payload The bytes, lent for the call: they are not changed, and what
   * of them is needed later is copied.
   * @param limit How many bytes may come out.
   * @returns `null` if this message has to be worked on part by part, as more
   * would come out or the backend knows no other way. Nothing has happened then.
   */
  whole(
    payload: Uint8Array,
    limit: number,
  ): Bytes | null | Promise<Bytes | null>;
  /** Begins a message that comes in parts. */
  open(): MessageCodec;
  /** Frees what can be made again, if the next message needs it. */
  rest?(): void;
  /** Frees what the connection held. */
  close(): void;
}

/** Bytes that nobody else has. */
export type Bytes = Uint8Array<ArrayBuffer>;
