// The documentation: every TypeScript block of README.md and docs/ is
// type-checked, and what is a program by itself is run and prints what it says.
// The blocks in examples/ are those of the programs there: see tests/examples/.

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import {
  existsSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import process from "node:process";
import { test } from "node:test";
import { fileURLToPath, pathToFileURL } from "node:url";
import { runtime, scriptCommand } from "../support/runtime.ts";
import { expectedOutput, findCodeBlocks, findPages } from "./code_blocks.ts";
import type { RunReport } from "./programs/run_blocks.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));
const programs = fileURLToPath(new URL("programs", import.meta.url));
const pages = findPages();
const pagesWithBlocks = pages.filter((page) => !page.startsWith("examples/"));
const { exports: configured } = JSON.parse(
  readFileSync(join(root, "deno.json"), "utf8"),
);

// The checker is the same whichever runtime the tests run on.
if (runtime === "deno") {
  test("every block of TypeScript in the documentation is right", () => {
    const { status, stderr } = spawnSync(
      process.execPath,
      ["check", "--quiet", "--doc-only", ...pagesWithBlocks],
      { cwd: root, encoding: "utf8", env: { ...process.env, NO_COLOR: "1" } },
    );
    assert.equal(status, 0, stderr);
  });
}

test("what is a program in the documentation runs and prints what it says", () => {
  const blocks = pagesWithBlocks.flatMap(findCodeBlocks).filter(({ runs }) =>
    runs
  );
  assert.ok(blocks.length >= 10, `found ${blocks.length} programs`);
  const folder = mkdtempSync(join(tmpdir(), "weir-docs-"));
  try {
    const files = blocks.map(({ code }, index) => {
      const file = join(folder, `block${index}.ts`);
      writeFileSync(file, runnable(code));
      return file;
    });
    const command = scriptCommand(join(programs, "run_blocks.ts"));
    const { stdout, stderr } = spawnSync(
      command.program,
      [...command.arguments, ...files],
      { cwd: folder, encoding: "utf8", timeout: 110_000 },
    );
    const reports: RunReport[] = stdout.trim().split("\n").filter(Boolean)
      .map((line) => JSON.parse(line));
    for (const [index, { place, code }] of blocks.entries()) {
      const report = reports[index];
      assert.ok(report, `${place} ended everything: ${stderr}`);
      assert.deepEqual(
        report.errors,
        [],
        `${place} failed (a block that can't run by itself is marked \`\`\`ts no-run)`,
      );
      const expected = expectedOutput(code);
      // Lines that it says nothing about may stand between, and callbacks are
      // called in an order of their own.
      const printed = report.output.filter((line) => expected.includes(line));
      assert.deepEqual(
        printed.sort(),
        expected.sort(),
        `${place} printed ${JSON.stringify(report.output)}`,
      );
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});

test("what the documentation links to is there", () => {
  for (const page of [...pages, "CONTRIBUTING.md", "SECURITY.md"]) {
    const text = readFileSync(join(root, page), "utf8")
      .replaceAll(/^```.*?^```$/gms, "");
    for (const [, target] of text.matchAll(/\]\(([^)\s]+)\)/g)) {
      if (/^(?:https?|mailto):/.test(target)) continue;
      const [path, anchor] = target.split("#");
      const file = path === ""
        ? join(root, page)
        : join(dirname(join(root, page)), path);
      assert.ok(existsSync(file), `${page}: ${target} is not there`);
      if (anchor !== undefined && file.endsWith(".md")) {
        assert.ok(
          anchorsOf(readFileSync(file, "utf8")).includes(anchor),
          `${page}: ${target} has no such heading`,
        );
      }
    }
  }
});

/** A block as a module of its own: it imports Weir's files, and takes a free port. */
function runnable(code: string): string {
  const entries: Record<string, string> = typeof configured === "string"
    ? { ".": configured }
    : configured;
  const rewritten = code
    .replaceAll(/\bfrom "@weir\/ws(\/[^"]+)?"/g, (_, entry?: string) => {
      const path = entry === undefined
        ? join(programs, "weir.ts")
        : join(root, entries["." + entry]);
      return `from ${JSON.stringify(pathToFileURL(path).href)}`;
    })
    .replaceAll(/\.listen\(\d+\)/g, '.listen(0, "127.0.0.1")');
  return `// prints ${expectedOutput(code).length}\n${rewritten}`;
}

/** The anchors that GitHub gives the headings of a page. */
function anchorsOf(text: string): string[] {
  return [...text.matchAll(/^#+ (.+)$/gm)].map(([, heading]) =>
    heading.toLowerCase().replaceAll(/[^\p{L}\p{N} _-]/gu, "")
      .replaceAll(" ", "-")
  );
}
