import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { after, test } from "node:test";
import type { StageController } from "../../src/codec/stage.ts";
import type {
  Backend,
  Bytes,
  MessageCodec,
} from "../../src/deflate/backend.ts";
import {
  type CompressibleFrame,
  DeflateStage,
} from "../../src/deflate/deflate_stage.ts";
import { InflateStage } from "../../src/deflate/inflate_stage.ts";
import { ProtocolError } from "../../src/error.ts";
import { type Frame, Opcode, type OutgoingFrame } from "../../src/frame.ts";
import { settled, within } from "../connection/harness.ts";
import { concatBytes, fromHex, toHex } from "../support/frames.ts";
import { PythonInflater } from "../support/python_inflater.ts";
import { seededRandom } from "../support/seeded_random.ts";
import {
  deflaters,
  inflaters,
  putThrough,
  randomBytes,
  someMessage,
  syncFlushed,
  utf8,
} from "./backends.ts";

const python = new PythonInflater();
after(() => python.stop());

/** The end of a pipeline, which can have enough. */
class Sink<Item> implements StageController<Item> {
  readonly items: Item[] = [];
  readonly errors: unknown[] = [];
  #full: PromiseWithResolvers<void> | null = null;

  get ready(): Promise<void> | undefined {
    return this.#full?.promise;
  }

  enqueue(item: Item): void {
    this.items.push(item);
  }

  error(reason: unknown): void {
    this.errors.push(reason);
  }

  hold(): void {
    this.#full ??= Promise.withResolvers();
  }

  release(): void {
    this.#full?.resolve();
    this.#full = null;
  }
}

/** A backend whose work ends when the test says so; it adds a byte `5a`. */
class SlowBackend implements Backend {
  readonly sequential: boolean;
  /** What is being worked on as a whole. */
  readonly work: { payload: Uint8Array; done: () => void; fail: () => void }[] =
    [];
  most = 0;
  closed = 0;
  aborted = 0;

  constructor(sequential: boolean) {
    this.sequential = sequential;
  }

  whole(lent: Uint8Array): Promise<Bytes> {
    const payload = new Uint8Array(lent);
    const { promise, resolve, reject } = Promise.withResolvers<Bytes>();
    const entry = {
      payload,
      done: () => this.#end(entry, () => resolve(marked(payload))),
      fail: () => this.#end(entry, () => reject(new Error("no memory"))),
    };
    this.work.push(entry);
    this.most = Math.max(this.most, this.work.length);
    return promise;
  }

  #end(entry: SlowBackend["work"][number], settle: () => void): void {
    this.work.splice(this.work.indexOf(entry), 1);
    settle();
  }

  open(): MessageCodec {
    return {
      write: async (part, last, emit) => {
        await emit(last ? marked(part) : part.slice() as Bytes);
      },
      abort: () => {
        this.aborted++;
      },
    };
  }

  close(): void {
    this.closed++;
  }
}

function marked(payload: Uint8Array): Bytes {
  return concatBytes([payload, [0x5a]]);
}

function incoming(
  opcode: Opcode,
  payload: Uint8Array | string,
  { fin = true, rsv1 = false }: { fin?: boolean; rsv1?: boolean } = {},
): Frame {
  const bytes = typeof payload === "string" ? utf8(payload) : payload.slice();
  return {
    opcode,
    fin,
    rsv1,
    payload: bytes as Uint8Array<ArrayBuffer>,
    remaining: 0,
  };
}

function outgoing(
  opcode: Opcode,
  payload: Uint8Array | string,
  details: { fin?: boolean; compress?: boolean } = {},
): CompressibleFrame {
  return { opcode, fin: true, rsv1: false, payload, ...details };
}

/** A frame in a few words. */
function shown({ opcode, fin, rsv1, payload }: OutgoingFrame): string {
  const text = typeof payload === "string"
    ? payload
    : new TextDecoder().decode(payload);
  return `${opcode}${fin ? "" : "+"}${rsv1 ? "*" : ""} ${text}`;
}

