import assert from "node:assert/strict";
import process from "node:process";
import { test } from "node:test";
import { Inflater } from "../../src/deflate/inflater.ts";
import { ZlibDeflater } from "../../src/deflate/zlib.ts";
import { sharedInflater } from "../../src/deflate/zlib_inflate.ts";
import { toHex } from "../support/frames.ts";
import { seededRandom } from "../support/seeded_random.ts";
import {
  putThrough,
  randomBytes,
  someMessage,
  usualSettings,
} from "./backends.ts";

test("more contexts than there is memory for go on from what was sent", async () => {
  const random = seededRandom("many contexts");
  const connections = Array.from({ length: 1500 }, () => ({
    deflater: new ZlibDeflater(usualSettings, true),
    inflater: new Inflater(sharedInflater, true),
    usual: someMessage(random, 60),
  }));
  // Most come by in turns; a few of them are there all the time.
  for (let step = 0; step < 6000; step++) {
    const index = step % 3 === 0 ? random.integer(20) : step % 1500;
    const { deflater, inflater, usual } = connections[index];
    const long = random.integer(40) === 0;
    const message = long ? someMessage(random, random.integer(40_000)) : usual;
    const payload = await putThrough(deflater, message);
    assert.equal(
      toHex(await putThrough(inflater, payload)),
      toHex(message),
      `message ${step}, connection ${index}`,
    );
  }
  for (const { deflater } of connections) {
    await putThrough(deflater, someMessage(random, 500));
    const { length } = await putThrough(deflater, someMessage(random, 0));
    assert.equal(length, 1);
    deflater.close();
  }
});

test("a message refers to the one before it also when others had the memory", async () => {
  const random = seededRandom("context given up");
  const message = randomBytes(random, 1000);
  const deflater = new ZlibDeflater(usualSettings, true);
  await putThrough(deflater, message);
  const others = Array.from(
    { length: 2000 },
    () => new ZlibDeflater(usualSettings, true),
  );
  for (const other of others) await putThrough(other, message);
  const last = await putThrough(others[others.length - 1], message);
  assert.ok(last.length < 100, `${last.length} bytes`);
  const again = await putThrough(deflater, message);
  assert.ok(again.length < 100, `${again.length} bytes`);
  deflater.rest();
  const rested = await putThrough(deflater, message);
  assert.ok(rested.length < 100, `${rested.length} bytes`);
  for (const each of [deflater, ...others]) each.close();
});

test("10,000 contexts take the memory of a few hundred compressors", async () => {
  const random = seededRandom("memory of contexts");
  const message = someMessage(random, 300);
  const before = process.memoryUsage().rss;
  const deflaters: ZlibDeflater[] = [];
  for (let count = 0; count < 10_000; count++) {
    const deflater = new ZlibDeflater(usualSettings, true);
    await putThrough(deflater, message);
    deflaters.push(deflater);
  }
  const growth = process.memoryUsage().rss - before;
  // A compressor for each would take more than 1 GB.
  assert.ok(growth < 250e6, `${growth} bytes`);
  for (const deflater of deflaters) deflater.close();
});
