// Topics of two servers on a broker in memory.

import assert from "node:assert/strict";
import { test } from "node:test";
import {
  type Backplane,
  BackplaneError,
  type BackplaneState,
  createUpgradeHandler,
  type Handler,
  serve,
  type ServeOptions,
  Topics,
} from "../../mod.ts";
import {
  createOrigin,
  EnvelopeWriter,
  readEnvelope,
} from "../../src/backplane/envelope.ts";
import { nextTurn } from "../../src/turn.ts";
import { type TestServer, until } from "../support/serve_on.ts";
import { serveTopics, Subscriber } from "../topics/subscribers.ts";
import { MemoryBroker } from "./memory_backplane.ts";

/** Subscribes to the path; a message `TOPIC TEXT` is published to the others. */
const handler: Handler = {
  open: (socket) => socket.subscribe(new URL(socket.url).pathname.slice(1)),
  message(socket, message) {
    const [topic, text] = String(message).split(" ");
    socket.publish(topic, text);
  },
};

/** Runs `use` with two servers on a broker. */
async function withTwo(
  broker: MemoryBroker,
  use: (first: TestServer, second: TestServer) => Promise<void>,
  options: ServeOptions = {},
): Promise<void> {
  const given = () => ({ backplane: broker.connect(), ...options });
  await serveTopics("tcp", given(), handler, async (first) => {
    await serveTopics("tcp", given(), handler, (second) => use(first, second));
  });
}

/** Subscribes, and waits until the broker knows of so many processes. */
async function subscriber(
  { server }: TestServer,
  topic: string,
  broker: MemoryBroker,
  processes: number,
): Promise<Subscriber> {
  const result = await Subscriber.open(server.url + topic);
  await until(() => broker.count(topic) === processes, "the subscription");
  return result;
}

function state({ server }: TestServer): BackplaneState {
  return server.topics.backplane!;
}

/** Takes what `onError` was told. */
function errors({ errors }: TestServer): BackplaneError[] {
  return errors.splice(0).map((error) => {
    assert.ok(error instanceof BackplaneError, String(error));
    return error;
  });
}

test("what is published reaches the subscribers of all processes, but the one that is excluded", async () => {
  const broker = new MemoryBroker();
  await withTwo(broker, async (first, second) => {
    const here = await subscriber(first, "news", broker, 1);
    const there = await subscriber(second, "news", broker, 2);
    const elsewhere = await Subscriber.open(second.server.url + "other");
    assert.equal(first.server.publish("news", "from the server"), 1);
    assert.equal(first.server.publish("news", Uint8Array.of(0, 255)), 1);
    await here.connection.send("news others");
    for (const message of ["from the server", Uint8Array.of(0, 255)]) {
      assert.deepEqual(await here.next(), message);
      assert.deepEqual(await there.next(), message);
    }
    assert.equal(await there.next(), "others");
    first.server.publish("other", "last");
    assert.equal(await elsewhere.next(), "last");
    first.server.publish("news", "end");
    assert.equal(await here.next(), "end");
    assert.equal(await there.next(), "end");
    const { messagesOut, messagesFailed } = state(first);
    assert.deepEqual({ messagesOut, messagesFailed }, {
      messagesOut: 5,
      messagesFailed: 0,
    });
    assert.equal(state(second).messagesIn, 5);
    assert.equal(state(first).messagesIn, 0, "its own are not counted");
  });
});

test("the messages of one turn are one payload a topic, and their options go with them", async () => {
  const broker = new MemoryBroker();
  const topics = new Topics({ backplane: broker.connect() });
  topics.publish("a", "1", { compress: true });
  topics.publish("b", "2");
  topics.publish("a", new Uint8Array([3]), { compress: false, lossy: true });
  assert.equal(broker.payloads.length, 0);
  await nextTurn();
  topics.publish("a", "4");
  await nextTurn();
  const read = broker.payloads.map(({ topic, payload }) => {
    const { base, number, entries } = readEnvelope(payload, "")!;
    return { topic, first: number - base, entries };
  });
  const plain = { compress: undefined, lossy: false };
  assert.deepEqual(read, [
    {
      topic: "a",
      first: 0,
      entries: [
        { message: "1", compress: true, lossy: false },
        { message: Uint8Array.of(3), compress: false, lossy: true },
      ],
    },
    { topic: "b", first: 0, entries: [{ message: "2", ...plain }] },
    { topic: "a", first: 2, entries: [{ message: "4", ...plain }] },
  ]);
});

