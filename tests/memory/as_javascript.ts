/**
 * The library and a script as JavaScript, the way a package has them.
 *
 * Node runs TypeScript with a compiler in WebAssembly that stays in the process:
 * for this library it alone takes about 50 MB, as much as all the rest of the
 * server. A server whose memory matters is not started that way.
 */

import { mkdirSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { readFileSync, writeFileSync } from "node:fs";
import * as module from "node:module";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import process from "node:process";
import { root } from "../toolchain.ts";

/**
 * Writes the library and the folder `tests/memory` without their types into a
 * folder of its own, which is removed when the process ends.
 *
 * @param script A script's path from the repository's root.
 * @returns The path of that script in JavaScript.
 */
export function asJavaScript(script: string): string {
  const folder = mkdtempSync(join(tmpdir(), "weir-javascript-"));
  process.on("exit", () => rmSync(folder, { recursive: true, force: true }));
  writeFileSync(join(folder, "package.json"), '{ "type": "module" }');
  for (const file of ["mod.ts", ...filesIn("src"), ...filesIn("tests")]) {
    const target = join(folder, file.replace(/\.ts$/, ".js"));
    mkdirSync(dirname(target), { recursive: true });
    writeFileSync(target, withoutTypes(readFileSync(join(root, file), "utf8")));
  }
  return join(folder, script.replace(/\.ts$/, ".js"));
}

function filesIn(folder: string): string[] {
  return readdirSync(join(root, folder), { recursive: true })
    .map((file) => join(folder, String(file)))
    .filter((file) => file.endsWith(".ts"));
}

function withoutTypes(source: string): string {
  // Deno does not know of this function of Node's, which alone is to call it.
  const { stripTypeScriptTypes } = module as unknown as {
    stripTypeScriptTypes(source: string): string;
  };
  return stripTypeScriptTypes(source)
    .replace(/((?:from|import) "\.[^"]*)\.ts"/g, '$1.js"');
}
