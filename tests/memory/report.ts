/** What the server under test says of itself. */

/** Milliseconds between two reports. */
export const reportInterval = 100;

/** One line of the server's output. */
export interface ServerReport {
  /** Bytes that its handlers have sent. */
  readonly sent: number;
  /** Bytes (of text: characters) of the messages that its handlers were given. */
  readonly received: number;
  /** How many connections are open. */
  readonly connections: number;
  /** Its resident memory, in bytes. */
  readonly rss: number;
}