test("a payload does not grow without end, and a large message has its own", async () => {
  const broker = new MemoryBroker();
  const topics = new Topics({ backplane: broker.connect() });
  const bytes = new Uint8Array(50_000);
  for (let index = 0; index < 10; index++) {
    topics.publish("a", bytes.fill(index));
  }
  topics.publish("a", new Uint8Array(1_000_000));
  topics.publish("a", "last");
  await nextTurn();
  const envelopes = broker.payloads.map(({ payload }) =>
    readEnvelope(payload, "")!
  );
  assert.deepEqual(
    envelopes.map(({ entries }) => entries.length),
    [2, 2, 2, 2, 2, 1, 1],
  );
  const first = envelopes.flatMap(({ entries }) =>
    entries.map(({ message }) => message[0])
  );
  assert.deepEqual(first, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 0, "l"]);
});

test("a topic is subscribed at the broker only while it has subscribers here", async () => {
  const broker = new MemoryBroker();
  await withTwo(broker, async (first) => {
    const one = await subscriber(first, "news", broker, 1);
    const two = await Subscriber.open(first.server.url + "news");
    await one.close();
    await until(() => first.server.topics.subscriberCount("news") === 1, "one");
    await nextTurn();
    assert.deepEqual(broker.calls, ["subscribe news"]);
    await two.close();
    await until(() => broker.count("news") === 0, "the end");
    assert.deepEqual(broker.calls, ["subscribe news", "unsubscribe news"]);
    // Back and forth within a turn is nothing to the broker.
    const { server } = first;
    const third = await Subscriber.open(server.url + "x");
    await until(() => broker.count("x") === 1, "x");
    for (const own of server.sockets) {
      own.unsubscribe("x");
      own.subscribe("x");
      own.subscribe("y");
      own.unsubscribe("y");
    }
    await nextTurn();
    await nextTurn();
    assert.deepEqual(broker.calls.slice(2), ["subscribe x"]);
    await third.close();
  });
});

test("a subscription that changes while the broker is answering ends as it should", async () => {
  const calls: string[] = [];
  const answers: (() => void)[] = [];
  const call = (name: string) => (topic: string) => {
    calls.push(`${name} ${topic}`);
    return new Promise<void>((resolve) => answers.push(resolve));
  };
  const backplane: Backplane = {
    publish: () => {},
    subscribe: call("subscribe"),
    unsubscribe: call("unsubscribe"),
  };
  await serveTopics("tcp", { backplane }, handler, async ({ server }) => {
    await Subscriber.open(server.url + "x");
    await until(() => calls.length === 1, "the call");
    const [socket] = server.sockets;
    socket.unsubscribe("x");
    await nextTurn();
    await nextTurn();
    assert.deepEqual(calls, ["subscribe x"], "one call at a time");
    answers[0]();
    await until(() => calls.length === 2, "the second call");
    assert.equal(calls[1], "unsubscribe x");
    socket.subscribe("x");
    answers[1]();
    await until(() => calls.length === 3, "the third call");
    assert.equal(calls[2], "subscribe x");
    answers[2]();
  });
});

for (const throws of [false, true]) {
  test(`while the broker ${throws ? "throws" : "rejects"}, local delivery goes on, and it is told once`, async () => {
    const broker = new MemoryBroker();
    broker.throws = throws;
    await withTwo(broker, async (first, second) => {
      const here = await subscriber(first, "news", broker, 1);
      const there = await subscriber(second, "news", broker, 2);
      first.server.publish("news", "before");
      assert.equal(await there.next(), "before");
      const cause = new Error("connection refused");
      broker.away = cause;
      for (let index = 0; index < 10; index++) {
        assert.equal(first.server.publish("news", `away ${index}`), 1);
        await nextTurn();
      }
      assert.equal(await here.next(), "before");
      for (let index = 0; index < 10; index++) {
        assert.equal(await here.next(), `away ${index}`);
      }
      await nextTurn();
      assert.equal(state(first).connected, false);
      assert.equal(state(first).messagesFailed, 10);
      const [away, ...others] = errors(first);
      assert.match(away.message, /broker is away/);
      assert.equal(away.cause, cause);
      assert.equal(others.length, 0);

      broker.away = null;
      first.server.publish("news", "after");
      assert.equal(await there.next(), "after");
      assert.equal(await here.next(), "after");
      await until(() => state(first).connected, "the broker");
      assert.match(errors(first)[0].message, /^10 messages were not relayed/);
      assert.equal(state(first).messagesOut, 2);
      assert.equal(state(second).messagesMissed, 10);
      await until(() => second.errors.length > 0, "the second one's report");
      assert.match(
        errors(second)[0].message,
        /^10 messages that other processes published did not come in/,
      );
      assert.deepEqual(errors(first), []);
    });
  });
}

