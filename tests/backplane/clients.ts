/** The clients of brokers that backplanes are made of. */

import { connect } from "@nats-io/transport-node";
import { Redis } from "ioredis";
import { createClient } from "redis";
import type { Backplane } from "../../mod.ts";
import { NatsBackplane } from "../../src/backplane/nats.ts";
import {
  type BunRedisClient,
  RedisBackplane,
} from "../../src/backplane/redis.ts";
import type { BrokerName } from "./brokers.ts";

/** The clients, by the name of their package. */
export type ClientName = "ioredis" | "node-redis" | "bun" | "nats";

/** Which broker a client is for. */
export function brokerOf(client: ClientName): BrokerName {
  return client === "nats" ? "nats" : "redis";
}

/** Connects clients to a broker on this machine, and makes a backplane of them. */
export function connectBackplane(
  client: ClientName,
  port: number,
): Promise<Backplane> {
  return connectors[client](port);
}

const connectors: Record<ClientName, (port: number) => Promise<Backplane>> = {
  async ioredis(port) {
    const publisher = new Redis(port, "127.0.0.1", { lazyConnect: true });
    const subscriber = publisher.duplicate();
    for (const client of [publisher, subscriber]) client.on("error", ignore);
    await Promise.all([publisher.connect(), subscriber.connect()]);
    return new RedisBackplane({ publisher, subscriber });
  },

  async "node-redis"(port) {
    const publisher = createClient({ url: `redis://127.0.0.1:${port}` });
    const subscriber = publisher.duplicate();
    for (const client of [publisher, subscriber]) client.on("error", ignore);
    await Promise.all([publisher.connect(), subscriber.connect()]);
    return new RedisBackplane({ publisher, subscriber });
  },

  async bun(port) {
    const { RedisClient } = (globalThis as unknown as BunGlobal).Bun;
    const create = () => new RedisClient(`redis://127.0.0.1:${port}`);
    const [publisher, subscriber] = [create(), create()];
    await Promise.all([publisher.connect(), subscriber.connect()]);
    return new RedisBackplane({ publisher, subscriber });
  },

  async nats(port) {
    const connection = await connect({
      servers: `127.0.0.1:${port}`,
      maxReconnectAttempts: -1,
      reconnectTimeWait: 250,
    });
    return new NatsBackplane(connection);
  },
};

interface BunGlobal {
  readonly Bun: {
    readonly RedisClient: new (url: string) => BunRedisClient & {
      connect(): Promise<void>;
    };
  };
}

function ignore(): void {}
