// `for await` over `readable` and `incoming`: as with any stream of the platform.

import assert from "node:assert/strict";
import { after, test } from "node:test";
import type { Message } from "../../src/codec/message.ts";
import { WebSocketError } from "../../src/error.ts";
import { opcodes } from "../support/raw_peer.ts";
import { seededRandom } from "../support/seeded_random.ts";
import {
  connect,
  disconnectAll,
  isPending,
  rejectionOf,
  settled,
  within,
} from "./harness.ts";

after(disconnectAll);

function iterate<Item>(
  stream: ReadableStream<Item>,
  options?: { preventCancel?: boolean },
): AsyncIterator<Item, unknown, undefined> & AsyncIterable<Item> {
  return stream.values(options) as
    & AsyncIterator<Item, unknown, undefined>
    & AsyncIterable<Item>;
}

test("many messages of one chunk come out in order, and behind them the end", async () => {
  const { socket, peer } = connect();
  const expected = Array.from({ length: 500 }, (_, index) => `${index}`);
  await peer.sendBytes(
    ...expected.map((text) => peer.frame(opcodes.text, text)),
    peer.frame(opcodes.close, new Uint8Array([3, 232])),
  );
  const messages: Message[] = [];
  const loop = (async () => {
    for await (const message of socket.readable) messages.push(message);
  })();
  assert.equal((await peer.readClose()).closeCode, 1000);
  await peer.end();
  await within(loop, "the end of the loop");
  assert.deepEqual(messages, expected);
  assert.equal(socket.readable.locked, false);
});

test("several steps at once are answered in order, and return() behind them", async () => {
  const { socket, peer } = connect();
  const iterator = iterate(socket.readable);
  const steps = [
    iterator.next(),
    iterator.next(),
    iterator.next(),
    iterator.return!("enough"),
    iterator.next(),
  ];
  assert.equal(await isPending(steps[3]), true, "it waits for the messages");
  await peer.sendBytes(
    ...["one", "two", "three", "four"].map((text) =>
      peer.frame(opcodes.text, text)
    ),
  );
  assert.deepEqual(await within(Promise.all(steps), "all of them"), [
    { done: false, value: "one" },
    { done: false, value: "two" },
    { done: false, value: "three" },
    { done: true, value: "enough" },
    { done: true, value: undefined },
  ]);
  assert.equal((await peer.readClose()).closeCode, 1000);
});

test("a stream is locked as long as it is iterated over", async () => {
  const { socket, peer } = connect();
  const { readable } = socket;
  const iterator = iterate(readable, { preventCancel: true });
  assert.equal(readable.locked, true);
  assert.throws(() => readable.getReader(), TypeError);
  assert.throws(() => readable.values(), TypeError);
  await rejectionOf(readable.cancel());
  await iterator.return!();
  assert.equal(readable.locked, false);
  // Whoever comes next gets what comes next.
  await peer.text("later");
  const reader = readable.getReader();
  assert.equal((await within(reader.read(), "a message")).value, "later");
});

test("preventCancel: a loop that is left can be gone on with", async () => {
  const { socket, peer } = connect();
  const { readable } = socket;
  const expected = Array.from({ length: 9 }, (_, index) => `${index}`);
  await peer.sendBytes(
    ...expected.map((text) => peer.frame(opcodes.text, text)),
  );
  const messages: Message[] = [];
  for (let loop = 0; loop < 3; loop++) {
    for await (const message of iterate(readable, { preventCancel: true })) {
      messages.push(message);
      if (messages.length % 3 === 0) break;
    }
  }
  assert.deepEqual(messages, expected);
  assert.equal(await isPending(socket.closed), true);
});

test("a lost connection fails one step; those behind it are at the end", async () => {
  for (const waits of [true, false]) {
    const { socket, peer } = connect();
    const iterator = iterate(socket.readable);
    await peer.text("one");
    assert.equal((await within(iterator.next(), "a message")).value, "one");
    const waiting = waits ? [iterator.next(), iterator.next()] : null;
    waiting?.forEach((step) => step.catch(() => {}));
    peer.destroy();
    const error = await rejectionOf(socket.closed);
    assert.ok(error instanceof WebSocketError);
    const [first, second] = waiting ?? [iterator.next(), iterator.next()];
    assert.equal(await rejectionOf(first), error);
    assert.deepEqual(await within(second, "the end"), {
      done: true,
      value: undefined,
    });
    assert.equal(socket.readable.locked, false);
  }
});

