import { test } from "node:test";
import assert from "node:assert/strict";
import {
  allCases,
  caseCategories,
  caseNumberOf,
  caseSubcategories,
  findCase,
} from "../../autobahn/cases/index.ts";
import { utf8Sequences } from "../../autobahn/cases/utf8_sequences.ts";
import { hexadecimal } from "../../autobahn/peer/octets.ts";

/** How many cases each section has in the reference suite. */
const sections = `
  1.1:8 1.2:8 2:11 3:7 4.1:5 4.2:5 5:20 6.1:3 6.2:4 6.3:2 6.4:4 6.5:5
  6.6:11 6.7:4 6.8:2 6.9:4 6.10:3 6.11:5 6.12:8 6.13:5 6.14:10 6.15:1
  6.16:3 6.17:5 6.18:5 6.19:5 6.20:7 6.21:8 6.22:34 6.23:7 7.1:6 7.3:6
  7.5:1 7.7:13 7.9:9 7.13:2 9.1:6 9.2:6 9.3:9 9.4:9 9.5:6 9.6:6 9.7:6
  9.8:6 10.1:1 12.1:18 12.2:18 12.3:18 12.4:18 12.5:18 13.1:18 13.2:18
  13.3:18 13.4:18 13.5:18 13.6:18 13.7:18
`.trim().split(/\s+/).map((section) => section.split(":"));

test("cases: all 517 under the reference's numbers, in its order", () => {
  const expected = sections.flatMap(([section, count]) =>
    Array.from(
      { length: Number(count) },
      (_, index) => `${section}.${index + 1}`,
    )
  );
  assert.equal(expected.length, 517);
  assert.deepEqual(allCases.map(({ id }) => id), expected);
});

test("cases: each can be found, says what it does and has a category", () => {
  for (const [index, one] of allCases.entries()) {
    assert.equal(findCase(one.id), one);
    assert.equal(caseNumberOf(one.id), index + 1);
    assert.match(one.description, /^[A-Z].*[.0-9a-f]$/s, one.id);
    assert.match(one.expectation, /^[A-Z0-9].*\.$/s, one.id);
    const [first, second, third] = one.id.split(".");
    assert.ok(caseCategories[first], one.id);
    if (third !== undefined) {
      assert.ok(caseSubcategories[`${first}.${second}`], one.id);
    }
  }
  assert.equal(findCase("1.1.9"), undefined);
  assert.throws(() => caseNumberOf("8.1"), /no case "8\.1"/);
});

test("cases: the platform's decoder agrees on what is UTF-8", () => {
  const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
  for (const { name, sequences } of utf8Sequences) {
    for (const { octets, isValid } of sequences) {
      let decodes = true;
      try {
        decoder.decode(octets);
      } catch {
        decodes = false;
      }
      assert.equal(decodes, isValid, `${name}: ${hexadecimal(octets)}`);
    }
  }
});

test("cases: only those about size, speed or compression are measured", () => {
  for (const { id, isMeasured, reportCompressionRatio } of allCases) {
    assert.equal(isMeasured ?? false, /^(9|12|13)\./.test(id), id);
    assert.equal(reportCompressionRatio ?? false, /^1[23]\./.test(id), id);
  }
});
