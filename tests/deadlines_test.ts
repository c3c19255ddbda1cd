// Many waits of the same length on one timer.

import assert from "node:assert/strict";
import { setTimeout as delay } from "node:timers/promises";
import { test } from "node:test";
import { Deadlines } from "../src/deadlines.ts";
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
  assert.deepEqual([...deadlines.members], []);
});

test("who is added again waits the whole time again, and who is deleted not at all", async () => {
  const { deadlines, passed, several } = record(1000);
  deadlines.add("again");
  deadlines.add("gone");
  deadlines.add("other");
  assert.deepEqual([...deadlines.members], ["again", "gone", "other"]);
  await delay(200);
  const begun = performance.now();
  deadlines.add("again");
  deadlines.delete("gone");
  deadlines.delete("never there");
  assert.deepEqual([...deadlines.members], ["other", "again"]);
  await several(2);
  assert.deepEqual([...passed.keys()], ["other", "again"]);
  assert.ok(passed.get("again")! - begun >= 998);
});

test("after a while with nobody, the next waits the whole time", async () => {
  const { deadlines, passed, several } = record(1000);
  deadlines.add("first");
  await delay(200);
  deadlines.delete("first");
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
  assert.deepEqual([...deadlines.members], []);
});

test("clear() ends all waits, and others can begin", async () => {
  const { deadlines, passed, several } = record(50);
  deadlines.add("a");
  deadlines.add("b");
  deadlines.clear();
  assert.deepEqual([...deadlines.members], []);
  deadlines.add("c");
  await several(1);
  await delay(60);
  assert.deepEqual([...passed.keys()], ["c"]);
});
