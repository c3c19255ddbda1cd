import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { after, test } from "node:test";
import { FinishingDeflater } from "../../src/deflate/standard.ts";
import { ZlibDeflater } from "../../src/deflate/zlib.ts";
import { cutAt, cutEvery, cutRandomly } from "../codec/run_stage.ts";
import { concatBytes, toHex } from "../support/frames.ts";
import { PythonInflater } from "../support/python_inflater.ts";
import { seededRandom } from "../support/seeded_random.ts";
import {
  deflaters,
  flushing,
  putThrough,
  putThroughParts,
  randomBytes,
  someMessage,
  usualSettings,
  utf8,
} from "./backends.ts";

const python = new PythonInflater();
after(() => python.stop());

async function assertInflates(
  messages: readonly Uint8Array[],
  payloads: readonly Uint8Array[],
  takeover: boolean,
  wbits = 15,
): Promise<void> {
  const inflated = await python.inflate({
    wbits,
    takeover,
    messages: payloads,
  });
  for (const [index, message] of messages.entries()) {
    assert.equal(toHex(inflated[index]), toHex(message), `message ${index}`);
  }
}

for (const [name, takeover, make] of deflaters) {
  test(`a message cut anywhere says the same: ${name}`, async () => {
    const random = seededRandom(name);
    const message = someMessage(random, 60);
    const messages: Uint8Array[] = [];
    const payloads: Uint8Array[] = [];
    const deflater = make();
    const cuts = Array.from({ length: 61 }, (_, at) => cutAt(message, [at]));
    for (const parts of [...cuts, cutEvery(message, 1)]) {
      messages.push(message);
      payloads.push(await putThroughParts(deflater, parts));
    }
    const long = someMessage(random, 300_000);
    for (let round = 0; round < 4; round++) {
      messages.push(long);
      payloads.push(
        await putThroughParts(deflater, cutRandomly(long, random, 100_000)),
      );
    }
    deflater.close();
    await assertInflates(messages, payloads, takeover);
  });

  test(`messages at the lengths where the way changes: ${name}`, async () => {
    const random = seededRandom(`lengths: ${name}`);
    const messages: Uint8Array[] = [];
    const payloads: Uint8Array[] = [];
    const deflater = make();
    for (
      const edge of [16 * 1024, 32 * 1024, 64 * 1024, 128 * 1024, 256 * 1024]
    ) {
      for (const length of [edge - 1, edge, edge + 1]) {
        for (const source of [someMessage, randomBytes]) {
          const message = source(random, length);
          messages.push(message);
          payloads.push(await putThrough(deflater, message));
        }
      }
    }
    deflater.close();
    await assertInflates(messages, payloads, takeover);
  });

  test(`the bytes of a message may change once its promise has resolved: ${name}`, async () => {
    const random = seededRandom(`reuse: ${name}`);
    const messages: Uint8Array[] = [];
    const payloads: Uint8Array[] = [];
    const deflater = make();
    for (const length of [10, 1000, 20_000, 200_000]) {
      const message = someMessage(random, length);
      const used = message.slice();
      messages.push(message, message);
      payloads.push(await putThrough(deflater, used));
      assert.equal(toHex(used), toHex(message), "the input is not changed");
      used.fill(0);
      const parts = cutEvery(message.slice(), 3000);
      const codec = deflater.open();
      const output: Uint8Array[] = [];
      for (const [index, part] of parts.entries()) {
        await codec.write(part, index === parts.length - 1, (bytes) => {
          output.push(bytes.slice());
        });
        part.fill(0);
      }
      payloads.push(concatBytes(output));
    }
    deflater.close();
    await assertInflates(messages, payloads, takeover);
  });

  test(`a message that is a Node Buffer is lent for the call: ${name}`, async () => {
    const random = seededRandom(`lent: ${name}`);
    const messages: Uint8Array[] = [];
    const payloads: Uint8Array[] = [];
    const deflater = make();
    for (const length of [10, 1000, 20_000]) {
      const message = someMessage(random, length);
      const lent = Buffer.from(message);
      const compressing = deflater.whole(lent, Infinity);
      lent.fill(0);
      const compressed = await compressing;
      if (compressed === null) continue;
      messages.push(message);
      payloads.push(compressed);
    }
    deflater.close();
    await assertInflates(messages, payloads, takeover);
  });

  test(
    `a message ${
      takeover ? "refers" : "does not refer"
    } to the one before: ${name}`,
    async () => {
      const deflater = make();
      const text = utf8("a text that no other message has begun with, so far");
      const first = await putThrough(deflater, text);
      const second = await putThrough(deflater, text);
      if (takeover) assert.ok(second.length < first.length / 2);
      else assert.equal(toHex(second), toHex(first));
      deflater.close();
    },
  );

  test(`closing in the middle of a message ends its work: ${name}`, async () => {
    const deflater = make();
    const codec = deflater.open();
    const random = seededRandom(`close: ${name}`);
    const message = randomBytes(random, 4 << 20);
    let output = 0;
    let closed = false;
    const writing = codec.write(message, true, (bytes) => {
      output += bytes.length;
      if (output > 200_000 && !closed) {
        closed = true;
        codec.abort();
        deflater.close();
      }
    });
    // Whether it finishes or fails, it does end, and soon.
    await writing.catch(() => {});
    assert.ok(output < 4 << 20);
  });
}