for (const asked of [false, true]) {
  const when = asked ? "after" : "before";
  test(`what a reader gave up on ${when} its stream asked for it is not lost`, async () => {
    const giveUp = async (readable: ReadableStream<Message>) => {
      const reader = readable.getReader();
      const read = reader.read();
      if (asked) await settled();
      reader.releaseLock();
      assert.ok(await rejectionOf(read) instanceof TypeError);
    };
    const { socket, peer } = connect();
    await giveUp(socket.readable);
    await peer.text("one");
    await peer.text("two");
    await peer.fence();
    await settled();
    const iterator = iterate(socket.readable);
    assert.equal((await within(iterator.next(), "a message")).value, "one");
    assert.equal((await within(iterator.next(), "a message")).value, "two");

    const other = connect();
    await giveUp(other.socket.readable);
    const late = iterate(other.socket.readable);
    const step = late.next();
    await other.peer.text("one");
    await other.peer.text("two");
    assert.equal((await within(step, "a message")).value, "one");
    assert.equal((await within(late.next(), "a message")).value, "two");

    const closing = connect();
    await giveUp(closing.socket.readable);
    const busy = iterate(closing.socket.readable);
    await closing.peer.sendBytes(
      closing.peer.frame(opcodes.close, new Uint8Array([3, 232])),
    );
    const answer = closing.peer.readClose();
    await settled();
    assert.equal(await isPending(answer), true, "nobody asks any more");
    const end = busy.next();
    assert.equal((await within(answer, "the answer")).closeCode, 1000);
    await closing.peer.end();
    assert.equal((await within(end, "the end")).done, true);
  });
}

test("an iterator has what those of the platform have", async () => {
  const native = iterate(new ReadableStream<Message>());
  const { socket } = connect();
  const iterator = iterate(socket.readable);
  assert.equal(iterator[Symbol.asyncIterator](), iterator);
  const dispose = Symbol.asyncDispose ?? Symbol.for("there is none");
  assert.equal(dispose in iterator, dispose in native);
  assert.ok(socket.readable instanceof ReadableStream);
  await iterator.return!();
});

test("the body of a message can be read within the loop over incoming", async () => {
  const { socket, peer } = connect();
  const texts: string[] = [];
  const loop = (async () => {
    for await (const message of socket.incoming) {
      texts.push(await message.text());
    }
  })();
  for (let index = 0; index < 20; index++) {
    await peer.sendBytes(
      peer.frame(opcodes.text, "a", { fin: false }),
      peer.frame(opcodes.continuation, `${index}`),
    );
  }
  await peer.close(1000);
  await peer.answerClose();
  await within(loop, "the end of the loop");
  assert.deepEqual(texts, Array.from({ length: 20 }, (_, at) => `a${at}`));
});

/**
 * What has to come of any steps. The iterators of Node and Deno do not stand in for
 * it: a `return()` behind a step that waits fails an assertion of theirs.
 */
async function* generator(stream: ReadableStream<Message>) {
  const reader = stream.getReader();
  try {
    while (true) {
      const { done, value } = await reader.read();
      if (done) return;
      yield value;
    }
  } finally {
    reader.releaseLock();
  }
}

/** What becomes of the steps, in the order in which they settle. */
async function drive(
  iterator: AsyncIterator<Message, unknown, undefined>,
  steps: readonly ("next" | "return" | number)[],
  arrive: (count: number) => Promise<void>,
): Promise<string[]> {
  const results: string[] = [];
  for (const [index, step] of steps.entries()) {
    if (typeof step === "number") {
      await arrive(step);
      continue;
    }
    const answer = step === "next" ? iterator.next() : iterator.return!(index);
    answer.then(
      ({ done, value }) => results.push(`${index} ${done} ${value}`),
      (error) => results.push(`${index} ${error}`),
    );
    if (index % 3 === 0) await settled();
  }
  await settled();
  // What waits still ends with its connection.
  return results.slice();
}

test("random steps have the results that those of an async generator have", async () => {
  const random = seededRandom("iteration");
  for (let round = 0; round < 12; round++) {
    const drawn = Array.from({ length: 30 }, () => {
      const number = random.integer(30);
      return number === 0 ? "return" : number < 16 ? "next" : number % 4;
    });
    // A generator that returns before its first step does nothing at all.
    const steps = ["next" as const, ...drawn];
    let sent = 0;
    let controller: ReadableStreamDefaultController<Message>;
    const native = new ReadableStream<Message>({
      start: (given) => {
        controller = given;
      },
    }, { highWaterMark: 0 });
    const expected = await drive(generator(native), steps, async (count) => {
      while (count-- > 0) controller.enqueue(`message ${sent++}`);
      await settled();
    });
    sent = 0;
    const { socket, peer } = connect();
    const { readable } = socket;
    const iterator = iterate(readable, { preventCancel: true });
    const actual = await drive(iterator, steps, async (count) => {
      const frames = Array.from(
        { length: count },
        () => peer.frame(opcodes.text, `message ${sent++}`),
      );
      if (count > 0) await peer.sendBytes(...frames);
      await peer.fence();
      await settled();
    });
    assert.deepEqual(actual, expected, steps.join(" "));
    assert.equal(readable.locked, native.locked);
  }
});
