// A handler of hooks: open, message, drain, close.

import assert from "node:assert/strict";
import { after, test } from "node:test";
import type { CloseResult } from "../../src/connection/closing.ts";
import { WebSocketError } from "../../src/error.ts";
import { opcodes } from "../support/raw_peer.ts";
import {
  connect,
  disconnectAll,
  gate,
  pattern,
  rejectionOf,
  settled,
  until,
  within,
} from "./harness.ts";

after(disconnectAll);

test("hooks are called in order, with the connection, as methods", async () => {
  const calls: unknown[] = [];
  const hooks = {
    open(socket: unknown) {
      calls.push(["open", this === hooks, socket]);
    },
    message(socket: unknown, message: unknown) {
      calls.push(["message", this === hooks, socket, message]);
    },
    close(socket: unknown, result: CloseResult) {
      calls.push(["close", this === hooks, socket, result]);
    },
  };
  const { socket, peer, errors } = connect(hooks);
  await peer.text("one");
  await peer.binary(Uint8Array.of(1, 2));
  await peer.close(1001, "leaving");
  assert.deepEqual(await peer.readClose(), { closeCode: 1001, reason: "" });
  await peer.end();
  await within(socket.closed, "closed");
  assert.deepEqual(
    calls.map((call) => (call as unknown[]).slice(0, 2)),
    [["open", true], ["message", true], ["message", true], ["close", true]],
  );
  for (const call of calls) assert.equal((call as unknown[])[2], socket);
  assert.equal((calls[1] as unknown[])[3], "one");
  const bytes = (calls[2] as unknown[])[3];
  assert.ok(bytes instanceof Uint8Array);
  assert.deepEqual([...bytes], [1, 2]);
  assert.deepEqual((calls[3] as unknown[])[3], {
    closeCode: 1001,
    reason: "leaving",
    wasClean: true,
  });
  assert.deepEqual(errors, []);
});

test("every message of one chunk is delivered, and their answers go out in order", async () => {
  const { peer } = connect({
    message: (socket, message) => socket.send(`re: ${message}`),
  });
  const frames = Array.from(
    { length: 500 },
    (_, index) => peer.frame(opcodes.text, `${index}`),
  );
  await peer.sendBytes(...frames);
  for (let index = 0; index < 500; index++) {
    assert.equal(await peer.readText(), `re: ${index}`);
  }
});

test("an async message hook is awaited: never two at once, always in order", async () => {
  let running = 0;
  let most = 0;
  const seen: unknown[] = [];
  const { peer } = connect({
    async message(socket, message) {
      most = Math.max(most, ++running);
      await new Promise((resolve) =>
        setTimeout(resolve, seen.length % 3 === 0 ? 2 : 0)
      );
      seen.push(message);
      running--;
      socket.send(message);
    },
  });
  for (let index = 0; index < 30; index++) await peer.text(`${index}`);
  for (let index = 0; index < 30; index++) {
    assert.equal(await peer.readText(), `${index}`);
  }
  assert.equal(most, 1);
  assert.equal(seen.length, 30);
});

test("a message hook that is sync for some messages keeps the order with those that are async", async () => {
  const seen: unknown[] = [];
  const { peer } = connect({
    message(socket, message) {
      const done = () => {
        seen.push(message);
        socket.send(message);
      };
      if (Number(message) % 2 === 1) return done();
      return new Promise<void>((resolve) => setTimeout(resolve, 1)).then(done);
    },
  });
  await peer.sendBytes(
    ...Array.from(
      { length: 20 },
      (_, index) => peer.frame(opcodes.text, `${index}`),
    ),
  );
  for (let index = 0; index < 20; index++) {
    assert.equal(await peer.readText(), `${index}`);
  }
});

test("pings are answered while a message hook is pending", async () => {
  const hook = gate();
  const { peer } = connect({
    async message(socket, message) {
      await hook.opened;
      socket.send(message);
    },
  });
  await peer.text("slow");
  await peer.fence();
  hook.open();
  assert.equal(await peer.readText(), "slow");
});

test("messages wait for an async open hook", async () => {
  const opened = gate();
  const calls: unknown[] = [];
  const { peer } = connect({
    async open() {
      calls.push("open begins");
      await opened.opened;
      calls.push("open ends");
    },
    message(socket, message) {
      calls.push(message);
      socket.send(message);
    },
  });
  await peer.text("one");
  await peer.text("two");
  await peer.fence();
  await settled();
  assert.deepEqual(calls, ["open begins"]);
  opened.open();
  assert.equal(await peer.readText(), "one");
  assert.equal(await peer.readText(), "two");
  assert.deepEqual(calls, ["open begins", "open ends", "one", "two"]);
});

test("the open hook may send, and close", async () => {
  const { peer } = connect({
    open(socket) {
      socket.send("welcome");
      socket.close({ closeCode: 4000, reason: "full" });
    },
  });
  assert.equal(await peer.readText(), "welcome");
  assert.deepEqual(await peer.readClose(), { closeCode: 4000, reason: "full" });
});

