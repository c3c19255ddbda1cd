/**
 * Asks every server of `peers.ts` everything of `probes.ts`, and writes the table
 * of docs/features.md.
 *
 *     deno run -A tests/docs/features/main.ts
 */

import { readFileSync, writeFileSync } from "node:fs";
import process from "node:process";
import { ask, peers } from "./peers.ts";
import { mark, page, rowNames, tableEnd, tableStart } from "./table.ts";

const columns = new Map<string, string[]>();
for (const peer of peers) {
  for (const runtime of peer.runtimes) {
    const answers = await ask(peer, runtime, () => 3000);
    const marks = rowNames.map((name) => mark(answers[name]));
    for (const name of rowNames) {
      if (answers[name] !== null) {
        console.log(`${peer.name} on ${runtime}: ${name}: ${answers[name]}`);
      }
    }
    const other = columns.get(peer.name);
    if (other !== undefined && other.join() !== marks.join()) {
      console.error(`${peer.name} differs on ${runtime}`);
      process.exit(1);
    }
    columns.set(peer.name, marks);
  }
}

const names = [...columns.keys()];
const table = [
  `| | ${names.join(" | ")} |`,
  `| --- |${names.map(() => " :-: |").join("")}`,
  ...rowNames.map((row, index) =>
    `| ${row} | ${names.map((name) => columns.get(name)![index]).join(" | ")} |`
  ),
].join("\n");
const text = readFileSync(page, "utf8");
const start = text.indexOf(tableStart) + tableStart.length;
const end = text.indexOf(tableEnd);
writeFileSync(
  page,
  `${text.slice(0, start)}\n\n${table}\n\n${text.slice(end)}`,
);
process.exit(0);
