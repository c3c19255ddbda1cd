import assert from "node:assert/strict";
import { connect as connectTcp, type Socket } from "node:net";
import { test } from "node:test";
import { connect as connectTls } from "node:tls";
import type { CaseResult } from "../../autobahn/case_result.ts";
import { allCases, findCase } from "../../autobahn/cases/index.ts";
import {
  type FuzzingServer,
  type FuzzingServerOptions,
  startFuzzingServer,
} from "../../autobahn/fuzzing_server.ts";
import { offerDeflate } from "../../autobahn/peer/deflate.ts";
import { deflateOffer } from "../../autobahn/peer/deflate_negotiation.ts";
import { FuzzingPeer } from "../../autobahn/peer/fuzzing_peer.ts";
import { certificate, privateKey } from "../support/certificate.ts";
import { until } from "../support/waiting.ts";

const cases = ["1.1.2", "5.1", "2.5", "13.1.1"].map((id) => findCase(id)!);
assert.ok(cases.every((one) => one !== undefined));

/** How many results each server has had, results of reruns included. */
const resultCounts = new WeakMap<FuzzingServer, () => number>();

/** Runs something against a fuzzing server. */
async function withServer<T>(
  options: FuzzingServerOptions,
  use: (server: FuzzingServer) => Promise<T>,
): Promise<T> {
  let count = 0;
  const server = await startFuzzingServer({
    cases,
    ...options,
    onResult(result) {
      count++;
      options.onResult?.(result);
    },
  });
  resultCounts.set(server, () => count);
  try {
    return await use(server);
  } finally {
    await server.stop();
  }
}

/** What came of a connection. */
interface Visit {
  messages: string[];
  /** The peer that was the client. */
  peer: FuzzingPeer;
}

interface VisitOptions {
  /** Sends messages back. Default: false. */
  echo?: boolean;
  /** Changes what is sent back. */
  alter?(payload: Uint8Array): Uint8Array;
  /** Offers permessage-deflate. Default: false. */
  deflate?: boolean;
  /** Subprotocols to offer. Default: none. */
  protocols?: readonly string[];
  opened?(peer: FuzzingPeer): void;
}

/** Connects to a path, and waits for the connection to end. */
function visit(
  server: FuzzingServer,
  target: string,
  options: VisitOptions = {},
): Promise<Visit> {
  const { hostname, port, host, protocol } = new URL(server.url);
  const socket: Socket = protocol === "wss:"
    ? connectTls({ host: hostname, port: Number(port), ca: certificate })
    : connectTcp(Number(port), hostname);
  const messages: string[] = [];
  return new Promise((resolve, reject) => {
    const failed = (): void => reject(new Error("cannot connect"));
    socket.once("error", failed);
    socket.once(protocol === "wss:" ? "secureConnect" : "connect", () => {
      socket.off("error", failed);
      new FuzzingPeer(socket, {
        role: "client",
        request: {
          host,
          target,
          userAgent: "test",
          protocols: options.protocols ?? [],
        },
        compression: options.deflate ? offerDeflate([deflateOffer()]) : null,
        handler: {
          opened: (peer) => options.opened?.(peer),
          message(peer, payload, isBinary) {
            messages.push(new TextDecoder().decode(payload));
            if (options.echo) {
              peer.sendMessage(options.alter?.(payload) ?? payload, {
                isBinary,
              });
            }
          },
          pong() {},
          lost: (peer) => resolve({ messages, peer }),
        },
      });
    });
  });
}

/** Connects to a case, and waits for its result. */
async function runCase(
  server: FuzzingServer,
  number: number,
  options: VisitOptions & { agent?: string; isExcluded?: boolean } = {},
): Promise<Visit> {
  const { agent = "tester", isExcluded = false } = options;
  const count = resultCounts.get(server)!;
  const before = count();
  const visited = await visit(
    server,
    `/runCase?case=${number}&agent=${agent}`,
    { echo: true, ...options },
  );
  // A client may see the end of a connection before the server does.
  if (!isExcluded) await until(() => count() > before, "the result");
  return visited;
}

/** The whole response to a request that is sent as it is. */
function exchange(server: FuzzingServer, request: string): Promise<string> {
  const { hostname, port } = new URL(server.url);
  return new Promise((resolve) => {
    let response = "";
    const socket = connectTcp(Number(port), hostname, () => {
      socket.write(request);
    });
    socket.on("data", (octets) => response += octets.toString());
    socket.on("error", () => {});
    socket.on("close", () => resolve(response));
  });
}

