import assert from "node:assert/strict";
import { test } from "node:test";
import { ItemQueue } from "../../src/connection/item_queue.ts";
import { seededRandom } from "../support/seeded_random.ts";

test("what was put in first comes out first, however long the queue gets", () => {
  const random = seededRandom("ItemQueue");
  const queue = new ItemQueue<number>();
  let put = 0;
  let taken = 0;
  for (let round = 0; round < 2000; round++) {
    for (let count = random.integer(20); count > 0; count--) queue.push(put++);
    assert.equal(queue.length, put - taken);
    const most = Math.min(queue.length, random.integer(20));
    for (let count = most; count > 0; count--) {
      assert.equal(queue.shift(), taken++);
    }
  }
  while (queue.length > 0) assert.equal(queue.shift(), taken++);
  assert.equal(taken, put);
  assert.ok(put > 10_000);
});