/** Puts frames together to messages; asserts that they can be. */
function joined(
  frames: readonly OutgoingFrame[],
): { opcode: Opcode; rsv1: boolean; payload: Uint8Array }[] {
  const messages: {
    opcode: Opcode;
    rsv1: boolean;
    payload: Uint8Array;
    fin: boolean;
  }[] = [];
  for (const { opcode, fin, rsv1, payload } of frames) {
    const bytes = typeof payload === "string" ? utf8(payload) : payload;
    if (opcode >= 8) {
      assert.equal(rsv1, false);
      continue;
    }
    const last = messages.at(-1);
    if (opcode === Opcode.Continuation) {
      assert.ok(last && !last.fin, "there is a message to continue");
      assert.equal(rsv1, false, "RSV1 belongs to the first frame");
      last.payload = concatBytes([last.payload, bytes]);
      last.fin = fin;
    } else {
      assert.ok(last?.fin ?? true, "the message before has ended");
      messages.push({ opcode, rsv1, payload: bytes, fin });
    }
  }
  assert.ok(messages.at(-1)?.fin ?? true, "the last message has ended");
  return messages;
}

type AnyStage = {
  transform(frame: Frame, sink: Sink<OutgoingFrame>): void | Promise<void>;
  readonly room: Promise<void> | undefined;
  readonly settled: Promise<void> | undefined;
  flush(): Promise<void>;
  close(): void;
};

/** Both stages; what they do with order, pings and room is the same. */
const stages: [string, (backend: Backend) => AnyStage][] = [
  ["InflateStage", (backend) => new InflateStage(backend) as AnyStage],
  ["DeflateStage", (backend) => new DeflateStage(backend, 0) as AnyStage],
];

/** Asserts that nobody has transferred the memory of what comes out, and does. */
function transferAll(frames: readonly OutgoingFrame[]): void {
  for (const { payload } of frames) {
    const { buffer } = payload as Uint8Array<ArrayBuffer>;
    assert.equal(buffer.detached, false);
    buffer.transfer();
  }
}

for (const [name, , makeBackend] of deflaters) {
  test(`${name}: no empty message shares its memory with another`, async () => {
    for (let round = 0; round < 2; round++) {
      const stage = new DeflateStage(makeBackend(), 0);
      const sink = new Sink<OutgoingFrame>();
      for (
        const frame of [
          outgoing(Opcode.Text, "", { compress: true }),
          outgoing(Opcode.Binary, utf8(""), { fin: false }),
          outgoing(Opcode.Continuation, utf8("")),
        ]
      ) stage.transform(frame, sink);
      await within(stage.flush(), "the end");
      assert.deepEqual(
        joined(sink.items).map(({ payload }) => toHex(payload)),
        ["00", "00"],
      );
      transferAll(sink.items);
    }
  });
}

for (const [name, , makeBackend] of inflaters) {
  test(`${name}: no empty message shares its memory with another`, async () => {
    for (let round = 0; round < 2; round++) {
      const stage = new InflateStage(makeBackend());
      const sink = new Sink<Frame>();
      const begins = { fin: false, rsv1: true };
      for (
        const frame of [
          incoming(Opcode.Text, "\0", { rsv1: true }),
          incoming(Opcode.Binary, "\0", begins),
          incoming(Opcode.Continuation, ""),
          // One that is cut off.
          incoming(Opcode.Text, "", begins),
          incoming(Opcode.Close, ""),
        ]
      ) stage.transform(frame, sink);
      await within(stage.flush(), "the end");
      assert.deepEqual(sink.items.map(shown), ["1 ", "2 ", "1+ ", "8 "]);
      transferAll(sink.items);
    }
  });
}

