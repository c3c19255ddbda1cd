// A process of a cluster, which does what the test tells it to over the channel
// that the backplane uses as well.

import { createHash } from "node:crypto";
import process from "node:process";
import { clusterBackplane } from "../../../src/backplane/cluster.ts";
import { payloadOf } from "./payload.ts";

/** What the test says. */
export type Order =
  | { order: "subscribe" | "unsubscribe"; topic: string }
  | { order: "publish"; topic: string; from: string; count: number }
  | { order: "flood"; topic: string; count: number; length: number }
  | { order: "block"; milliseconds: number }
  | { order: "report" };

/** What has come on a topic from one publisher. */
export interface Received {
  /** How many payloads. */
  count: number;
  /** SHA-256 over all payloads in the order of arrival. */
  digest: string;
}

/** What this program says. */
export type Answer =
  | { answer: "done"; error?: string }
  | {
    answer: "report";
    received: Record<string, Received>;
    connected: boolean;
  };

const options = JSON.parse(process.env.CLUSTER_OPTIONS ?? "{}");
const backplanes = [clusterBackplane(options), clusterBackplane(options)];
const [backplane, other] = backplanes;
const received = new Map<
  string,
  { count: number; hash: ReturnType<typeof createHash> }
>();

process.on("message", async (message: Order) => {
  if (message.order === undefined) return;
  try {
    await obey(message);
    if (message.order !== "report") answer({ answer: "done" });
  } catch (error) {
    answer({ answer: "done", error: (error as Error).message });
  }
});
process.on("disconnect", () => process.exit(0));
answer({ answer: "done" });

async function obey(order: Order): Promise<void> {
  switch (order.order) {
    case "subscribe":
      // Both of this process, each of which gets what the other publishes.
      await Promise.all([
        backplane.subscribe(
          order.topic,
          (payload) => receive(order.topic, payload),
        ),
        other.subscribe(
          order.topic,
          (payload) => receive(`${order.topic} (other)`, payload),
        ),
      ]);
      return;
    case "unsubscribe":
      await Promise.all(backplanes.map((one) => one.unsubscribe(order.topic)));
      return;
    case "publish": {
      const taken: (void | Promise<void>)[] = [];
      for (let number = 0; number < order.count; number++) {
        taken.push(
          backplane.publish(order.topic, payloadOf(order.from, number)),
        );
        // Some in one turn of the event loop, some in the next.
        if (number % 100 === 99) {
          await new Promise((done) => setImmediate(done));
        }
      }
      await Promise.all(taken);
      return;
    }
    case "flood": {
      const taken: (void | Promise<void>)[] = [];
      for (let number = 0; number < order.count; number++) {
        taken.push(
          backplane.publish(order.topic, new Uint8Array(order.length)),
        );
      }
      await Promise.all(taken);
      return;
    }
    case "block": {
      const until = performance.now() + order.milliseconds;
      while (performance.now() < until);
      return;
    }
    case "report":
      answer({
        answer: "report",
        connected: backplane.connected === true,
        received: Object.fromEntries(
          [...received].map(([key, { count, hash }]) => [key, {
            count,
            digest: hash.copy().digest("hex"),
          }]),
        ),
      });
  }
}

/** The first byte says how long the publisher's name is that follows. */
function receive(topic: string, payload: Uint8Array): void {
  const from = new TextDecoder().decode(payload.subarray(1, 1 + payload[0]));
  const key = `${topic} from ${from}`;
  let entry = received.get(key);
  if (entry === undefined) {
    received.set(key, entry = { count: 0, hash: createHash("sha256") });
  }
  entry.count++;
  entry.hash.update(payload);
}

function answer(message: Answer): void {
  process.send!(message);
}
