// The npm package, as somebody who installs it meets it: packed, installed in an
// empty project without network, used from JavaScript and from strict TypeScript.

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import process from "node:process";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { outputFolder } from "../../.ci/output_folder.ts";
import {
  findRuntime,
  type Runtime,
  runtime,
  scriptCommand,
} from "../support/runtime.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));
const require = createRequire(import.meta.url);
const { version, exports: configured } = JSON.parse(
  readFileSync(join(root, "deno.json"), "utf8"),
);
const entries: Record<string, string> = typeof configured === "string"
  ? { ".": configured }
  : configured;

/** Where all of it happens. */
let folder: string;
let built: string;
let project: string;
let installed: string;

before(() => {
  // The compiler names files by where they really are.
  folder = realpathSync(mkdtempSync(join(tmpdir(), "weir-npm-")));
  built = join(folder, "dist");
  project = join(folder, "project");
  installed = join(project, "node_modules", "@weir", "ws");
  // From elsewhere, and twice: the second one replaces the first.
  mkdirSync(built);
  writeFileSync(join(built, "package.json"), `{"name":"@weir/ws"}`);
  writeFileSync(join(built, "old.md"), "an earlier build");
  runScript(join(root, ".ci", "npm.ts"), ["--outdir", "dist"], folder);
  run(findRuntime("bun"), ["pm", "pack", "--destination", folder], built);
  const tarball = readdirSync(folder).find((name) => name.endsWith(".tgz"));
  assert.ok(tarball, "nothing was packed");

  mkdirSync(project);
  write("package.json", JSON.stringify({ private: true, type: "module" }));
  install(join("..", tarball));
  const types = dirname(require.resolve("@types/node/package.json"));
  mkdirSync(join(project, "node_modules", "@types"), { recursive: true });
  symlinkSync(types, join(project, "node_modules", "@types", "node"));
});

after(() => rmSync(folder, { recursive: true, force: true }));

const echo = `
import { serve, WebSocketStream } from "@weir/ws";

const server = serve({ port: 0, hostname: "127.0.0.1" }, async (socket) => {
  for await (const message of socket.readable) await socket.send(message);
});
await server.ready;
const stream = new WebSocketStream(server.url);
const { readable, writable } = await stream.opened;
const reader = readable.getReader();
const writer = writable.getWriter();
await writer.write("hello from the package");
const { value } = await reader.read();
console.log(value);
stream.close({ closeCode: 1000 });
console.log((await stream.closed).closeCode);
await server.shutdown();
`;

const typed = `
import type { IncomingMessage } from "node:http";
import {
  type ConnectionHooks,
  createUpgradeHandler,
  FrameDecoderStream,
  type Message,
  MessageDecoderStream,
  type UpgradeListener,
  type WebSocketConnection,
} from "@weir/ws";

interface User {
  name: string;
}

const hooks: ConnectionHooks<User> = {
  async message(socket: WebSocketConnection<User>, message: Message) {
    const text: string = typeof message === "string" ? message : "bytes";
    await socket.send(socket.data.name + text);
  },
};
export const listener: UpgradeListener = createUpgradeHandler<User>({
  upgrade: () => ({ data: { name: "ada" } }),
}, hooks);
export const urlOf = (request: IncomingMessage): string => request.url ?? "";
export const messages: ReadableStream<unknown> = new Blob().stream()
  .pipeThrough(new FrameDecoderStream({ role: "client" }))
  .pipeThrough(new MessageDecoderStream());
// @ts-expect-error a message is a string or bytes
export const wrong = (socket: WebSocketConnection): Promise<void> => socket.send(7);
`;

