/**
 * The scenarios as a program with the standard `WebSocket` lives them: the one
 * of Deno, of Bun, of Node, of a Chromium page, and that of `ws`, which has
 * the same interface.
 *
 * This file is also put into a page as it is, without its types. So it imports
 * nothing, and uses nothing that a browser does not have.
 */

/** What a scenario may need to know. */
export interface ScenarioOptions {
  /** Where its random choices start. */
  readonly seed: number;
  /** How many messages it sends. */
  readonly count: number;
}

/**
 * Connects to `url`, and throws if what happens is not what should. It may
 * return the extensions that were agreed.
 */
export type RunScenario = (
  url: string,
  options?: ScenarioOptions,
) => Promise<string | void>;

const mebibyte = 1024 * 1024;

/** A message or the end of a connection, in the order in which they came. */
type Arrival =
  | { readonly type: "message"; readonly data: string | Uint8Array }
  | { readonly type: "close"; readonly close: Close };

/** What a program can learn from a `CloseEvent`. */
interface Close {
  readonly code: number;
  readonly reason: string;
  readonly wasClean: boolean;
}

/** A `WebSocket` whose events are awaited one by one. */
class Client {
  readonly socket: WebSocket;
  #arrivals: Arrival[] = [];
  #wake = (): void => {};

  private constructor(socket: WebSocket) {
    this.socket = socket;
    socket.binaryType = "arraybuffer";
    socket.addEventListener("message", ({ data }) => {
      this.#push({
        type: "message",
        data: typeof data === "string" ? data : new Uint8Array(data),
      });
    });
    socket.addEventListener("close", ({ code, reason, wasClean }) => {
      this.#push({ type: "close", close: { code, reason, wasClean } });
    });
    // A close event follows, and says more.
    socket.addEventListener("error", () => {});
  }

  static async open(
    WebSocketClass: typeof WebSocket,
    url: string,
    protocols: string[] = [],
  ): Promise<Client> {
    const socket = new WebSocketClass(url, protocols);
    const client = new Client(socket);
    await new Promise<void>((resolve, reject) => {
      socket.addEventListener("open", () => resolve());
      socket.addEventListener("close", ({ code, reason }) => {
        reject(new Error(`not opened, but closed: ${code} "${reason}"`));
      });
    });
    return client;
  }

  #push(arrival: Arrival): void {
    this.#arrivals.push(arrival);
    this.#wake();
  }

  async #next(): Promise<Arrival> {
    if (this.#arrivals.length === 0) {
      await new Promise<void>((resolve) => this.#wake = resolve);
    }
    return this.#arrivals.shift()!;
  }

  async message(): Promise<string | Uint8Array> {
    const arrival = await this.#next();
    if (arrival.type === "message") return arrival.data;
    throw new Error(`closed instead of a message: ${show(arrival.close)}`);
  }

  /** Checks that the connection closes, with all that `expected` has. */
  async closed(expected: Partial<Close>): Promise<void> {
    const arrival = await this.#next();
    if (arrival.type === "message") {
      throw new Error(`a message instead of a close: ${show(arrival.data)}`);
    }
    // The order of the members stays that of the first.
    const wanted = JSON.stringify({ ...arrival.close, ...expected });
    same(JSON.stringify(arrival.close), wanted);
  }

  /** Sends `message` and checks that the same comes back. */
  async echo(message: string | Uint8Array<ArrayBuffer>): Promise<void> {
    this.socket.send(message);
    same(await this.message(), message);
  }

  /**
   * As `echo`, and if nothing comes for a second, sends more, again and again,
   * until something does.
   */
  async echoWithNudges(
    message: string | Uint8Array<ArrayBuffer>,
  ): Promise<void> {
    let nudges = 0;
    const timer = setInterval(() => {
      this.socket.send("nudge");
      nudges++;
    }, 1000);
    try {
      await this.echo(message);
    } finally {
      clearInterval(timer);
    }
    for (; nudges > 0; nudges--) same(await this.message(), "nudge");
  }

  /** Closes with 1000 and checks that the server agrees. */
  async finish(): Promise<void> {
    this.socket.close(1000);
    await this.closed({ code: 1000, wasClean: true });
  }
}