test("a subscription that fails is tried again", async () => {
  const broker = new MemoryBroker();
  broker.away = new Error("connection refused");
  await withTwo(broker, async (first) => {
    await Subscriber.open(first.server.url + "news");
    await until(() => first.errors.length > 0, "an error");
    broker.away = null;
    await until(() => broker.count("news") === 1, "the subscription");
    assert.equal(state(first).connected, true);
    assert.equal(errors(first).length, 1);
  });
});

test("a subscription that is refused is told of once, though all else succeeds", async () => {
  const broker = new MemoryBroker();
  broker.refused.add("secret");
  await withTwo(broker, async (first) => {
    const news = await subscriber(first, "news", broker, 1);
    await Subscriber.open(first.server.url + "secret");
    const attempts = () =>
      broker.calls.filter((call) => call === "subscribe secret").length;
    for (let attempt = 1; attempt <= 2; attempt++) {
      await until(() => attempts() >= attempt, `attempt ${attempt}`);
      first.server.publish("news", "here");
      assert.equal(await news.next(), "here");
      await until(() => state(first).connected, "the answer");
    }
    const [error, ...others] = errors(first);
    assert.match(error.message, /refuses what it is given/);
    assert.match(String(error.cause), /no secret/);
    assert.deepEqual(others, []);
    // What it fails with now is something else.
    broker.away = new Error("connection refused");
    await until(() => first.errors.length > 0, "an error");
    assert.equal(errors(first)[0].cause, broker.away);
    broker.away = null;
    // Once it was made, the next failure is another.
    broker.refused.clear();
    await until(() => broker.count("secret") === 1, "the subscription");
    broker.away = new Error("connection refused");
    for (const socket of first.server.sockets) socket.unsubscribe("secret");
    await until(() => first.errors.length > 0, "an error");
    assert.equal(errors(first)[0].cause, broker.away);
    broker.away = null;
  });
});

test("topics that differ in lone surrogates only are one, in every process", async () => {
  const broker = new MemoryBroker();
  await withTwo(broker, async (first, second) => {
    const here = await Subscriber.open(first.server.url);
    const there = await Subscriber.open(second.server.url);
    for (const { server } of [first, second]) {
      for (const socket of server.sockets) {
        socket.subscribe("a\ud800");
        socket.subscribe("a\udfff");
      }
    }
    await until(() => broker.count("a\ufffd") === 2, "the subscriptions");
    assert.equal(first.server.publish("a\ud801", "once"), 1);
    assert.equal(first.server.publish("a\ufffd", "again"), 1);
    for (const subscriber of [here, there]) {
      assert.deepEqual(await subscriber.take(2), ["once", "again"]);
    }
    assert.deepEqual(
      broker.calls.filter((call) => !call.endsWith(" ")),
      ["subscribe a\ufffd", "subscribe a\ufffd"],
    );
    assert.deepEqual(errors(first), []);
  });
});

test("one that says that it is not connected is not called, and told of once", async () => {
  const broker = new MemoryBroker();
  let connected = true;
  const backplane: Backplane = Object.defineProperty(
    broker.connect(),
    "connected",
    { get: () => connected },
  );
  await serveTopics("tcp", { backplane }, handler, async (server) => {
    const one = await Subscriber.open(server.server.url + "one");
    await until(() => broker.count("one") === 1, "the subscription");
    connected = false;
    assert.equal(state(server).connected, false);
    // It is noticed though nothing is published.
    await until(() => server.errors.length > 0, "an error");
    assert.match(errors(server)[0].message, /broker is away/);
    await Subscriber.open(server.server.url + "two");
    server.server.publish("one", "only here");
    assert.equal(await one.next(), "only here");
    await nextTurn();
    assert.deepEqual(broker.payloads, []);
    assert.deepEqual(broker.calls, ["subscribe one"]);
    connected = true;
    await until(() => broker.count("two") === 1, "the subscription");
    assert.deepEqual(
      errors(server).map(({ message }) => message.replace(/[\d.]+ s$/, "")),
      [
        "1 messages were not relayed to other processes, as the backplane's broker was away, or refused them, for ",
      ],
    );
  });
});

