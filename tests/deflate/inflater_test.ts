import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { test } from "node:test";
import { constants, deflateRawSync } from "node:zlib";
import type { Backend } from "../../src/deflate/backend.ts";
import { ZlibDeflater } from "../../src/deflate/zlib.ts";
import { ProtocolError } from "../../src/error.ts";
import { cutAt, cutEvery, cutRandomly, everyCut } from "../codec/run_stage.ts";
import { concatBytes, fromHex, toHex } from "../support/frames.ts";
import { seededRandom } from "../support/seeded_random.ts";
import {
  finished,
  inflaters,
  putThrough,
  putThroughParts,
  randomBytes,
  someMessage,
  syncFlushed,
  usualSettings,
  utf8,
} from "./backends.ts";

const trailer = fromHex("00 00 ff ff");

/** Which bytes come of a payload, in hexadecimal digits, or `"1007"`. */
async function outcome(inflating: Promise<Uint8Array>): Promise<string> {
  try {
    return toHex(await inflating);
  } catch (error) {
    assert.ok(error instanceof ProtocolError, String(error));
    assert.equal(error.closeCode, 1007);
    assert.match(error.message, /corrupt or cut off/);
    return "1007";
  }
}

/** Puts a message through, whole and in parts, and asserts that both are alike. */
async function bothWays(
  make: () => Backend,
  payload: Uint8Array,
  parts: readonly Uint8Array[] = cutAt(payload, [payload.length >> 1]),
): Promise<string> {
  const whole = await outcome(putThrough(make(), payload));
  assert.equal(await outcome(putThroughParts(make(), parts)), whole);
  return whole;
}

/** Payloads that are all whole messages, and what they inflate to. */
const texts = utf8("to be or not to be, that is the question, to be, to be");
const half = 20;
const payloads: [name: string, payload: Uint8Array, message: Uint8Array][] = [
  ["one block of the fixed code", syncFlushed("Hello"), utf8("Hello")],
  ["matches", syncFlushed(texts), texts],
  [
    "one block of a code of its own",
    syncFlushed(texts, { strategy: constants.Z_HUFFMAN_ONLY }),
    texts,
  ],
  ["stored", syncFlushed(texts, { level: 0 }), texts],
  ["a final block and 00", finished(texts), texts],
  [
    "two sync flushes",
    concatBytes([
      syncFlushed(texts.subarray(0, half)),
      trailer,
      syncFlushed(texts.subarray(half)),
    ]),
    texts,
  ],
  [
    "a final block in the middle",
    concatBytes([
      deflateRawSync(texts.subarray(0, half)),
      syncFlushed(texts.subarray(half)),
    ]),
    texts,
  ],
  [
    "three final blocks and 00",
    concatBytes([
      deflateRawSync(texts.subarray(0, 1)),
      deflateRawSync(texts.subarray(1, half)),
      finished(texts.subarray(half)),
    ]),
    texts,
  ],
  [
    "empty final blocks before",
    concatBytes([
      fromHex("03 00 03 00 03 00"),
      syncFlushed(texts),
    ]),
    texts,
  ],
  ["nothing", fromHex("00"), new Uint8Array(0)],
  ["nothing, twice flushed", fromHex("00 00 00 ff ff 00"), new Uint8Array(0)],
  ["nothing, a block of the fixed code", fromHex("02 00"), new Uint8Array(0)],
  ["nothing, a final block", fromHex("03 00 00"), new Uint8Array(0)],
];

