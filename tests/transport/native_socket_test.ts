// What holds for a transport on any native socket: Bun's and Deno's are driven
// with scripted ones, on every runtime.

import assert from "node:assert/strict";
import { test } from "node:test";
import { concatBytes } from "../support/frames.ts";
import { seededRandom } from "../support/seeded_random.ts";
import { Recorder, scripts, settled, someBytes } from "./scripted_sockets.ts";

for (const [runtime, script] of Object.entries(scripts)) {
  test(`${runtime}: the peer's address, and small writes at once`, () => {
    const { transport } = script();
    assert.deepEqual(transport.remoteAddress, {
      transport: "tcp",
      hostname: "192.0.2.1",
      port: 4711,
    });
    assert.equal(transport.copies, true);
    assert.equal(transport.bufferedAmount, 0);
  });

  test(`${runtime}: bytes in, bytes out`, async () => {
    const socket = script();
    const receiver = new Recorder();
    socket.transport.start(receiver);
    await socket.deliver(someBytes(100));
    await socket.deliver(someBytes(50, 9));
    assert.deepEqual(
      receiver.bytes,
      concatBytes([someBytes(100), someBytes(50, 9)]),
    );
    socket.transport.write([someBytes(10), someBytes(20, 3)]);
    await settled();
    assert.deepEqual(
      socket.sent,
      concatBytes([someBytes(10), someBytes(20, 3)]),
    );
    assert.equal(socket.transport.bufferedAmount, 0);
  });

  test(`${runtime}: written is called once, after the call, when all was taken`, async () => {
    const socket = script();
    socket.transport.start(new Recorder());
    let written = 0;
    socket.transport.write([someBytes(10), someBytes(10)], () => written++);
    assert.equal(written, 0, "not within write()");
    await settled();
    assert.equal(written, 1);
    socket.capacity = 15;
    socket.transport.write([someBytes(10), someBytes(10)], () => written++);
    await settled();
    assert.equal(written, 1, "5 bytes wait");
    assert.equal(socket.transport.bufferedAmount, 5);
    await socket.drain(4);
    assert.equal(written, 1, "1 byte waits");
    assert.equal(socket.transport.bufferedAmount, 1);
    await socket.drain(1);
    assert.equal(written, 2);
    assert.equal(socket.transport.bufferedAmount, 0);
    await socket.drain(100);
    assert.equal(written, 2);
  });

  test(`${runtime}: an empty chunk is written as well`, async () => {
    const socket = script();
    socket.transport.start(new Recorder());
    let written = 0;
    socket.transport.write([new Uint8Array(0)], () => written++);
    await settled();
    assert.equal(written, 1);
    socket.capacity = 3;
    socket.transport.write([someBytes(5), new Uint8Array(0)], () => written++);
    await settled();
    assert.equal(written, 1, "it is behind bytes that wait");
    await socket.drain(10);
    assert.equal(written, 2);
    assert.deepEqual(socket.sent, someBytes(5));
  });

  test(`${runtime}: writes from within written come behind all that waits`, async () => {
    const socket = script();
    const { transport } = socket;
    transport.start(new Recorder());
    socket.capacity = 0;
    const order: string[] = [];
    transport.write([someBytes(3, 1)], () => {
      order.push("first");
      transport.write([someBytes(3, 3)], () => {
        order.push("third");
        transport.write([someBytes(3, 4)], () => order.push("fourth"));
      });
    });
    transport.write([someBytes(3, 2)], () => order.push("second"));
    await settled();
    for (let round = 0; round < 20; round++) await socket.drain(1);
    assert.deepEqual(order, ["first", "second", "third", "fourth"]);
    assert.deepEqual(
      socket.sent,
      concatBytes([1, 2, 3, 4].map((from) => someBytes(3, from))),
    );
    assert.equal(transport.bufferedAmount, 0);
  });

  test(`${runtime}: writes from within receive() keep their order`, async () => {
    const socket = script();
    const { transport } = socket;
    const receiver = new Recorder();
    receiver.within = (_event, chunk) => {
      transport.write([new Uint8Array(chunk)]);
      transport.write([Uint8Array.of(0xaa)]);
    };
    transport.start(receiver);
    socket.capacity = 5;
    await socket.deliver(someBytes(4));
    await socket.deliver(someBytes(4, 77));
    await socket.drain(Infinity);
    assert.deepEqual(
      socket.sent,
      concatBytes([someBytes(4), [0xaa], someBytes(4, 77), [0xaa]]),
    );
  });

  test(`${runtime}: destroy() and end() from within written`, async () => {
    for (const way of ["destroy", "end"] as const) {
      const socket = script();
      const { transport } = socket;
      const receiver = new Recorder();
      transport.start(receiver);
      socket.capacity = 0;
      let later = 0;
      transport.write([someBytes(3)], () => transport[way]());
      transport.write([someBytes(3)], () => later++);
      await settled();
      await socket.drain(3);
      if (way === "destroy") {
        assert.deepEqual(receiver.events, ["closed"]);
        assert.equal(transport.bufferedAmount, 0);
        await socket.drain(100);
        assert.equal(later, 0, "what was not sent was not written");
        assert.equal(socket.sent.length, 3);
      } else {
        assert.equal(socket.ends, 0, "3 bytes wait");
        await socket.drain(100);
        assert.equal(later, 1);
        assert.equal(socket.ends, 1);
        assert.equal(socket.sent.length, 6);
        assert.deepEqual(receiver.events, []);
      }
    }
  });

  test(`${runtime}: pause() and resume() within receive()`, async () => {
    const socket = script();
    const { transport } = socket;
    const receiver = new Recorder();
    receiver.within = () => transport.pause();
    transport.start(receiver);
    await socket.deliver(someBytes(10));
    await socket.deliver(someBytes(10, 50));
    assert.equal(receiver.bytes.length, 10, "nothing comes while it is paused");
    transport.resume();
    await settled();
    assert.equal(receiver.bytes.length, 20);
    receiver.within = () => {
      transport.pause();
      transport.resume();
    };
    await socket.deliver(someBytes(10, 90));
    transport.resume();
    await settled();
    await socket.deliver(someBytes(10, 130));
    assert.deepEqual(
      receiver.bytes,
      concatBytes([0, 50, 90, 130].map((from) => someBytes(10, from))),
    );
  });

  test(`${runtime}: random partial writes, nested ones included, keep the order`, async () => {
    const random = seededRandom(`${runtime} partial writes`);
    for (let round = 0; round < 10; round++) {
      const socket = script();
      const { transport } = socket;
      transport.start(new Recorder());
      const expected: Uint8Array[] = [];
      const order: number[] = [];
      let writes = 0;
      let bytes = 0;
      const write = (): void => {
        const number = writes++;
        const chunks = Array.from(
          { length: 1 + random.integer(3) },
          () => someBytes(random.integer(40), bytes += 13),
        );
        expected.push(...chunks);
        const nested = random.integer(3) === 0 && writes < 60;
        transport.write(chunks, () => {
          order.push(number);
          if (nested) write();
        });
      };
      socket.capacity = random.integer(100);
      for (let step = 0; step < 30; step++) {
        if (random.integer(2) === 0) write();
        else await socket.drain(random.integer(60));
        await settled();
        const waiting = concatBytes(expected).length - socket.sent.length;
        assert.equal(transport.bufferedAmount, waiting);
      }
      transport.end();
      await socket.drain(Infinity);
      await settled();
      // What a callback writes after end() is not sent.
      const all = concatBytes(expected);
      assert.deepEqual(socket.sent, all.subarray(0, socket.sent.length));
      assert.deepEqual(order, order.map((_, index) => index));
      assert.equal(transport.bufferedAmount, 0);
      assert.equal(socket.ends, 1);
    }
  });

  test(`${runtime}: end() while bytes wait ends behind them, and once`, async () => {
    const socket = script();
    const { transport } = socket;
    const receiver = new Recorder();
    transport.start(receiver);
    socket.capacity = 2;
    transport.write([someBytes(6)]);
    transport.end();
    transport.end();
    transport.write([someBytes(6)], () => assert.fail("written after end()"));
    await settled();
    assert.equal(socket.ends, 0);
    await socket.drain(3);
    assert.equal(socket.ends, 0);
    await socket.drain(3);
    assert.equal(socket.ends, 1);
    await socket.drain(3);
    assert.equal(socket.ends, 1);
    assert.deepEqual(socket.sent, someBytes(6));
    assert.deepEqual(receiver.events, []);
    assert.equal(socket.dropped, false, "the peer has not ended");
    await socket.deliver(someBytes(5));
    await socket.deliverEnd();
    assert.deepEqual(receiver.events, ["receive", "end", "closed"]);
    assert.equal(receiver.error, null);
    assert.equal(socket.dropped, true);
  });

  test(`${runtime}: the peer ends first: it still gets what is written`, async () => {
    const socket = script();
    const { transport } = socket;
    const receiver = new Recorder();
    transport.start(receiver);
    await socket.deliverEnd();
    assert.deepEqual(receiver.events, ["end"]);
    assert.equal(socket.dropped, false);
    socket.capacity = 0;
    transport.write([someBytes(6)]);
    transport.end();
    await socket.drain(4);
    assert.deepEqual(receiver.events, ["end"]);
    await socket.drain(4);
    assert.deepEqual(receiver.events, ["end", "closed"]);
    assert.deepEqual(socket.sent, someBytes(6));
    assert.equal(receiver.error, null);
  });

  test(`${runtime}: end() and destroy() from within receiveEnd()`, async () => {
    for (const way of ["end", "destroy"] as const) {
      const socket = script();
      const receiver = new Recorder();
      receiver.within = (event) => {
        if (event === "end") socket.transport[way]();
      };
      socket.transport.start(receiver);
      await socket.deliverEnd();
      assert.deepEqual(receiver.events, ["end", "closed"]);
      assert.equal(socket.ends, way === "end" ? 1 : 0);
      assert.equal(socket.dropped, true);
    }
  });

  const states: Record<
    string,
    (socket: ReturnType<typeof script>) => void | Promise<void>
  > = {
    "idle": () => {},
    "paused": ({ transport }) => transport.pause(),
    "writing": (socket) => {
      socket.capacity = 2;
      socket.transport.write([someBytes(9)], () => assert.fail("written"));
    },
    "ending behind bytes": (socket) => {
      socket.capacity = 2;
      socket.transport.write([someBytes(9)], () => assert.fail("written"));
      socket.transport.end();
    },
    "ended": ({ transport }) => transport.end(),
    "ended by the peer, writing": async (socket) => {
      await socket.deliverEnd();
      socket.capacity = 2;
      socket.transport.write([someBytes(9)], () => assert.fail("written"));
    },
  };
  for (const [state, reach] of Object.entries(states)) {
    test(`${runtime}: ${state}: transportClosed() comes once, and nothing after it`, async () => {
      for (const way of ["destroy", "failure", "failure, then destroy"]) {
        const socket = script();
        const { transport } = socket;
        const receiver = new Recorder();
        transport.start(receiver);
        await reach(socket);
        await settled();
        const failure = new Error("reset");
        if (way === "destroy") transport.destroy();
        else {
          // A paused one learns of it only when it reads.
          if (state === "paused") transport.resume();
          await socket.fail(failure);
        }
        if (way.endsWith("then destroy")) transport.destroy();
        await settled();
        assert.equal(receiver.events.at(-1), "closed", way);
        assert.equal(
          receiver.events.filter((event) => event === "closed").length,
          1,
        );
        assert.equal(receiver.error, way === "destroy" ? null : failure);
        assert.equal(transport.bufferedAmount, 0);
        const events = [...receiver.events];
        transport.write([someBytes(3)], () => assert.fail("written"));
        transport.pause();
        transport.resume();
        transport.end();
        transport.destroy();
        await socket.deliver(someBytes(3));
        await socket.deliverEnd();
        await socket.drain(100);
        assert.deepEqual(receiver.events, events);
        assert.equal(transport.bufferedAmount, 0);
      }
    });
  }

  test(`${runtime}: start() again: from then on to another receiver`, async () => {
    const socket = script();
    const { transport } = socket;
    const first = new Recorder("first");
    const second = new Recorder("second");
    first.within = (_event, chunk) => {
      if (chunk[0] === 1) transport.start(second);
    };
    transport.start(first);
    await socket.deliver(Uint8Array.of(0));
    await socket.deliver(Uint8Array.of(1));
    await socket.deliver(Uint8Array.of(2));
    await socket.deliverEnd();
    transport.end();
    await settled();
    assert.deepEqual([...first.bytes], [0, 1]);
    assert.deepEqual([...second.bytes], [2]);
    assert.deepEqual(first.events, ["receive", "receive"]);
    assert.deepEqual(second.events, ["receive", "end", "closed"]);
  });

  test(`${runtime}: start() while paused stays paused`, async () => {
    const socket = script();
    const { transport } = socket;
    const first = new Recorder("first");
    first.within = () => transport.pause();
    transport.start(first);
    await socket.deliver(Uint8Array.of(0));
    const second = new Recorder("second");
    transport.start(second);
    await socket.deliver(Uint8Array.of(1));
    assert.deepEqual(second.events, []);
    transport.resume();
    await settled();
    assert.deepEqual([...second.bytes], [1]);
  });

  test(`${runtime}: start() after the peer's end tells of it, after the call`, async () => {
    const socket = script();
    const { transport } = socket;
    transport.start(new Recorder());
    await socket.deliverEnd();
    const receiver = new Recorder();
    transport.start(receiver);
    assert.deepEqual(receiver.events, []);
    await settled();
    assert.deepEqual(receiver.events, ["end"]);
    transport.end();
    await settled();
    assert.deepEqual(receiver.events, ["end", "closed"]);
  });

  test(`${runtime}: start() after the peer's end, and destroy(): nothing comes after the close`, async () => {
    const socket = script();
    const { transport } = socket;
    transport.start(new Recorder());
    await socket.deliverEnd();
    const receiver = new Recorder();
    transport.start(receiver);
    transport.destroy();
    await settled();
    assert.equal(receiver.events.at(-1), "closed");
    assert.equal(
      receiver.events.filter((event) => event === "closed").length,
      1,
    );
  });

  test(`${runtime}: start() after it has closed tells of it once, with the error`, async () => {
    const socket = script();
    const { transport } = socket;
    transport.start(new Recorder());
    await socket.fail(new Error("reset"));
    const receiver = new Recorder();
    transport.start(receiver);
    assert.deepEqual(receiver.events, []);
    await settled();
    assert.deepEqual(receiver.events, ["closed"]);
    assert.equal(receiver.error?.message, "reset");
  });

  test(`${runtime}: start() right after destroy() tells of the close once`, async () => {
    const socket = script();
    const { transport } = socket;
    transport.start(new Recorder());
    transport.destroy();
    const receiver = new Recorder();
    transport.start(receiver);
    await settled();
    assert.deepEqual(receiver.events, ["closed"]);
  });

  test(`${runtime}: destroy() tells of the close after the call that caused it`, async () => {
    const socket = script();
    const receiver = new Recorder();
    socket.transport.start(receiver);
    socket.transport.destroy();
    assert.deepEqual(receiver.events, [], "not within the call");
    await settled();
    assert.deepEqual(receiver.events, ["closed"]);
  });

  test(`${runtime}: start() for the first time after it has closed tells of that`, async () => {
    const socket = script();
    socket.transport.destroy();
    await settled();
    const receiver = new Recorder();
    socket.transport.start(receiver);
    assert.deepEqual(receiver.events, []);
    await settled();
    assert.deepEqual(receiver.events, ["closed"]);
  });
}