test("what waits for a broker that does not answer has an end", async () => {
  const broker = new MemoryBroker();
  broker.silent = true;
  const told: unknown[] = [];
  const topics = new Topics({
    backplane: broker.connect(),
    onError: (error) => told.push(error),
  });
  const megabyte = new Uint8Array(1_000_000);
  for (let index = 0; index < 30; index++) topics.publish("news", megabyte);
  await nextTurn();
  assert.equal(broker.payloads.length, 16);
  assert.equal(topics.backplane?.messagesFailed, 14);
  assert.equal(topics.backplane?.messagesOut, 0);
  assert.equal(told.length, 1);
  assert.match(
    String((told[0] as BackplaneError).cause),
    /bytes wait for its answer/,
  );
});

test("what arrives twice or late is delivered once, and a gap is counted", async () => {
  const broker = new MemoryBroker();
  await withTwo(broker, async (first) => {
    const here = await subscriber(first, "news", broker, 1);
    const origin = createOrigin();
    const send = (base: number, number: number, ...messages: string[]) => {
      const writer = new EnvelopeWriter();
      for (const message of messages) {
        writer.add({ message, compress: undefined, lossy: false });
      }
      broker.send("news", writer.finish(origin, base, number));
    };
    send(5, 10, "10", "11");
    send(5, 10, "10", "11");
    send(5, 12, "12");
    send(5, 11, "11");
    send(5, 15, "15");
    // The publisher's count begins anew.
    send(90, 90, "90");
    send(90, 92, "92");
    send(100, 101, "101");
    assert.deepEqual(
      await here.take(7),
      ["10", "11", "12", "15", "90", "92", "101"],
    );
    assert.equal(state(first).messagesMissed, 2 + 1 + 1);
    assert.equal(state(first).messagesIn, 7);
    await until(() => first.errors.length > 0, "the report");
    assert.match(errors(first)[0].message, /^4 messages/);
  });
});

test("what is published between two subscriptions is not counted as missed", async () => {
  const broker = new MemoryBroker();
  await withTwo(broker, async (first, second) => {
    for (const text of ["one", "two"]) {
      const here = await subscriber(first, "news", broker, 1);
      second.server.publish("news", text);
      assert.equal(await here.next(), text);
      await here.close();
      await until(() => broker.count("news") === 0, "the end");
      second.server.publish("news", "for nobody");
      await nextTurn();
    }
    assert.equal(state(first).messagesMissed, 0);
  });
});

test("a malformed payload goes to onError and nowhere else", async () => {
  const broker = new MemoryBroker();
  await withTwo(broker, async (first, second) => {
    const here = await subscriber(first, "news", broker, 1);
    broker.send("news", new TextEncoder().encode("PUBLISH ".repeat(9)));
    broker.send("news", new Uint8Array(0));
    broker.send("news", "text" as unknown as Uint8Array<ArrayBuffer>);
    second.server.publish("news", "fine");
    assert.equal(await here.next(), "fine");
    const [error, ...others] = errors(first);
    assert.match(error.message, /topic "news" is dropped/);
    assert.match(String(error.cause), /bytes 80 and 85/);
    assert.equal(others.length, 0, "no more than one a second");
    assert.equal(state(first).malformed, 3);
  });
});

test("an onError that throws does no harm", async () => {
  const { error: consoleError } = console;
  const logged: unknown[] = [];
  console.error = (...values: unknown[]) => logged.push(...values);
  try {
    const broker = new MemoryBroker();
    broker.away = new Error("away");
    const topics = new Topics({
      backplane: broker.connect(),
      onError() {
        throw new Error("as well");
      },
    });
    topics.publish("news", "x");
    await nextTurn();
    await nextTurn();
    assert.equal(topics.backplane?.messagesFailed, 1);
  } finally {
    console.error = consoleError;
  }
  assert.deepEqual(logged.map(String), ["Error: as well"]);
});

test("options that can't be right are refused at once", () => {
  const backplane = new MemoryBroker().connect();
  const wrong: unknown[] = [null, 1, "redis://", {}, { publish() {} }];
  for (const value of wrong) {
    assert.throws(
      () => new Topics({ backplane: value as Backplane }),
      /^TypeError: the option `backplane` is an object with the methods publish, subscribe and unsubscribe, not /,
    );
  }
  assert.throws(
    () => serve({ port: 0, backplane, topics: new Topics() }, handler),
    /^TypeError: the options `topics` and `backplane` are both given/,
  );
  assert.throws(
    () => createUpgradeHandler({ backplane: 1 as never }, handler),
    TypeError,
  );
  assert.throws(
    () => new Topics({ backplane, onError: 1 as never }),
    TypeError,
  );
  assert.equal(new Topics().backplane, null);
});
