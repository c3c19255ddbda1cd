/** The pages of the documentation, and the programs in them. */

import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

/** A TypeScript code block of a page. */
export interface CodeBlock {
  /** The page, and the line on which the code starts: `docs/hooks.md:12`. */
  readonly place: string;
  /** The code. */
  readonly code: string;
  /** Whether it is to be run, and not only checked. */
  readonly runs: boolean;
}

const root = fileURLToPath(new URL("../..", import.meta.url));

/** The pages, as paths from the root of the repository. */
export function findPages(): string[] {
  const pages = ["README.md"];
  for (const folder of ["docs", "examples"]) {
    if (!existsSync(join(root, folder))) continue;
    const names = readdirSync(join(root, folder), { recursive: true }).sort();
    pages.push(
      ...names.map((name) => `${folder}/${String(name).replaceAll("\\", "/")}`)
        .filter((name) =>
          name.endsWith(".md") && !name.includes("node_modules")
        ),
    );
  }
  return pages;
}

/**
 * The blocks of TypeScript in a page. `ts ignore` is neither checked nor run;
 * what is run imports nothing but Weir and builtins, and is not `ts no-run`.
 */
export function findCodeBlocks(page: string): CodeBlock[] {
  const text = readFileSync(join(root, page), "utf8");
  const blocks: CodeBlock[] = [];
  for (
    const match of text.matchAll(/^```ts\b([^\n]*)\n(.*?)^```$/gms)
  ) {
    const [, attributes, code] = match;
    if (attributes.includes("ignore")) continue;
    const specifiers = [...code.matchAll(/\bfrom "([^"]+)"/g)]
      .map(([, specifier]) => specifier);
    const line = text.slice(0, match.index).split("\n").length + 1;
    blocks.push({
      place: `${page}:${line}`,
      code,
      runs: !attributes.includes("no-run") &&
        specifiers.some(isWeir) &&
        specifiers.every((name) => isWeir(name) || name.startsWith("node:")),
    });
  }
  return blocks;
}

function isWeir(specifier: string): boolean {
  return specifier === "@weir/ws" || specifier.startsWith("@weir/ws/");
}

/**
 * What a block says that it prints: the comments behind the calls of
 * `console.log`. One with `…` may be anything.
 */
export function expectedOutput(code: string): string[] {
  return [...code.matchAll(/\bconsole\.log\(.*\);? \/\/ (.+)$/gm)]
    .map(([, comment]) => comment)
    .filter((comment) => !comment.includes("…"));
}