test("the package has what it should, and depends on nothing", () => {
  const description = JSON.parse(
    readFileSync(join(installed, "package.json"), "utf8"),
  );
  assert.equal(description.name, "@weir/ws");
  assert.equal(description.version, version);
  for (const kind of ["dependencies", "peerDependencies", "scripts"]) {
    assert.equal(description[kind], undefined, kind);
  }
  for (const [entry, path] of Object.entries(entries)) {
    const { types, default: script } = description.exports[entry];
    assert.equal(types, path.replace(/ts$/, "d.ts"));
    assert.equal(script, path.replace(/ts$/, "js"));
  }
  for (
    const name of [
      "README.md",
      "LICENSE",
      "CHANGELOG.md",
      "docs/getting-started.md",
      "bench/results.svg",
    ]
  ) {
    assert.ok(existsSync(join(installed, name)), name);
  }
  const names = readdirSync(installed, { recursive: true, encoding: "utf8" });
  const others = names.filter((name) =>
    /\.\w+$/.test(name) && !name.startsWith("examples") &&
    !/(?:\.js|\.js\.map|\.d\.ts|\.md|\/results\.svg|package\.json)$/.test(name)
  );
  // The page about metrics has it copied.
  const copied = join("src", "demonstration", "prometheus.ts");
  assert.deepEqual(others, [copied]);
  assert.deepEqual(
    names.filter((name) => /demonstration.*\.|old\.md/.test(name)),
    [copied],
  );
});

