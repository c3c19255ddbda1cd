/**
 * What `server.metrics()` gives.
 *
 * @module
 */
import type { WebSocketConnection } from "../connection/connection.ts";
import type { BackplaneState } from "../backplane/health.ts";
import type { TopicsTotals } from "../topics/local_topics.ts";
import { type Topics, totalsOf } from "../topics/topics.ts";
import type { Counters } from "./counters.ts";
import type { HistogramMetrics } from "./histogram.ts";

/**
 * The numbers of a server at one moment. Those that count something begin at 0
 * with the server and only grow; those that say what is so just now are marked
 * as such.
 */
export interface ServerMetrics {
  /** Connections whose handshake was accepted. */
  readonly connections: ConnectionsMetrics;
  /** Opening handshakes. */
  readonly handshakes: HandshakesMetrics;
  /** What came from clients. */
  readonly received: TrafficMetrics;
  /** What went to clients. */
  readonly sent: TrafficMetrics;
  /**
   * Just now: bytes that were sent and have not been handed to the system, over
   * all open connections; see {@linkcode WebSocketConnection.bufferedAmount}.
   */
  readonly bufferedBytes: number;
  /**
   * Connections that are over, by the code of {@linkcode CloseResult}: 1006 for
   * those that were lost.
   */
  readonly closes: Readonly<Record<number, number>>;
  /** Pings to silent connections. */
  readonly keepAlive: KeepAliveMetrics;
  /** Just now: topics and subscriptions, of all servers that share the topics. */
  readonly topics: TopicsTotals;
  /** What connects the topics to other processes; `null` without a backplane. */
  readonly backplane: BackplaneState | null;
}

/** How many connections a server has and had. */
export interface ConnectionsMetrics {
  /** Just now: those that are not over, in their closing handshake as well. */
  readonly open: number;
  /** All that there were. */
  readonly total: number;
}

/** How opening handshakes were answered. */
export interface HandshakesMetrics {
  /** Those that became a connection. */
  readonly accepted: number;
  /**
   * The others, by the HTTP status that they were answered with, such as
   * `"403"`; `"aborted"` for clients that left before that. A request that is
   * no upgrade, or no HTTP, is no handshake.
   */
  readonly refused: Readonly<Record<string, number>>;
}

/** What went in one direction. */
export interface TrafficMetrics {
  /** Text and binary messages, whole ones. */
  readonly messages: number;
  /**
   * Bytes of WebSocket frames: headers, control frames and payload as it is on
   * the wire, but no opening handshake and nothing of TLS or TCP.
   */
  readonly bytes: number;
  /** What permessage-deflate did in this direction. */
  readonly compression: CompressionMetrics;
}

/**
 * The payload of the messages that were compressed. A message that is sent to
 * many counts for each. One that did not become shorter and was sent as it was
 * counts with the same number before and after.
 */
export interface CompressionMetrics {
  /** Bytes as the application has them. */
  readonly plainBytes: number;
  /** Bytes on the wire, without the frames' headers. */
  readonly compressedBytes: number;
  /** `compressedBytes / plainBytes`: 0.25 is a quarter. `null` before the first message. */
  readonly ratio: number | null;
}

/** What keepalive did; see {@linkcode ConnectionOptions.keepAlive}. */
export interface KeepAliveMetrics {
  /** Pings that it has sent, not those of `socket.ping()`. */
  readonly pings: number;
  /** Connections that it has given up, as nothing was heard after a ping. */
  readonly timeouts: number;
  /** Milliseconds from such a ping to its pong. */
  readonly roundTrips: HistogramMetrics;
}

/**
 * Puts the numbers of a server together.
 *
 * @param counters What was counted.
 * @param sockets The open connections.
 * @param topics What they subscribe to.
 */
export function collectMetrics(
  counters: Counters,
  sockets: ReadonlySet<WebSocketConnection>,
  topics: Topics,
): ServerMetrics {
  let bufferedBytes = 0;
  for (const socket of sockets) bufferedBytes += socket.bufferedAmount;
  const { inflated, deflated } = counters;
  return {
    connections: { open: sockets.size, total: counters.handshakesAccepted },
    handshakes: {
      accepted: counters.handshakesAccepted,
      refused: counters.handshakesRefused.toRecord(),
    },
    received: {
      messages: counters.messagesReceived,
      bytes: counters.bytesReceived,
      compression: compression(inflated.after, inflated.before),
    },
    sent: {
      messages: counters.messagesSent,
      bytes: counters.bytesSent,
      compression: compression(deflated.before, deflated.after),
    },
    bufferedBytes,
    closes: counters.closes.toRecord(),
    keepAlive: {
      pings: counters.keepAlivePings,
      timeouts: counters.keepAliveTimeouts,
      roundTrips: counters.roundTrips.toMetrics(),
    },
    topics: totalsOf(topics),
    backplane: topics.backplane,
  };
}

function compression(
  plainBytes: number,
  compressedBytes: number,
): CompressionMetrics {
  const ratio = plainBytes === 0 ? null : compressedBytes / plainBytes;
  return { plainBytes, compressedBytes, ratio };
}
