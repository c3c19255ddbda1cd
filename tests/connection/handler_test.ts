// A handler that is a function.

import assert from "node:assert/strict";
import { after, test } from "node:test";
import type { WebSocketConnection } from "../../src/connection/connection.ts";
import { WebSocketError } from "../../src/error.ts";
import { opcodes } from "../support/raw_peer.ts";
import {
  connect,
  disconnectAll,
  gate,
  pattern,
  rejectionOf,
  settled,
  within,
} from "./harness.ts";

after(disconnectAll);

test("a promise that fulfils closes with 1000, behind what was sent", async () => {
  const { socket, peer, errors } = connect(async (socket) => {
    socket.send("one");
    await socket.send("two");
  });
  assert.equal(await peer.readText(), "one");
  assert.equal(await peer.readText(), "two");
  await peer.answerClose();
  assert.deepEqual(await within(socket.closed, "closed"), {
    closeCode: 1000,
    reason: "",
  });
  assert.deepEqual(errors, []);
});

test("a promise that rejects closes with 1011 and no reason, and onError is told", async () => {
  const error = new Error("a secret");
  const { socket, peer, errors } = connect(() => Promise.reject(error));
  await peer.answerClose(1011);
  await within(socket.closed, "closed");
  assert.deepEqual(errors, [error]);
});

test("a promise that rejects with a WebSocketError closes with its code", async () => {
  const { peer, errors } = connect(() =>
    Promise.reject(
      new WebSocketError("m", { closeCode: 4100, reason: "policy" }),
    )
  );
  assert.deepEqual(await peer.readClose(), {
    closeCode: 4100,
    reason: "policy",
  });
  assert.equal(errors.length, 1);
});

test("a function that throws closes with 1011, and onError is told", async () => {
  const error = new Error("at once");
  const { peer, errors } = connect(() => {
    throw error;
  });
  await peer.answerClose(1011);
  assert.deepEqual(errors, [error]);
});

test("onError is told the connection as well", async () => {
  const told: WebSocketConnection[] = [];
  const { socket, peer } = connect(() => Promise.reject(new Error("failed")), {
    onError: (_error, socket) => told.push(socket),
  });
  await peer.answerClose(1011);
  assert.deepEqual(told, [socket]);
});

test("without onError, the error goes to the console", async () => {
  const reported: unknown[] = [];
  const original = console.error;
  console.error = (...values: unknown[]) => reported.push(...values);
  try {
    const error = new Error("for the console");
    const { peer } = connect(() => Promise.reject(error), {
      onError: undefined,
    });
    await peer.answerClose(1011);
    assert.deepEqual(reported, [error]);
  } finally {
    console.error = original;
  }
});

test("a function that returns nothing leaves the connection open", async () => {
  const { socket, peer } = connect((socket) => {
    socket.send("welcome");
  });
  assert.equal(await peer.readText(), "welcome");
  await settled();
  await peer.fence();
  socket.send("still here");
  assert.equal(await peer.readText(), "still here");
});

test("a promise that stays pending does not hold the peer's Close up", async () => {
  const { socket, peer, errors } = connect(() => new Promise(() => {}));
  await peer.close(1000);
  await peer.answerClose();
  assert.equal((await within(socket.closed, "closed")).closeCode, 1000);
  assert.deepEqual(errors, []);
});

test("onError is not told what a lost connection makes the handler meet", async () => {
  const met: unknown[] = [];
  const meet = (run: (socket: WebSocketConnection) => Promise<unknown>) =>
    connect(async (socket) => {
      try {
        await run(socket);
      } catch (error) {
        met.push(error);
        throw error;
      }
    });
  const cases = [
    meet(async (socket) => {
      for await (const message of socket.readable) await socket.send(message);
    }),
    meet(async (socket) => {
      for await (const { body } of socket.incoming) await socket.send(body);
    }),
    meet((socket) => socket.readable.pipeTo(socket.writable)),
    meet((socket) => socket.closed),
    meet((socket) => socket.ping()),
    meet((socket) => socket.send(pattern(1_000_000))),
  ];
  for (const { socket, peer, errors } of cases) {
    await settled();
    peer.destroy();
    await rejectionOf(socket.closed);
    await settled();
    assert.deepEqual(errors, []);
  }
  assert.equal(met.length, cases.length);
  for (const error of met) {
    assert.ok(error instanceof WebSocketError);
    assert.equal(error.closeCode, 1006);
  }
});

test("onError is not told of a protocol error of the peer", async () => {
  const { socket, peer, errors } = connect(async (socket) => {
    for await (const message of socket.readable) await socket.send(message);
  });
  await peer.send(opcodes.continuation, "of nothing");
  assert.equal((await peer.readClose()).closeCode, 1002);
  await peer.end();
  await rejectionOf(socket.closed);
  await settled();
  assert.deepEqual(errors, []);
});

test("onError is told an error of the handler's own after the connection was lost", async () => {
  const lost = gate();
  const own = new Error("my own");
  const { socket, peer, errors } = connect(async () => {
    await lost.opened;
    throw own;
  });
  peer.destroy();
  await rejectionOf(socket.closed);
  lost.open();
  await settled();
  assert.deepEqual(errors, [own]);
});

test("the handler may close the connection itself, with its own code", async () => {
  const { peer, errors } = connect((socket) => {
    socket.close({ closeCode: 4999, reason: "done" });
    return Promise.resolve();
  });
  assert.deepEqual(await peer.readClose(), { closeCode: 4999, reason: "done" });
  assert.deepEqual(errors, []);
});

test("the handler may terminate the connection before it has begun", async () => {
  const { socket, peer, errors } = connect((socket) => socket.terminate());
  const error = await rejectionOf(socket.closed);
  assert.ok(error instanceof WebSocketError);
  assert.equal(error.closeCode, 1006);
  await rejectionOf(peer.readFrame());
  assert.deepEqual(errors, []);
});
