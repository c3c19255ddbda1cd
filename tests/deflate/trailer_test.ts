import assert from "node:assert/strict";
import { after, test } from "node:test";
import { inflateRawSync } from "node:zlib";
import { toSyncFlush } from "../../src/deflate/standard.ts";
import {
  emptyMessage,
  endsInFlushTrailer,
  endsInMark,
  flushTrailer,
  HeldTail,
  markLength,
  messageEnd,
} from "../../src/deflate/trailer.ts";
import { concatBytes, fromHex, toHex } from "../support/frames.ts";
import { PythonInflater } from "../support/python_inflater.ts";
import { seededRandom } from "../support/seeded_random.ts";
import { cutRandomly } from "../codec/run_stage.ts";
import {
  deflaters,
  inflaters,
  putThrough,
  putThroughParts,
  randomBytes,
  someMessage,
  utf8,
} from "./backends.ts";

const python = new PythonInflater();
after(() => python.stop());

test("the trailer is the length fields of an empty stored block", () => {
  assert.equal(toHex(flushTrailer), "0000ffff");
  assert.equal(toHex(emptyMessage()), "00");
  assert.equal(endsInFlushTrailer(fromHex("00 00 ff ff")), true);
  assert.equal(endsInFlushTrailer(fromHex("4a 04 00 00 00 ff ff")), true);
  for (const other of ["", "00 ff ff", "01 00 ff ff", "00 00 ff ff 03 00"]) {
    assert.equal(endsInFlushTrailer(fromHex(other)), false, other);
  }
});

test("what ends a message for the inflater is the trailer and a final block with a mark", () => {
  assert.equal(toHex(messageEnd), "0000ffff" + "5b6ef370eaa5ee6f5b00");
  const inflated = inflateRawSync(concatBytes([[0x00], messageEnd]));
  assert.equal(inflated.toString("hex"), "a73ce195d28bf6b4");
  assert.equal(inflated.length, markLength);
  assert.equal(endsInMark(inflated), true);
  assert.equal(endsInMark(inflated.subarray(1)), false);
  assert.equal(endsInMark(concatBytes([[1, 2, 3], inflated])), true);
  assert.equal(endsInMark(concatBytes([inflated, [1]])), false);
});

// [the data, one final block, what a sync flush makes of it less its trailer]
const conversions: [string, string, string][] = [
  // The three bits of the flush fit behind the block: its bytes are enough.
  ["a", "4b 04 00", "4a 04 00"],
  ["Hello", "f3 48 cd c9 c9 07 00", "f2 48 cd c9 c9 07 00"],
  ["xyz", "ab a8 ac 02 00", "aa a8 ac 02 00"],
  ["1234567", "33 34 32 36 31 35 33 07 00", "32 34 32 36 31 35 33 07 00"],
  [
    "The quick brown fox",
    "0b c9 48 55 28 2c cd 4c ce 56 48 2a ca 2f cf 53 48 cb af 00 00",
    "0a c9 48 55 28 2c cd 4c ce 56 48 2a ca 2f cf 53 48 cb af 00 00",
  ],
  // They do not: a byte more.
  ["aaaaaaaaaaaaaa", "4b 4c 44 06 00", "4a 4c 44 06 00 00"],
  [
    "HelloHello",
    "f3 48 cd c9 c9 f7 00 11 00",
    "f2 48 cd c9 c9 f7 00 11 00 00",
  ],
  // A stored block ends with a whole byte.
  [
    "Hello",
    "01 05 00 fa ff 48 65 6c 6c 6f",
    "00 05 00 fa ff 48 65 6c 6c 6f 00",
  ],
  // No data at all, in a block of the fixed Huffman code.
  ["", "03 00", "02 00"],
];

for (const [text, finished, flushed] of conversions) {
  test(`a stream of one final block, ${finished}, becomes a sync flush`, async () => {
    const converted = await toSyncFlush(fromHex(finished), text.length);
    assert.ok(converted);
    assert.equal(toHex(converted), toHex(fromHex(flushed)));
    const [inflated] = await python.inflate({
      wbits: 15,
      takeover: false,
      messages: [converted],
    });
    assert.equal(new TextDecoder().decode(inflated), text);
  });
}

test("a stream of several blocks, or of none that is final, is not converted", async () => {
  for (
    const [stream, length] of [
      // "Hel" and "lo", the second block is the final one.
      ["f2 48 cd 01 00 00 00 ff ff cb c9 07 00", 5],
      // A sync flush, and a final block of nothing, as Deno's streams end.
      ["f2 48 cd c9 c9 07 00 00 00 ff ff 03 00", 5],
      // A final block and another behind it.
      ["f3 48 cd c9 c9 07 00 03 00", 5],
      // Cut off.
      ["f3 48 cd c9", 5],
      // Of another length than said.
      ["f3 48 cd c9 c9 07 00", 6],
    ] as const
  ) {
    assert.equal(await toSyncFlush(fromHex(stream), length), null, stream);
  }
});

