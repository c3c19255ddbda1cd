/**
 * Builds the npm package: JavaScript, declarations and source maps, made by the
 * TypeScript compiler, with the entry points that `deno.json` exports.
 *
 *     deno task npm                  into dist/
 *     deno task npm --outdir DIR     into another folder
 */

import { spawnSync } from "node:child_process";
import {
  cpSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { createRequire } from "node:module";
import { basename, dirname, join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { outputFolder, OutputFolderError } from "./output_folder.ts";

/** What `deno.json` says that the package needs. */
interface Configuration {
  name: string;
  version: string;
  license: string;
  exports: string | Record<string, string>;
}

const root = fileURLToPath(new URL("..", import.meta.url));
const configuration: Configuration = JSON.parse(
  readFileSync(join(root, "deno.json"), "utf8"),
);
const folder = readFolder();
const entries: Record<string, string> =
  typeof configuration.exports === "string"
    ? { ".": configuration.exports }
    : configuration.exports;

rmSync(folder, { recursive: true, force: true });
compile(Object.values(entries), folder);
for (const name of readdirSync(folder, { recursive: true, encoding: "utf8" })) {
  if (name.endsWith(".d.ts")) nameDeclarations(join(folder, name));
}
// What the README and the pages point to is to be found in the package as well.
const documents = [
  "README.md",
  "CHANGELOG.md",
  "CONTRIBUTING.md",
  "LICENSE",
  "SECURITY.md",
  "autobahn/README.md",
  "bench/README.md",
  "bench/results.md",
  "bench/results.svg",
  "docs",
  "examples",
  "src/demonstration/prometheus.ts",
];
for (const name of documents) {
  cpSync(join(root, name), join(folder, name), {
    recursive: true,
    filter: (path) => basename(path) !== "node_modules",
  });
}
writeFileSync(
  join(folder, "package.json"),
  JSON.stringify(packageDescription(configuration, entries), null, 2) + "\n",
);
console.log(`${configuration.name}@${configuration.version}: ${folder}`);

/** The folder to build into. Ends the program on flags that can't be used. */
function readFolder(): string {
  try {
    const { values } = parseArgs({
      options: { outdir: { type: "string", default: join(root, "dist") } },
    });
    return outputFolder(values.outdir, root, configuration.name);
  } catch (error) {
    const { code, message } = error as { code?: string; message: string };
    const isExplained = error instanceof OutputFolderError ||
      code?.startsWith("ERR_PARSE_ARGS") === true;
    if (!isExplained) throw error;
    console.error(`npm.ts: ${message}`);
    process.exit(2);
  }
}

/** Compiles the entry points and what they import. Ends the program on errors. */
function compile(files: string[], outDir: string): void {
  const compiler = join(
    dirname(createRequire(import.meta.url).resolve("typescript/package.json")),
    "lib/tsc.js",
  );
  const options: Record<string, string> = {
    outDir,
    rootDir: root,
    target: "es2023",
    lib: "es2024,dom,dom.iterable,dom.asynciterable,esnext.disposable",
    types: "node",
    module: "nodenext",
    strict: "true",
    verbatimModuleSyntax: "true",
    rewriteRelativeImportExtensions: "true",
    declaration: "true",
    sourceMap: "true",
    inlineSources: "true",
  };
  const { status } = spawnSync(process.execPath, [
    ...("Deno" in globalThis ? ["run", "-A"] : []),
    compiler,
    ...Object.entries(options).flatMap(([name, value]) => [`--${name}`, value]),
    ...files,
  ], { cwd: root, stdio: "inherit" });
  if (status !== 0) {
    console.error("the npm package was not built: see the compiler's errors");
    process.exit(1);
  }
}

/**
 * Names the files that a declaration file imports as they are in the package.
 * The compiler rewrites `.ts` to `.js` in JavaScript, but not in declarations.
 */
function nameDeclarations(path: string): void {
  const declarations = readFileSync(path, "utf8");
  writeFileSync(
    path,
    declarations.replaceAll(
      /(\bfrom |\bimport\()"(\.{1,2}\/[^"]+)\.ts"/g,
      '$1"$2.js"',
    ),
  );
}

/** The `package.json` of the package. */
function packageDescription(
  { name, version, license }: Configuration,
  entries: Record<string, string>,
): object {
  // npm compares it with where a package with provenance was built.
  const { GITHUB_REPOSITORY } = process.env;
  return {
    name,
    version,
    description:
      "A WebSocket server and client made of Web Streams, for Deno, Bun and Node.",
    keywords: ["websocket", "websocketstream", "streams", "backpressure"],
    license,
    ...(GITHUB_REPOSITORY && {
      repository: {
        type: "git",
        url: `git+https://github.com/${GITHUB_REPOSITORY}.git`,
      },
    }),
    type: "module",
    exports: {
      ...Object.fromEntries(
        Object.entries(entries).map(([entry, path]) => [entry, {
          types: path.replace(/\.ts$/, ".d.ts"),
          default: path.replace(/\.ts$/, ".js"),
        }]),
      ),
      "./package.json": "./package.json",
    },
    sideEffects: false,
    engines: { node: ">=22" },
    publishConfig: { access: "public" },
  };
}