test("DeflateStage: what passes as it is, in fragments of text, keeps its bytes", () => {
  const stage = new DeflateStage(new SlowBackend(false), 0);
  const sink = new Sink<OutgoingFrame>();
  const frames = [
    outgoing(Opcode.Text, "one", { fin: false, compress: false }),
    outgoing(Opcode.Continuation, "€uro", { fin: false }),
    outgoing(Opcode.Continuation, "three"),
  ];
  for (const frame of frames) stage.transform(frame, sink);
  stage.transform(outgoing(Opcode.Text, "xxxxxxxxxxxxx"), sink);
  assert.deepEqual(sink.items.map(shown), ["1+ one", "0+ €uro", "0 three"]);
  stage.close();
});

for (const [name, make] of stages) {
  const inflates = name === "InflateStage";
  const coded = { rsv1: inflates };
  /** How a message looks that was worked on. */
  const star = inflates ? "" : "*";

  test(`${name}: messages leave in order, whichever is ready first`, async () => {
    const random = seededRandom(name);
    const backend = new SlowBackend(false);
    const stage = make(backend);
    const sink = new Sink<OutgoingFrame>();
    const expected: string[] = [];
    for (let number = 0; number < 60; number++) {
      stage.transform(incoming(Opcode.Text, `${number}`, coded), sink);
      expected.push(`${number}`);
    }
    while (backend.work.length > 0) {
      random.pick(backend.work).done();
      await settled();
    }
    await within(stage.flush(), "the end");
    assert.deepEqual(
      sink.items.map((frame) => shown(frame).replace(/\*/, "")),
      expected.map((text) => `1 ${inflates ? text + "Z" : text}`),
    );
    assert.deepEqual(sink.errors, []);
  });

  test(`${name}: what waits keeps its bytes, which were lent for the call`, async () => {
    const random = seededRandom(`${name} lent`);
    const backend = new SlowBackend(false);
    const stage = make(backend);
    const sink = new Sink<OutgoingFrame>();
    const expected: string[] = [];
    for (let number = 0; number < 40; number++) {
      const text = `€ ${number}`;
      const frame = inflates
        ? { ...incoming(Opcode.Text, text, coded), own: false }
        : outgoing(Opcode.Text, text, { compress: number % 2 === 0 });
      if (inflates && number % 2 === 0) {
        Object.assign(frame, { payload: Buffer.from(text) });
      }
      stage.transform(frame as Frame, sink);
      if (inflates) (frame.payload as Uint8Array).fill(0x78);
      expected.push(inflates || number % 2 === 0 ? `${text}Z` : text);
    }
    while (backend.work.length > 0) {
      random.pick(backend.work).done();
      await settled();
    }
    await within(stage.flush(), "the end");
    assert.deepEqual(
      sink.items.map((frame) => shown(frame).replace(/^1\*? /, "")),
      expected,
    );
  });

  test(`${name}: without context a few messages are worked on side by side`, async () => {
    const backend = new SlowBackend(false);
    const stage = make(backend);
    const sink = new Sink<OutgoingFrame>();
    for (let number = 0; number < 100; number++) {
      stage.transform(incoming(Opcode.Text, `${number}`, coded), sink);
    }
    await settled();
    assert.equal(backend.work.length, 4);
    // The last ones being done brings no more: the first in line is awaited.
    for (const { done } of backend.work.slice(1)) done();
    await settled();
    assert.equal(backend.work.length, 1);
    assert.deepEqual(sink.items, []);
    backend.work[0].done();
    await settled();
    assert.equal(sink.items.length, 4);
    assert.equal(backend.work.length, 4);
    assert.equal(backend.most, 4);
    stage.close();
  });

  test(`${name}: with context they are worked on one after the other`, async () => {
    const backend = new SlowBackend(true);
    const stage = make(backend);
    const sink = new Sink<OutgoingFrame>();
    for (let number = 0; number < 9; number++) {
      stage.transform(incoming(Opcode.Text, `${number}`, coded), sink);
    }
    for (let number = 0; number < 9; number++) {
      await settled();
      assert.equal(backend.work.length, 1);
      assert.equal(backend.work[0].payload[0], 0x30 + number);
      backend.work[0].done();
    }
    await settled();
    assert.equal(sink.items.length, 9);
    assert.equal(backend.most, 1);
  });

  test(`${name}: pings and pongs pass, plain messages and Close keep their place`, async () => {
    const backend = new SlowBackend(true);
    const stage = make(backend);
    const sink = new Sink<OutgoingFrame>();
    const plain = { compress: false };
    stage.transform(incoming(Opcode.Text, "one", coded), sink);
    stage.transform(incoming(Opcode.Ping, "ping"), sink);
    stage.transform({ ...incoming(Opcode.Text, "plain"), ...plain }, sink);
    stage.transform(incoming(Opcode.Binary, "two", coded), sink);
    stage.transform(incoming(Opcode.Pong, "pong"), sink);
    stage.transform(incoming(Opcode.Close, "close"), sink);
    assert.deepEqual(sink.items.map(shown), ["9 ping", "10 pong"]);
    await settled();
    backend.work[0].done();
    await settled();
    assert.deepEqual(sink.items.map(shown).slice(2), [
      `1${star} oneZ`,
      "1 plain",
    ]);
    backend.work[0].done();
    await settled();
    assert.deepEqual(sink.items.map(shown).slice(4), [
      `2${star} twoZ`,
      "8 close",
    ]);
  });

  test(`${name}: while nothing waits, what is not worked on passes in the same call`, () => {
    const stage = make(new SlowBackend(true));
    const sink = new Sink<OutgoingFrame>();
    const plain = { compress: false };
    const frames = [
      { ...incoming(Opcode.Text, "a"), ...plain },
      { ...incoming(Opcode.Binary, "b", { fin: false }), ...plain },
      incoming(Opcode.Ping, "p"),
      incoming(Opcode.Continuation, "c", { fin: false }),
      incoming(Opcode.Continuation, ""),
      incoming(Opcode.Close, "x"),
    ];
    for (const frame of frames) {
      assert.equal(stage.transform(frame, sink), undefined);
    }
    assert.deepEqual(sink.items.map(shown), [
      "1 a",
      "2+ b",
      "9 p",
      "0+ c",
      "0 ",
      "8 x",
    ]);
    assert.equal(stage.room, undefined);
    assert.equal(stage.settled, undefined);
  });

  test(`${name}: says when enough waits, and when there is room again`, async () => {
    const backend = new SlowBackend(true);
    const stage = make(backend);
    const sink = new Sink<OutgoingFrame>();
    const part = new Uint8Array(10_000);
    let given = 0;
    let full: void | Promise<void> = undefined;
    while (full === undefined) {
      full = stage.transform(incoming(Opcode.Binary, part, coded), sink);
      given += part.length;
      assert.ok(given < 100_000, "enough is about 64 KiB");
    }
    assert.ok(given > 60_000);
    let room = false;
    full.then(() => {
      room = true;
    });
    await settled();
    assert.equal(room, false);
    backend.work[0].done();
    await settled();
    assert.equal(room, true);
    assert.equal(stage.room, undefined);
    // Messages without a byte count as well.
    let empty = 0;
    while (stage.room === undefined) {
      stage.transform(incoming(Opcode.Text, "", coded), sink);
      assert.ok(++empty < 10_000);
    }
    stage.close();
    await within(stage.settled ?? Promise.resolve(), "the end");
    assert.equal(stage.room, undefined, "a closed stage holds nobody up");
  });

  test(`${name}: nothing is passed on while what follows has enough`, async () => {
    const backend = new SlowBackend(false);
    const stage = make(backend);
    const sink = new Sink<OutgoingFrame>();
    sink.hold();
    const plain = { compress: false };
    stage.transform(incoming(Opcode.Text, "one", coded), sink);
    stage.transform({ ...incoming(Opcode.Text, "two"), ...plain }, sink);
    stage.transform(
      incoming(Opcode.Text, "thr", { ...coded, fin: false }),
      sink,
    );
    stage.transform(incoming(Opcode.Continuation, "ee"), sink);
    await settled();
    for (const { done } of backend.work) done();
    await settled();
    assert.deepEqual(sink.items, []);
    stage.transform(incoming(Opcode.Ping, ""), sink);
    assert.equal(sink.items.length, 1, "but for control frames");
    sink.release();
    await within(stage.settled!, "the end");
    assert.deepEqual(
      joined(sink.items).map(({ payload }) =>
        new TextDecoder().decode(payload)
      ),
      ["oneZ", "two", "threeZ"].map((text) =>
        inflates || text !== "oneZ" ? text : "one"
      ),
    );
  });

  test(`${name}: a backend that fails fails what follows, once, and is closed`, async () => {
    for (const sequential of [true, false]) {
      const backend = new SlowBackend(sequential);
      const stage = make(backend);
      const sink = new Sink<OutgoingFrame>();
      for (const text of ["a", "b", "c"]) {
        stage.transform(incoming(Opcode.Text, text, coded), sink);
      }
      await settled();
      backend.work[0].fail();
      await settled();
      assert.deepEqual(sink.errors.map(String), ["Error: no memory"]);
      for (const { fail } of [...backend.work]) fail();
      stage.transform(incoming(Opcode.Text, "d", coded), sink);
      await settled();
      assert.equal(sink.errors.length, 1);
      assert.deepEqual(sink.items, []);
      assert.equal(stage.settled, undefined);
      assert.equal(backend.closed, 1);
      await assert.rejects(stage.flush(), /no memory/);
    }
  });

  test(`${name}: closing drops what waits and gives up what is being worked on`, async () => {
    const backend = new SlowBackend(false);
    const stage = make(backend);
    const sink = new Sink<OutgoingFrame>();
    const first = { ...coded, fin: false };
    stage.transform(incoming(Opcode.Text, "a", first), sink);
    await settled();
    const end = stage.settled!;
    const before = sink.items.length;
    stage.close();
    stage.close();
    await within(end, "the end");
    stage.transform(incoming(Opcode.Continuation, "b"), sink);
    stage.transform(incoming(Opcode.Text, "c", coded), sink);
    await settled();
    assert.equal(sink.items.length, before);
    assert.equal(backend.aborted, 1);
    assert.equal(backend.closed, 1);
    // A stage that never had work closes its backend, too.
    const unused = new SlowBackend(false);
    make(unused).close();
    assert.equal(unused.closed, 1);
  });

  for (
    const [what, frame] of [
      ["a Close frame", incoming(Opcode.Close, "x")],
      ["a new plain message", incoming(Opcode.Text, "x")],
      ["a new compressed message", incoming(Opcode.Text, "x", { rsv1: true })],
    ] as const
  ) {
    if (!inflates) continue;
    for (const before of ["compressed", "plain, behind a compressed one"]) {
      test(`${name}: ${what} in the middle of a message, ${before}, gets through`, async () => {
        const backend = new SlowBackend(true);
        const stage = make(backend);
        const sink = new Sink<OutgoingFrame>();
        const first = { fin: false, rsv1: before === "compressed" };
        if (!first.rsv1) {
          stage.transform(incoming(Opcode.Text, "1", { rsv1: true }), sink);
        }
        stage.transform(incoming(Opcode.Text, "a", first), sink);
        await settled();
        try {
          stage.transform(frame, sink);
        } catch (error) {
          sink.error(error);
        }
        for (let turn = 0; turn < 3; turn++) {
          backend.work[0]?.done();
          await settled();
        }
        if (frame.opcode !== Opcode.Close && sink.errors.length > 0) {
          // A new message may as well be refused here.
          const [error] = sink.errors;
          assert.ok(error instanceof ProtocolError, String(error));
          assert.equal(error.closeCode, 1002);
          return;
        }
        assert.equal(sink.items.at(-1)?.opcode, frame.opcode);
        // What follows has to see that the message was not whole.
        assert.equal(sink.items.at(-2)?.fin, false);
      });
    }
  }

  test(`${name}: an input that ends in the middle of a message ends the stage`, async () => {
    for (const rsv1 of [true, false]) {
      const backend = new SlowBackend(true);
      const stage = make(backend);
      const sink = new Sink<OutgoingFrame>();
      stage.transform(
        incoming(Opcode.Text, "a", { fin: false, rsv1 }),
        sink,
      );
      await settled();
      const ended = await Promise.race([
        stage.flush().then(() => true, () => true),
        settled().then(settled).then(() => false),
      ]);
      assert.equal(ended, true, `rsv1 ${rsv1}`);
    }
  });
}

