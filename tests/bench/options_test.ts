import assert from "node:assert/strict";
import { test } from "node:test";
import {
  type Options,
  OptionsError,
  parseOptions,
} from "../../bench/options.ts";

function parse(...given: string[]): Options {
  const options = parseOptions(given);
  assert.notEqual(options, "help");
  return options as Options;
}

function assertRefused(given: string[], message: RegExp): void {
  assert.throws(() => parseOptions(given), (error) => {
    assert.ok(error instanceof OptionsError, String(error));
    assert.match(error.message, message);
    return true;
  });
}

test("bench options: a run with settings of its own is not the full one", () => {
  const full = parse();
  assert.ok(full.full);
  assert.equal(full.output, "bench/results");
  for (
    const given of [
      ["--duration=50", "--rounds=1"],
      ["--duration=400"],
      ["--rounds=1"],
      ["--output=/tmp/x"],
      ["--quick"],
      ["--runtime=node"],
      ["--peer=weir"],
      ["--workload=echo-64-1"],
    ]
  ) {
    const { full, output } = parse(...given);
    assert.equal(full, false, given.join(" "));
    assert.notEqual(output, "bench/results");
  }
  assert.equal(parse("--output=/tmp/x").output, "/tmp/x");
});

test("bench options: a choice that leaves nobody to measure is refused", () => {
  assertRefused(
    ["--runtime=deno", "--peer=ws"],
    /no contender is left: ws on /,
  );
  assertRefused(
    ["--peer=weir-zlib", "--workload=echo-64-1"],
    /no contender is left: weir-zlib on .* none of the workloads/,
  );
  const handshakes = ["--peer=weir-streams", "--workload=handshakes"];
  assertRefused(["--quick", ...handshakes], /no contender is left: weir-str/);
  assert.deepEqual(parse(...handshakes).peers, ["weir-streams"]);
  assert.deepEqual(parse("--runtime=node", "--peer=ws").peers, ["ws"]);
});

test("bench options: numbers have bounds", () => {
  assertRefused(
    ["--duration=1e99"],
    /whole number from 50 to 60000, not "1e99"/,
  );
  assertRefused(["--duration=49"], /from 50 to 60000/);
  assertRefused(["--rounds=0"], /from 1 to 1000, not "0"/);
  assert.equal(parse("--duration=60000").duration, 60_000);
});
