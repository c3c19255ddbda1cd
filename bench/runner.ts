/**
 * Runs a workload on a runtime: all its contenders in turns, round after round.
 *
 * @module
 */
import type { Runtime } from "../tests/toolchain.ts";
import { type Contender, referencePeers, serverCommand } from "./contenders.ts";
import type { Load } from "./load/specification.ts";
import {
  reachableOpenFiles,
  type ServerProcess,
  startLoad,
  startServer,
} from "./processes.ts";
import type { Cell, WorkloadResult } from "./results.ts";
import type { LoadOf, Tools, Workload } from "./workloads/workload.ts";

/** On top of what a load is meant to take, in milliseconds. */
const patience = 90_000;

/** How a workload is run. */
export interface RunOptions {
  /** How long each round measures, in milliseconds. */
  duration: number;
  /** How often each contender is measured. */
  rounds: number;
  /**
   * How long each is loaded before the first round, in milliseconds. One that is
   * renewed is for half of that.
   */
  warmUp: number;
  /** Whether a server is kept for all rounds where it would be renewed. */
  quick: boolean;
  /** The binary of Bun, for the load generator. */
  bun: string;
  /** Is told what is being done. */
  progress(text: string): void;
}

/** Runs a workload with the contenders that take part in it. */
export async function runWorkload(
  workload: Workload,
  runtime: Runtime,
  contenders: readonly Contender[],
  options: RunOptions,
): Promise<WorkloadResult> {
  const cells = contenders.map(({ name, title }): Cell => ({
    contender: name,
    title,
    rounds: [],
    failure: null,
  }));
  const result: WorkloadResult = {
    runtime: runtime.name,
    workload: workload.name,
    metrics: workload.metrics,
    reference: referencePeers[runtime.name],
    cells,
  };
  const wanted = workload.connections + 256;
  const reachable = reachableOpenFiles(wanted);
  if (reachable < wanted) {
    for (const cell of cells) {
      cell.failure =
        `not run: ${wanted} open files are needed, the limit is ${reachable} (ulimit -n)`;
    }
    return result;
  }
  const start = (contender: Contender) =>
    startServer(
      serverCommand(
        runtime,
        contender.program,
        workload.mode,
        workload.compressed ? contender.deflate : "off",
        workload.buffers ?? "own",
      ),
      workload.connections,
    );
  const entries = contenders.map((contender, index) => ({
    contender,
    cell: cells[index],
    server: null as ServerProcess | null,
  }));
  const renewed = workload.server === "renewed" && !options.quick;
  const kept = workload.server !== "fresh" && !renewed;
  const warmUp = (server: ServerProcess, duration: number) =>
    workload.measure(server, { ...toolsFor(options, false), duration });
  try {
    if (kept) {
      await Promise.all(entries.map((entry) =>
        attempt(entry.cell, async () => {
          entry.server = await start(entry.contender);
        })
      ));
      await workload.prepare?.(
        entries.flatMap(({ server }) => server ?? []),
        toolsFor(options, false),
      );
      for (const { cell, server } of entries) {
        if (server === null) continue;
        options.progress(`${cell.title}: warming up`);
        await attempt(cell, async () => {
          const [full, quick] = workload.warmUp ??
            [options.warmUp, options.warmUp];
          await warmUp(server, options.quick ? quick : full);
        }, () => server.problem);
      }
    }
    const rounds = Math.min(options.rounds, workload.rounds ?? Infinity);
    for (let round = 0; round < rounds; round++) {
      for (const entry of entries) {
        const { contender, cell } = entry;
        if (cell.failure !== null) continue;
        options.progress(`${cell.title}: round ${round + 1} of ${rounds}`);
        await attempt(cell, async () => {
          if (!kept) entry.server = await start(contender);
          const server = entry.server!;
          if (renewed) await warmUp(server, options.warmUp / 2);
          const tools = toolsFor(options, false);
          cell.rounds.push(await workload.measure(server, tools));
        }, () => entry.server?.problem);
        if (!kept) {
          await entry.server?.end();
          entry.server = null;
        }
      }
    }
  } finally {
    await Promise.all(entries.map(({ server }) => server?.end()));
  }
  return result;
}

/**
 * Puts a workload's load on a raw TCP echo: more than this the load generator
 * cannot do. Null for a workload that has no such load.
 */
export async function runCeiling(
  workload: Workload,
  bun: Runtime,
  options: RunOptions,
): Promise<WorkloadResult | null> {
  const { ceiling, metrics, connections } = workload;
  if (ceiling === undefined) return null;
  const cell: Cell = {
    contender: "raw-tcp",
    title: "raw TCP echo",
    rounds: [],
    failure: null,
  };
  await attempt(cell, async () => {
    const command = serverCommand(bun, "raw_tcp.ts", "echo", "off", "own");
    const server = await startServer(command, connections);
    try {
      const tools = toolsFor(options, true);
      const measuring = {
        ...workload,
        measure: (server: ServerProcess) => workload.measure(server, tools),
      };
      for (let round = 0; round < Math.min(options.rounds, 3); round++) {
        options.progress(`raw TCP echo: round ${round + 1}`);
        cell.rounds.push(await measuring.measure(server));
      }
    } finally {
      await server.end();
    }
  });
  return {
    runtime: null,
    workload: workload.name,
    metrics,
    reference: null,
    cells: [cell],
  };
}

/** Does something for a cell, which says so if that fails. */
async function attempt(
  cell: Cell,
  action: () => Promise<void>,
  problem: () => string | null | undefined = () => null,
): Promise<void> {
  try {
    await action();
  } catch (error) {
    cell.failure = problem() ?? (error as Error).message;
  }
}

function toolsFor(options: RunOptions, raw: boolean): Tools {
  const start = (server: ServerProcess, load: LoadOf<Load>) =>
    startLoad(
      options.bun,
      { ...load, port: server.port, serverProcess: server.id, raw } as Load,
      patience + options.duration,
    );
  return {
    duration: options.duration,
    load: (server, load) => start(server, load).result,
    async idle(server, load, whileOpen) {
      const generator = start(server, load);
      try {
        await generator.opened;
        const result = await whileOpen();
        generator.finish();
        await generator.result;
        return result;
      } finally {
        generator.end();
      }
    },
  };
}