function show(value: unknown): string {
  if (value instanceof Uint8Array) {
    return `${value.length} bytes [${value.subarray(0, 32).join(" ")}…]`;
  }
  const text = JSON.stringify(value);
  return text.length > 200 ? `${text.slice(0, 200)}… (${text.length})` : text;
}

/** Throws unless `actual` is `expected`, or has the same bytes. */
function same(actual: unknown, expected: unknown): void {
  const equal = actual instanceof Uint8Array && expected instanceof Uint8Array
    ? actual.length === expected.length &&
      actual.every((byte, index) => byte === expected[index])
    : actual === expected;
  if (!equal) {
    throw new Error(`expected ${show(expected)}, got ${show(actual)}`);
  }
}

/** Bytes of which a misplaced or lost block shows. */
function bytes(length: number): Uint8Array<ArrayBuffer> {
  const result = new Uint8Array(length);
  for (let index = 0; index < length; index++) {
    result[index] = index ^ (index >>> 8) ^ (index >>> 16);
  }
  return result;
}

/** Makes random choices that `seed` determines. */
export function randomIntegers(seed: number): (limit: number) => number {
  let state = seed >>> 0;
  return (limit) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor(state / 0x100000000 * limit);
  };
}

/** Bytes that cannot be compressed. */
function randomBytes(
  integer: (limit: number) => number,
  length: number,
): Uint8Array<ArrayBuffer> {
  return Uint8Array.from({ length }, () => integer(256));
}

/**
 * Makes messages that differ in all that compression may depend on: what they
 * are made of, how much it repeats itself and the messages before, and whether
 * they are shorter or longer than the usual threshold of 1,024 bytes.
 */
export function variedMessages(
  integer: (limit: number) => number,
): () => string | Uint8Array<ArrayBuffer> {
  const words = Array.from(
    { length: 200 },
    () => integer(0x100000000).toString(36),
  );
  const characters = ["a", "b", "é", "漢", "😀", " ", "\n"];
  const repeat = <Item>(count: number, make: () => Item): Item[] =>
    Array.from({ length: count }, make);
  const word = (): string => words[integer(words.length)];
  const prose = (count: number): string => repeat(count, word).join(" ");
  const kinds: (() => string | Uint8Array<ArrayBuffer>)[] = [
    () => "",
    () => new Uint8Array(0),
    () => prose(1 + integer(20)),
    () => prose(125 + integer(40)),
    () => repeat(integer(800), () => characters[integer(7)]).join(""),
    () =>
      JSON.stringify(repeat(1 + integer(20), () => ({
        symbol: word(),
        price: integer(1_000_000) / 100,
        size: integer(1000),
        tags: [word(), word()],
      }))),
    () => randomBytes(integer, integer(1500)),
    () => randomBytes(integer, 1020 + integer(8)),
    () => bytes(1020 + integer(8)),
    () => new Uint8Array(integer(2000)),
    () => integer(20) > 0 ? prose(1) : prose(2000 + integer(4000)),
  ];
  return () => kinds[integer(kinds.length)]();
}

/**
 * The scenarios with `WebSocketClass`, by the names of `scenarios.ts`.
 *
 * `needsNudges` is for a client that may keep the end of a large message to
 * itself until it has more to send.
 */
