/**
 * A backplane for processes on one machine, through their parent and the channel
 * that `node:child_process` gives them: no broker is needed.
 *
 * Every server process is a child that calls {@linkcode clusterBackplane}; the
 * parent, which starts them with `fork()` (or `node:cluster`, or `spawn()` with
 * an `"ipc"` channel), calls {@linkcode relayCluster}. A payload goes only to the
 * children that are subscribed to its topic, at most once, and those of one
 * process on one topic in the order in which it published them.
 *
 * @example A program that is its own parent
 * ```ts
 * import { fork } from "node:child_process";
 * import process from "node:process";
 * import { fileURLToPath } from "node:url";
 * import { clusterBackplane, relayCluster } from "@weir/ws/cluster";
 *
 * if (process.send === undefined) {
 *   const start = () => fork(fileURLToPath(import.meta.url));
 *   relayCluster([start(), start()]);
 * } else {
 *   const backplane = clusterBackplane();
 *   backplane.subscribe("news", (payload) => console.log(payload.length));
 *   backplane.publish("news", new TextEncoder().encode("hello"));
 * }
 * ```
 *
 * @module
 */
import process from "node:process";
import { rejected } from "../connection/deferred.ts";
import { milliseconds, positive } from "../connection/options.ts";
import { afterThisTurn } from "../turn.ts";
import type { Backplane, BackplaneReceiver } from "./backplane.ts";
import { ClusterChannel, type Send } from "./cluster_channel.ts";
import {
  carry,
  type ChildMessage,
  type Entries,
  type ParentMessage,
  probe,
  uncarry,
} from "./cluster_messages.ts";

export type { Backplane, BackplaneReceiver };
export {
  type ClusterChild,
  ClusterRelay,
  type ClusterRelayOptions,
  relayCluster,
} from "./cluster_relay.ts";

/** Options of {@linkcode clusterBackplane}. */
export interface ClusterBackplaneOptions {
  /**
   * How many bytes may wait for a parent that does not take them, before
   * {@linkcode Backplane.publish} rejects. Default 16 MiB.
   */
  maxBufferedBytes?: number;
  /**
   * Milliseconds that the parent has to answer a subscription, before
   * {@linkcode Backplane.subscribe} rejects. Default 10,000; `Infinity` for no
   * limit.
   */
  timeout?: number;
}

/** A batch is sent when the turn of the event loop is over, or when it is so long. */
const batchLength = 256 * 1024;

let backplanes = 0;

/**
 * Makes the backplane of a child, whose parent relays with
 * {@linkcode relayCluster}.
 *
 * What is published in one turn of the event loop goes out together. The channel
 * keeps the process running only while it is subscribed to something.
 *
 * @param options Limits; each has a default.
 * @throws {TypeError} If the process has no channel to its parent.
 * @throws {RangeError} For an option that is not above 0.
 *
 * @example
 * ```ts ignore
 * import { serve } from "@weir/ws";
 * import { clusterBackplane } from "@weir/ws/cluster";
 *
 * serve({ port: 8000, reusePort: true, backplane: clusterBackplane() }, {
 *   open: (socket) => socket.subscribe("news"),
 *   message: (socket, message) => void socket.publish("news", message),
 * });
 * ```
 */
export function clusterBackplane(
  options: ClusterBackplaneOptions = {},
): Backplane {
  return new ClusterBackplane(
    positive(options, "maxBufferedBytes", 16 * 1024 * 1024),
    milliseconds(options, "timeout", 10_000),
  );
}

class ClusterBackplane implements Backplane {
  readonly #id = ++backplanes;
  readonly #channel: ClusterChannel;
  readonly #timeout: number;
  readonly #receivers = new Map<string, BackplaneReceiver>();
  readonly #listener = (message: unknown) => this.#onMessage(message);
  /** What waits for the end of the turn. */
  #batch: Batch | null = null;
  #binary = false;
  /** The parent's answer; until it has come, each subscription waits for it. */
  #answer: Answer | null = null;
  #answered = false;

