/**
 * The parent's side of the cluster backplane.
 *
 * @module
 */
import { positive } from "../connection/options.ts";
import { ClusterChannel, type Send } from "./cluster_channel.ts";
import {
  carry,
  type ChildMessage,
  type Entries,
  isBytes,
  type ParentMessage,
} from "./cluster_messages.ts";

/**
 * A process that this one has started with a channel: a `ChildProcess` of
 * `node:child_process`, or a `Worker` of `node:cluster`.
 */
export interface ClusterChild {
  /** Sends it a message. */
  send(message: object, taken?: (error: Error | null) => void): boolean;
  /** Is called with its messages. */
  on(event: "message", listener: (message: unknown) => void): unknown;
  /** Is called when it or its channel is gone. */
  on(event: "disconnect" | "exit", listener: () => void): unknown;
  /** Takes a listener away. */
  off(event: string, listener: (message: unknown) => void): unknown;
}

/** Options of {@linkcode relayCluster}. */
export interface ClusterRelayOptions {
  /**
   * How many bytes may wait for a child that does not take them; what else is
   * for it is dropped meanwhile. Default 16 MiB.
   */
  maxBufferedBytes?: number;
  /**
   * Is told when the relay begins to drop what a child does not take. Default
   * `console.error`.
   */
  onError?: (error: Error, child: ClusterChild) => void;
}

/**
 * Relays what children publish to those of the others that are subscribed.
 *
 * @example A child that ends is replaced
 * ```ts ignore
 * import { fork } from "node:child_process";
 * import { relayCluster } from "@weir/ws/cluster";
 *
 * const relay = relayCluster();
 * function start() {
 *   const child = fork("server.ts");
 *   relay.add(child);
 *   child.on("exit", start);
 * }
 * start();
 * start();
 * ```
 */
export class ClusterRelay {
  readonly #options: ClusterRelayOptions;
  readonly #maxBufferedBytes: number;
  readonly #members = new Map<ClusterChild, Member>();
  readonly #subscribers = new Map<string, Set<Port>>();

