// Many waits of the same length on one timer.

import assert from "node:assert/strict";
import { setTimeout as delay } from "node:timers/promises";
import { test } from "node:test";
import { type Deadline, Deadlines } from "../src/deadlines.ts";
import { seededRandom } from "./support/seeded_random.ts";
import { within } from "./connection/harness.ts";

/** Deadlines, when each has passed, and a promise of so many that have. */
function record(milliseconds: number): {
  deadlines: Deadlines<string>;
  passed: Map<string, number>;
  several: (count: number) => Promise<void>;
} {
  const passed = new Map<string, number>();
  let told = (): void => {};
  const deadlines = new Deadlines<string>(milliseconds, (member) => {
    assert.ok(!passed.has(member), `${member} has passed twice`);
    passed.set(member, performance.now());
    told();
  });
  const several = (count: number): Promise<void> =>
    within(
      new Promise((resolve) => {
        told = () => passed.size >= count ? resolve() : undefined;
        told();
      }),
      `the passing of ${count} deadlines`,
    );
  return { deadlines, passed, several };
}

function waiting(deadlines: Deadlines<string>): (string | null)[] {
  const members = deadlines.waits.map(({ member }) => member);
  assert.equal(members.length, deadlines.size);
  return members;
}

test("each passes after its own time, in the order in which they began", async () => {
  const { deadlines, passed, several } = record(200);
  const begun = new Map<string, number>();
  for (const member of ["a", "b", "c", "d"]) {
    begun.set(member, performance.now());
    deadlines.add(member);
    await delay(20);
  }
  await several(4);
  assert.deepEqual([...passed.keys()], ["a", "b", "c", "d"]);
  for (const [member, at] of passed) {
    const waited = at - begun.get(member)!;
    assert.ok(waited >= 198, `${member} waited ${waited} ms`);
  }
  assert.deepEqual(waiting(deadlines), []);
});

test("who begins again waits the whole time again, and whose wait is ended not at all", async () => {
  const { deadlines, passed, several } = record(1000);
  const again = deadlines.add("again");
  const gone = deadlines.add("gone");
  deadlines.add("other");
  assert.deepEqual(waiting(deadlines), ["again", "gone", "other"]);
  await delay(200);
  const begun = performance.now();
  deadlines.delete(again);
  deadlines.add("again");
  deadlines.delete(gone);
  deadlines.delete(gone);
  deadlines.delete(null);
  assert.deepEqual(waiting(deadlines), ["other", "again"]);
  await several(2);
  assert.deepEqual([...passed.keys()], ["other", "again"]);
  assert.ok(passed.get("again")! - begun >= 998);
});

test("after a while with nobody, the next waits the whole time", async () => {
  const { deadlines, passed, several } = record(1000);
  const first = deadlines.add("first");
  await delay(200);
  deadlines.delete(first);
  const begun = performance.now();
  deadlines.add("second");
  await several(1);
  assert.ok(passed.get("second")! - begun >= 998);
  assert.deepEqual([...passed.keys()], ["second"]);
});

test("who has passed may begin again in that very moment", async () => {
  let rounds = 0;
  const begun = performance.now();
  const ended = Promise.withResolvers<void>();
  const deadlines: Deadlines<string> = new Deadlines(20, (member) => {
    if (++rounds < 4) deadlines.add(member);
    else ended.resolve();
  });
  deadlines.add("one");
  await within(ended.promise, "the fourth round");
  assert.ok(performance.now() - begun >= 4 * 18);
  assert.deepEqual(waiting(deadlines), []);
});

test("clear() ends all waits, and others can begin", async () => {
  const { deadlines, passed, several } = record(50);
  deadlines.add("a");
  deadlines.add("b");
  deadlines.clear();
  assert.deepEqual(waiting(deadlines), []);
  deadlines.add("c");
  await several(1);
  await delay(60);
  assert.deepEqual([...passed.keys()], ["c"]);
});

test("waits that begin and end in any order: those that last are there, in order, and nothing of the others", () => {
  const random = seededRandom("deadlines");
  const deadlines = new Deadlines<string>(1_000_000, () => {});
  let expected: Deadline<string>[] = [];
  for (let step = 0; step < 2000; step++) {
    if (random.integer(20) < 11) {
      expected.push(deadlines.add(`${step}`));
    } else if (expected.length > 0) {
      const [ended] = expected.splice(random.integer(expected.length), 1);
      deadlines.delete(ended);
      deadlines.delete(ended);
      // It must lead to none of those that come and go later.
      for (const value of Object.values(ended)) {
        assert.notEqual(typeof value, "string");
        assert.ok(typeof value !== "object" || value === null);
      }
    }
    if (random.integer(400) === 0) {
      deadlines.clear();
      expected = [];
    }
    assert.deepEqual(deadlines.waits, expected);
  }
  deadlines.clear();
});
