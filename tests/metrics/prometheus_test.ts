// /metrics of the demonstration server, as Prometheus reads it.

import assert from "node:assert/strict";
import { test } from "node:test";
import type { ServerMetrics } from "../../mod.ts";
import { formatMetrics } from "../../src/demonstration/prometheus.ts";
import { listen } from "../demonstration/server_process.ts";
import { opcodes, RawClient } from "../support/raw_client.ts";
import { type Family, parseExposition } from "./exposition.ts";

const traffic = {
  messages: 10,
  bytes: 5e9,
  compression: { plainBytes: 400, compressedBytes: 100, ratio: 0.25 },
};

/** Numbers of which no two are the same. */
const metrics: ServerMetrics = {
  connections: { open: 3, total: 33 },
  handshakes: { accepted: 33, refused: { "403": 4, aborted: 5 } },
  received: traffic,
  sent: {
    messages: 11,
    bytes: 2 ** 53 - 1,
    compression: { plainBytes: 401, compressedBytes: 101, ratio: 101 / 401 },
  },
  bufferedBytes: 123_456,
  closes: { 1000: 20, 1006: 2, 3000: 1, 4000: 3, 4999: 4 },
  keepAlive: {
    pings: 9,
    timeouts: 1,
    roundTrips: {
      count: 8,
      sum: 1234.5,
      last: 1000,
      buckets: [{ upTo: 2.5, count: 1 }, { upTo: 500, count: 7 }],
    },
  },
  topics: { topics: 6, subscriptions: 66 },
  backplane: {
    connected: false,
    messagesOut: 70,
    messagesIn: 71,
    messagesFailed: 72,
    messagesMissed: 73,
    malformed: 74,
  },
};

/** The only sample of a metric with these labels. */
function valueOf(
  families: ReadonlyMap<string, Family>,
  name: string,
  labels: Record<string, string> = {},
): number | undefined {
  const samples = [...families.values()].flatMap(({ samples }) => samples);
  return samples.find((sample) =>
    sample.name === name &&
    JSON.stringify(Object.fromEntries(sample.labels)) === JSON.stringify(labels)
  )?.value;
}

test("the parser of these tests refuses what is not in the format", () => {
  const good = "# HELP a_total An a.\n# TYPE a_total counter\n";
  parseExposition(`${good}a_total{x="1",y="\\"\\\\\\n"} 2e+21\n`);
  const buckets = "# HELP h H.\n# TYPE h histogram\n";
  const bad: readonly [string, RegExp][] = [
    [`${good}a_total 1`, /last line/],
    [`${good}a_total 1\r\n`, /carriage/],
    ["a_total 1\n", /without HELP and TYPE/],
    ["# TYPE a_total counter\na_total 1\n", /without HELP/],
    [`${good}# TYPE a_total gauge\na_total 1\n`, /second TYPE/],
    [`${good}# HELP a_total An a.\na_total 1\n`, /second HELP/],
    ["# HELP a A.\n# TYPE a number\na 1\n", /no type/],
    ["# HELP a A \\t.\n# TYPE a gauge\na 1\n", /escape/],
    ["# HELP a-b A.\n# TYPE a-b gauge\na-b 1\n", /no name/],
    [`${good}b_total 1\n`, /without HELP and TYPE/],
    [`${good}a_total 1\n# TYPE a_total counter\n`, /behind a sample/],
    [`${good}a_total 0x10\n`, /no number/],
    [`${good}a_total Infinity\n`, /no number/],
    [`${good}a_total  1\n`, /no number/],
    [`${good}a_total{x=1} 1\n`, /no label/],
    [`${good}a_total{x="1"y="2"} 1\n`, /no label/],
    [`${good}a_total{x="\\t"} 1\n`, /no label/],
    [`${good}a_total{1x="1"} 1\n`, /no label/],
    [`${good}a_total{x="1",x="2"} 1\n`, /label twice/],
    [`${good}a_total 1\na_total 1\n`, /twice/],
    [`${good}a_total -1\n`, /below 0/],
    [`${good}`, /no sample/],
    ["# HELP a A.\n# TYPE a counter\na 1\n", /_total/],
    [
      `${good}a_total 1\n# HELP b B.\n# TYPE b gauge\nb 1\n# HELP a_total An a.\n`,
      /together/,
    ],
    [`${buckets}h_bucket{le="1"} 1\nh_sum 1\nh_count 1\n`, /\+Inf/],
    [`${buckets}h_bucket{le="+Inf"} 1\nh_sum 1\nh_count 2\n`, /_count/],
    [`${buckets}h_bucket{le="+Inf"} 1\nh_count 1\n`, /_sum/],
    [
      `${buckets}h_bucket{le="1"} 2\nh_bucket{le="+Inf"} 1\nh_sum 1\nh_count 1\n`,
      /counts do not ascend/,
    ],
    [
      `${buckets}h_bucket{le="2"} 1\nh_bucket{le="1"} 1\nh_sum 1\nh_count 1\n`,
      /bounds do not ascend/,
    ],
  ];
  for (const [text, why] of bad) {
    assert.throws(() => parseExposition(text), why, text);
  }
});

