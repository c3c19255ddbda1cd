// The list of examples, and what each example owes to somebody who reads it.

import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { test } from "node:test";

const folder = new URL("../../examples/", import.meta.url);
const files = readdirSync(folder, { recursive: true })
  .map((file) => String(file).replaceAll("\\", "/"));

test("examples/README.md names every example and every migration page", () => {
  const links = linksOf("README.md");
  const expected = files.filter((file) =>
    /^[^/]+\.ts$/.test(file) || /^migrate\/[^/]+\.md$/.test(file)
  );
  assert.ok(expected.length >= 10, `${expected}`);
  assert.deepEqual(links.toSorted(), expected.toSorted());
});

test("examples/migrate: the links of the pages lead somewhere", () => {
  for (const page of files.filter((file) => /^migrate\/.*\.md$/.test(file))) {
    for (const link of linksOf(page)) {
      const [path] = link.split("#");
      assert.ok(
        existsSync(new URL(path, new URL(page, folder))),
        `${page}: ${link}`,
      );
    }
  }
});

test("examples: each says in two to five lines what it is", () => {
  for (const file of files.filter((file) => file.endsWith(".ts"))) {
    const [head] = /^(\/\/.*\n)+/.exec(read(file)) ?? [""];
    const lines = head.split("\n").length - 1;
    assert.ok(lines >= 2 && lines <= 5, `${file}: ${head}`);
  }
});

function read(file: string): string {
  return readFileSync(new URL(file, folder), "utf8");
}

function linksOf(page: string): string[] {
  return [...read(page).matchAll(/\]\(([^)]+)\)/g)].map(([, link]) => link);
}
