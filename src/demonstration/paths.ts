/**
 * The WebSocket paths of the demonstration server, by name.
 *
 * @module
 */

import type { Handler } from "../../mod.ts";

/** What speaks WebSocket at one path. */
export interface Path {
  /** One line for people. */
  about: string;
  /** Function or hooks that get the path's connections. */
  handler: Handler;
}

/** Every WebSocket path, keyed by the pathname of its URL. */
export type Paths = Record<string, Path>;

/**
 * Lists the paths, one to a line, as aligned columns.
 *
 * @param base What goes before each pathname, such as `ws://127.0.0.1:8000`.
 */
export function describePaths(paths: Paths, base: string): string {
  const rows = Object.entries(paths);
  const width = Math.max(...rows.map(([pathname]) => pathname.length));
  return rows
    .map(([pathname, { about }]) =>
      `  ${base}${pathname.padEnd(width)}  ${about}`
    )
    .join("\n");
}
