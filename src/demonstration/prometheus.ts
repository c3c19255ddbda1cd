/**
 * The server's metrics for Prometheus, in its text format, version 0.0.4:
 * https://prometheus.io/docs/instrumenting/exposition_formats/
 *
 * @module
 */

import type { BackplaneState, FetchHandler, ServerMetrics } from "../../mod.ts";

/** Where the metrics are. */
export const metricsPath = "/metrics";

/**
 * Makes a `fetch` function that answers `/metrics`.
 *
 * @param metrics Takes the numbers of the moment.
 * @param otherwise Answers all other paths.
 */
export function serveMetrics(
  metrics: () => ServerMetrics,
  otherwise: FetchHandler,
): FetchHandler {
  return (request) => {
    if (new URL(request.url).pathname !== metricsPath) {
      return otherwise(request);
    }
    if (request.method !== "GET" && request.method !== "HEAD") {
      return new Response(`${metricsPath} answers GET and HEAD only\n`, {
        status: 405,
        headers: { "allow": "GET, HEAD" },
      });
    }
    return new Response(formatMetrics(metrics()), {
      headers: {
        "content-type": "text/plain; version=0.0.4; charset=utf-8",
        "cache-control": "no-store",
      },
    });
  };
}

/** One line of a metric, but for the metric's name. */
interface Sample {
  /** What goes behind the metric's name, such as `_bucket`. */
  suffix?: string;
  labels?: Record<string, string>;
  value: number;
}

/** The metrics as lines of text, in seconds and bytes. */
export function formatMetrics(metrics: ServerMetrics): string {
  const { connections, handshakes, received, sent, keepAlive } = metrics;
  const { topics, backplane } = metrics;
  const text = new MetricsText();
  text.gauge("connections_open", "Open connections.", connections.open);
  text.counter(
    "connections_opened_total",
    "Connections that were opened.",
    connections.total,
  );
  text.add(
    "handshakes_total",
    "counter",
    "Opening handshakes by the HTTP status of the answer: 101 opens a connection, aborted is a client that left before.",
    [
      { labels: { status: "101" }, value: handshakes.accepted },
      ...Object.entries(handshakes.refused).map(([status, value]) => ({
        labels: { status },
        value,
      })),
    ],
  );
  for (const [name, traffic] of Object.entries({ received, sent })) {
    const { messages, bytes, compression } = traffic;
    text.counter(`${name}_messages_total`, `Messages ${name}.`, messages);
    text.counter(
      `${name}_bytes_total`,
      `Bytes of WebSocket frames ${name}.`,
      bytes,
    );
    text.counter(
      `${name}_plain_bytes_total`,
      `Payload of compressed messages ${name}, without its compression.`,
      compression.plainBytes,
    );
    text.counter(
      `${name}_compressed_bytes_total`,
      `Payload of compressed messages ${name}, as on the wire.`,
      compression.compressedBytes,
    );
  }
  text.gauge(
    "buffered_bytes",
    "Bytes that wait for clients, over all connections.",
    metrics.bufferedBytes,
  );
  text.add(
    "closes_total",
    "counter",
    "Connections that are over by close code; 3xxx and 4xxx are those of libraries and applications.",
    closesByLabel(metrics.closes),
  );
  text.counter(
    "keepalive_pings_total",
    "Pings to connections that had gone silent.",
    keepAlive.pings,
  );
  text.counter(
    "keepalive_timeouts_total",
    "Connections given up as nothing was heard after a ping.",
    keepAlive.timeouts,
  );
  const { buckets, count, sum } = keepAlive.roundTrips;
  text.add(
    "keepalive_round_trip_seconds",
    "histogram",
    "Time from a keepalive ping to its pong.",
    [
      ...buckets.map((bucket) => ({
        suffix: "_bucket",
        labels: { le: String(bucket.upTo / 1000) },
        value: bucket.count,
      })),
      { suffix: "_bucket", labels: { le: "+Inf" }, value: count },
      { suffix: "_sum", value: sum / 1000 },
      { suffix: "_count", value: count },
    ],
  );
  text.gauge("topics", "Topics with subscribers.", topics.topics);
  text.gauge(
    "subscriptions",
    "Subscriptions to topics.",
    topics.subscriptions,
  );
  if (backplane !== null) addBackplane(text, backplane);
  return text.toString();
}

function addBackplane(text: MetricsText, backplane: BackplaneState): void {
  text.gauge(
    "backplane_connected",
    "Whether the broker behind the topics can be reached.",
    backplane.connected ? 1 : 0,
  );
  text.counter(
    "backplane_sent_messages_total",
    "Messages that were handed to the broker.",
    backplane.messagesOut,
  );
  text.counter(
    "backplane_received_messages_total",
    "Messages of other processes that came in.",
    backplane.messagesIn,
  );
  text.counter(
    "backplane_failed_messages_total",
    "Messages that were not relayed, as the broker was away.",
    backplane.messagesFailed,
  );
  text.counter(
    "backplane_missed_messages_total",
    "Messages of other processes that are known to be lost on the way.",
    backplane.messagesMissed,
  );
  text.counter(
    "backplane_malformed_payloads_total",
    "Payloads that came in and were not understood.",
    backplane.malformed,
  );
}

/**
 * Clients choose among two thousand codes: those that have no meaning of their
 * own are put together, so that nobody can make a time series for each.
 */
function closesByLabel(closes: ServerMetrics["closes"]): Sample[] {
  const counts = new Map<string, number>();
  for (const [closeCode, count] of Object.entries(closes)) {
    const code = Number(closeCode) < 3000 ? closeCode : `${closeCode[0]}xxx`;
    counts.set(code, (counts.get(code) ?? 0) + count);
  }
  return [...counts].map(([code, value]) => ({ labels: { code }, value }));
}

/** Builds the text, metric by metric. */
class MetricsText {
  #text = "";

  counter(name: string, help: string, value: number): void {
    this.add(name, "counter", help, [{ value }]);
  }

  gauge(name: string, help: string, value: number): void {
    this.add(name, "gauge", help, [{ value }]);
  }

  /** Adds a metric, unless there is nothing to say of it. */
  add(
    name: string,
    type: "counter" | "gauge" | "histogram",
    help: string,
    samples: readonly Sample[],
  ): void {
    if (samples.length === 0) return;
    const fullName = `weir_${name}`;
    this.#text += `# HELP ${fullName} ${help}\n# TYPE ${fullName} ${type}\n`;
    for (const { suffix = "", labels = {}, value } of samples) {
      const pairs = Object.entries(labels).map(([label, text]) =>
        `${label}="${
          text.replaceAll(/[\\"]/g, "\\$&").replaceAll("\n", "\\n")
        }"`
      );
      const set = pairs.length === 0 ? "" : `{${pairs.join(",")}}`;
      this.#text += `${fullName}${suffix}${set} ${value}\n`;
    }
  }

  toString(): string {
    return this.#text;
  }
}