  /** Made by {@linkcode relayCluster}. */
  constructor(options: ClusterRelayOptions = {}) {
    this.#options = options;
    this.#maxBufferedBytes = positive(
      options,
      "maxBufferedBytes",
      16 * 1024 * 1024,
    );
  }

  /** The children that it relays for: those that were added and are alive. */
  get children(): Iterable<ClusterChild> {
    return this.#members.keys();
  }

  /** How many children are subscribed to a topic. */
  subscriberCount(topic: string): number {
    const ports = this.#subscribers.get(topic) ?? new Set();
    return new Set([...ports].map(({ member }) => member)).size;
  }

  /**
   * Relays for a child as well, until it ends. What it was subscribed to before
   * counts. Best done as soon as it is started.
   *
   * @param child A process with a channel: of `fork()`, of `spawn()` with
   * `"ipc"`, or of `node:cluster`.
   */
  add(child: ClusterChild): void {
    if (this.#members.has(child)) return;
    const send = child.send.bind(child) as Send;
    const member: Member = {
      child,
      channel: new ClusterChannel(send, this.#maxBufferedBytes),
      ports: new Map(),
      binary: false,
      dropping: false,
      onMessage: (message) => this.#onMessage(member, message),
      onEnd: () => this.remove(child),
    };
    this.#members.set(child, member);
    child.on("message", member.onMessage);
    // Deno tells only of the first when a process is killed.
    child.on("exit", member.onEnd);
    child.on("disconnect", member.onEnd);
    say(member, { weir: "cluster-relay", hello: true });
  }

  /** Forgets a child, as if it had ended. */
  remove(child: ClusterChild): void {
    const member = this.#members.get(child);
    if (member === undefined) return;
    this.#members.delete(child);
    child.off("message", member.onMessage);
    child.off("exit", member.onEnd);
    child.off("disconnect", member.onEnd);
    for (const port of member.ports.values()) {
      for (const topic of port.topics) this.#unsubscribe(port, topic);
    }
  }

  /** Relays no more. The children go on, each by itself. */
  close(): void {
    for (const child of [...this.#members.keys()]) this.remove(child);
  }

  #onMessage(member: Member, message: unknown): void {
    const said = message as ChildMessage | null;
    if (said?.weir !== "cluster") return;
    const port = portOf(member, said.backplane);
    if (said.subscribe !== undefined) {
      member.binary = isBytes(said.probe);
      for (const topic of said.subscribe) this.#subscribe(port, topic);
      const { binary } = member;
      say(member, {
        weir: "cluster-relay",
        backplane: said.backplane,
        binary,
      });
    }
    if (said.unsubscribe !== undefined) {
      this.#unsubscribe(port, said.unsubscribe);
    }
    if (said.publish !== undefined) this.#relay(port, said.publish);
  }

  #subscribe(port: Port, topic: string): void {
    port.topics.add(topic);
    const subscribers = this.#subscribers.get(topic);
    if (subscribers === undefined) {
      this.#subscribers.set(topic, new Set([port]));
    } else subscribers.add(port);
  }

  #unsubscribe(port: Port, topic: string): void {
    port.topics.delete(topic);
    const subscribers = this.#subscribers.get(topic);
    subscribers?.delete(port);
    if (subscribers?.size === 0) this.#subscribers.delete(topic);
  }

  /** Sorts what has come together by whom it goes to, and sends it together. */
  #relay(publisher: Port, entries: Entries): void {
    const deliveries = new Map<Port, Delivery>();
    for (let at = 0; at < entries.length; at += 2) {
      const topic = entries[at] as string;
      const payload = entries[at + 1];
      for (const port of this.#subscribers.get(topic) ?? []) {
        if (port === publisher) continue;
        let delivery = deliveries.get(port);
        if (delivery === undefined) {
          deliveries.set(port, delivery = { entries: [], length: 0 });
        }
        delivery.entries.push(topic, carry(payload, port.member.binary));
        delivery.length += topic.length + payload.length;
      }
    }
    for (const [port, delivery] of deliveries) this.#deliver(port, delivery);
  }

  #deliver(port: Port, { entries, length }: Delivery): void {
    const { member } = port;
    if (!member.channel.hasRoomFor(length)) {
      if (!member.dropping) this.#reportDropping(member);
      member.dropping = true;
      return;
    }
    member.dropping = false;
    say(member, {
      weir: "cluster-relay",
      backplane: port.backplane,
      deliver: entries,
    }, length);
  }

  #reportDropping({ child }: Member): void {
    const { onError = (error: Error) => console.error(error) } = this.#options;
    const { pid } = child as { pid?: number };
    onError(
      new Error(
        `process ${pid ?? "of the cluster"} does not take what is ` +
          `published: of what is for it, some is dropped`,
      ),
      child,
    );
  }
}

/**
 * Relays between children that use `clusterBackplane()`. Call it in their
 * parent, and {@linkcode ClusterRelay.add} for each that is started later; one
 * that ends is forgotten.
 *
 * For payloads of more than about a kilobyte `fork(…, { serialization:
 * "advanced" })` is faster, as they then need no base64; it needs the same
 * runtime on both sides.
 *
 * @param children Processes with a channel.
 * @param options How much may wait for a slow child, and who is told.
 * @throws {RangeError} If `maxBufferedBytes` is not above 0.
 */
export function relayCluster(
  children: Iterable<ClusterChild> = [],
  options: ClusterRelayOptions = {},
): ClusterRelay {
  const relay = new ClusterRelay(options);
  for (const child of children) relay.add(child);
  return relay;
}

/** One child. */
interface Member {
  readonly child: ClusterChild;
  readonly channel: ClusterChannel;
  readonly ports: Map<number, Port>;
  /** Whether its channel carries bytes. */
  binary: boolean;
  /** Whether the last payload for it was dropped. */
  dropping: boolean;
  readonly onMessage: (message: unknown) => void;
  readonly onEnd: () => void;
}

/** One backplane of a child. */
interface Port {
  readonly member: Member;
  readonly backplane: number;
  readonly topics: Set<string>;
}

/** What goes to one port. */
interface Delivery {
  readonly entries: Entries;
  length: number;
}

function portOf(member: Member, backplane: number): Port {
  let port = member.ports.get(backplane);
  if (port === undefined) {
    port = { member, backplane, topics: new Set() };
    member.ports.set(backplane, port);
  }
  return port;
}

/** Says it. That a child is gone is told by its end. */
function say(member: Member, message: ParentMessage, length = 0): void {
  member.channel.send(message, length).catch(() => {});
}
