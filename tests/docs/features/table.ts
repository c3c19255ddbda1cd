/** The table of docs/features.md. */

import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { keepAliveProbe, probes, shutdownProbe } from "./probes.ts";

/** The page with the table. */
export const page: string = fileURLToPath(
  new URL("../../../docs/features.md", import.meta.url),
);

/** Where the table begins in the page. */
export const tableStart = "<!-- table: tests/docs/features/main.ts -->";
/** Where it ends. */
export const tableEnd = "<!-- end of the table -->";

/** The rows, in their order. */
export const rowNames: readonly string[] = [
  ...Object.keys(probes),
  keepAliveProbe,
  shutdownProbe,
];

/** How an answer stands in the table. */
export function mark(reason: string | null): string {
  return reason === null ? "yes" : "–";
}

/** The marks of a column of the page, by the names of the rows. */
export function readColumn(name: string): Record<string, string> {
  const text = readFileSync(page, "utf8");
  const [head, , ...rows] = text
    .slice(text.indexOf(tableStart) + tableStart.length, text.indexOf(tableEnd))
    .trim().split("\n").map((line) =>
      line.split("|").slice(1, -1).map((cell) => cell.trim())
    );
  const column = head.indexOf(name);
  return Object.fromEntries(rows.map((row) => [row[0], row[column]]));
}
