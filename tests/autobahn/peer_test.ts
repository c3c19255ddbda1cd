import { test } from "node:test";
import assert from "node:assert/strict";
import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import type { MessageCompression } from "../../autobahn/peer/compression.ts";
import {
  type Acceptance,
  FuzzingPeer,
  type PeerHandler,
} from "../../autobahn/peer/fuzzing_peer.ts";
import {
  concatenate,
  octetsOf,
  octetsOfHexadecimal,
  repeat,
} from "../../autobahn/peer/octets.ts";
import {
  HandshakeError,
  type HandshakeRequest,
} from "../../autobahn/peer/opening_handshake.ts";
import type { PeerTimeouts } from "../../autobahn/peer/peer_timers.ts";
import {
  echoScript,
  type Script,
  startScriptedServer,
} from "./scripted_server.ts";

/** Remembers what happened as lines of text. */
class Recorder implements PeerHandler {
  readonly lines: string[] = [];
  readonly #opened: (peer: FuzzingPeer) => void;
  readonly #message: (peer: FuzzingPeer, text: string) => void;
  readonly finished: Promise<FuzzingPeer>;
  #finish!: (peer: FuzzingPeer) => void;

  constructor(
    opened: (peer: FuzzingPeer) => void = () => {},
    message: (peer: FuzzingPeer, text: string) => void = () => {},
  ) {
    this.#opened = opened;
    this.#message = message;
    this.finished = new Promise((resolve) => this.#finish = resolve);
  }

  opened(peer: FuzzingPeer): void {
    this.lines.push("opened");
    this.#opened(peer);
  }

  message(peer: FuzzingPeer, payload: Uint8Array, isBinary: boolean): void {
    const text = new TextDecoder().decode(payload);
    this.lines.push(`${isBinary ? "binary" : "text"} ${text.slice(0, 20)}`);
    this.#message(peer, text);
  }

  pong(_peer: FuzzingPeer, payload: Uint8Array): void {
    this.lines.push(`pong ${new TextDecoder().decode(payload)}`);
  }

  lost(peer: FuzzingPeer): void {
    this.lines.push("lost");
    this.#finish(peer);
  }
}

async function connectTo(port: number): Promise<Socket> {
  const socket = connect({ host: "127.0.0.1", port });
  await once(socket, "connect");
  return socket;
}

/** A client peer against a scripted server, until the connection is gone. */
async function runClient(
  script: Script,
  recorder: Recorder,
  timeouts: Partial<PeerTimeouts> = {},
  compression?: MessageCompression,
): Promise<{ peer: FuzzingPeer; runs: number[] }> {
  const server = await startScriptedServer(script);
  try {
    new FuzzingPeer(await connectTo(server.port), {
      role: "client",
      request: {
        host: `127.0.0.1:${server.port}`,
        target: "/path?query",
        userAgent: "test",
      },
      compression: compression === undefined
        ? null
        : { extensions: "x-test", accept: () => compression },
      handler: recorder,
    }, timeouts);
    return { peer: await recorder.finished, runs: server.runs };
  } finally {
    await server.stop();
  }
}

/** Both roles against each other, until the connection is gone. */
async function runBoth(
  client: Recorder,
  accept: (request: HandshakeRequest) => Acceptance,
): Promise<FuzzingPeer> {
  const server = createServer((socket) => {
    new FuzzingPeer(socket, { role: "server", server: "test server", accept });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  try {
    new FuzzingPeer(await connectTo(port), {
      role: "client",
      request: {
        host: `127.0.0.1:${port}`,
        target: "/runCase?case=3&agent=me",
        userAgent: "test",
        protocols: ["a", "b"],
        headers: { "X-Test": "yes" },
      },
      handler: client,
    });
    return await client.finished;
  } finally {
    server.close();
  }
}

test("peer: both roles agree on the handshake, echo and close", async () => {
  let request: HandshakeRequest | undefined;
  const echo = new Recorder(
    undefined,
    (peer, text) => peer.sendMessage(octetsOf(text)),
  );
  const client = new Recorder(
    (peer) => peer.sendMessage(octetsOf("hello")),
    (peer) => peer.sendClose(3000, octetsOf("bye")),
  );
  const peer = await runBoth(client, (got) => {
    request = got;
    return { handler: echo, protocol: "b" };
  });
  await echo.finished;
  assert.equal(request?.path, "/runCase");
  assert.equal(request?.parameters.get("case"), "3");
  assert.deepEqual(request?.protocols, ["a", "b"]);
  assert.equal(request?.fields.get("x-test"), "yes");
  assert.deepEqual(client.lines, ["opened", "text hello", "lost"]);
  assert.deepEqual(echo.lines, ["opened", "text hello", "lost"]);
  assert.equal(peer.fields.get("server"), "test server");
  assert.equal(peer.fields.get("sec-websocket-protocol"), "b");
  assert.equal(peer.closing.wasClean, true);
  assert.equal(peer.closing.closedByMe, true);
  assert.equal(peer.closing.localCloseReason, "bye");
  assert.equal(peer.closing.remoteCloseCode, 1000);
  assert.equal((await echo.finished).closing.remoteCloseCode, 3000);
  assert.equal((await echo.finished).closing.remoteCloseReason, "bye");
});

test("peer: a server can refuse", async () => {
  const client = new Recorder();
  const peer = await runBoth(client, () => {
    throw new HandshakeError("no such case", 404);
  });
  assert.deepEqual(client.lines, ["lost"]);
  assert.equal(peer.wasOpen, false);
  assert.match(peer.closing.wasNotCleanReason!, /404/);
});

test("peer: a server tells plain HTTP to upgrade", async () => {
  const server = createServer((socket) => {
    new FuzzingPeer(socket, {
      role: "server",
      server: "test",
      accept: () => assert.fail("accepted"),
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  try {
    const response = await fetch(`http://127.0.0.1:${port}/`);
    assert.equal(response.status, 426);
    assert.match(await response.text(), /WebSocket/);
  } finally {
    server.close();
  }
});

test("peer: frames of a client are masked, and the wire log has them", async () => {
  const masked: boolean[] = [];
  const recorder = new Recorder((peer) => {
    peer.sendFrame({
      opcode: 1,
      payload: octetsOf("ab"),
      repeatLength: 5,
    });
  }, (peer) => peer.sendClose());
  const { peer } = await runClient({
    frame(connection, frame): void {
      masked.push(frame.isMasked);
      echoScript.frame!(connection, frame);
    },
  }, recorder);
  assert.deepEqual(recorder.lines, ["opened", "text ababa", "lost"]);
  assert.deepEqual(masked, [true, true]);
  const rows = peer.wireLog.entries.filter(([kind]) => kind.endsWith("F"));
  assert.deepEqual(rows.map((row) => row.toSpliced(5, 1)), [
    ["TF", [2, "ab"], 1, true, 0, 5, null, false],
    ["RF", [5, "ababa"], 1, true, 0, null],
    ["TF", [0, ""], 8, true, 0, null, null, false],
    ["RF", [0, ""], 8, true, 0, null],
  ]);
});

test("peer: pings are answered, and only pongs are told of", async () => {
  const pongs: string[] = [];
  const recorder = new Recorder((peer) =>
    peer.sendFrame({ opcode: 9, payload: octetsOf("mine") })
  );
  await runClient({
    opened: ({ send }) => send({ opcode: 9, payload: octetsOf("yours") }),
    frame(connection, frame): void {
      if (frame.opcode === 10) {
        pongs.push(new TextDecoder().decode(frame.payload));
        connection.send({ opcode: 8 });
      } else {
        echoScript.frame!(connection, frame);
      }
    },
  }, recorder);
  assert.deepEqual(pongs, ["yours"]);
  assert.deepEqual(recorder.lines, ["opened", "pong mine", "lost"]);
});

test("peer: fragments, also when the length is a multiple of their size", async () => {
  const frames: unknown[] = [];
  const recorder = new Recorder((peer) => {
    peer.sendMessage(octetsOf("abcde"), { fragmentSize: 2 });
    peer.sendMessage(octetsOf("abcd"), { fragmentSize: 2, isBinary: true });
    peer.autoFragmentSize = 3;
    peer.sendMessage(octetsOf("abc"));
    peer.sendClose();
  });
  await runClient({
    frame(connection, { opcode, fin, payload }): void {
      frames.push([opcode, fin, new TextDecoder().decode(payload)]);
      if (opcode === 8) {
        connection.send({ opcode });
        connection.socket.end();
      }
    },
  }, recorder);
  assert.deepEqual(frames, [
    [1, false, "ab"],
    [0, false, "cd"],
    [0, true, "e"],
    [2, false, "ab"],
    [0, false, "cd"],
    [0, true, ""],
    [1, true, "abc"],
    [8, true, ""],
  ]);
});

test("peer: chops and synchronous frames go out apart, others at once", async () => {
  const recorder = new Recorder((peer) => {
    peer.sendFrame({ opcode: 10, payload: octetsOf("one") });
    peer.sendFrame({ opcode: 10, payload: octetsOf("two") });
    peer.continueLater(0.1, () => {
      peer.sendFrame({
        opcode: 10,
        payload: repeat(octetsOf("x"), 94),
        chopSize: 10,
      });
      peer.sendFrame({ opcode: 10, payload: octetsOf("sync"), sync: true });
      peer.sendClose();
    });
  });
  const { peer, runs } = await runClient({
    frame(connection, frame): void {
      if (frame.opcode === 8) {
        echoScript.frame!(connection, frame);
      }
    },
  }, recorder);
  assert.equal(runs[0], 18);
  // A busy machine may still put a few together.
  assert.ok(runs.length > 5, `read in runs of ${runs}`);
  assert.deepEqual(
    Object.entries(peer.wireLog.sentOctets).slice(0, 3),
    [["6", 1], ["9", 2], ["10", 11]],
  );
});

test("peer: a message whose payload comes piece by piece", async () => {
  const parts: string[] = [];
  const recorder = new Recorder((peer) => {
    peer.beginMessage(6);
    peer.sendMessageData(octetsOf("abc"));
    peer.continueLater(0.05, () => {
      peer.sendMessageData(octetsOf("def"));
      peer.endMessage();
      peer.sendClose();
    }, "A");
  });
  const { peer } = await runClient({
    frame(connection, frame): void {
      parts.push(
        `${frame.opcode} ${frame.fin} ${
          new TextDecoder().decode(frame.payload)
        }`,
      );
      if (frame.opcode === 8) {
        echoScript.frame!(connection, frame);
      }
    },
  }, recorder);
  assert.deepEqual(parts, ["1 false abcdef", "0 true ", "8 true "]);
  const delays = peer.wireLog.entries.filter(([kind]) => kind.startsWith("C"));
  assert.deepEqual(delays, [["CT", 0.05, "A"], ["CTE", "A"]]);
});

const violations: readonly (readonly [
  name: string,
  code: number,
  digits: string,
])[] = [
  ["a masked frame", 1002, "8181 00000000 61"],
  ["reserved bits", 1002, "c101 61"],
  ["a reserved opcode", 1002, "8300"],
  ["a reserved control opcode", 1002, "8b00"],
  ["a fragmented ping", 1002, "0900"],
  ["a long ping", 1002, "897e007e" + "00".repeat(126)],
  ["a stray continuation", 1002, "8000"],
  ["a message within another", 1002, "0100 8100"],
  ["a long form of a length", 1002, "827e0001 00"],
  ["a close frame of one octet", 1002, "880100"],
  ["a reserved close code", 1002, "8802 03ed"],
  ["a close reason that is not UTF-8", 1007, "8803 03e8 ff"],
  ["text that is not UTF-8", 1007, "8102 c328"],
  ["text that ends within a code point", 1007, "8101 c3"],
];

for (const [name, code, digits] of violations) {
  test(`peer: fails the connection on ${name}`, async () => {
    const recorder = new Recorder();
    const { peer } = await runClient({
      opened: ({ socket }) => socket.write(octetsOfHexadecimal(digits)),
      frame: ({ socket }) => socket.end(),
    }, recorder);
    const sent = peer.wireLog.entries.filter(([kind]) => kind === "TF");
    assert.deepEqual(sent.map(([, , opcode]) => opcode), [8]);
    assert.equal(peer.closing.localCloseCode, code);
    assert.equal(peer.closing.failedByMe, true);
    assert.equal(peer.closing.closedByMe, true);
    assert.deepEqual(
      recorder.lines.filter((line) => !line.startsWith("text a")),
      ["opened", "lost"],
    );
  });
}

test("peer: nothing is told of after the connection was failed", async () => {
  const recorder = new Recorder();
  await runClient({
    opened: ({ socket }) =>
      socket.write(octetsOfHexadecimal("8300 8101 61 8200")),
    frame: ({ socket }) => socket.end(),
  }, recorder);
  assert.deepEqual(recorder.lines, ["opened", "lost"]);
});

test("peer: killAfter fails, closeAfter closes", async () => {
  const codeOf = async (open: (peer: FuzzingPeer) => void) => {
    const { peer } = await runClient(echoScript, new Recorder(open));
    return [
      peer.closing.localCloseCode,
      peer.closing.failedByMe,
      peer.wireLog.entries.filter(([kind]) => /^[KT][LI]/.test(kind)),
    ];
  };
  assert.deepEqual(await codeOf((peer) => peer.killAfter(0.02)), [
    1001,
    true,
    [["KL", 0.02], ["KLE"]],
  ]);
  assert.deepEqual(await codeOf((peer) => peer.closeAfter(0.02)), [
    null,
    false,
    [["TI", 0.02], ["TIE"]],
  ]);
});

test("peer: the wait of killAfter begins when all is sent that goes octet by octet", async () => {
  const payload = repeat(octetsOf("ab"), 100);
  const client = new Recorder((peer) => {
    peer.sendFrame({ opcode: 10, payload, chopSize: 1 });
    peer.killAfter(0);
  });
  const { peer } = await runClient(echoScript, client);
  const kinds = peer.wireLog.entries.map(([kind]) => kind);
  assert.equal(
    kinds.slice(kinds.indexOf("TF"), kinds.indexOf("KLE"))
      .filter((kind) => kind === "TO").length,
    106,
  );
});

test("peer: an opening handshake that does not end", async () => {
  const recorder = new Recorder();
  const { peer } = await runClient({ refusal: "HTTP/1.1 101 " }, recorder, {
    openingHandshake: 50,
  });
  assert.deepEqual(recorder.lines, ["lost"]);
  assert.equal(peer.closing.wasOpenHandshakeTimeout, true);
  assert.equal(peer.closing.droppedByMe, true);
});

test("peer: a response with the wrong Sec-WebSocket-Accept is refused", async () => {
  const { peer } = await runClient({
    refusal: "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n" +
      "Connection: Upgrade\r\nSec-WebSocket-Accept: nonsense\r\n\r\n",
  }, new Recorder());
  assert.match(peer.closing.wasNotCleanReason!, /"nonsense"/);
});

/** Turns octets upside down, after a while. */
class SlowCompression implements MessageCompression {
  closed = 0;

  compress(message: Uint8Array): Promise<Uint8Array> {
    return new Promise((resolve) =>
      setTimeout(() => resolve(message.map((octet) => octet ^ 255)), 20)
    );
  }

  async decompress(payload: Uint8Array): Promise<Uint8Array> {
    const message = await this.compress(payload);
    if (message[0] === "!".charCodeAt(0)) {
      throw new Error("broken");
    }
    return message;
  }

  close(): void {
    this.closed++;
  }
}

const compressed = (text: string) => octetsOf(text).map((octet) => octet ^ 255);

/** Accepts the extension, then follows the script. */
function compressedServer(script: Script): Script {
  return { ...script, extensions: "x-test" };
}

test("peer: compressed messages keep their order with all else", async () => {
  const frames: unknown[] = [];
  const compression = new SlowCompression();
  const recorder = new Recorder((peer) => {
    assert.equal(peer.isCompressed, true);
    peer.autoFragmentSize = 3;
    peer.sendMessage(octetsOf("hello"));
  });
  const { peer } = await runClient(
    compressedServer({
      frame(connection, { opcode, fin, rsv, payload }): void {
        frames.push([opcode, fin, rsv, [...payload]]);
        if (!fin) {
          return;
        }
        // All that follows comes while the first is being decompressed.
        const { socket } = connection;
        const whole = compressed("one");
        connection.send({
          opcode: 1,
          fin: false,
          rsv: 4,
          payload: whole.subarray(0, 1),
        });
        connection.send({ opcode: 0, payload: whole.subarray(1) });
        connection.send({ opcode: 1, payload: octetsOf("two") });
        connection.send({ opcode: 10, payload: octetsOf("three") });
        connection.send({ opcode: 2, rsv: 4, payload: compressed("four") });
        socket.end();
      },
    }),
    recorder,
    {},
    compression,
  );
  assert.deepEqual(frames, [
    [1, false, 4, [...compressed("hel")]],
    [0, true, 0, [...compressed("lo")]],
  ]);
  assert.deepEqual(recorder.lines, [
    "opened",
    "text one",
    "text two",
    "pong three",
    "binary four",
    "lost",
  ]);
  assert.equal(compression.closed, 1);
  const traffic = peer.trafficStatistics;
  assert.equal(traffic.outgoingWebSocketMessages, 1);
  assert.equal(traffic.outgoingWebSocketFrames, 2);
  assert.equal(traffic.outgoingOctetsAppLevel, 5);
  assert.equal(traffic.outgoingOctetsWireLevel, 5 + 2 * 6);
  assert.equal(traffic.incomingWebSocketMessages, 3);
  assert.equal(traffic.incomingWebSocketFrames, 4);
  assert.equal(traffic.incomingOctetsAppLevel, 10);
});

test("peer: what cannot be decompressed drops TCP without a word, like the reference", async () => {
  const codes: number[] = [];
  const recorder = new Recorder();
  const { peer } = await runClient(
    compressedServer({
      opened: ({ send }) =>
        send({
          opcode: 1,
          rsv: 4,
          payload: concatenate([compressed("!"), compressed("?")]),
        }),
      frame(connection, { payload }): void {
        codes.push((payload[0] << 8) | payload[1]);
        connection.socket.end();
      },
    }),
    recorder,
    {},
    new SlowCompression(),
  );
  assert.deepEqual(codes, []);
  assert.deepEqual(recorder.lines, ["opened", "lost"]);
  assert.match(peer.closing.wasNotCleanReason!, /cannot be decompressed/);
  assert.equal(peer.closing.failedByMe, false);
  assert.equal(peer.closing.droppedByMe, false);
});

test("peer: an extension that was not offered is refused", async () => {
  const { peer } = await runClient(compressedServer({}), new Recorder());
  assert.equal(peer.wasOpen, false);
  assert.match(peer.closing.wasNotCleanReason!, /not offered: "x-test"/);
});