for (const [name, takeover, make] of inflaters) {
  for (const [kind, payload, message] of payloads) {
    test(`${kind}: inflates whole and however it is cut: ${name}`, async () => {
      const random = seededRandom(`${kind}, ${name}`);
      const expected = toHex(message);
      assert.equal(await outcome(putThrough(make(), payload)), expected);
      for (const parts of everyCut(payload, random)) {
        assert.equal(
          await outcome(putThroughParts(make(), parts)),
          expected,
          `cut into ${parts.map((part) => part.length)}`,
        );
      }
    });
  }

  test(`each kind of message after each other on one connection: ${name}`, async () => {
    const random = seededRandom(name);
    const inflater = make();
    for (let round = 0; round < 60; round++) {
      const [kind, payload, message] = random.pick(payloads);
      const output = random.integer(2) === 0
        ? await putThrough(inflater, payload)
        : await putThroughParts(inflater, cutRandomly(payload, random, 20));
      assert.equal(toHex(output), toHex(message), kind);
    }
    inflater.close();
  });

  test(`a message cut off at any byte is refused with 1007: ${name}`, async () => {
    for (const [kind, payload] of payloads) {
      for (let length = 0; length < payload.length; length++) {
        const cut = payload.subarray(0, length);
        // The byte 00 alone is an empty message, and a cut right before a
        // flush in the middle is a whole one.
        const complete = length === 1 && payload[0] === 0 ||
          kind === "two sync flushes" && length === payload.indexOf(0xff) - 2 ||
          // The trailer that is put back fills this stored block.
          kind === "stored" && length === payload.length - 5;
        const result = await bothWays(make, cut);
        if (complete) assert.notEqual(result, "1007", `${kind} at ${length}`);
        else assert.equal(result, "1007", `${kind} at ${length}`);
      }
    }
  });

  test(`a long message cut off anywhere is refused with 1007: ${name}`, async () => {
    const random = seededRandom(`cut off: ${name}`);
    const payload = syncFlushed(someMessage(random, 3000));
    for (let round = 0; round < 60; round++) {
      const cut = payload.subarray(0, random.integer(payload.length));
      const result = await bothWays(make, cut, cutRandomly(cut, random, 400));
      assert.equal(result, "1007", `${cut.length} of ${payload.length}`);
    }
  });

  test(`random flips and random bytes are refused with 1007 or inflate to something: ${name}`, async () => {
    const random = seededRandom(`flips: ${name}`);
    let refused = 0;
    const rounds = 250;
    for (let round = 0; round < rounds; round++) {
      let payload: Uint8Array;
      if (round % 5 === 0) {
        payload = randomBytes(random, random.integer(200));
      } else {
        const [, original] = random.pick(payloads);
        payload = original.slice();
        for (let flips = 1 + random.integer(4); flips > 0; flips--) {
          payload[random.integer(payload.length)] ^= 1 << random.integer(8);
        }
      }
      const parts = cutRandomly(payload, random, 30);
      if (await bothWays(make, payload, parts) === "1007") refused++;
    }
    assert.ok(refused > rounds / 4, `${refused} of ${rounds} refused`);
    assert.ok(refused < rounds, "some flips leave a message that is whole");
  });

  test(`a message of ever more final blocks is over soon: ${name}`, async () => {
    const blocks = Array(20_000).fill(deflateRawSync("a"));
    const payload = concatBytes([...blocks, [0]]);
    const started = performance.now();
    const result = await outcome(putThrough(make(), payload));
    assert.ok(result === "1007" || result === "61".repeat(20_000));
    assert.ok(performance.now() - started < 3000, "each block has its cost");
  });

  test(`bytes behind the message's end are refused with 1007: ${name}`, async () => {
    for (const behind of ["00 00 ff", "ff ff ff ff", "07"]) {
      const payload = concatBytes([finished("Hello"), fromHex(behind)]);
      assert.equal(await bothWays(make, payload), "1007", behind);
    }
  });

  test(`a reserved block type and a distance beyond all that was sent are refused with 1007: ${name}`, async () => {
    for (
      const payload of [
        "06 00", // BTYPE 11
        "07 00",
        "f2 00 11 00 00", // five bytes back, at the start
        "04 00 00", // a code that lacks its lengths
        "00 05 00 00 00 48 65 6c 6c 6f 00", // NLEN is not ~LEN
      ]
    ) {
      assert.equal(await bothWays(make, fromHex(payload)), "1007", payload);
    }
  });

  test(`a message can't get at what another connection was sent: ${name}`, async () => {
    const random = seededRandom(`another's: ${name}`);
    const secret = randomBytes(random, 300);
    const own = randomBytes(random, 40);
    const deflater = new ZlibDeflater(usualSettings, true);
    await putThrough(deflater, secret);
    if (takeover) await putThrough(deflater, own);
    // It refers to 300 bytes before those that this connection has sent.
    const payload = await putThrough(deflater, secret);
    deflater.close();
    assert.ok(payload.length < 50);
    for (let round = 0; round < 5; round++) {
      assert.equal(
        toHex(await putThrough(make(), syncFlushed(secret))),
        toHex(secret),
      );
      const inflater = make();
      if (takeover) await putThrough(inflater, syncFlushed(own));
      assert.equal(await outcome(putThrough(inflater, payload)), "1007");
    }
  });

  test(`a message over the limit is left to be inflated by parts: ${name}`, async () => {
    const message = new Uint8Array(10_000).fill(7);
    const payload = syncFlushed(message);
    const inflater = make();
    for (const limit of [0, 1, 9_999]) {
      assert.equal(await inflater.whole(payload, limit), null, `${limit}`);
    }
    const exact = await inflater.whole(payload, 10_000);
    assert.equal(toHex(exact!), toHex(message), "nothing had happened before");
    assert.equal(toHex(await putThrough(inflater, payload)), toHex(message));
  });

  test(`output is handed out while it comes, and waits for the taker: ${name}`, async () => {
    // 64 MiB of zeros: what is not taken must not be inflated either.
    const bomb = syncFlushed(new Uint8Array(64 << 20), { level: 9 });
    const codec = make().open();
    let taken = 0;
    let waiting = 0;
    const enough = new Error("enough");
    await assert.rejects(
      codec.write(bomb, true, async (bytes) => {
        waiting++;
        assert.equal(waiting, 1, "one at a time");
        assert.ok(bytes.length <= 1 << 20, `${bytes.length} bytes at once`);
        taken += bytes.length;
        await new Promise((resolve) => setTimeout(resolve, 0));
        waiting--;
        if (taken > 300_000) throw enough;
      }),
    );
    assert.ok(taken < 3 << 20);
  });

  test(`a message that is given up in the middle disturbs nobody: ${name}`, async () => {
    const other = make();
    for (let round = 0; round < 3; round++) {
      const inflater = make();
      const codec = inflater.open();
      let output = 0;
      const payload = syncFlushed(texts);
      await codec.write(payload.subarray(0, 12), false, () => {
        output++;
      });
      codec.abort();
      codec.abort();
      inflater.close();
      // And while it is at work.
      const second = make();
      const busy = second.open();
      const writing = busy.write(
        syncFlushed(new Uint8Array(4 << 20)),
        true,
        (bytes) => {
          output += bytes.length;
          busy.abort();
        },
      );
      await writing.then(
        () => assert.fail("it was given up"),
        (error) => assert.ok(error instanceof Error),
      );
      assert.ok(output < 4 << 20);
      assert.equal(toHex(await putThrough(other, payload)), toHex(texts));
    }
  });

  for (const windowBits of takeover ? [8, 9, 10, 12, 15] : [9, 15]) {
    test(`a conversation in a window of ${windowBits} bits stays in step: ${name}`, async () => {
      const random = seededRandom(`conversation ${windowBits}: ${name}`);
      const deflater = new ZlibDeflater(
        { ...usualSettings, windowBits },
        takeover,
      );
      const inflater = make();
      for (let round = 0; round < 120; round++) {
        const length = random.pick([0, 1, 7, 50, 300, 300, 2000, 40_000]);
        const message = someMessage(random, length);
        const payload = await putThrough(deflater, message);
        const output = random.integer(3) === 0
          ? await putThroughParts(
            inflater,
            cutRandomly(payload, random, 2 + random.integer(payload.length)),
          )
          : await putThrough(inflater, payload);
        assert.ok(Buffer.from(message).equals(output), `message ${round}`);
      }
      deflater.close();
      inflater.close();
    });
  }

  if (takeover) {
    test(`what a message with a final block said is in the window of the next: ${name}`, async () => {
      for (const first of ["f3 48 cd c9 c9 07 00 00", "f2 48 cd c9 c9 07 00"]) {
        const inflater = make();
        assert.equal(
          toHex(await putThrough(inflater, fromHex(first))),
          toHex(utf8("Hello")),
        );
        const second = await putThrough(inflater, fromHex("f2 00 11 00 00"));
        assert.equal(toHex(second), toHex(utf8("Hello")));
        const third = await putThroughParts(
          inflater,
          cutEvery(fromHex("f2 00 11 00 00"), 1),
        );
        assert.equal(toHex(third), toHex(utf8("Hello")));
      }
    });

    test(`the window goes on behind a final block in the middle of a message: ${name}`, async () => {
      const inflater = make();
      await putThrough(inflater, syncFlushed("0123456789"));
      const payload = fromHex("f3 48 cd c9 c9 07 00 f2 00 11 00 00");
      assert.equal(
        await outcome(putThrough(inflater, payload)),
        toHex(utf8("HelloHello")),
      );
    });

    test(`plain messages are in no window, and matches reach back 32 KiB: ${name}`, async () => {
      const random = seededRandom(`far back: ${name}`);
      const deflater = new ZlibDeflater(usualSettings, true);
      const inflater = make();
      const unique = randomBytes(random, 400);
      const noise = randomBytes(random, 31_000);
      for (const message of [unique, noise, unique, noise, noise, unique]) {
        const payload = await putThrough(deflater, message);
        const output = await putThrough(inflater, payload);
        assert.equal(toHex(output), toHex(message));
      }
      deflater.close();
    });
  }
}
