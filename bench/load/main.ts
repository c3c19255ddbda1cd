/**
 * The load generator, a program of its own:
 *
 *     bun bench/load/main.ts '{"kind":"echo","port":9001,…}'
 *
 * What it can be told is in `specification.ts`. It runs on Bun, whose sockets
 * cost the least; `bench/README.md` says what it can do at most.
 *
 * @module
 */
import process from "node:process";
import { runBroadcast } from "./broadcast.ts";
import { runEcho } from "./echo.ts";
import { runHandshakes } from "./handshakes.ts";
import { runIdle } from "./idle.ts";
import { runLarge } from "./large.ts";
import { runLatency } from "./latency.ts";
import type { Load, LoadEvent, LoadResult } from "./specification.ts";

/** Says what has happened to whoever started this program. */
function tell(event: LoadEvent): void {
  process.stdout.write(JSON.stringify(event) + "\n");
}

function run(load: Load): Promise<LoadResult> {
  switch (load.kind) {
    case "echo":
      return runEcho(load);
    case "broadcast":
      return runBroadcast(load);
    case "handshakes":
      return runHandshakes(load);
    case "idle":
      return runIdle(load, tell);
    case "large":
      return runLarge(load);
    case "latency":
      return runLatency(load);
  }
}

try {
  tell({ event: "result", result: await run(JSON.parse(process.argv[2])) });
  process.exit(0);
} catch (error) {
  tell({ event: "failed", reason: (error as Error).message });
  process.exit(1);
}
