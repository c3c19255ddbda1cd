// Patterns of case numbers, as the reference suite understands them.

import assert from "node:assert/strict";
import { test } from "node:test";
import {
  CaseSelectionError,
  isExcludedFor,
  selectCases,
  splitPatterns,
} from "../../autobahn/case_selection.ts";
import { allCases } from "../../autobahn/cases/index.ts";
import { casesFor, casesForAgent } from "../../autobahn/run_context.ts";

const all = allCases.map(({ id }) => id);

test("* is all cases, in their order", () => {
  assert.deepEqual(selectCases(all, ["*"]), all);
});

test("a pattern ends with its category's dot", () => {
  const picked = selectCases(all, ["1.*"]);
  assert.equal(picked.length, 16);
  assert(picked.every((id) => id.startsWith("1.")));
});

test("a pattern with * is of a number's beginning", () => {
  const picked = selectCases(all, ["9.1*"]);
  assert(picked.includes("9.1.6"));
  assert.deepEqual(selectCases(all, ["10*1"]), ["10.1.1"]);
  assert.deepEqual(
    selectCases(all, ["7.*.1"]).filter((id) => id.startsWith("7.7.")),
    ["7.7.1", "7.7.10", "7.7.11", "7.7.12", "7.7.13"],
  );
});

test("a pattern without * is one case", () => {
  assert.deepEqual(selectCases(all, ["7.7.1"]), ["7.7.1"]);
});

test("cases come in the suite's order, and once", () => {
  assert.deepEqual(
    selectCases(all, ["2.10", "2.9", "2.1*", "1.1.1"]),
    ["1.1.1", "2.1", "2.9", "2.10", "2.11"],
  );
});

test("a dot is a dot", () => {
  assert.throws(() => selectCases(["151.1"], ["1.1*"]), CaseSelectionError);
});

test("what is excluded is left out", () => {
  assert.deepEqual(selectCases(all, ["2.*"], ["2.1*", "2.2", "99.*"]), [
    "2.3",
    "2.4",
    "2.5",
    "2.6",
    "2.7",
    "2.8",
    "2.9",
  ]);
});

test("a category without cases does nothing beside others", () => {
  assert.deepEqual(selectCases(all, ["8.*", "10.*"]), ["10.1.1"]);
});

test("a number that no case has is an error that names it", () => {
  assert.throws(() => selectCases(all, ["1.*", "5.21"]), {
    name: "CaseSelectionError",
    message: /no case "5\.21"/,
  });
  // 12 is not 12.*, and leaving out nothing may take an hour more.
  assert.throws(() => selectCases(all, ["*"], ["1.1.1", "12"]), {
    name: "CaseSelectionError",
    message: /no case "12": .*"5\.\*" is all of category 5/,
  });
});

test("nothing to run is an error that says why", () => {
  assert.throws(() => selectCases(all, ["8.*", "11.*"]), {
    name: "CaseSelectionError",
    message: /8\.\* or 11\.\*/,
  });
  assert.throws(() => selectCases(all, []), {
    name: "CaseSelectionError",
    message: /the list of cases is empty/,
  });
  assert.throws(() => selectCases(all, ["5.1"], ["5.*"]), {
    name: "CaseSelectionError",
    message: /5\.\* leaves out all of 5\.1/,
  });
});

test("nothing to run for an agent is an error that names it", () => {
  const cases = casesFor(["5.*"], []);
  const exclusions = [{ agent: "Weir*", cases: ["5.1*"] }];
  assert.equal(casesForAgent(cases, "Weir on Deno", exclusions).length, 9);
  assert.equal(casesForAgent(cases, "other", exclusions).length, 20);
  exclusions.push({ agent: "Weir", cases: ["*"] });
  assert.throws(() => casesForAgent(cases, "Weir", exclusions), {
    name: "CaseSelectionError",
    message: /for "Weir": "exclude-agent-cases" leaves out all/,
  });
});

test("exclusions for agents are of whole names and numbers", () => {
  const exclusions = [{ agent: "Weir*", cases: ["9.*", "1.1.1", "2.1"] }];
  assert(isExcludedFor("Weir on Deno", "9.1.1", exclusions));
  assert(isExcludedFor("Weir", "1.1.1", exclusions));
  assert(!isExcludedFor("My Weir", "9.1.1", exclusions));
  assert(!isExcludedFor("Weir", "2.10", exclusions));
  assert(!isExcludedFor("Weir", "1.1.2", exclusions));
  assert(!isExcludedFor("Weir", "1.1.1", []));
});

test("lists are split at commas and spaces", () => {
  assert.deepEqual(splitPatterns(" 5.*,9.1.* , 1.1.1,"), [
    "5.*",
    "9.1.*",
    "1.1.1",
  ]);
});