for (const [name, takeover, make] of deflaters) {
  const compressed = (frames: readonly OutgoingFrame[]) =>
    joined(frames).map(({ rsv1 }) => rsv1);

  test(`what is compressed: the threshold and the option: ${name}`, async () => {
    const deflater = make();
    const stage = new DeflateStage(deflater, 100);
    const sink = new Sink<OutgoingFrame>();
    const cases: [CompressibleFrame[], boolean][] = [
      [[outgoing(Opcode.Text, "x".repeat(99))], false],
      [[outgoing(Opcode.Text, "x".repeat(100))], true],
      [[outgoing(Opcode.Text, "ü".repeat(99))], false],
      [[outgoing(Opcode.Binary, new Uint8Array(99))], false],
      [[outgoing(Opcode.Binary, new Uint8Array(100))], true],
      [[outgoing(Opcode.Text, "x".repeat(5), { compress: true })], true],
      [[outgoing(Opcode.Text, "", { compress: true })], true],
      [[outgoing(Opcode.Text, "x".repeat(500), { compress: false })], false],
      [[
        outgoing(Opcode.Text, "ab", { fin: false }),
        outgoing(Opcode.Continuation, "cd"),
      ], true],
      [[
        outgoing(Opcode.Text, "ab", { fin: false, compress: false }),
        outgoing(Opcode.Continuation, "cd", { compress: false }),
      ], false],
      [[
        outgoing(Opcode.Binary, "", { fin: false, compress: true }),
        outgoing(Opcode.Continuation, "", { compress: true }),
      ], true],
    ];
    for (const [frames] of cases) {
      for (const frame of frames) stage.transform(frame, sink);
    }
    await stage.flush();
    assert.deepEqual(compressed(sink.items), cases.map(([, rsv1]) => rsv1));
    const messages = joined(sink.items);
    const inflated = await python.inflate({
      wbits: 15,
      takeover,
      messages: messages.filter(({ rsv1 }) => rsv1).map(({ payload }) =>
        payload
      ),
    });
    for (const [index, [frames]] of cases.entries()) {
      const expected = concatBytes(
        frames.map(({ payload }) =>
          typeof payload === "string" ? utf8(payload) : payload
        ),
      );
      const { rsv1, payload, opcode } = messages[index];
      assert.equal(opcode, frames[0].opcode);
      assert.equal(toHex(rsv1 ? inflated.shift()! : payload), toHex(expected));
    }
  });

  test(`a threshold of Infinity compresses nothing that is not asked for: ${name}`, async () => {
    const stage = new DeflateStage(make(), Infinity);
    const sink = new Sink<OutgoingFrame>();
    const text = "text that could be shorter, ".repeat(100);
    const asked = { compress: true };
    for (
      const frame of [
        outgoing(Opcode.Text, text),
        outgoing(Opcode.Text, text, { fin: false }),
        outgoing(Opcode.Continuation, text),
        outgoing(Opcode.Text, text, asked),
        outgoing(Opcode.Text, text, { ...asked, fin: false }),
        outgoing(Opcode.Continuation, text, asked),
      ]
    ) stage.transform(frame, sink);
    await stage.flush();
    assert.deepEqual(compressed(sink.items), [false, false, true, true]);
  });

  test(
    `a message that did not shrink is sent ${
      takeover ? "compressed" : "as it was"
    }: ${name}`,
    async () => {
      const random = seededRandom(`did not shrink: ${name}`);
      const stage = new DeflateStage(make(), 0);
      const sink = new Sink<OutgoingFrame>();
      const noise = randomBytes(random, 2000);
      stage.transform(outgoing(Opcode.Binary, noise), sink);
      stage.transform(outgoing(Opcode.Binary, noise, { compress: true }), sink);
      await stage.flush();
      assert.deepEqual(compressed(sink.items), [takeover, true]);
      if (!takeover) assert.equal(sink.items[0].payload, noise);
    },
  );

  test(`plain messages between compressed ones never enter the context: ${name}`, async () => {
    const random = seededRandom(`plain between: ${name}`);
    const stage = new DeflateStage(make(), 0);
    const sink = new Sink<OutgoingFrame>();
    const messages: Uint8Array[] = [];
    const noise = randomBytes(random, 700);
    for (let round = 0; round < 200; round++) {
      const message = round % 3 === 0
        ? noise
        : someMessage(random, random.integer(1500));
      const compress = random.pick([true, false, undefined]);
      messages.push(message);
      stage.transform(
        outgoing(Opcode.Binary, message, { compress }),
        sink,
      );
      if (random.integer(4) === 0) await stage.settled;
    }
    await stage.flush();
    const sent = joined(sink.items);
    const inflated = await python.inflate({
      wbits: 15,
      takeover,
      messages: sent.filter(({ rsv1 }) => rsv1).map(({ payload }) => payload),
    });
    for (const [index, { rsv1, payload }] of sent.entries()) {
      const received = rsv1 ? inflated.shift()! : payload;
      assert.equal(toHex(received), toHex(messages[index]), `${index}`);
    }
  });

  test(`frames of a streamed message leave while it comes: ${name}`, async () => {
    const random = seededRandom(`streamed: ${name}`);
    const stage = new DeflateStage(make(), 0);
    const sink = new Sink<OutgoingFrame>();
    const parts = Array.from({ length: 5 }, () => randomBytes(random, 5000));
    for (const [index, part] of parts.entries()) {
      await stage.transform(
        outgoing(index === 0 ? Opcode.Binary : Opcode.Continuation, part, {
          fin: false,
        }),
        sink,
      );
      const wanted = () => joinedLength(sink.items) > 5000 * (index + 1) - 500;
      for (let turn = 0; turn < 1000 && !wanted(); turn++) await settled();
      assert.ok(wanted(), `part ${index} has left`);
    }
    stage.transform(outgoing(Opcode.Continuation, ""), sink);
    await stage.flush();
    const [{ rsv1, payload }] = joined(sink.items);
    assert.equal(rsv1, true);
    const [inflated] = await python.inflate({
      wbits: 15,
      takeover,
      messages: [payload],
    });
    assert.equal(toHex(inflated), toHex(concatBytes(parts)));
  });
}

