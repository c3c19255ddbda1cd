// The open connections of a server: a set like any other, for who reads it.

import assert from "node:assert/strict";
import { test } from "node:test";
import { inspect } from "node:util";
import type { Session } from "../../src/connection/session.ts";
import {
  type ConnectionDetails,
  WebSocketConnection,
} from "../../src/connection/connection.ts";
import { OpenConnections } from "../../src/upgrade/open_connections.ts";
import { seededRandom } from "../support/seeded_random.ts";

/** A connection that is asked for nothing. */
function connection(data?: unknown): WebSocketConnection {
  return new WebSocketConnection({} as Session, {} as ConnectionDetails, data);
}

function several(count: number): [OpenConnections, WebSocketConnection[]] {
  const open = new OpenConnections();
  const members = Array.from(
    { length: count },
    (_, index) => connection(index),
  );
  for (const member of members) open.add(member);
  return [open, members];
}

test("connections come and go in any order: it has those that a Set has", () => {
  const random = seededRandom("open connections");
  const open = new OpenConnections();
  const expected = new Set<WebSocketConnection>();
  const gone: WebSocketConnection[] = [];
  for (let step = 0; step < 3000; step++) {
    if (random.integer(20) < 11 || expected.size === 0) {
      const next = random.integer(4) === 0 && gone.length > 0
        ? gone.pop()!
        : connection(step);
      open.add(next);
      expected.add(next);
    } else {
      const leaving = random.pick([...expected]);
      open.delete(leaving);
      open.delete(leaving);
      expected.delete(leaving);
      gone.push(leaving);
      assert.ok(!open.has(leaving));
    }
    assert.equal(open.size, expected.size);
    if (step % 50 === 0) assert.deepEqual(new Set(open), expected);
  }
  for (const member of expected) assert.ok(open.has(member));
});

test("it has nothing of another server's, nor what is no connection", () => {
  const [open, members] = several(2);
  const [other, others] = several(3);
  for (const member of others) {
    assert.ok(!open.has(member));
    open.delete(member);
    assert.ok(other.has(member));
  }
  assert.equal(open.size, 2);
  assert.equal(other.size, 3);
  for (const value of [undefined, null, 0, "0", {}, connection()]) {
    assert.ok(!open.has(value));
  }
  assert.deepEqual(new Set(open), new Set(members));
});

test("who goes through it does not meet those that have closed meanwhile", () => {
  const [open, members] = several(10);
  const met = new Set<WebSocketConnection>();
  for (const member of open) {
    met.add(member);
    // It, and one that may come or have been.
    open.delete(member);
    open.delete(members[9 - (member.data as number)]);
    open.add(connection("late"));
  }
  assert.equal(met.size, 5);
  assert.equal(open.size, 5);
  for (const member of open) assert.equal(member.data, "late");
});

test("keys(), values(), entries() and forEach() give what iterating it gives", () => {
  const [open, members] = several(5);
  open.delete(members[1]);
  const expected = [...open];
  assert.equal(expected.length, 4);
  assert.deepEqual([...open.keys()], expected);
  assert.deepEqual([...open.values()], expected);
  assert.deepEqual([...open.entries()], expected.map((each) => [each, each]));
  const told: unknown[] = [];
  const receiver = {};
  open.forEach(function (this: unknown, value, key, set) {
    told.push(value);
    assert.equal(key, value);
    assert.equal(set, open);
    assert.equal(this, receiver);
  }, receiver);
  assert.deepEqual(told, expected);
});

test("it can be compared and joined with sets, from either side", () => {
  const [open, members] = several(4);
  const set = new Set(members);
  const some = new Set([members[0], members[2], connection()]);
  for (const other of [set, some, new Set(members.slice(1)), open]) {
    assert.deepEqual(open.union(other), set.union(other));
    assert.deepEqual(open.intersection(other), set.intersection(other));
    assert.deepEqual(open.difference(other), set.difference(other));
    assert.deepEqual(
      open.symmetricDifference(other),
      set.symmetricDifference(other),
    );
    assert.equal(open.isSubsetOf(other), set.isSubsetOf(other));
    assert.equal(open.isSupersetOf(other), set.isSupersetOf(other));
    assert.equal(open.isDisjointFrom(other), set.isDisjointFrom(other));
    assert.deepEqual(other.union(open), other.union(set));
    assert.deepEqual(other.intersection(open), other.intersection(set));
    assert.equal(other.isSubsetOf(open), other.isSubsetOf(set));
  }
});

test("it is printed with what it has, as a Set", () => {
  const [open, members] = several(3);
  assert.equal(inspect(open), inspect(new Set(members)));
  assert.match(inspect({ open }), /Set\(3\)/);
});