test("what the package's pages link to is in the package", () => {
  const pages = readdirSync(installed, { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(".md"));
  assert.ok(pages.length > 10, `${pages}`);
  const broken: string[] = [];
  for (const page of pages) {
    const text = readFileSync(join(installed, page), "utf8")
      .replaceAll(/^```.*?^```$/gms, "");
    for (const [, target] of text.matchAll(/\]\(([^)\s#]+)[^)]*\)/g)) {
      if (/^(?:https?|mailto):/.test(target)) continue;
      if (!existsSync(join(installed, dirname(page), target))) {
        broken.push(`${page}: ${target}`);
      }
    }
  }
  assert.deepEqual(broken, []);
});

test("the build deletes nothing but an earlier build", () => {
  const other = join(folder, "other");
  mkdirSync(join(other, "empty"), { recursive: true });
  writeFileSync(join(other, "package.json"), `{"name":"weir"}`);
  const file = join(other, "package.json");
  const claim = (path: string) => outputFolder(path, root, "@weir/ws");
  for (
    const [path, why] of [
      [other, /has other files in it/],
      [file, /is no folder/],
      [root, /holds the repository/],
      [dirname(dirname(root)), /holds the repository/],
      ["/", /holds the repository/],
      ["", /is empty/],
      [join(root, "docs"), /has other files in it/],
    ] as const
  ) {
    assert.throws(() => claim(path), {
      name: "OutputFolderError",
      message: why,
    }, path);
  }
  assert.equal(claim(join(other, "new")), join(other, "new"));
  assert.equal(claim(join(other, "empty")), join(other, "empty"));
  assert.equal(claim(built), built);
  assert.equal(claim(join(root, "..dist")), join(root, "..dist"));
});

test("flags that the build can't use end it with 2, in one line", () => {
  const { program, arguments: before } = scriptCommand(
    join(root, ".ci", "npm.ts"),
  );
  // Should it be taken after all, only this folder is lost.
  const kept = join(folder, "kept");
  mkdirSync(kept, { recursive: true });
  writeFileSync(join(kept, "file"), "");
  for (const given of [["--outdr", "x"], ["--outdir", kept], ["x"]]) {
    const { status, stderr } = spawnSync(program, [...before, ...given], {
      cwd: kept,
      encoding: "utf8",
      timeout: 60_000,
      env: { ...process.env, NO_COLOR: "1" },
    });
    assert.equal(status, 2, `${given}: ${stderr}`);
    assert.match(stderr, /^npm\.ts: .+\n$/);
  }
  assert.deepEqual(readdirSync(kept), ["file"]);
});

test("every script has declarations and a map with its TypeScript", () => {
  const scripts = readdirSync(installed, { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(".js"));
  assert.ok(scripts.length > 20, `${scripts.length} scripts`);
  for (const name of scripts) {
    const path = join(installed, name);
    assert.ok(existsSync(path.replace(/js$/, "d.ts")), `types of ${name}`);
    const map = JSON.parse(readFileSync(path + ".map", "utf8"));
    assert.deepEqual(map.sourcesContent, [
      readFileSync(join(root, name.replace(/js$/, "ts")), "utf8"),
    ]);
  }
});

test("JavaScript uses it: a server echoes to a client", () => {
  write("echo.js", echo);
  assert.equal(
    runScript(join(project, "echo.js"), [], project),
    "hello from the package\n1000\n",
  );
});

test("each entry point can be imported", () => {
  const names = Object.keys(entries).map((entry) =>
    JSON.stringify("@weir/ws" + entry.slice(1))
  );
  write(
    "entries.js",
    names.map((name) =>
      `console.log(Object.keys(await import(${name})).length > 0);\n`
    ).join(""),
  );
  assert.equal(
    runScript(join(project, "entries.js"), [], project),
    "true\n".repeat(names.length),
  );
});

/** As it is used with each: the compiler is the same whichever runtime it runs on. */
const resolutions: Record<Runtime, string[]> = {
  deno: [],
  bun: ["bundler"],
  node: ["nodenext"],
};

for (const resolution of resolutions[runtime]) {
  test(`strict TypeScript uses it, resolving as ${resolution}, with and without the DOM's types`, () => {
    write("echo.ts", echo);
    write("typed.ts", typed);
    write(
      "entries.ts",
      Object.keys(entries).map((entry, index) =>
        `export * as entry${index} from "@weir/ws${entry.slice(1)}";\n`
      ).join(""),
    );
    write(
      "tsconfig.json",
      JSON.stringify({
        compilerOptions: {
          strict: true,
          exactOptionalPropertyTypes: true,
          noUncheckedIndexedAccess: true,
          skipLibCheck: false,
          noEmit: true,
          target: "es2022",
          module: resolution === "bundler" ? "esnext" : "nodenext",
          moduleResolution: resolution,
          types: ["node"],
        },
        files: ["echo.ts", "typed.ts", "entries.ts"],
      }),
    );
    const compiler = join(
      dirname(require.resolve("typescript/package.json")),
      "lib/tsc.js",
    );
    assert.equal(runScript(compiler, ["--project", "."], project), "");
    // As is usual for Node, where the globals are those of @types/node.
    const withoutDom = ["--project", ".", "--lib", "es2023"];
    assert.equal(runScript(compiler, withoutDom, project), "");
  });
}

test("TypeScript that the runtime runs itself uses it", () => {
  write("echo.ts", echo);
  assert.equal(
    runScript(join(project, "echo.ts"), [], project),
    "hello from the package\n1000\n",
  );
});

function write(name: string, text: string): void {
  writeFileSync(join(project, name), text);
}

/** Installs a tarball with the package manager of the runtime that is tested. */
function install(tarball: string): void {
  const npm = spawnSync("npm", ["--version"], { encoding: "utf8" });
  // Where only Deno is installed there is no npm.
  if (runtime === "node" && npm.status === 0) {
    run("npm", ["install", tarball, "--offline", "--no-audit"], project);
  } else {
    run(findRuntime("bun"), ["add", tarball], project);
  }
}

function runScript(script: string, given: string[], cwd: string): string {
  const command = scriptCommand(script);
  return run(command.program, [...command.arguments, ...given], cwd);
}

/** Runs a program to its end, and returns what it printed. */
function run(program: string, given: string[], cwd: string): string {
  const { status, error, stdout, stderr } = spawnSync(program, given, {
    cwd,
    encoding: "utf8",
    timeout: 60_000,
    env: { ...process.env, NO_COLOR: "1" },
  });
  assert.equal(
    status,
    0,
    `${program} ${given.join(" ")}: ${error ?? stdout + stderr}`,
  );
  return stdout;
}
