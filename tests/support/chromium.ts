/** The Chromium that the tests drive: where it is, and how it is started. */

import { existsSync } from "node:fs";

/** What keeps Chromium without a window and without any errands of its own. */
export const chromiumArguments: readonly string[] = [
  "--headless",
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

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
