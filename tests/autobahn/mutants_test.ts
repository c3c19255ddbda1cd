// The suite can fail: each fault of a server is found by the cases that are
// there to find it, and by no case that it does not touch.

import assert from "node:assert/strict";
import { after, describe, it } from "node:test";
import { findCase } from "../../autobahn/cases/index.ts";
import { runFuzzingClient } from "../../autobahn/fuzzing_client.ts";
import { type EchoServer, startEchoServer } from "./mutants/echo_server.ts";
import { mutants } from "./mutants/mutants.ts";

type Verdicts = Record<string, [behavior: string, behaviorClose: string]>;

const servers: EchoServer[] = [];

/** Starts a server and runs the cases with these numbers against it. */
async function verdictsOn(
  parts: Parameters<typeof startEchoServer>[0],
  ids: readonly string[],
): Promise<Verdicts> {
  const server = await startEchoServer(parts);
  servers.push(server);
  const cases = ids.map((id) => {
    const found = findCase(id);
    assert(found, `there is a case ${id}`);
    return found;
  });
  const verdicts: Verdicts = {};
  const { url } = server;
  for await (const result of runFuzzingClient({ url, cases, atOnce: 8 })) {
    verdicts[result.id] = [result.behavior, result.behaviorClose];
  }
  return verdicts;
}

// All begin at once: most of the time they only wait.
const outcomes = mutants.map((mutant) => {
  const ids = [...Object.keys(mutant.caughtBy), ...mutant.spares];
  const outcome = verdictsOn(mutant, ids);
  outcome.catch(() => {});
  return { mutant, outcome };
});
const allIds = new Set(
  mutants.flatMap(({ caughtBy, spares }) => [
    ...Object.keys(caughtBy),
    ...spares,
  ]),
);
const intact = verdictsOn({}, [...allIds]);
intact.catch(() => {});

describe("a server whose fault is that", () => {
  for (const { mutant, outcome } of outcomes) {
    it(mutant.fault, async () => {
      const expected: Verdicts = { ...mutant.caughtBy };
      for (const id of mutant.spares) expected[id] = ["OK", "OK"];
      assert.deepEqual(await outcome, expected);
    });
  }
  after(() => Promise.all(servers.map((server) => server.close())));
});

it("the same server without a fault passes all these cases", async () => {
  const expected: Verdicts = {};
  for (const id of allIds) expected[id] = ["OK", "OK"];
  assert.deepEqual(await intact, expected);
});
