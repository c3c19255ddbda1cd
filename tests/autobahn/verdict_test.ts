import { test } from "node:test";
import assert from "node:assert/strict";
import { once } from "node:events";
import { connect } from "node:net";
import { type Case, CaseExecution, type CaseRun } from "../../autobahn/case.ts";
import type { CaseResult } from "../../autobahn/case_result.ts";
import {
  frameCase,
  invalidText,
  normalClose,
  protocolError,
  textMessage,
} from "../../autobahn/cases/frame_case.ts";
import { FuzzingPeer } from "../../autobahn/peer/fuzzing_peer.ts";
import { octetsOf } from "../../autobahn/peer/octets.ts";
import {
  echoScript,
  type Script,
  startScriptedServer,
} from "./scripted_server.ts";

/** Runs a case against a server that follows a script. */
async function resultOf(one: Case, script: Script): Promise<CaseResult> {
  const server = await startScriptedServer(script);
  try {
    const socket = connect({ host: "127.0.0.1", port: server.port });
    await once(socket, "connect");
    return await new Promise<CaseResult>((resolve) => {
      new FuzzingPeer(socket, {
        role: "client",
        request: {
          host: `127.0.0.1:${server.port}`,
          target: "/",
          userAgent: "test",
        },
        handler: new CaseExecution(one, { number: 7, onResult: resolve }),
      }, { closingHandshake: 100, serverDrop: 100, serverDropAfterReply: 100 });
    });
  } finally {
    await server.stop();
  }
}

async function verdictOf(
  one: Case,
  script: Script,
): Promise<[behavior: string, behaviorClose: string]> {
  const { behavior, behaviorClose } = await resultOf(one, script);
  return [behavior, behaviorClose];
}

const texts = { description: "Sends.", expectation: "Expects." };
const hello = { opcode: 1, payload: octetsOf("hello") };

/** Expects its message back. */
const echoCase = frameCase({
  id: "0.1",
  ...texts,
  frames: [hello],
  expected: [textMessage("hello")],
  close: normalClose,
  killAfter: 0.2,
});

/** Expects its message back, then to be failed; or at least that. */
const lenientCase = frameCase({
  id: "0.4",
  ...texts,
  frames: [hello],
  expected: [textMessage("hello")],
  nonStrict: [],
  close: protocolError,
  killAfter: 0.2,
});

/** Expects to be failed. */
function failureCase(close = protocolError): Case {
  return frameCase({
    id: "0.2",
    ...texts,
    frames: [hello],
    expected: [],
    close,
    killAfter: 0.2,
  });
}

/** Closes at once, and does not insist on a clean close. */
const closingCase: Case = {
  id: "0.3",
  ...texts,
  open(run): void {
    run.expected.OK = [];
    run.expectedClose = { ...normalClose, requireClean: false };
    run.peer.sendClose(1000);
    run.peer.killAfter(1);
  },
};

function closeWith(code: number | null): Uint8Array {
  return code === null
    ? new Uint8Array(0)
    : new Uint8Array([code >> 8, code & 255]);
}

/** Echoes, and answers a close frame so. */
function closing(
  code: number | null,
  how: "drops" | "stays" = "drops",
): Script {
  return {
    frame(connection, { opcode, payload }): void {
      connection.send({
        opcode,
        payload: opcode === 8 ? closeWith(code) : payload,
      });
      if (opcode === 8 && how === "drops") {
        connection.socket.end();
      }
    },
  };
}

/** Sends a close frame instead of an echo. */
function failing(code: number): Script {
  return {
    frame(connection, { opcode }): void {
      if (opcode === 8) {
        connection.socket.end();
      } else {
        connection.send({ opcode: 8, payload: closeWith(code) });
      }
    },
  };
}

test("verdict: a correct echo", async () => {
  assert.deepEqual(await verdictOf(echoCase, echoScript), ["OK", "OK"]);
});

test("verdict: a close without a code is as good as the expected one", async () => {
  assert.deepEqual(await verdictOf(echoCase, closing(null)), ["OK", "OK"]);
});

test("verdict: the wrong answer", async () => {
  assert.deepEqual(
    await verdictOf(echoCase, {
      frame(connection, frame): void {
        closing(1000).frame!(
          connection,
          frame.opcode === 1 ? { ...frame, payload: octetsOf("hallo") } : frame,
        );
      },
    }),
    ["FAILED", "OK"],
  );
});

test("verdict: an answer of the wrong kind", async () => {
  assert.deepEqual(
    await verdictOf(echoCase, {
      frame(connection, frame): void {
        closing(1000).frame!(
          connection,
          frame.opcode === 1 ? { ...frame, opcode: 2 } : frame,
        );
      },
    }),
    ["FAILED", "OK"],
  );
});

test("verdict: a failure sooner than it has to be", async () => {
  assert.deepEqual(
    await verdictOf(lenientCase, failing(1002)),
    ["NON-STRICT", "OK"],
  );
  assert.deepEqual(
    await verdictOf(lenientCase, {
      frame(connection, frame): void {
        if (frame.opcode === 1) {
          echoScript.frame!(connection, frame);
        }
        failing(1002).frame!(connection, frame);
      },
    }),
    ["OK", "OK"],
  );
});