  constructor(maxBufferedBytes: number, timeout: number) {
    if (typeof process.send !== "function") {
      throw new TypeError(
        "this process has no channel to its parent: start it with fork() of " +
          "node:child_process, by a process that calls relayCluster()",
      );
    }
    const send = process.send.bind(process) as Send;
    this.#channel = new ClusterChannel(send, maxBufferedBytes);
    this.#timeout = timeout;
  }

  get connected(): boolean {
    return process.connected === true;
  }

  publish(topic: string, payload: Uint8Array<ArrayBuffer>): Promise<void> {
    if (!this.connected) return rejected(parentGone());
    const length = topic.length + payload.length;
    const waiting = this.#batch?.length ?? 0;
    if (!this.#channel.hasRoomFor(waiting + length)) {
      return rejected(
        new Error(
          `the parent process does not take what is published: a payload of ` +
            `${payload.length} bytes on ${JSON.stringify(topic)} is dropped`,
        ),
      );
    }
    const batch = this.#batch ??= this.#beginBatch();
    batch.entries.push(topic, carry(payload, this.#binary));
    batch.length += length;
    if (batch.length >= batchLength) this.#sendBatch(batch);
    return batch.taken.promise;
  }

  subscribe(topic: string, receive: BackplaneReceiver): void | Promise<void> {
    if (this.#receivers.size === 0) process.on("message", this.#listener);
    this.#receivers.set(topic, receive);
    if (!this.connected) return rejected(parentGone());
    const sent = this.#say({ subscribe: [topic], probe });
    if (this.#answered) return sent;
    this.#answer ??= new Answer(this.#timeout);
    return Promise.all([sent, this.#answer.promise]).then(() => {});
  }

  unsubscribe(topic: string): void | Promise<void> {
    if (!this.#receivers.delete(topic)) return;
    if (this.#receivers.size === 0) {
      process.off("message", this.#listener);
      this.#answer?.give();
      this.#answer = null;
    }
    // A parent that is gone has forgotten it.
    if (this.connected) return this.#say({ unsubscribe: topic });
  }

  #beginBatch(): Batch {
    const batch = new Batch();
    afterThisTurn(() => this.#sendBatch(batch));
    return batch;
  }

  #sendBatch(batch: Batch): void {
    if (this.#batch !== batch) return;
    this.#batch = null;
    this.#say({ publish: batch.entries }, batch.length)
      .then(batch.taken.resolve, batch.taken.reject);
  }

  #say(
    message: Omit<ChildMessage, "weir" | "backplane">,
    length = 0,
  ): Promise<void> {
    const full: ChildMessage = {
      weir: "cluster",
      backplane: this.#id,
      ...message,
    };
    const taken = this.#channel.send(full, length);
    taken.catch(() => {});
    return taken;
  }

  #onMessage(message: unknown): void {
    const said = message as ParentMessage | null;
    if (said?.weir !== "cluster-relay") return;
    if ((said.backplane ?? this.#id) !== this.#id) return;
    if (said.hello) {
      void this.#say({ subscribe: [...this.#receivers.keys()], probe });
    }
    if (said.binary !== undefined) {
      this.#binary = said.binary;
      this.#answered = true;
      this.#answer?.give();
      this.#answer = null;
    }
    const { deliver = [] } = said;
    for (let at = 0; at < deliver.length; at += 2) {
      this.#receivers.get(deliver[at] as string)?.(uncarry(deliver[at + 1]));
    }
  }
}

/** What is published in one turn. */
class Batch {
  readonly entries: Entries = [];
  readonly taken = Promise.withResolvers<void>();
  length = 0;

  constructor() {
    this.taken.promise.catch(() => {});
  }
}

/** The wait for a parent's answer. */
class Answer {
  readonly #given = Promise.withResolvers<void>();
  readonly #timer: ReturnType<typeof setTimeout>;

  constructor(timeout: number) {
    this.promise.catch(() => {});
    this.#timer = setTimeout(() => {
      this.#given.reject(
        new Error(
          `the parent process has not answered within ${timeout} ms: ` +
            `it must call relayCluster() with its children`,
        ),
      );
    }, timeout);
  }

  get promise(): Promise<void> {
    return this.#given.promise;
  }

  give(): void {
    clearTimeout(this.#timer);
    this.#given.resolve();
  }
}

function parentGone(): Error {
  return new Error("the channel to the parent process is closed");
}
