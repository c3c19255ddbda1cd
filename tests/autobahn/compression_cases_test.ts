import assert from "node:assert/strict";
import { type AddressInfo, createServer, type Server } from "node:net";
import { test } from "node:test";
import { CaseRun } from "../../autobahn/case.ts";
import type { CaseResult, WireLogEntry } from "../../autobahn/case_result.ts";
import {
  compressionCases,
  compressionSubcategories,
} from "../../autobahn/cases/compression.ts";
import { payloadData } from "../../autobahn/cases/payload_data.ts";
import { runFuzzingClient } from "../../autobahn/fuzzing_client.ts";
import {
  answerDeflate,
  PerMessageDeflate,
} from "../../autobahn/peer/deflate.ts";
import { FuzzingPeer } from "../../autobahn/peer/fuzzing_peer.ts";

const accept: Parameters<typeof answerDeflate>[0] = ([offer]) => ({
  offer,
  requestNoContextTakeover: false,
  requestMaxWindowBits: 0,
});

/** How an echo server of these tests does worse than an echo. */
interface EchoOptions {
  compression?: ReturnType<typeof answerDeflate> | null;
  alter?(payload: Uint8Array, count: number): Uint8Array;
  asBinary?(isBinary: boolean): boolean;
}

/** Runs something against an echo server that is made of a fuzzing peer. */
async function withEchoServer<T>(
  options: EchoOptions,
  use: (url: string) => Promise<T>,
): Promise<T> {
  const {
    compression = answerDeflate(accept),
    alter = (payload) => payload,
    asBinary = (isBinary) => isBinary,
  } = options;
  const server: Server = createServer((socket) => {
    let count = 0;
    new FuzzingPeer(socket, {
      role: "server",
      server: "echo",
      accept: () => ({
        compression,
        handler: {
          opened() {},
          message(peer, payload, isBinary) {
            peer.sendMessage(alter(payload, ++count), {
              isBinary: asBinary(isBinary),
            });
          },
          pong() {},
          lost() {},
        },
      }),
    });
  });
  await new Promise<void>((resolve) =>
    server.listen(0, "127.0.0.1", () => resolve())
  );
  try {
    const { port } = server.address() as AddressInfo;
    return await use(`ws://127.0.0.1:${port}/`);
  } finally {
    await new Promise((resolve) => server.close(resolve));
  }
}

async function runCases(
  ids: readonly string[],
  options: EchoOptions = {},
): Promise<CaseResult[]> {
  return await withEchoServer(options, async (url) => {
    const results: CaseResult[] = [];
    const cases = compressionCases.filter(({ id }) => ids.includes(id));
    assert.equal(cases.length, ids.length);
    for await (const result of runFuzzingClient({ url, cases })) {
      results.push(result);
    }
    return results;
  });
}

/** A peer that does nothing but note what a case does with it. */
function pretend(isCompressed = true) {
  const done = {
    autoFragmentSize: 0,
    wireLog: { enable() {}, entries: [] as WireLogEntry[] },
    isCompressed,
    sent: [] as { payload: Uint8Array; isBinary: boolean }[],
    closeCodes: [] as number[],
    timeouts: [] as number[],
    sendMessage(payload: Uint8Array, { isBinary }: { isBinary: boolean }) {
      done.sent.push({ payload, isBinary });
    },
    closeAfter(seconds: number) {
      done.timeouts.push(seconds);
    },
    sendClose(code: number) {
      done.closeCodes.push(code);
    },
    trafficStatistics: { incomingWebSocketMessages: 1 },
  };
  return { done, run: new CaseRun(done as unknown as FuzzingPeer) };
}

const lengths = [
  ...[16, 64, 256, 1024, 4096, 8192, 16384, 32768, 65536, 131072],
  ...[8192, 16384, 32768, 65536, 131072, 131072, 131072, 131072],
];
const timeouts = [60, 60, 120, 240, ...Array(14).fill(480)];
const fragmentSizes = [
  ...Array(10).fill(0),
  ...[256, 256, 256, 256, 256, 1024, 4096, 32768],
];

test("compression cases: 12.1.1 to 13.7.18 in order", () => {
  const ids = [[12, 5], [13, 7]].flatMap(([category, subcategories]) =>
    Array.from(
      { length: subcategories },
      (_, subcategory) =>
        Array.from(
          { length: 18 },
          (_, index) => `${category}.${subcategory + 1}.${index + 1}`,
        ),
    ).flat()
  );
  assert.deepEqual(compressionCases.map(({ id }) => id), ids);
  assert.equal(compressionCases.length, 216);
  assert.deepEqual(
    Object.keys(compressionSubcategories),
    [...new Set(ids.map((id) => id.split(".").slice(0, 2).join(".")))],
  );
});

