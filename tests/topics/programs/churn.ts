// A process of its own for process_test.ts, in which garbage can be collected:
// it subscribes and unsubscribes many times and prints how much memory that left
// behind.

import process from "node:process";
import { accept, Topics } from "../../../mod.ts";

const rounds = 100_000;
const topics = new Topics();
const request = new Request("http://localhost/");

function connect() {
  return accept({
    readable: new ReadableStream(),
    writable: new WritableStream(),
  }, { request, topics, keepAlive: false });
}

async function collect(): Promise<void> {
  const { gc, Bun } = globalThis as unknown as {
    gc?: () => void;
    Bun?: { gc(force: boolean): void };
  };
  for (let count = 0; count < 5; count++) {
    (gc ?? (() => Bun!.gc(true)))();
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

const socket = connect();

/** One connection, ever new topics. */
function subscribeAndUnsubscribe(): void {
  for (let round = 0; round < rounds; round++) {
    const topic = `topic ${round} ${"x".repeat(50)}`;
    socket.subscribe(topic);
    topics.publish(`${topic}, that nobody has`, "message");
    socket.unsubscribe(topic);
  }
}

/** Ever new connections, that end subscribed. */
async function endSubscribed(): Promise<void> {
  for (let round = 0; round < rounds / 50; round++) {
    const other = connect();
    for (let count = 0; count < 50; count++) {
      other.subscribe(`topic ${round} ${count}`);
    }
    other.terminate();
    if (round % 100 === 0) await other.closed.catch(() => {});
  }
}

async function used(): Promise<number> {
  await collect();
  return process.memoryUsage().heapUsed;
}

// What is compiled and reserved once is not counted.
subscribeAndUnsubscribe();
await endSubscribed();
const before = await used();
subscribeAndUnsubscribe();
await endSubscribed();
const after = await used();
console.log(JSON.stringify({
  before,
  after,
  left: topics.subscriberCount("topic 0 0") + socket.topics.size,
}));
process.exit();
