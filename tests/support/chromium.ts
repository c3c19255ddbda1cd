/** Finds the Chromium that the tests drive. */

import { existsSync } from "node:fs";

/**
 * The path of Chromium.
 *
 * @throws {Error} if there is none; it names the Debian package to install.
 */
export function findChromium(): string {
  const found = ["/usr/bin/chromium", "/usr/bin/chromium-browser"].find((
    path,
  ) => existsSync(path));
  if (found === undefined) {
    throw new Error(
      "No Chromium at /usr/bin/chromium: install the Debian package chromium (apt-get install chromium).",
    );
  }
  return found;
}
