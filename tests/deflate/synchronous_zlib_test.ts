import assert from "node:assert/strict";
import { test } from "node:test";
import { constants, deflateRawSync, inflateRawSync } from "node:zlib";
import {
  SynchronousZlib,
  synchronousZlib,
  ZlibOutput,
} from "../../src/deflate/synchronous_zlib.ts";
import { deflateAlone, deflateAnew } from "../../src/deflate/zlib_deflate.ts";
import { toHex } from "../support/frames.ts";
import { seededRandom } from "../support/seeded_random.ts";
import { randomBytes, someMessage, usualSettings, utf8 } from "./backends.ts";

const finishFlush = constants.Z_SYNC_FLUSH;

function putThrough(
  zlib: SynchronousZlib,
  bytes: Uint8Array,
  output: ZlibOutput,
  limit = Infinity,
): number {
  zlib.reset();
  output.clear();
  return zlib.process(bytes, output, limit);
}

test("this runtime's zlib works in the same call", () => {
  assert.equal(synchronousZlib(), true);
});

test("an object that is used again works as a new one does", () => {
  const random = seededRandom("synchronous zlib");
  const deflater = SynchronousZlib.deflate(usualSettings);
  const inflater = SynchronousZlib.inflate();
  const outputs = [new ZlibOutput(100), new ZlibOutput(100)] as const;
  for (let round = 0; round < 200; round++) {
    const source = random.pick([someMessage, randomBytes]);
    const message = source(random, 1 + random.integer(3000));
    assert.equal(putThrough(deflater, message, outputs[0]), message.length);
    const compressed = outputs[0].written;
    // What was in its memory may make it find other matches.
    const { length } = deflateRawSync(message, { finishFlush });
    assert.ok(Math.abs(compressed.length - length) < 10 + length / 50);
    const inflated = inflateRawSync(compressed, { finishFlush });
    assert.equal(toHex(inflated), toHex(message));
    assert.equal(
      putThrough(inflater, compressed, outputs[1]),
      compressed.length,
    );
    assert.equal(toHex(outputs[1].written), toHex(message));
  }
  deflater.close();
  inflater.close();
});

test("output of every length fits, however much memory is kept for it", () => {
  const inflater = SynchronousZlib.inflate();
  const message = utf8("to be or not to be, ".repeat(10));
  const compressed = deflateRawSync(message, { finishFlush });
  for (let kept = 1; kept <= message.length + 1; kept++) {
    const output = new ZlibOutput(kept);
    const taken = putThrough(inflater, compressed, output);
    assert.equal(taken, compressed.length, `${kept} bytes kept`);
    assert.equal(toHex(output.written), toHex(message), `${kept} bytes kept`);
  }
  inflater.close();
});

test("a compressor flushes once, whatever room its output leaves", () => {
  const random = seededRandom("room");
  const deflater = SynchronousZlib.deflate(usualSettings);
  const message = randomBytes(random, 300);
  const { length } = deflateRawSync(message, { finishFlush });
  for (let kept = length - 10; kept < length + 10; kept++) {
    const output = new ZlibOutput(kept);
    putThrough(deflater, message, output);
    assert.equal(output.length, length, `${kept} bytes kept`);
  }
  deflater.close();
});

test("beyond the limit no more is put out than there is memory for", () => {
  const inflater = SynchronousZlib.inflate();
  const bomb = deflateRawSync(new Uint8Array(64 * 1024 * 1024), {
    finishFlush,
  });
  const output = new ZlibOutput(1024);
  const taken = putThrough(inflater, bomb, output, 100_000);
  assert.ok(output.length > 100_000 && output.length <= 200_000);
  assert.ok(taken < bomb.length);
  // What is left in it does no harm to the next one.
  const hello = deflateRawSync(utf8("Hello"));
  assert.equal(putThrough(inflater, hello, output), hello.length);
  assert.equal(toHex(output.written), toHex(utf8("Hello")));
  inflater.close();
});

test("nothing behind a final block is taken", () => {
  const inflater = SynchronousZlib.inflate();
  const hello = deflateRawSync(utf8("Hello"));
  const longer = new Uint8Array(hello.length + 10);
  longer.set(hello);
  const output = new ZlibOutput(100);
  assert.equal(putThrough(inflater, longer, output), hello.length);
  assert.equal(inflater.process(utf8("more"), output, Infinity), 0);
  assert.equal(toHex(output.written), toHex(utf8("Hello")));
  inflater.close();
});

test("what is not DEFLATE throws, and the next message is inflated", () => {
  const random = seededRandom("synchronous zlib: corrupt");
  const inflater = SynchronousZlib.inflate();
  const output = new ZlibOutput(100);
  const hello = deflateRawSync(utf8("Hello"));
  let thrown = 0;
  for (let round = 0; round < 300; round++) {
    try {
      putThrough(inflater, randomBytes(random, 40), output, 100_000);
    } catch (error) {
      assert.match((error as Error).message, /./);
      thrown++;
    }
    putThrough(inflater, hello, output);
    assert.equal(toHex(output.written), toHex(utf8("Hello")));
  }
  assert.ok(thrown > 200, `${thrown} of 300`);
  inflater.close();
});

test("a closed object throws instead of ending the process", () => {
  const inflater = SynchronousZlib.inflate();
  inflater.close();
  assert.throws(
    () => inflater.process(utf8("Hello"), new ZlibOutput(100), 100),
    /the zlib object is closed/,
  );
});

test("one compressor for all keeps to the settings as one for each message does", () => {
  const random = seededRandom("alone and anew");
  for (const level of [-1, 0, 1, 6, 9]) {
    for (const windowBits of [8, 9, 12, 15]) {
      const settings = { ...usualSettings, level, windowBits };
      const message = someMessage(random, 1 + random.integer(5000));
      const lengths = [
        deflateAlone(message, settings),
        deflateAnew(message, settings, null),
      ].map((compressed) => {
        const inflated = inflateRawSync(compressed, { finishFlush });
        assert.equal(toHex(inflated), toHex(message), JSON.stringify(settings));
        return compressed.length;
      });
      const apart = Math.abs(lengths[0] - lengths[1]);
      assert.ok(apart < 10 + lengths[1] / 50, `${lengths}`);
    }
  }
});