function joinedLength(frames: readonly OutgoingFrame[]): number {
  return frames.reduce((sum, { payload }) => sum + payload.length, 0);
}

for (const [name, takeover, make] of inflaters) {
  test(`as a TransformStream and fused, the same comes out: ${name}`, async () => {
    const random = seededRandom(`stream: ${name}`);
    const [deflater] = deflaters.filter(([, other]) => other === takeover)
      .map(([, , makeDeflater]) => makeDeflater());
    const frames: Frame[] = [];
    const expected: string[] = [];
    for (let round = 0; round < 80; round++) {
      const message = someMessage(
        random,
        random.pick([0, 3, 200, 3000, 90_000]),
      );
      const opcode = random.pick([Opcode.Text, Opcode.Binary]);
      expected.push(`${opcode} ${toHex(message)}`);
      const rsv1 = random.integer(4) > 0;
      const payload = rsv1 ? await putThrough(deflater, message) : message;
      const cut = random.integer(payload.length + 1);
      if (random.integer(2) === 0) {
        frames.push(incoming(opcode, payload, { rsv1 }));
      } else {
        frames.push(
          incoming(opcode, payload.subarray(0, cut), { rsv1, fin: false }),
          incoming(Opcode.Ping, "between"),
          incoming(Opcode.Continuation, payload.subarray(cut)),
        );
      }
    }
    deflater.close();
    const read = (output: readonly OutgoingFrame[]) =>
      joined(output).map(({ opcode, payload, rsv1 }) => {
        assert.equal(rsv1, false);
        return `${opcode} ${toHex(payload)}`;
      });

    const fused = new Sink<Frame>();
    const stage = new InflateStage(make());
    for (const frame of frames) {
      await stage.transform(
        { ...frame, payload: frame.payload.slice() },
        fused,
      );
    }
    await stage.flush();
    assert.deepEqual(read(fused.items), expected);

    const streamed: Frame[] = [];
    const stream = new TransformStream<Frame, Frame>(new InflateStage(make()));
    await ReadableStream.from(frames).pipeThrough(stream).pipeTo(
      new WritableStream({
        write: (frame) => {
          streamed.push(frame);
        },
      }),
    );
    assert.deepEqual(read(streamed), expected);
  });

  test(`as a TransformStream, corrupt data fails it with 1007: ${name}`, async () => {
    const frames = [
      incoming(Opcode.Text, fromHex("f2 48 cd c9 c9 07 00"), { rsv1: true }),
      incoming(Opcode.Text, fromHex("ff ff ff"), { rsv1: true }),
      incoming(Opcode.Text, "after"),
    ];
    const stream = new TransformStream<Frame, Frame>(new InflateStage(make()));
    const output: string[] = [];
    await assert.rejects(
      within(
        ReadableStream.from(frames).pipeThrough(stream).pipeTo(
          new WritableStream({
            write: (frame) => {
              output.push(shown(frame));
            },
          }),
        ),
        "the end",
      ),
      (error) => error instanceof ProtocolError && error.closeCode === 1007,
    );
    assert.ok(!output.includes("1 after"));
  });

  test(`what follows has enough: no more is inflated: ${name}`, async () => {
    const stage = new InflateStage(make());
    // As a connection does it: full from the first message on.
    const sink = new class extends Sink<Frame> {
      override enqueue(frame: Frame): void {
        super.enqueue(frame);
        this.hold();
      }
    }();
    const payload = syncFlushed(new Uint8Array(200_000));
    const count = 100;
    for (let index = 0; index < count; index++) {
      // Of one chunk of bytes: nobody waits for the promise.
      stage.transform(incoming(Opcode.Binary, payload, { rsv1: true }), sink);
    }
    await settled();
    const length = joinedLength(sink.items);
    assert.ok(length <= 1_000_000, `${length} bytes were passed on`);
    for (let turn = 0; turn < 10_000 && stage.settled; turn++) {
      sink.release();
      await Promise.race([stage.settled, settled()]);
    }
    assert.equal(joinedLength(sink.items), count * 200_000);
  });

  test(`much that comes of little leaves other work its turns: ${name}`, async () => {
    const stage = new InflateStage(make());
    const sink = new Sink<Frame>();
    const payload = syncFlushed(new Uint8Array(200_000));
    const count = 100;
    let most = 0;
    let before = 0;
    const look = (): void => {
      const length = joinedLength(sink.items);
      most = Math.max(most, length - before);
      before = length;
    };
    for (let index = 0; index < count; index++) {
      // Of one chunk of bytes: nobody waits for the promise.
      stage.transform(incoming(Opcode.Binary, payload, { rsv1: true }), sink);
    }
    look();
    while (stage.settled !== undefined) {
      await new Promise((resolve) => setImmediate(resolve));
      look();
    }
    assert.equal(joinedLength(sink.items), count * 200_000);
    assert.ok(most < 3_000_000, `${most} bytes in one turn`);
  });
}