test("verdict: the expected failure", async () => {
  assert.deepEqual(await verdictOf(failureCase(), failing(1002)), ["OK", "OK"]);
});

test("verdict: a failure with the wrong code", async () => {
  const result = await resultOf(failureCase(), failing(1007));
  assert.equal(result.behavior, "OK");
  assert.equal(result.behaviorClose, "WRONG CODE");
  assert.match(result.resultClose, /1007, not 1002/);
});

test("verdict: a failure that does not come", async () => {
  // The fuzzing peer closes after a while, so the wrong end does.
  assert.deepEqual(
    await verdictOf(failureCase(), { frame: closing(1000).frame }),
    ["FAILED", "FAILED"],
  );
});

test("verdict: invalid text that nobody notices fails the case", async () => {
  const ignoring: Script = {
    frame(connection, frame): void {
      if (frame.opcode === 8) {
        echoScript.frame!(connection, frame);
      }
    },
  };
  assert.deepEqual(
    await verdictOf(failureCase(), ignoring),
    ["OK", "FAILED"],
  );
  assert.deepEqual(
    await verdictOf(failureCase(invalidText), ignoring),
    ["FAILED", "FAILED"],
  );
});

test("verdict: TCP dropped without a close frame", async () => {
  const result = await resultOf(echoCase, {
    frame(connection, frame): void {
      if (frame.opcode === 8) {
        connection.socket.end();
      } else {
        echoScript.frame!(connection, frame);
      }
    },
  });
  assert.equal(result.behavior, "OK");
  assert.equal(result.behaviorClose, "UNCLEAN");
  assert.equal(result.closedByMe, true);
  assert.equal(result.droppedByMe, false);
  assert.match(result.wasNotCleanReason!, /the peer dropped TCP/);
});

test("verdict: a close frame that is not answered", async () => {
  const result = await resultOf(echoCase, {
    frame(connection, frame): void {
      if (frame.opcode !== 8) {
        echoScript.frame!(connection, frame);
      }
    },
  });
  assert.equal(result.behaviorClose, "UNCLEAN");
  assert.equal(result.wasCloseHandshakeTimeout, true);
  assert.equal(result.droppedByMe, true);
});

test("verdict: a server that does not drop TCP", async () => {
  const result = await resultOf(closingCase, closing(1000, "stays"));
  assert.equal(result.behavior, "OK");
  assert.equal(result.behaviorClose, "FAILED BY CLIENT");
  assert.equal(result.wasServerConnectionDropTimeout, true);
  assert.deepEqual(
    await verdictOf(echoCase, closing(1000, "stays")),
    ["OK", "UNCLEAN"],
  );
});

test("verdict: a server that closes first and does not drop TCP ends, too", async () => {
  const result = await resultOf(
    { ...failureCase(), open: failureWithoutEnd },
    {
      opened(connection): void {
        connection.send({ opcode: 8, payload: closeWith(1002) });
      },
    },
  );
  assert.equal(result.behaviorClose, "FAILED BY CLIENT");
  assert.equal(result.wasServerConnectionDropTimeout, true);
});

function failureWithoutEnd(run: CaseRun): void {
  run.expected.OK = [];
  run.expectedClose = protocolError;
}

test("verdict: a refused handshake, with the reason", async () => {
  const result = await resultOf(echoCase, {
    refusal: "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n",
  });
  assert.equal(result.behavior, "FAILED");
  assert.equal(result.behaviorClose, "FAILED");
  assert.match(result.resultClose, /404 Not Found/);
  assert.equal(result.duration, 0);
});

test("verdict: a case may judge for itself", async () => {
  const result = await resultOf({
    ...echoCase,
    judge(run): void {
      assert.equal(run.behavior, "OK");
      run.behavior = "INFORMATIONAL";
    },
  }, echoScript);
  assert.equal(result.behavior, "INFORMATIONAL");
  assert.equal(result.behaviorClose, "OK");
});

test("verdict: the result is complete", async () => {
  const result = await resultOf(echoCase, echoScript);
  assert.equal(result.case, 7);
  assert.equal(result.id, "0.1");
  assert.equal(result.agent, "scripted");
  assert.equal(result.isServer, false);
  assert.deepEqual(result.expected, {
    OK: [["message", "hello", false]],
  });
  assert.deepEqual(result.received, [["message", "hello", false]]);
  assert.deepEqual(result.expectedClose, normalClose);
  assert.equal(result.localCloseCode, 1000);
  assert.equal(result.remoteCloseCode, 1000);
  assert.equal(result.wasClean, true);
  assert.deepEqual(result.txFrameStats, { 1: 1, 8: 1 });
  assert.deepEqual(result.rxFrameStats, { 1: 1, 8: 1 });
  assert.equal(result.txOctetStats[11], 1);
  assert.equal(result.txOctetStats[8], 1);
  assert.match(result.httpRequest, /^GET \/ HTTP\/1\.1\r\n/);
  assert.match(result.httpResponse, /^HTTP\/1\.1 101 /);
  assert.equal(result.trafficStats, null);
  const kinds = result.wirelog.map(([kind]) => kind);
  assert.deepEqual(kinds.filter((kind) => kind !== "RO"), [
    "TO",
    "TF",
    "TO",
    "KL",
    "RF",
    "TF",
    "TO",
    "RF",
  ]);
});
