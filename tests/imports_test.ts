import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { test } from "node:test";

const root = new URL("../src/", import.meta.url);

/**
 * The layers of `src/`: a file imports nothing that
 * stands in a later one. A name that ends in "/" is a folder.
 */
const layers: readonly (readonly string[])[] = [
  [
    "frame.ts",
    "close.ts",
    "deadlines.ts",
    "describe.ts",
    "error.ts",
    "pem.ts",
    "simd_mask.ts",
    "turn.ts",
  ],
  // What the layers below count; who asks for it stands behind `topics/`.
  ["metrics/counters.ts", "metrics/histogram.ts"],
  ["mask.ts"],
  ["codec/"],
  // The negotiation of deflate is written in the terms of the handshake.
  ["handshake/"],
  ["deflate/"],
  ["connection/"],
  ["backplane/"],
  ["topics/"],
  ["metrics/"],
  ["transport/"],
  ["upgrade/"],
  [
    "accept.ts",
    "client.ts",
    "client_options.ts",
    "fetch.ts",
    "listen_options.ts",
    "listener.ts",
    "serve.ts",
    "upgrade_handler.ts",
  ],
  // The demonstration server is a user of the library: it imports mod.ts.
  ["demonstration/"],
];

/** The index of a file's layer. */
function layerOf(file: string): number {
  const layer = layers.findIndex((names) =>
    names.some((name) =>
      name.endsWith("/") ? file.startsWith(name) : file === name
    )
  );
  assert.ok(layer >= 0, `src/${file} is in no layer: give it one above`);
  return layer;
}

/** Source without its comments, which `deno fmt` puts on lines of their own. */
function withoutComments(source: string): string {
  return source.replace(/^\s*(\/\*\*?[^]*?\*\/|\/\/.*)$/gm, "")
    .replace(/\s\/\/ .*$/gm, "");
}

const clause = String
  .raw`(?:type\s+)?(?:\w+\s*,\s*)?(?:\w+|\*(?:\s+as\s+\w+)?|\{[^}]*\})\s+from\s+`;
const statement = new RegExp(
  String.raw`^(?:import|export)\s+(?:${clause})?["']([^"']+)["']`,
  "gm",
);
const call = /\b(?:import|require|getBuiltinModule)\(\s*["'`]?([^"'`)]*)/g;

/** All that a file imports, types and dynamic imports as well. */
function specifiersIn(source: string): string[] {
  const code = withoutComments(source);
  const static_ = [...code.matchAll(statement)].map((match) => match[1]);
  assert.ok(
    static_.length >= (code.match(/^import\b(?!\.|\()/gm)?.length ?? 0),
    "an import was not understood",
  );
  return [...static_, ...[...code.matchAll(call)].map((match) => match[1])];
}

interface SourceFile {
  code: string;
  specifiers: string[];
  /** The files of `src/` among what it imports. */
  imports: string[];
}

const files = new Map<string, SourceFile>();
for (const entry of readdirSync(root, { recursive: true })) {
  const file = String(entry).replaceAll("\\", "/");
  if (!file.endsWith(".ts")) continue;
  const url = new URL(file, root);
  const source = readFileSync(url, "utf8");
  const specifiers = specifiersIn(source);
  files.set(file, {
    code: withoutComments(source),
    specifiers,
    imports: specifiers
      .filter((specifier) => specifier.startsWith("."))
      .map((specifier) => new URL(specifier, url).href)
      .filter((href) => href.startsWith(root.href))
      .map((href) => href.slice(root.href.length)),
  });
}

/** The files under `src/codec/`, and all that they import, directly or not. */
function codecFiles(): string[] {
  const found = new Set(
    [...files.keys()].filter((file) => file.startsWith("codec/")),
  );
  for (const file of found) {
    for (const imported of files.get(file)?.imports ?? []) found.add(imported);
  }
  return [...found];
}

test("this test reads imports of every form", () => {
  assert.deepEqual(
    specifiersIn(`/**
 * import { no } from "comment";
 */
// import "no";
import one from "./one.ts";
import { two, type Two } from './two.ts';
import type { Three } from "./three.ts";
import * as four from "node:four";
import five, { six } from "./five.ts";
import {
  seven,
  eight,
} from "./seven.ts";
import "./nine.ts";
export * from "./ten.ts";
export { eleven } from "./eleven.ts";
export type { Twelve } from "./twelve.ts";
export const text = "from './no.ts'";
  const module = await import("npm:thirteen");
  const later = process.getBuiltinModule("node:zlib");
`),
    [
      "./one.ts",
      "./two.ts",
      "./three.ts",
      "node:four",
      "./five.ts",
      "./seven.ts",
      "./nine.ts",
      "./ten.ts",
      "./eleven.ts",
      "./twelve.ts",
      "npm:thirteen",
      "node:zlib",
    ],
  );
  assert.ok(files.get("codec/frame_decoder.ts")?.imports.includes("mask.ts"));
  assert.ok(
    files.get("codec/frame_decoder.ts")?.imports.includes("codec/stage.ts"),
  );
  assert.ok(
    [...files.values()].some(({ specifiers }) =>
      specifiers.some((specifier) => specifier.startsWith("node:"))
    ),
  );
});

test("src/codec/ and what it imports need no runtime: they import only files of src/", () => {
  const found = codecFiles();
  for (const name of ["close.ts", "error.ts", "frame.ts", "mask.ts"]) {
    assert.ok(found.includes(name), `${name} is imported`);
  }
  for (const file of found) {
    const source = files.get(file);
    assert.ok(source !== undefined, `src/${file} is imported but not there`);
    for (const specifier of source.specifiers) {
      assert.match(specifier, /^\.\.?\/[\w/.]+\.ts$/, `in src/${file}`);
    }
    assert.equal(
      source.imports.length,
      source.specifiers.length,
      `src/${file} imports something outside of src/`,
    );
  }
});

test("src/codec/ and what it imports name no runtime's global", () => {
  const names = /(?<![.\w"])(?:Deno|Bun|process|require|__dirname)\b\s*[.?([]/;
  assert.match("if (Deno.build) {}", names);
  assert.match("const { env } = globalThis.process?.env", /process\?/);
  for (const file of codecFiles()) {
    const { code } = files.get(file)!;
    assert.doesNotMatch(code, names, `src/${file}`);
    assert.doesNotMatch(
      code,
      /globalThis(?: as [^)]*)?\)?\s*\??\.?\s*\[?["']?(?:Deno|Bun|process)\b/,
      `src/${file}`,
    );
  }
});

test("imports go downwards only, through all of src/", () => {
  const upwards: string[] = [];
  for (const [file, { imports }] of files) {
    for (const imported of imports) {
      assert.ok(files.has(imported), `src/${imported}, of src/${file}`);
      if (layerOf(imported) > layerOf(file)) {
        upwards.push(`src/${file} imports src/${imported}`);
      }
    }
  }
  assert.deepEqual(upwards, []);
});

test("no imports go round in a circle, types included", () => {
  const done = new Set<string>();
  const visit = (file: string, path: readonly string[]): void => {
    assert.ok(
      !path.includes(file),
      `a circle: ${[...path, file].join(" → ")}`,
    );
    if (done.has(file)) return;
    for (const imported of files.get(file)?.imports ?? []) {
      visit(imported, [...path, file]);
    }
    done.add(file);
  };
  for (const file of files.keys()) visit(file, []);
});