for (const takeover of [true, false]) {
  for (const windowBits of [8, 9, 10, 11, 12, 13, 14, 15]) {
    test(
      `${windowBits} window bits are kept to at every level, ${
        takeover ? "with" : "without"
      } context takeover`,
      async () => {
        const random = seededRandom(`window of ${windowBits}`);
        const settingPairs = [[-1, 8], [1, 9], [9, 1]];
        if (windowBits < 13) settingPairs.push([0, 1], [2, 1], [6, 9]);
        for (const [level, memLevel] of settingPairs) {
          const settings = { windowBits, level, memLevel };
          const deflater = new ZlibDeflater(settings, takeover);
          const messages: Uint8Array[] = [];
          const payloads: Uint8Array[] = [];
          // The same bytes come again just within and just beyond the window.
          const unique = randomBytes(random, 20);
          for (const apart of [-282, -262, -40, -20, 0, 1]) {
            const gap = Math.max(0, (1 << windowBits) + apart);
            messages.push(unique, randomBytes(random, gap), unique);
          }
          for (let round = 0; round < 3; round++) {
            messages.push(someMessage(random, random.integer(2 << windowBits)));
          }
          for (const message of messages) {
            payloads.push(
              random.integer(4) === 0
                ? await putThroughParts(
                  deflater,
                  cutRandomly(message, random, 2 + random.integer(5000)),
                )
                : await putThrough(deflater, message),
            );
          }
          deflater.close();
          await assertInflates(messages, payloads, takeover, windowBits);
        }
      },
    );
  }

  test(
    `level and memLevel do something, ${
      takeover ? "with" : "without"
    } context takeover`,
    async () => {
      const random = seededRandom("level");
      const message = someMessage(random, 30_000);
      const sizes: number[] = [];
      for (const level of [0, 1, 9]) {
        const settings = { ...usualSettings, level };
        const deflater = new ZlibDeflater(settings, takeover);
        sizes.push((await putThrough(deflater, message)).length);
        deflater.close();
      }
      const [stored, fast, small] = sizes;
      assert.ok(stored > message.length, "0 stores");
      assert.ok(fast < stored && small < fast, `${sizes}`);
    },
  );
}

test("with context takeover a message that is like an earlier one gets short, of any length", async () => {
  const random = seededRandom("context");
  for (const length of [300, 3000, 15_000, 31_000, 32_000, 80_000]) {
    const deflater = new ZlibDeflater(usualSettings, true);
    const message = randomBytes(random, length);
    // What was sent between them must still be in the window.
    const other = randomBytes(random, 100);
    const messages = [message, other, message];
    const payloads: Uint8Array[] = [];
    for (const each of messages) {
      payloads.push(await putThrough(deflater, each));
    }
    deflater.close();
    await assertInflates(messages, payloads, true);
    const [first, , again] = payloads;
    assert.ok(first.length >= length, `${first.length} of ${length}`);
    const short = length / 10 + 50;
    assert.equal(
      again.length < short,
      length + other.length < 32 * 1024 - 262,
      `${again.length} of ${length}`,
    );
  }
});

test("a stream that finishes in several blocks, or flushes, is left to the other backend", async () => {
  const other = new ZlibDeflater(usualSettings, false);
  const asked: number[] = [];
  const deflater = new FinishingDeflater({
    sequential: false,
    whole(payload) {
      asked.push(payload.length);
      return other.whole(payload);
    },
    open: () => other.open(),
    close: () => other.close(),
  });
  const random = seededRandom("several blocks");
  for (const length of [1, 16_383, 16_384, 16_385]) {
    const message = someMessage(random, length);
    const result = await deflater.whole(message, Infinity);
    // Deno's streams flush: their output is not one final block.
    const own = !flushing && length <= 16_383;
    assert.equal(asked.includes(length), length > 16_383);
    assert.equal(result === null, flushing && length <= 16_383);
    if (result === null) continue;
    assert.equal(own || asked.includes(length), true);
    await assertInflates([message], [result], false);
  }
  deflater.close();
});
