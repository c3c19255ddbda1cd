/**
 * Runs programs one after the other: files whose names are the arguments. For
 * each it prints a line of JSON, a {@linkcode RunReport}.
 */
import { readFileSync } from "node:fs";
import process from "node:process";
import { pathToFileURL } from "node:url";
import { inspect } from "node:util";
import { servers } from "./weir.ts";

/** What came of one program. */
export interface RunReport {
  /** What it printed with `console.log`. */
  readonly output: string[];
  /** What it failed with. */
  readonly errors: string[];
}

let output: string[] = [];
let errors: string[] = [];

console.log = (...values: unknown[]) => {
  output.push(values.map(shown).join(" "));
};
console.error = (...values: unknown[]) => {
  errors.push(values.map(shown).join(" "));
};
process.on("uncaughtException", (error) => errors.push(inspect(error)));
process.on("unhandledRejection", (error) => errors.push(inspect(error)));

for (const file of process.argv.slice(2)) {
  output = [];
  errors = [];
  try {
    await within(import(pathToFileURL(file).href), 10_000);
    // A server of the block's has to come to listen.
    await Promise.all(servers.map(({ ready }) => within(ready, 10_000)));
  } catch (error) {
    errors.push(inspect(error));
    errors.push(readFileSync(file, "utf8"));
  }
  // What the block left to callbacks.
  const expected = Number(
    /^\/\/ prints (\d+)/.exec(readFileSync(file, "utf8"))?.[1],
  );
  for (
    let waited = 0;
    output.length < expected && waited < 5000;
    waited += 10
  ) {
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  const report: RunReport = { output, errors };
  process.stdout.write(JSON.stringify(report) + "\n");
  const last = servers.splice(0);
  await Promise.all(
    last.map((server) => server.shutdown({ timeout: 50 }).catch(() => {})),
  );
}
process.exit(0);

/** A value as the pages show it, the same on every runtime. */
function shown(value: unknown): string {
  return typeof value === "string"
    ? value
    : inspect(value, { breakLength: Infinity }).replaceAll("'", '"');
}

async function within(
  promise: Promise<unknown>,
  milliseconds: number,
): Promise<void> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const limit = new Promise<never>((_, reject) => {
    timer = setTimeout(
      () => reject(new Error(`not done after ${milliseconds} ms`)),
      milliseconds,
    );
  });
  try {
    await Promise.race([promise, limit]);
  } finally {
    clearTimeout(timer);
  }
}
