/**
 * `ws` as a client. To be run on Node: Bun replaces `ws` with a package of its
 * own.
 */

import { Buffer } from "node:buffer";
import { type RawData, WebSocket } from "ws";
import { answerRequests, pick } from "./answer_requests.ts";
import { type RunScenario, standardScenarios } from "./standard_websocket.ts";

/** A connection of `ws`, with what it received. */
interface Client {
  readonly socket: WebSocket;
  /** The next message, pong or close; in the order in which they came. */
  next(): Promise<Arrival>;
}

type Arrival =
  | readonly ["message", data: string | Buffer]
  | readonly ["ping", payload: string]
  | readonly ["pong", payload: string]
  | readonly ["close", code: number, reason: string];

function open(url: string): Promise<Client> {
  const socket = new WebSocket(url);
  const arrivals: Arrival[] = [];
  let wake: () => void = () => {};
  const push = (arrival: Arrival): void => {
    arrivals.push(arrival);
    wake();
  };
  socket.on("message", (data: RawData, isBinary: boolean) => {
    push(["message", isBinary ? data as Buffer : data.toString()]);
  });
  socket.on("ping", (data: Uint8Array) => push(["ping", data.toString()]));
  socket.on("pong", (data: Uint8Array) => push(["pong", data.toString()]));
  socket.on("close", (code: number, reason: Uint8Array) => {
    push(["close", code, reason.toString()]);
  });
  const client: Client = {
    socket,
    async next() {
      while (arrivals.length === 0) {
        await new Promise<void>((resolve) => wake = resolve);
      }
      return arrivals.shift()!;
    },
  };
  return new Promise((resolve, reject) => {
    socket.on("open", () => resolve(client));
    socket.on("error", reject);
  });
}

async function expect(client: Client, ...expected: Arrival): Promise<void> {
  const wanted = JSON.stringify(expected);
  const actual = JSON.stringify(await client.next());
  if (actual !== wanted) throw new Error(`expected ${wanted}, got ${actual}`);
}

async function finish(client: Client): Promise<void> {
  client.socket.close(1000);
  await expect(client, "close", 1000, "");
}

const scenarios: Record<string, RunScenario> = {
  ...standardScenarios(WebSocket as unknown as typeof globalThis.WebSocket),

  async "fragmented"(url) {
    const client = await open(url);
    const { socket } = client;
    socket.send("Hel", { fin: false });
    socket.send("", { fin: false });
    socket.send("lo", { fin: true });
    await expect(client, "message", "Hello");

    // A character of four bytes over four fragments.
    const bytes = new TextEncoder().encode("😀");
    for (let index = 0; index < 4; index++) {
      const fragment = bytes.subarray(index, index + 1);
      socket.send(fragment, { binary: false, fin: index === 3 });
    }
    await expect(client, "message", "😀");

    for (let index = 0; index < 1000; index++) {
      socket.send(new Uint8Array([index]), { fin: index === 999 });
    }
    const whole = Uint8Array.from({ length: 1000 }, (_, index) => index);
    await expect(client, "message", Buffer.from(whole));

    // Nothing but empty fragments.
    socket.send("", { fin: false });
    socket.send("", { fin: true });
    await expect(client, "message", "");
    await finish(client);
  },

  async "ping"(url) {
    const client = await open(url);
    for (const payload of ["", "ping", "p".repeat(125)]) {
      client.socket.ping(payload);
      await expect(client, "pong", payload);
    }
    await finish(client);
  },

  async "ping-between-fragments"(url) {
    const client = await open(url);
    const { socket } = client;
    socket.send("Hel", { fin: false });
    socket.ping("one");
    await expect(client, "pong", "one");
    socket.send("lo", { fin: false });
    socket.ping("two");
    socket.ping("three");
    socket.send("!", { fin: true });
    await expect(client, "pong", "two");
    await expect(client, "pong", "three");
    await expect(client, "message", "Hello!");
    await finish(client);
  },

  async "server-ping"(url) {
    const client = await open(url);
    await expect(client, "ping", "are you there");
    const [type, roundTrip] = await client.next();
    if (type !== "message" || !(Number(roundTrip) >= 0)) {
      throw new Error(`not a round trip in ms: ${type} ${roundTrip}`);
    }
    await finish(client);
  },

  async "vanish"(url) {
    const client = await open(url);
    client.socket.send("Hello");
    await expect(client, "message", "Hello");
    client.socket.terminate();
  },

  async "invalid-utf8"(url) {
    const client = await open(url);
    client.socket.send(new Uint8Array([0x48, 0xff]), { binary: false });
    const [type, code] = await client.next();
    if (type !== "close" || code !== 1007) {
      throw new Error(`expected a close with 1007, got ${type} ${code}`);
    }
  },

  async "invalid-utf8-unfinished"(url) {
    const client = await open(url);
    // The start of a surrogate, of which CESU-8 would make a character.
    const fragment = new Uint8Array([0xed, 0xa0]);
    client.socket.send(fragment, { binary: false, fin: false });
    const [type, code] = await client.next();
    if (type !== "close" || code !== 1007) {
      throw new Error(`expected a close with 1007, got ${type} ${code}`);
    }
  },
};

await answerRequests(({ scenario, url }) => pick(scenarios, scenario)(url));
