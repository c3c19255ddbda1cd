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
    const column = readColumn(peer.name);
    assert.deepEqual(Object.keys(column).sort(), [...rowNames].sort());
    const answers = await ask(peer, runtime, (row) => {
      // Others take up to 16 seconds for this one.
      if (row === keepAliveProbe && peer.name !== "Weir") return null;
      // What is there may be slow to show; what is not there is not waited for.
      return column[row] === "yes" ? 10_000 : 500;
    });
    for (const name of Object.keys(answers)) {
      assert.equal(
        mark(answers[name]),
        column[name],
        `${name}: ${answers[name]}`,
      );
    }
    assert.ok(Object.keys(answers).length >= rowNames.length - 1);
  });
}