function upgradeRequest(target: string, fields: string[] = []): string {
  return [
    `GET ${target} HTTP/1.1`,
    "Host: localhost",
    "Upgrade: websocket",
    "Connection: Upgrade",
    "Sec-WebSocket-Version: 13",
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
    ...fields,
    "",
    "",
  ].join("\r\n");
}

test("fuzzing server: says how many cases there are", async () => {
  await withServer({}, async (server) => {
    const { messages, peer } = await visit(server, "/getCaseCount");
    assert.deepEqual(messages, ["4"]);
    assert.ok(peer.closing.wasClean);
    assert.equal(peer.closing.remoteCloseCode, null);
  });
  await withServer({ cases: undefined }, async (server) => {
    const { messages } = await visit(server, "/getCaseCount");
    assert.deepEqual(messages, [String(allCases.length)]);
  });
});

test("fuzzing server: says what a case is", async () => {
  await withServer({}, async (server) => {
    for (const target of ["case=3", "casetuple=2.5", "case=3&agent=x"]) {
      const { messages } = await visit(server, `/getCaseInfo?${target}`);
      assert.deepEqual(messages.map((message) => JSON.parse(message)), [
        { id: "2.5", description: cases[2].description },
      ]);
    }
  });
});

test("fuzzing server: runs the cases, numbered as they were selected", async () => {
  const begun: string[] = [];
  const ended: CaseResult[] = [];
  await withServer({
    onCase: (id, agent) => begun.push(`${agent} ${id}`),
    onResult: (result) => ended.push(result),
  }, async (server) => {
    for (const number of [1, 2, 3, 4]) {
      await runCase(server, number, { deflate: true });
    }
    assert.deepEqual(
      server.results.map((result) => [
        result.id,
        result.case,
        result.agent,
        result.behavior,
        result.behaviorClose,
        result.isServer,
      ]),
      ["1.1.2", "2.5", "5.1", "13.1.1"].map((id) => [
        id,
        allCases.findIndex((one) => one.id === id) + 1,
        "tester",
        "OK",
        "OK",
        true,
      ]),
    );
    assert.deepEqual(ended.map(({ id }) => id), cases.map(({ id }) => id));
    assert.deepEqual(begun, cases.map(({ id }) => `tester ${id}`));
    const [, , , compressed] = server.results;
    assert.match(compressed.httpResponse, /permessage-deflate/);
    assert.equal(compressed.trafficStats?.incomingWebSocketMessages, 1000);
  });
});

test("fuzzing server: a client without compression", async () => {
  await withServer({}, async (server) => {
    await runCase(server, 4);
    assert.equal(server.results[0].behavior, "UNIMPLEMENTED");
    assert.equal(server.results[0].behaviorClose, "OK");
  });
});

test("fuzzing server: a client that does not pass", async () => {
  await withServer({}, async (server) => {
    await runCase(server, 1, {
      alter: (payload) => payload.map((one) => one ^ 1),
    });
    assert.equal(server.results[0].behavior, "FAILED");
    // Run again, the case has its new result.
    await runCase(server, 1);
    assert.equal(server.results.length, 1);
    assert.equal(server.results[0].behavior, "OK");
    await runCase(server, 2, { agent: "other%20one" });
    assert.deepEqual(server.results.map(({ agent, id }) => [agent, id]), [
      ["tester", "1.1.2"],
      ["other one", "5.1"],
    ]);
  });
});

test("fuzzing server: the opening handshake of a case can fail", async () => {
  await withServer({}, async (server) => {
    const response = await exchange(
      server,
      upgradeRequest("/runCase?case=4&agent=x", [
        "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits=99",
      ]),
    );
    assert.match(response, /^HTTP\/1\.1 400 /);
    assert.match(response, /client_max_window_bits/);
    await until(() => server.results.length > 0, "the result");
    const other = await exchange(
      server,
      upgradeRequest("/getCaseCount", [
        "Sec-WebSocket-Extensions: permessage-deflate; level=9",
      ]),
    );
    assert.match(other, /^HTTP\/1\.1 400 /);
    assert.match(other, /"level"/);
    assert.equal(server.results[0].behaviorClose, "FAILED");
  });
});

test("fuzzing server: tells a status as soon as there is one", async () => {
  await withServer({}, async (server) => {
    const target = "/getCaseStatus?case=1&agent=tester";
    // One waits before the result is there, and another gives up waiting.
    const early = visit(server, target);
    await visit(server, target, { opened: (peer) => peer.sendClose() });
    await runCase(server, 1);
    const late = visit(server, target);
    for (const { messages } of await Promise.all([early, late])) {
      assert.deepEqual(messages.map((message) => JSON.parse(message)), [
        { behavior: "OK" },
      ]);
    }
  });
});