for (const kind of ["throws", "rejects"] as const) {
  const fail = (error: unknown): unknown => {
    if (kind === "throws") throw error;
    return Promise.reject(error);
  };

  for (const hook of ["open", "message", "drain"] as const) {
    test(`a ${hook} hook that ${kind} closes with 1011, and onError is told`, async () => {
      const error = new Error("a secret");
      const { socket, peer, errors } = connect({
        [hook]: () => fail(error),
      });
      if (hook === "message") await peer.text("hello");
      if (hook === "drain") {
        socket.send(pattern(100_000));
        await peer.readMessage();
      }
      await peer.answerClose(1011);
      assert.equal((await within(socket.closed, "closed")).closeCode, 1011);
      assert.deepEqual(errors, [error]);
    });

    test(`a ${hook} hook that ${kind} a WebSocketError closes with its code`, async () => {
      const error = new WebSocketError("m", {
        closeCode: 4003,
        reason: "because",
      });
      const { socket, peer, errors } = connect({
        [hook]: () => fail(error),
      });
      if (hook === "message") await peer.text("hello");
      if (hook === "drain") {
        socket.send(pattern(100_000));
        await peer.readMessage();
      }
      assert.deepEqual(await peer.readClose(), {
        closeCode: 4003,
        reason: "because",
      });
      await peer.close(4003);
      await peer.expectEnd();
      await peer.end();
      await within(socket.closed, "closed");
      assert.deepEqual(errors, [error]);
    });
  }

  test(`a close hook that ${kind} is told to onError and changes nothing`, async () => {
    const error = new Error("too late");
    const { socket, peer, errors } = connect({ close: () => fail(error) });
    await peer.close(1000);
    await peer.answerClose();
    assert.equal((await within(socket.closed, "closed")).closeCode, 1000);
    await settled();
    assert.deepEqual(errors, [error]);
  });

  test(`a message hook that ${kind} gets no further messages`, async () => {
    const seen: unknown[] = [];
    const { peer } = connect({
      message(_socket, message) {
        seen.push(message);
        return fail(new Error("enough"));
      },
    });
    await peer.sendBytes(
      peer.frame(opcodes.text, "one"),
      peer.frame(opcodes.text, "two"),
      peer.frame(opcodes.text, "three"),
    );
    await peer.answerClose(1011);
    assert.deepEqual(seen, ["one"]);
  });
}

test("an onError that throws harms nothing", async () => {
  const reported: unknown[] = [];
  const original = console.error;
  console.error = (...values: unknown[]) => reported.push(...values);
  try {
    const { socket, peer } = connect({
      message() {
        throw new Error("first");
      },
    }, {
      onError() {
        throw new Error("second");
      },
    });
    await peer.text("hello");
    await peer.answerClose(1011);
    assert.equal((await within(socket.closed, "closed")).closeCode, 1011);
    assert.deepEqual(
      reported.map((error) => (error as Error).message),
      ["second"],
    );
  } finally {
    console.error = original;
  }
});

test("the close hook is called once, at once, while a message hook is pending", async () => {
  const hook = gate();
  const results: CloseResult[] = [];
  const { socket, peer, errors } = connect({
    message: () => hook.opened,
    close: (_socket, result) => results.push(result),
  });
  await peer.text("slow");
  await peer.fence();
  peer.destroy();
  await rejectionOf(socket.closed);
  await until(() => results.length > 0, "the close hook");
  hook.open();
  await settled();
  socket.terminate();
  await settled();
  assert.deepEqual(results, [{ closeCode: 1006, reason: "", wasClean: false }]);
  assert.deepEqual(errors, []);
});

test("the close hook is told the code of a protocol error, as not clean", async () => {
  const results: CloseResult[] = [];
  const { socket, peer } = connect({
    close: (_socket, result) => results.push(result),
  });
  await peer.send(0x3, "reserved");
  const { closeCode, reason } = await peer.readClose();
  assert.equal(closeCode, 1002);
  await peer.expectEnd();
  await peer.end();
  await rejectionOf(socket.closed);
  assert.deepEqual(results, [{ closeCode: 1002, reason, wasClean: false }]);
});

test("the drain hook is called when what waited for the peer has gone", async () => {
  let drained = 0;
  const sizes: number[] = [];
  const { socket, peer } = connect({
    drain(socket) {
      drained++;
      sizes.push(socket.desiredSize);
    },
  });
  socket.send("small");
  assert.equal(await peer.readText(), "small");
  await settled();
  assert.equal(drained, 0, "nothing had to wait");
  let waited = false;
  const sent = socket.send(pattern(300_000)).then(() => waited = true);
  await settled();
  assert.equal(drained, 0);
  assert.equal(waited, false);
  assert.ok(socket.desiredSize <= 0);
  await peer.readMessage();
  await within(sent, "the send");
  await until(() => drained > 0, "the drain hook");
  assert.equal(drained, 1);
  assert.ok(sizes[0] > 0, "there is room when it is called");
});

test("sending from the drain hook keeps a stream of messages going", async () => {
  const total = 100;
  let next = 0;
  const message = (index: number) => pattern(20_000, index);
  const fill = (socket: {
    desiredSize: number;
    send(message: Uint8Array): unknown;
  }) => {
    while (next < total && socket.desiredSize > 0) {
      socket.send(message(next++));
    }
  };
  const { peer } = connect({ open: fill, drain: fill });
  for (let index = 0; index < total; index++) {
    assert.deepEqual((await peer.readMessage()).payload, message(index));
  }
});