test("compression cases: each sends what its number stands for", () => {
  const payloads = [
    payloadData.json,
    payloadData.bitmap,
    payloadData.verse,
    payloadData.html,
    payloadData.document,
  ];
  for (const one of compressionCases) {
    const [category, subcategory, index] = one.id.split(".").map(Number);
    const payload = category === 12
      ? payloads[subcategory - 1]
      : payloadData.json;
    const { done, run } = pretend();
    one.open(run);
    assert.equal(done.sent.length, 1, one.id);
    assert.equal(done.sent[0].isBinary, payload.isBinary, one.id);
    assert.deepEqual(
      done.sent[0].payload,
      payload.slice(0, lengths[index - 1]),
      one.id,
    );
    assert.deepEqual(done.timeouts, [timeouts[index - 1]], one.id);
    assert.equal(done.autoFragmentSize, fragmentSizes[index - 1], one.id);
    assert.ok(one.description.includes(` ${lengths[index - 1]} `), one.id);
    assert.ok(one.expectation.includes(` ${timeouts[index - 1]} s`), one.id);
    assert.equal(run.behavior, "FAILED", one.id);
    assert.match(run.result, /ended before all echoes/);
    done.wireLog.entries.push(["TIE"]);
    one.judge!(run);
    assert.match(
      run.result,
      new RegExp(`did not finish within ${timeouts[index - 1]} seconds`),
    );
    assert.ok(one.isMeasured && one.reportCompressionRatio, one.id);
  }
});

test("compression cases: a thousand messages go through the payload", () => {
  for (
    const [id, payload, length] of [
      ["12.2.4", payloadData.bitmap, 1024],
      ["12.4.3", payloadData.html, 256],
    ] as const
  ) {
    const one = compressionCases.find((one) => one.id === id)!;
    const { done, run } = pretend();
    one.open(run);
    while (done.closeCodes.length === 0 && done.sent.length <= 1000) {
      const { payload, isBinary } = done.sent.at(-1)!;
      run.onMessage!(payload, isBinary);
    }
    assert.equal(done.sent.length, 1000);
    assert.equal(run.behavior, "OK");
    assert.deepEqual(done.closeCodes, [1000]);
    assert.deepEqual(run.trafficStatistics, done.trafficStatistics);
    done.sent.forEach((message, index) => {
      const from = (index * length) % payload.length;
      const to = (from + length) % payload.length;
      assert.deepEqual(message.payload, payload.slice(from, to), `${index}`);
    });
  }
});

test("compression cases: an echo passes them", async () => {
  const ids = ["12.1.1", "12.4.2", "12.5.3", "13.3.2", "13.5.2", "13.7.1"];
  const results = await runCases(ids);
  for (const result of results) {
    assert.equal(result.behavior, "OK", `${result.id}: ${result.result}`);
    assert.equal(result.behaviorClose, "OK", result.resultClose);
    assert.equal(result.trafficStats?.outgoingWebSocketMessages, 1000);
    assert.equal(result.trafficStats?.incomingWebSocketMessages, 1000);
    assert.ok(result.reportTime && result.reportCompressionRatio);
    assert.ok(result.wirelog.length < 30, "the messages are not logged");
  }
  const byId = new Map(results.map((result) => [result.id, result]));
  const ratio = (id: string): number =>
    byId.get(id)!.trafficStats!.outgoingCompressionRatio!;
  assert.ok(ratio("12.4.2") < 0.3, `HTML with its context ${ratio("12.4.2")}`);
  assert.ok(ratio("12.5.3") > 0.7, `a document ${ratio("12.5.3")}`);
});

test("compression cases: the offers in the handshake", async () => {
  const offers = new Map<string, string>();
  for (
    const result of await runCases(
      [1, 2, 3, 4, 5, 6, 7].map((subcategory) => `13.${subcategory}.1`),
      { compression: null },
    )
  ) {
    const [, header] = /^Sec-WebSocket-Extensions: (.*)\r$/m
      .exec(result.httpRequest)!;
    offers.set(result.id, header);
    assert.equal(result.behavior, "UNIMPLEMENTED", result.id);
    assert.equal(result.behaviorClose, "OK", result.resultClose);
    assert.equal(result.trafficStats, null);
  }
  const plain =
    "permessage-deflate; client_no_context_takeover; client_max_window_bits";
  const noContext = "; server_no_context_takeover";
  assert.deepEqual(Object.fromEntries(offers), {
    "13.1.1": plain,
    "13.2.1": plain + noContext,
    "13.3.1": `${plain}; server_max_window_bits=9`,
    "13.4.1": `${plain}; server_max_window_bits=15`,
    "13.5.1": `${plain}${noContext}; server_max_window_bits=9`,
    "13.6.1": `${plain}${noContext}; server_max_window_bits=15`,
    "13.7.1":
      `${plain}${noContext}; server_max_window_bits=9, ${plain}${noContext}, ` +
      plain,
  });
});