test("fuzzing server: has cases that an agent is not to run", async () => {
  await withServer({
    excludeAgentCases: [{ agent: "test*", cases: ["5.*"] }],
  }, async (server) => {
    const { messages, peer } = await runCase(server, 2, { isExcluded: true });
    assert.deepEqual(messages, []);
    assert.ok(peer.wasOpen && peer.closing.wasClean);
    assert.deepEqual(server.results, []);
    await runCase(server, 2, { agent: "other" });
    await runCase(server, 1);
    assert.deepEqual(server.results.map(({ id }) => id), ["5.1", "1.1.2"]);
  });
});

test("fuzzing server: has the reports written before it answers", async () => {
  const written: string[] = [];
  await withServer({
    async onUpdateReports(results, agent) {
      await new Promise((resolve) => setTimeout(resolve, 20));
      written.push(`${agent} ${results.map(({ id }) => id)}`);
    },
  }, async (server) => {
    await runCase(server, 1);
    const { peer } = await visit(server, "/updateReports?agent=tester");
    assert.deepEqual(written, ["tester 1.1.2"]);
    assert.ok(peer.closing.wasClean);
    // It goes on.
    assert.deepEqual((await visit(server, "/getCaseCount")).messages, ["4"]);
  });
});

test("fuzzing server: agrees to a subprotocol that it has", async () => {
  const agreed = async (server: FuzzingServer, offered: string[]) => {
    const { peer } = await visit(server, "/getCaseCount", {
      protocols: offered,
    });
    return /^sec-websocket-protocol: (.*)$/im.exec(peer.httpResponse)?.[1];
  };
  await withServer({ protocols: ["one", "two"] }, async (server) => {
    assert.equal(await agreed(server, ["three", "two", "one"]), "two");
    assert.equal(await agreed(server, ["three"]), undefined);
    assert.equal(await agreed(server, []), undefined);
  });
  await withServer({}, async (server) => {
    assert.equal(await agreed(server, ["one"]), undefined);
  });
});

test("fuzzing server: says that the reports could not be written", async () => {
  await withServer({
    onUpdateReports() {
      throw new Error("the disk is full");
    },
  }, async (server) => {
    const { peer } = await visit(server, "/updateReports?agent=tester");
    assert.equal(peer.closing.remoteCloseCode, 1011);
    assert.equal(peer.closing.remoteCloseReason, "the disk is full");
  });
});

test("fuzzing server: ends when the reports are written, if asked to", async () => {
  let written = 0;
  const server = await startFuzzingServer({
    cases,
    onUpdateReports: () => void written++,
  });
  await visit(server, "/updateReports?agent=x&shutdownOnComplete=false");
  await visit(server, "/updateReports?agent=x&shutdownOnComplete=True");
  const closed = performance.now();
  await server.finished;
  assert.ok(performance.now() - closed < 4000, "as soon as the client closed");
  assert.equal(written, 2);
  await assert.rejects(visit(server, "/getCaseCount"));
  // Where it was is still known.
  assert.match(server.url, /^ws:\/\/127\.0\.0\.1:\d+$/);
});

test("fuzzing server: ends if asked to", async () => {
  const server = await startFuzzingServer({ cases });
  const { peer } = await visit(server, "/stopServer");
  assert.equal(peer.closing.remoteCloseCode, 1001);
  await server.finished;
  await assert.rejects(visit(server, "/getCaseCount"));
});

test("fuzzing server: stopping drops the connections", async () => {
  const server = await startFuzzingServer({ cases });
  const waiting = visit(server, "/getCaseStatus?case=1&agent=nobody", {
    opened: () => void server.stop(),
  });
  const { peer } = await waiting;
  assert.ok(!peer.closing.wasClean);
  await Promise.all([server.finished, server.stop()]);
});

