/**
 * Where permessage-deflate meets the fuzzing peer. The extension itself is in
 * `deflate.ts`; the peer knows only what is here.
 */

/** Compresses and decompresses the messages of one connection, in order. */
export interface MessageCompression {
  /**
   * Compresses a message. The result is its payload, which the peer may send
   * in fragments; it sets RSV1 on the first frame.
   */
  compress(message: Uint8Array): Uint8Array | Promise<Uint8Array>;
  /**
   * Decompresses the payload of a message, all its frames put together, that
   * came with RSV1 set.
   *
   * @throws {Error} If it cannot be decompressed. The peer then fails the
   * connection with 1007. A promise may be rejected instead.
   */
  decompress(payload: Uint8Array): Uint8Array | Promise<Uint8Array>;
  /** Frees what it holds. Called once, when the connection is gone. */
  close?(): void;
}

/** A client's side of agreeing on compression. */
export interface CompressionOffer {
  /** The value of the request's `Sec-WebSocket-Extensions` field. */
  readonly extensions: string;
  /**
   * Looks at the response's `Sec-WebSocket-Extensions` field. It is not called
   * if there is none.
   *
   * @throws {Error} If the server answered what it may not. The peer then
   * gives up the handshake.
   */
  accept(extensions: string): MessageCompression;
}

/** A server's side of agreeing on compression. */
export interface CompressionAnswer {
  /**
   * Looks at the request's `Sec-WebSocket-Extensions` field. It is not called
   * if there is none.
   *
   * @returns The response's field and what was agreed on, or `null` for no
   * compression.
   * @throws {Error} If the offers are malformed. The peer refuses the handshake.
   */
  answer(
    extensions: string,
  ): { extensions: string; compression: MessageCompression } | null;
}