test("compression cases: what a server accepts", () => {
  const answerOf = (id: string, offer: string): string | null => {
    const one = compressionCases.find((one) => one.id === id)!;
    const agreed = one.compression!.answer().answer(offer);
    agreed?.compression.close?.();
    return agreed?.extensions ?? null;
  };
  const plain = "permessage-deflate";
  const bits = "permessage-deflate; client_max_window_bits";
  const noContext = "; client_no_context_takeover";
  assert.equal(answerOf("12.1.1", bits), plain);
  assert.equal(answerOf("13.1.1", plain), plain);
  assert.equal(answerOf("13.2.1", plain), plain + noContext);
  assert.equal(answerOf("13.3.1", plain), null);
  assert.equal(answerOf("13.3.1", bits), `${bits}=9`);
  assert.equal(answerOf("13.4.1", bits), `${bits}=15`);
  assert.equal(answerOf("13.5.1", plain), null);
  assert.equal(
    answerOf("13.5.1", bits),
    `${plain}${noContext}${"; client_max_window_bits=9"}`,
  );
  assert.equal(
    answerOf("13.6.1", bits),
    `${plain}${noContext}${"; client_max_window_bits=15"}`,
  );
  assert.equal(
    answerOf("13.7.1", bits),
    `${plain}${noContext}${"; client_max_window_bits=9"}`,
  );
  assert.equal(answerOf("13.7.1", plain), plain + noContext);
  assert.equal(
    answerOf("13.3.1", `${plain}, ${bits}; server_max_window_bits=10`),
    `${plain}; server_max_window_bits=10; client_max_window_bits=9`,
  );
});

test("compression cases: frames are as short as they are to be", async () => {
  const [result] = await runCases(["12.1.11"]);
  assert.equal(result.behavior, "OK", result.result);
  const { "0": continuations, "1": firsts } = result.txFrameStats;
  assert.equal(firsts, 1000);
  const octets = result.trafficStats!.outgoingOctetsWebSocketLevel;
  assert.ok(continuations + firsts >= octets / 256);
  const longest = Math.max(...Object.keys(result.txOctetStats).map(Number));
  assert.ok(longest < 1000, `${longest} octets at once`);
});

const faults: [string, EchoOptions, RegExp][] = [
  [
    "an octet is altered",
    {
      alter(payload, count) {
        if (count === 77) payload[payload.length - 1] ^= 1;
        return payload;
      },
    },
    /^Message 77: .*octets differ/,
  ],
  [
    "an octet is lost",
    { alter: (payload, count) => count === 5 ? payload.slice(1) : payload },
    /^Message 5: The echo has 15 octets, the message had 16/,
  ],
  [
    "the type is another",
    { asBinary: (isBinary) => !isBinary },
    /^Message 1: The echo is binary, the message was text/,
  ],
];

for (const [what, options, expected] of faults) {
  test(`compression cases: the verdict when ${what}`, async () => {
    const [result] = await runCases(["12.1.1"], options);
    assert.equal(result.behavior, "FAILED");
    assert.match(result.result, expected);
    assert.equal(result.behaviorClose, "OK");
    assert.equal(result.trafficStats, null);
  });
}

test("compression cases: a context that should have been dropped", async () => {
  const [result] = await runCases(["13.2.3"], {
    compression: {
      answer: () => ({
        extensions: "permessage-deflate; server_no_context_takeover",
        // Keeps its context nevertheless.
        compression: new PerMessageDeflate("server", {
          serverNoContextTakeover: false,
          clientNoContextTakeover: false,
          serverMaxWindowBits: 15,
          clientMaxWindowBits: 15,
        }),
      }),
    },
  });
  assert.equal(result.behavior, "FAILED");
});

test("compression cases: an answer to something not offered", async () => {
  const [result] = await runCases(["12.1.1"], {
    compression: {
      answer: (extensions) => ({
        ...answerDeflate(accept).answer(extensions)!,
        extensions: "permessage-deflate; level=9",
      }),
    },
  });
  assert.equal(result.behavior, "FAILED");
  assert.equal(result.behaviorClose, "FAILED");
  assert.match(result.wasNotCleanReason ?? "", /"level"/);
});