export function standardScenarios(
  WebSocketClass: typeof WebSocket,
  needsNudges = false,
): Record<string, RunScenario> {
  const open = (url: string, protocols?: string[]): Promise<Client> =>
    Client.open(WebSocketClass, url, protocols);
  const echoLarge = (
    client: Client,
    message: string | Uint8Array<ArrayBuffer>,
  ): Promise<void> =>
    needsNudges ? client.echoWithNudges(message) : client.echo(message);

  return {
    async "text"(url) {
      const client = await open(url);
      for (
        const text of [
          "Hello",
          "é ß 漢字",
          "😀 𝄞",
          "\0",
          "\uFFFD, as such",
          ...[125, 126, 127, 65_535, 65_536, 65_537].map((length) =>
            "a".repeat(length)
          ),
        ]
      ) {
        await client.echo(text);
      }
      await client.finish();
    },

    async "leading-bom"(url) {
      const client = await open(url);
      await client.echo("\uFEFFabc");
      await client.echo("\uFEFF");
      await client.echo("\uFEFF\uFFFD");
      await client.echo("\uFEFF" + "a".repeat(100_000));
      await client.finish();
    },

    async "binary"(url) {
      const client = await open(url);
      for (
        const length of [
          1,
          2,
          3,
          125,
          126,
          127,
          65_535,
          65_536,
          65_537,
          300_000,
        ]
      ) {
        await client.echo(bytes(length));
      }
      await client.finish();
    },

    async "empty"(url) {
      const client = await open(url);
      await client.echo("");
      await client.echo(new Uint8Array(0));
      await client.finish();
    },

    async "large-binary"(url) {
      const client = await open(url);
      await echoLarge(client, bytes(16 * mebibyte));
      await client.finish();
    },

    async "large-text"(url) {
      const client = await open(url);
      // 10 bytes each, and 6: exactly 16 MiB.
      await echoLarge(client, "a 😀é§".repeat(1_677_721) + "123456");
      await client.finish();
    },

    async "pipelined"(url) {
      const client = await open(url);
      for (let index = 0; index < 10_000; index++) {
        client.socket.send(String(index));
      }
      for (let index = 0; index < 10_000; index++) {
        same(await client.message(), String(index));
      }
      await client.finish();
    },

    async "varied"(url, { seed, count } = { seed: 1, count: 100 }) {
      const client = await open(url);
      const next = variedMessages(randomIntegers(seed));
      for (let index = 0; index < count; index++) await client.echo(next());
      await client.finish();
      return client.socket.extensions;
    },

    async "varied-pipelined"(url, { seed, count } = { seed: 1, count: 100 }) {
      const client = await open(url);
      const next = variedMessages(randomIntegers(seed));
      const expected: (string | Uint8Array<ArrayBuffer>)[] = [];
      for (let sent = 0; sent < count || expected.length > 0;) {
        for (; sent < count && expected.length < 100; sent++) {
          const message = next();
          expected.push(message);
          client.socket.send(message);
        }
        same(await client.message(), expected.shift());
      }
      await client.finish();
      return client.socket.extensions;
    },

    async "large-random"(url, { seed } = { seed: 1, count: 1 }) {
      const client = await open(url);
      const integer = randomIntegers(seed);
      await echoLarge(client, randomBytes(integer, 16 * mebibyte));
      await client.finish();
      return client.socket.extensions;
    },

    async "server-ping"(url) {
      const client = await open(url);
      const roundTrip = Number(await client.message());
      if (!(roundTrip >= 0)) {
        throw new Error(`not a round trip in ms: ${roundTrip}`);
      }
      await client.finish();
    },

    async "subprotocol"(url) {
      const client = await open(url, ["chat.v0", "chat.v1", "chat.v2"]);
      same(client.socket.protocol, "chat.v2");
      await client.echo("Hello");
      await client.finish();
    },

    async "close-with-reason"(url) {
      const client = await open(url);
      client.socket.close(4001, "à bientôt 😀");
      await client.closed({ code: 4001, wasClean: true });
    },

    async "close-without-code"(url) {
      const client = await open(url);
      client.socket.close();
      await client.closed({ code: 1005, reason: "", wasClean: true });
    },

    async "server-close"(url) {
      const client = await open(url);
      await client.closed({
        code: 4002,
        reason: "à bientôt 😀",
        wasClean: true,
      });
    },

    async "too-large"(url) {
      const client = await open(url);
      client.socket.send(new Uint8Array(16 * mebibyte + 1));
      await client.closed({ code: 1009 });
    },

    async "refused"(url) {
      const failure = await open(url).then(
        () => undefined,
        (error: Error) => error.message,
      );
      if (failure === undefined) throw new Error("opened, not refused");
      if (!failure.includes("1006")) throw new Error(failure);
    },
  };
}
