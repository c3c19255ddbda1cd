/**
 * What a connection needs of the socket below it.
 *
 * @module
 */

/** The address of one end of a TCP connection. */
export interface NetworkAddress {
  /** Always `"tcp"`. */
  readonly transport: "tcp";
  /** The IP address. */
  readonly hostname: string;
  /** The port. */
  readonly port: number;
}

/** The address of a Unix domain socket. */
export interface UnixAddress {
  /** Always `"unix"`. */
  readonly transport: "unix";
  /** The path of the socket's file. */
  readonly path: string;
}

/** A byte duplex as the connection sees it. Bytes only; it knows no protocol. */
export interface Transport {
  /** The peer's address, where there is one. */
  readonly remoteAddress: NetworkAddress | null;
  /**
   * Whether the system has a copy of what was written as soon as `written` is
   * called, or `bufferedAmount` is 0: the bytes may be changed then. One that has
   * not is given chunks that nobody else has.
   */
  readonly copies: boolean;
  /**
   * Whether nobody else has the chunks that it delivers, but for those that it has
   * lent: their memory may be given back.
   */
  readonly gives: boolean;
  /** How many of the bytes written have not been handed to the system yet. */
  readonly bufferedAmount: number;
  /** Begins to deliver; called again, delivers to another receiver from then on. */
  start(receiver: TransportReceiver): void;
  /**
   * No more bytes are delivered, but for a read that is under way already; the
   * peer's window fills up.
   */
  pause(): void;
  /** Delivers again. */
  resume(): void;
  /**
   * Writes chunks, in one system call where that can be.
   *
   * @param chunks Bytes that do not change any more; see {@linkcode copies}.
   * @param written Called when the last of them was handed to the system.
   */
  write(chunks: readonly Uint8Array[], written?: () => void): void;
  /** Ends the outgoing direction once all is written. */
  end(): void;
  /** Drops the connection at once. */
  destroy(): void;
}

/** What a transport tells of itself. */
export interface TransportReceiver {
  /**
   * Bytes have arrived.
   *
   * @param lent Whether their memory is another's once the call has returned.
   * Otherwise they belong to the receiver.
   */
  receive(chunk: Uint8Array<ArrayBuffer>, lent: boolean): void;
  /** The peer has ended its direction. */
  receiveEnd(): void;
  /** Both directions are over; called once, and nothing after it. */
  transportClosed(error: Error | null): void;
}

/** Is told what is for nobody. */
export const nobody: TransportReceiver = {
  receive() {},
  receiveEnd() {},
  transportClosed() {},
};
