// What the conformance run says while it runs, and in the end.

import assert from "node:assert/strict";
import { test } from "node:test";
import { Progress } from "../../autobahn/progress.ts";
import {
  type AgentOutcome,
  formatSummary,
  isPassed,
  summaryJson,
  totalsOf,
  type Verdict,
} from "../../autobahn/summary.ts";

const passed: Verdict = { id: "1.1.1", behavior: "OK", behaviorClose: "OK" };
const informational: Verdict = {
  id: "7.1.6",
  behavior: "INFORMATIONAL",
  behaviorClose: "INFORMATIONAL",
};
const nonStrict: Verdict = {
  id: "6.4.1",
  behavior: "NON-STRICT",
  behaviorClose: "OK",
  result: "It was late.",
  resultClose: "It was closed.",
};
const unclean: Verdict = {
  id: "2.1",
  behavior: "OK",
  behaviorClose: "UNCLEAN",
  result: "It came.",
  resultClose: "It was not closed.",
};

function outcomeOf(verdicts: Verdict[], more = {}): AgentOutcome {
  const expected = verdicts.length;
  return { agent: "mine", expected, verdicts, seconds: 1.25, ...more };
}

test("only OK and INFORMATIONAL are passed, both times", () => {
  const verdicts = [passed, informational, nonStrict, unclean];
  assert.deepEqual(verdicts.map(isPassed), [true, true, false, false]);
});

test("a case without a verdict has failed, and an agent with a problem", () => {
  assert.deepEqual(
    totalsOf([
      outcomeOf([passed, informational]),
      outcomeOf([passed, nonStrict], { expected: 5 }),
    ]),
    { passed: 3, failed: 4 },
  );
  const problem = "it ended with 1";
  assert.deepEqual(
    totalsOf([outcomeOf([passed], { problem }), outcomeOf([], { problem })]),
    { passed: 1, failed: 2 },
  );
});

test("the table has a row an agent, and then what did not pass", () => {
  const text = formatSummary([
    outcomeOf([passed, informational, nonStrict, unclean], {
      problem: "it fell over",
    }),
    { ...outcomeOf([passed]), agent: "another" },
  ]);
  const lines = text.split("\n");
  assert.match(
    lines[0],
    /^ +cases +OK +informational +non-strict +unimplemented +failed +badly closed +time$/,
  );
  assert.match(lines[1], /^mine +4 +2 +1 +1 +– +– +1 +1\.3 s$/);
  assert.match(lines[2], /^another +1 +1 +– +– +– +– +– +1\.3 s$/);
  assert.deepEqual(lines.slice(3), [
    "",
    "mine:",
    "  6.4.1    NON-STRICT, closing OK: It was late.",
    "  2.1      OK, closing UNCLEAN: It was not closed.",
    "  it fell over",
  ]);
});

test("the same for programs", () => {
  const outcomes = [outcomeOf([passed, unclean])];
  assert.deepEqual(JSON.parse(summaryJson(outcomes, ["a.html"])), {
    passed: 1,
    failed: 1,
    agents: [{
      agent: "mine",
      passed: 1,
      failed: 1,
      cases: 2,
      seconds: 1.25,
      problem: null,
      behavior: { OK: 2 },
      behaviorClose: { OK: 1, UNCLEAN: 1 },
      notPassed: [unclean],
    }],
    reports: ["a.html"],
  });
});

/** What progress writes, on a terminal or not. */
function write(isTTY: boolean): string {
  let text = "";
  const progress = new Progress({ write: (part) => text += part, isTTY });
  progress.begin("mine", 2);
  progress.add(passed);
  progress.add(nonStrict);
  progress.end();
  progress.note("done");
  return text;
}

test("progress in a file is a line an agent, and one a failure", () => {
  assert.equal(
    write(false),
    "mine: 6.4.1    NON-STRICT, closing OK: It was late.\n" +
      "mine: 2 of 2 cases, 1 not passed, 0 s\n" +
      "done\n",
  );
});

test("progress on a terminal writes over its own line only", () => {
  const text = write(true);
  assert(text.startsWith("mine: 0 of 2 cases, 0 s\r\x1b[Kmine: 1 of 2 cases"));
  // deno-lint-ignore no-control-regex
  const shown = text.replaceAll(/[^\n]*\r\x1b\[K/g, "");
  assert.equal(shown, write(false));
});