test("final blocks of every length modulo 8 bits convert, to exactly what a sync flush makes", async () => {
  const random = seededRandom("toSyncFlush");
  const { deflateRawSync, constants } = await import("node:zlib");
  const extra = new Set<number>();
  const messages: Uint8Array[] = [];
  const payloads: Uint8Array[] = [];
  for (let round = 0; round < 200; round++) {
    const message = someMessage(random, 1 + random.integer(300));
    const finished = new Uint8Array(deflateRawSync(message));
    const converted = await toSyncFlush(finished, message.length);
    assert.ok(converted);
    const flushed = deflateRawSync(message, {
      finishFlush: constants.Z_SYNC_FLUSH,
    });
    assert.equal(toHex(converted) + "0000ffff", flushed.toString("hex"));
    extra.add(converted.length - finished.length);
    messages.push(message);
    payloads.push(converted);
  }
  assert.deepEqual([...extra].sort(), [0, 1], "both candidates were needed");
  const inflated = await python.inflate({
    wbits: 15,
    takeover: false,
    messages: payloads,
  });
  assert.deepEqual(inflated.map(toHex), messages.map(toHex));
});

// RFC 7692 sections 7.2.3.1 to 7.2.3.6.
const examples: [string, ...[payload: string, text: string][]][] = [
  ["7.2.3.1, one block", ["f2 48 cd c9 c9 07 00", "Hello"]],
  [
    "7.2.3.2, the same window for two messages",
    ["f2 48 cd c9 c9 07 00", "Hello"],
    ["f2 00 11 00 00", "Hello"],
  ],
  ["7.2.3.3, a stored block", [
    "00 05 00 fa ff 48 65 6c 6c 6f 00",
    "Hello",
  ]],
  ["7.2.3.4, a block with BFINAL set", ["f3 48 cd c9 c9 07 00 00", "Hello"]],
  ["7.2.3.5, two blocks", [
    "f2 48 05 00 00 00 ff ff ca c9 c9 07 00",
    "Hello",
  ]],
  ["7.2.3.6, an empty message", ["00", ""]],
];

for (const [name, takeover, make] of inflaters) {
  for (const [section, ...messages] of examples) {
    if (messages.length > 1 && !takeover) continue;
    test(`RFC 7692 ${section}, inflates: ${name}`, async () => {
      const whole = make();
      const parts = make();
      for (const [payload, text] of messages) {
        const bytes = fromHex(payload);
        const decode = (output: Uint8Array) => new TextDecoder().decode(output);
        assert.equal(decode(await putThrough(whole, bytes)), text);
        const single = Array.from(bytes, (byte) => Uint8Array.of(byte));
        assert.equal(decode(await putThroughParts(parts, single)), text);
      }
    });
  }
}

for (const [name, takeover, make] of deflaters) {
  test(`an empty message is 00, whole and in empty parts: ${name}`, async () => {
    const deflater = make();
    const none = new Uint8Array(0);
    assert.equal(toHex(await putThrough(deflater, none)), "00");
    assert.equal(toHex(await putThroughParts(deflater, [none])), "00");
    assert.equal(toHex(await putThroughParts(deflater, [none, none])), "00");
    // And after something, with the context that there is.
    await putThrough(deflater, utf8("something"));
    assert.equal(toHex(await putThrough(deflater, none)), "00");
    deflater.close();
  });

  test(`"Hello" is the bytes of RFC 7692 7.2.3.1, no trailer behind them: ${name}`, async () => {
    const deflater = make();
    const hello = utf8("Hello");
    assert.equal(toHex(await putThrough(deflater, hello)), "f248cdc9c90700");
    if (takeover) {
      // A runtime's zlib need not find the match that zlib's own finds.
      const [, second] = await python.inflate({
        wbits: 15,
        takeover,
        messages: [
          fromHex("f2 48 cd c9 c9 07 00"),
          await putThrough(deflater, hello),
        ],
      });
      assert.equal(new TextDecoder().decode(second), "Hello");
    }
    deflater.close();
  });

  test(`what goes on the wire is accepted by Python's zlib and never final: ${name}`, async () => {
    const random = seededRandom(name);
    const deflater = make();
    const messages: Uint8Array[] = [];
    const payloads: Uint8Array[] = [];
    for (let round = 0; round < 150; round++) {
      const length = random.pick([0, 1, 2, 5, 100, 1000, 16383, 16384, 40000]);
      const message = random.integer(5) === 0
        ? randomBytes(random, length)
        : someMessage(random, length);
      messages.push(message);
      payloads.push(
        random.integer(3) === 0
          ? await putThroughParts(
            deflater,
            cutRandomly(message, random, 2 + 2 * length / 3 | 0),
          )
          : await putThrough(deflater, message),
      );
      assert.ok(payloads[round].length > 0, "a message is not empty");
    }
    deflater.close();
    const inflated = await python.inflate({
      wbits: 15,
      takeover,
      messages: payloads,
    });
    for (const [index, message] of messages.entries()) {
      assert.equal(toHex(inflated[index]), toHex(message), `message ${index}`);
    }
  });
}

test("a held tail lets through all but the last bytes, however they are cut", () => {
  const random = seededRandom("HeldTail");
  for (let round = 0; round < 300; round++) {
    const held = random.integer(10);
    const bytes = randomBytes(random, random.integer(60));
    const tail = new HeldTail(held);
    const output: Uint8Array[] = [];
    let given = 0;
    for (const chunk of cutRandomly(bytes, random, 2 + random.integer(20))) {
      given += chunk.length;
      output.push(...tail.push(chunk).map((part) => part.slice()));
      chunk.fill(0xee); // what is held is a copy
      const cut = Math.max(0, given - held);
      assert.equal(toHex(tail.bytes), toHex(bytes.subarray(cut, given)));
      assert.equal(toHex(concatBytes(output)), toHex(bytes.subarray(0, cut)));
    }
  }
});
