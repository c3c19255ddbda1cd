import assert from "node:assert/strict";
import { test } from "node:test";
import { parseRunArguments } from "./run_arguments.ts";

test("test runner: all runtimes and files, or those that are named", () => {
  const all = ["deno", "bun", "node"];
  for (
    const [given, names, filters] of [
      [[], all, []],
      [["node"], ["node"], []],
      [["node", "deno"], ["deno", "node"], []],
      [["deno,bun"], ["deno", "bun"], []],
      [["bun", "handshake"], ["bun"], ["handshake"]],
      [["codec", "close"], all, ["codec", "close"]],
      [["node,chrome"], all, ["node,chrome"]],
    ] as const
  ) {
    assert.deepEqual(parseRunArguments(given), { names, filters });
  }
});

test("test runner: there is a help text, and no other flag", () => {
  assert.equal(parseRunArguments(["node", "--help"]), "help");
  assert.equal(parseRunArguments(["-h"]), "help");
  assert.throws(() => parseRunArguments(["node", "--foo"]), {
    name: "RunArgumentsError",
    message: "Unknown flag --foo, see --help",
  });
});
