/** Finds the Python that has the WebSocket packages the tests talk to. */

import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import type { Command } from "./runtime.ts";

/**
 * The Debian package that holds each Python package. Debian's own Python is
 * tried before the one on `PATH`, which often is another one without them.
 */
const debianPackages = {
  websockets: "python3-websockets",
  wsproto: "python3-wsproto",
} as const;

/**
 * The path of a Python 3 that can import `packageName`.
 *
 * @throws {Error} if there is none; it names the Debian package to install.
 */
export function findPython(packageName: keyof typeof debianPackages): string {
  const found = ["/usr/bin/python3", "python3"].find((program) =>
    spawnSync(program, ["-c", `import ${packageName}`], { stdio: "ignore" })
      .status === 0
  );
  if (found === undefined) {
    throw new Error(
      `No Python 3 can import ${packageName}: install the Debian package ${
        debianPackages[packageName]
      } (apt-get install ${debianPackages[packageName]}).`,
    );
  }
  return found;
}

/**
 * The command that runs a script in a Python 3 that can import `packageName`.
 *
 * @throws {Error} if there is none; it names the Debian package to install.
 */
export function pythonCommand(
  packageName: keyof typeof debianPackages,
  script: URL,
): Command {
  return {
    program: findPython(packageName),
    arguments: ["-B", fileURLToPath(script)],
  };
}