for (
  const [target, status, expected] of [
    ["/", 404, /nothing at \/: .*getCaseCount/],
    ["/echo?case=1&agent=x", 404, /nothing at \/echo/],
    ["/runCase", 400, /\/runCase needs the parameter agent/],
    ["/runCase?agent=x", 400, /needs the parameter case/],
    ["/runCase?case=1", 400, /needs the parameter agent/],
    ["/runCase?case=1&agent=", 400, /needs the parameter agent/],
    ["/runCase?case=0&agent=x", 400, /case="0": the cases are 1 to 4/],
    ["/runCase?case=5&agent=x", 400, /case="5": the cases are 1 to 4/],
    ["/runCase?case=-1&agent=x", 400, /case="-1"/],
    ["/runCase?case=one&agent=x", 400, /case="one"/],
    ["/runCase?case=1e0&agent=x", 400, /case="1e0"/],
    ["/runCase?case=&agent=x", 400, /case=""/],
    ["/runCase?case=1&case=2&agent=x", 400, /parameter case more than once/],
    ["/runCase?case=1&agent=x&agent=x", 400, /agent more than once/],
    ["/runCase?casetuple=9.9.9&agent=x", 400, /casetuple="9.9.9"/],
    ["/getCaseInfo", 400, /needs the parameter case/],
    ["/getCaseStatus?case=1", 400, /needs the parameter agent/],
    ["/getCaseStatus?agent=x", 400, /needs the parameter case/],
    ["/updateReports", 400, /needs the parameter agent/],
    ["/runCase?case=%ff&agent=%", 400, /case=/],
    ["//", 400, /request target is/],
  ] as const
) {
  test(`fuzzing server: ${target} is ${status}`, async () => {
    await withServer({}, async (server) => {
      const response = await exchange(server, upgradeRequest(target));
      assert.match(response, new RegExp(`^HTTP/1\\.1 ${status} `));
      assert.match(response, expected);
      assert.deepEqual((await visit(server, "/getCaseCount")).messages, ["4"]);
    });
  });
}

test("fuzzing server: requests that are none for a WebSocket", async () => {
  await withServer({ timeouts: { openingHandshake: 200 } }, async (server) => {
    const response = await fetch(server.url.replace("ws:", "http:"));
    assert.equal(response.status, 426);
    assert.match(await response.text(), /WebSocket/);
    for (
      const request of [
        "\r\n\r\n",
        "nonsense\r\n\r\n",
        "GET  HTTP/1.1\r\n\r\n",
        "\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03",
        upgradeRequest("/getCaseCount").replace("GET", "POST"),
        upgradeRequest("http://[").replace("\r\n\r\n", "\r\n:\r\n\r\n"),
      ]
    ) {
      const response = await exchange(server, request);
      assert.match(response, /^(?:HTTP\/1\.1 4\d\d |$)/, request);
    }
    assert.deepEqual((await visit(server, "/getCaseCount")).messages, ["4"]);
  });
});

test("fuzzing server: over TLS", async () => {
  const begun = startFuzzingServer({ cert: certificate });
  await assert.rejects(begun, /cert and key need each other/);
  await withServer(
    { cert: certificate, key: privateKey },
    async (server) => {
      assert.match(server.url, /^wss:\/\/127\.0\.0\.1:\d+$/);
      // Somebody who does not speak TLS is no harm.
      await exchange(server, upgradeRequest("/getCaseCount"));
      assert.deepEqual((await visit(server, "/getCaseCount")).messages, ["4"]);
      await runCase(server, 1);
      await runCase(server, 4, { deflate: true });
      assert.deepEqual(
        server.results.map(({ id, behavior, behaviorClose }) => [
          id,
          behavior,
          behaviorClose,
        ]),
        [["1.1.2", "OK", "OK"], ["13.1.1", "OK", "OK"]],
      );
    },
  );
});

test("fuzzing server: a port that is taken", async () => {
  await withServer({}, async (server) => {
    const port = Number(new URL(server.url).port);
    await assert.rejects(startFuzzingServer({ cases, port }), /EADDRINUSE/i);
  });
});

test("fuzzing server: the platform's own client", async () => {
  const written: number[] = [];
  await withServer({
    cases: ["1.1.3", "1.2.2", "2.2", "5.3", "7.1.1"].map((id) => findCase(id)!),
    onUpdateReports: (results) => void written.push(results.length),
  }, async (server) => {
    const connect = (target: string): Promise<string> =>
      new Promise((resolve) => {
        const socket = new WebSocket(server.url + target);
        let first = "";
        socket.binaryType = "arraybuffer";
        socket.onmessage = ({ data }) => {
          first ||= String(data);
          if (target.startsWith("/runCase")) socket.send(data);
        };
        socket.onclose = () => resolve(first);
      });
    const count = Number(await connect("/getCaseCount"));
    assert.equal(count, 5);
    for (let number = 1; number <= count; number++) {
      await connect(`/runCase?case=${number}&agent=platform`);
    }
    await connect("/updateReports?agent=platform");
    assert.deepEqual(
      server.results.map(({ behavior }) => behavior),
      ["OK", "OK", "OK", "OK", "OK"],
    );
    assert.deepEqual(written, [5]);
  });
});
