// The marks in docs/features.md: those of Weir and of what else runs on the
// runtime that is tested, each asked again.

import assert from "node:assert/strict";
import { test } from "node:test";
import { runtime } from "../support/runtime.ts";
import { ask, peers } from "./features/peers.ts";
import { keepAliveProbe } from "./features/probes.ts";
import { mark, readColumn, rowNames } from "./features/table.ts";

for (const peer of peers.filter(({ runtimes }) => runtimes.includes(runtime))) {
  test(`the table of features is right about ${peer.name}`, async () => {
    // Others take up to 15 seconds for this one.
    const leftOut = peer.name === "Weir" ? [] : [keepAliveProbe];
    const answers = await ask(peer, runtime, leftOut);
    const column = readColumn(peer.name);
    assert.deepEqual(Object.keys(column).sort(), [...rowNames].sort());
    for (const name of rowNames) {
      if (leftOut.includes(name)) continue;
      assert.equal(
        mark(answers[name]),
        column[name],
        `${name}: ${answers[name]}`,
      );
    }
  });
}
