/** The folder into which the npm package is built, and which is emptied for that. */

import { readdirSync, readFileSync, statSync } from "node:fs";
import { join, relative, resolve, sep } from "node:path";

/** A folder that must not be emptied. Its message is one line for the user. */
export class OutputFolderError extends Error {
  override name = "OutputFolderError";
}

/**
 * Makes sure that a folder can be emptied: that it is missing, empty, or has a
 * package that was built before.
 *
 * @param given Its path, from the current directory.
 * @param root The root of the repository.
 * @param packageName What the package is called.
 * @returns Its absolute path.
 * @throws {OutputFolderError} If there is something else in it.
 */
export function outputFolder(
  given: string,
  root: string,
  packageName: string,
): string {
  const folder = resolve(given);
  const refuse = (why: string): never => {
    throw new OutputFolderError(
      `--outdir ${
        JSON.stringify(given)
      } ${why}: name a folder that is new or ` +
        `empty, or one with an earlier build of ${packageName}`,
    );
  };
  if (given === "") refuse("is empty");
  const inside = relative(folder, resolve(root));
  if (inside !== ".." && !inside.startsWith(`..${sep}`)) {
    refuse("holds the repository");
  }
  const found = statSync(folder, { throwIfNoEntry: false });
  if (found === undefined) return folder;
  if (!found.isDirectory()) refuse("is no folder");
  if (readdirSync(folder).length > 0 && nameOfPackage(folder) !== packageName) {
    refuse("has other files in it, which would be deleted");
  }
  return folder;
}

/** What the `package.json` in a folder calls its package, if there is one. */
function nameOfPackage(folder: string): unknown {
  try {
    return JSON.parse(readFileSync(join(folder, "package.json"), "utf8")).name;
  } catch {
    return undefined;
  }
}