test("every number is there, in seconds and bytes, under a name that begins with weir_", () => {
  const families = parseExposition(formatMetrics(metrics));
  const expected: readonly [string, number, Record<string, string>?][] = [
    ["weir_connections_open", 3],
    ["weir_connections_opened_total", 33],
    ["weir_handshakes_total", 33, { status: "101" }],
    ["weir_handshakes_total", 4, { status: "403" }],
    ["weir_handshakes_total", 5, { status: "aborted" }],
    ["weir_received_messages_total", 10],
    ["weir_received_bytes_total", 5e9],
    ["weir_received_plain_bytes_total", 400],
    ["weir_received_compressed_bytes_total", 100],
    ["weir_sent_messages_total", 11],
    ["weir_sent_bytes_total", 2 ** 53 - 1],
    ["weir_sent_plain_bytes_total", 401],
    ["weir_sent_compressed_bytes_total", 101],
    ["weir_buffered_bytes", 123_456],
    ["weir_closes_total", 20, { code: "1000" }],
    ["weir_closes_total", 2, { code: "1006" }],
    ["weir_closes_total", 1, { code: "3xxx" }],
    ["weir_closes_total", 7, { code: "4xxx" }],
    ["weir_keepalive_pings_total", 9],
    ["weir_keepalive_timeouts_total", 1],
    ["weir_keepalive_round_trip_seconds_bucket", 1, { le: "0.0025" }],
    ["weir_keepalive_round_trip_seconds_bucket", 7, { le: "0.5" }],
    ["weir_keepalive_round_trip_seconds_bucket", 8, { le: "+Inf" }],
    ["weir_keepalive_round_trip_seconds_sum", 1.2345],
    ["weir_keepalive_round_trip_seconds_count", 8],
    ["weir_topics", 6],
    ["weir_subscriptions", 66],
    ["weir_backplane_connected", 0],
    ["weir_backplane_sent_messages_total", 70],
    ["weir_backplane_received_messages_total", 71],
    ["weir_backplane_failed_messages_total", 72],
    ["weir_backplane_missed_messages_total", 73],
    ["weir_backplane_malformed_payloads_total", 74],
  ];
  for (const [name, value, labels] of expected) {
    assert.equal(valueOf(families, name, labels), value, name);
  }
  let samples = 0;
  for (const family of families.values()) {
    samples += family.samples.length;
    assert.match(family.name, /^weir_[a-z_]+$/);
    assert.match(family.help, /^[A-Z].*\.$/);
    const gauge = /_(?:open|bytes|connected)$|topics|subscriptions/;
    const isGauge = gauge.test(family.name);
    const isHistogram = family.name.endsWith("_seconds");
    assert.equal(
      family.type,
      isHistogram ? "histogram" : isGauge ? "gauge" : "counter",
      family.name,
    );
  }
  assert.equal(samples, expected.length, "nothing else is there");
});

test("what there is nothing to say of is left out", () => {
  const families = parseExposition(formatMetrics({
    ...metrics,
    closes: {},
    backplane: null,
  }));
  assert.equal(families.has("weir_closes_total"), false);
  for (const name of families.keys()) assert.doesNotMatch(name, /backplane/);
});

test("GET /metrics of server.ts can be scraped, and counts what clients do", async () => {
  const server = await listen("--port", "0");
  try {
    await scrapeAll(new URL("/metrics", server.address));
  } finally {
    await server[Symbol.asyncDispose]();
  }
});

async function scrapeAll(url: URL): Promise<void> {
  const scrape = async () => parseExposition(await (await fetch(url)).text());

  const response = await fetch(url);
  assert.equal(response.status, 200);
  assert.equal(
    response.headers.get("content-type"),
    "text/plain; version=0.0.4; charset=utf-8",
  );
  assert.equal(
    valueOf(
      parseExposition(await response.text()),
      "weir_connections_opened_total",
    ),
    0,
  );

  const target = { port: Number(url.port) };
  const client = await RawClient.open(target, { path: "/echo" });
  for (const text of ["one", "two"]) {
    client.send(opcodes.text, text);
    assert.equal(await client.text(), text);
  }
  const refused = RawClient.open(target, { path: "/nowhere" });
  await assert.rejects(refused, /404/);
  let families = await scrape();
  assert.equal(valueOf(families, "weir_connections_open"), 1);
  assert.equal(valueOf(families, "weir_received_messages_total"), 2);
  assert.equal(valueOf(families, "weir_received_bytes_total"), 2 * 9);
  assert.equal(valueOf(families, "weir_sent_bytes_total"), 2 * 5);
  const status = (status: string) =>
    valueOf(families, "weir_handshakes_total", { status });
  assert.equal(status("101"), 1);
  assert.equal(status("404"), 1);

  await client.closeCleanly(4001);
  const closes = async () => {
    families = await scrape();
    return valueOf(families, "weir_closes_total", { code: "4xxx" });
  };
  for (let round = 0; round < 100 && await closes() !== 1; round++);
  assert.equal(await closes(), 1);
  assert.equal(valueOf(families, "weir_connections_open"), 0);

  const head = await fetch(url, { method: "HEAD" });
  assert.equal(head.status, 200);
  assert.equal(await head.text(), "");
  const post = await fetch(url, { method: "POST", body: "x" });
  assert.equal(post.status, 405);
  assert.equal(post.headers.get("allow"), "GET, HEAD");
  await post.body?.cancel();
}
