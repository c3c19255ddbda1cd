/**
 * The demonstration server as several processes that share one port:
 * `server.ts --workers N`. The first process, the supervisor, serves nothing
 * itself; it starts the workers, replaces them, relays topics between them and
 * ends last.
 *
 * @module
 */

import { type ChildProcess, spawn } from "node:child_process";
import { createServer } from "node:net";
import process from "node:process";
import type { ServeOptions, Server } from "../../mod.ts";
import type { Backplane } from "../backplane/backplane.ts";
import { clusterBackplane, relayCluster } from "../backplane/cluster.ts";
import type { CommandLine } from "./command_line.ts";
import {
  type Announced,
  shutDown,
  shutdownTimeout,
  stopOnSignals,
} from "./process.ts";
import { RestartBrake } from "./restart_brake.ts";

/** Is set in the environment of a worker. */
const workerVariable = "WEIR_WORKER";

/** What workers and supervisor say to each other, beside the backplane. */
interface WorkerMessage {
  weir: "worker";
  /** The worker listens there. */
  listening?: Announced;
  /** The supervisor asks it to close. */
  stop?: true;
}

/** Whether this process was started by a supervisor. */
export function isWorker(): boolean {
  return process.env[workerVariable] !== undefined &&
    process.send !== undefined;
}

/** What `serve()` needs to be one of several: nothing where it is the only one. */
export function workerOptions(): { reusePort?: true; backplane?: Backplane } {
  return isWorker() ? { reusePort: true, backplane: clusterBackplane() } : {};
}

/**
 * Tells the supervisor that this worker listens, and closes gracefully when it
 * says so, on SIGTERM, and when it is gone.
 */
export function joinSupervisor(server: Server): void {
  let stopping = false;
  const stop = async () => {
    if (stopping) return;
    stopping = true;
    await shutDown(server);
    process.exit(0);
  };
  // Ctrl-C in a terminal reaches the workers as well: the supervisor tells them.
  process.on("SIGINT", () => {});
  process.on("SIGTERM", () => void stop());
  process.on("disconnect", () => void stop());
  // Deno does not tell of a channel that was reset, as one is whose other end was
  // killed with messages unread.
  const supervisor = process.ppid;
  setInterval(() => {
    if (process.ppid !== supervisor) void stop();
  }, 500).unref();
  process.on("message", (message: Partial<WorkerMessage> | null) => {
    if (message?.weir === "worker" && message.stop) void stop();
  });
  const { addr, url } = server;
  const message: WorkerMessage = { weir: "worker", listening: { addr, url } };
  process.send!(message);
}

/**
 * Runs workers until a signal ends them and this process. It fulfils when all of
 * them listen, or a signal came before that.
 *
 * @param options The command line, with the number of workers.
 * @param onListening Is told where they listen.
 * @throws The system's error if the port can't be listened on.
 */
export async function superviseWorkers(
  options: CommandLine,
  onListening: (server: Announced) => void,
): Promise<void> {
  const port = await findPort(options);
  const supervisor = new Supervisor(port);
  stopOnSignals(
    () => `${supervisor.size} workers`,
    () => supervisor.stop(),
    () => supervisor.kill(),
  );
  // The first one alone, as what is wrong with the options shows with it.
  const server = await supervisor.start();
  if (supervisor.isStopping) return;
  const others = Array.from(
    { length: options.workers! - 1 },
    () => supervisor.start(),
  );
  await Promise.all(others);
  if (!supervisor.isStopping) onListening(server);
}

/**
 * Finds the port that all workers share. Nobody else may listen on it, though
 * the workers' way of listening would let them.
 */
function findPort({ port, hostname }: ServeOptions): Promise<number> {
  const probe = createServer();
  return new Promise((resolve, reject) => {
    probe.on("error", reject);
    probe.listen({ port, host: hostname }, () => {
      const { port } = probe.address() as { port: number };
      probe.close(() => resolve(port));
    });
  });
}

/**
 * The flags of a worker: those of the supervisor, but for the port. Behind a
 * `--`, which ends the flags, it would be none.
 */
export function flagsOfWorker(
  flags: readonly string[],
  port: number,
): string[] {
  return [...flags.filter((flag) => flag !== "--"), `--port=${port}`];
}

/** Keeps the workers running. */
class Supervisor {
  readonly #port: number;
  readonly #workers = new Set<ChildProcess>();
  readonly #relay = relayCluster();
  readonly #brake = new RestartBrake();
  readonly #restarts = new Set<ReturnType<typeof setTimeout>>();
  #stopped: (() => void) | null = null;

  constructor(port: number) {
    this.#port = port;
  }

  /** How many workers there are. */
  get size(): number {
    return this.#workers.size;
  }

  /** Whether they are asked to close, those too that do not listen yet. */
  get isStopping(): boolean {
    return this.#stopped !== null;
  }

  /**
   * Starts a worker; fulfils when it listens. One that ends before that, having
   * said why, ends the supervisor as well, unless it is a replacement.
   */
  start(isReplacement = false): Promise<Announced> {
    const started = performance.now();
    const worker = spawn(process.execPath, this.#arguments(), {
      stdio: ["ignore", "inherit", "inherit", "ipc"],
      env: { ...process.env, [workerVariable]: "1" },
      serialization: "advanced",
    });
    this.#workers.add(worker);
    this.#relay.add(worker);
    return new Promise((resolve) => {
      let listens = isReplacement;
      worker.on("message", (message: Partial<WorkerMessage> | null) => {
        if (message?.weir !== "worker" || !message.listening) return;
        listens = true;
        // What it was told before, nobody in it was there to hear.
        if (this.isStopping) this.#tellToStop(worker);
        resolve(message.listening);
      });
      // It could not be started at all: there is no "exit".
      worker.on("error", (error) => {
        if (worker.pid !== undefined) return;
        console.error(error.message);
        worker.emit("exit", 1, null);
      });
      worker.on("exit", (code, signal) => {
        this.#workers.delete(worker);
        if (this.#stopped !== null) {
          if (this.#workers.size === 0) this.#stopped();
        } else if (!listens) {
          this.kill();
          process.exit(code ?? 1);
        } else {
          this.#replace(worker, performance.now() - started, signal ?? code);
        }
      });
    });
  }

  /** Asks all workers to close; fulfils when all have ended. */
  async stop(): Promise<void> {
    for (const timer of this.#restarts) clearTimeout(timer);
    const ended = new Promise<void>((resolve) => this.#stopped = resolve);
    if (this.#workers.size === 0) return;
    for (const worker of this.#workers) this.#tellToStop(worker);
    const timer = setTimeout(() => this.kill(), shutdownTimeout + 2_000);
    await ended;
    clearTimeout(timer);
  }

  /** Ends all workers at once. */
  kill(): void {
    for (const { pid } of this.#workers) {
      try {
        process.kill(pid!, "SIGKILL");
      } catch {
        // It has just ended.
      }
    }
  }

  #tellToStop(worker: ChildProcess): void {
    const message: WorkerMessage = { weir: "worker", stop: true };
    worker.send(message, () => {});
  }

  #replace(
    { pid }: ChildProcess,
    lifetime: number,
    ending: string | number | null,
  ): void {
    const wait = this.#brake.waitAfter(lifetime);
    console.error(
      `Worker ${pid} has ended (${ending}), it is replaced in ${wait} ms.`,
    );
    const timer = setTimeout(() => {
      this.#restarts.delete(timer);
      void this.start(true);
    }, wait);
    this.#restarts.add(timer);
  }

  /** The same program with the same flags, but for the port. */
  #arguments(): string[] {
    const [, script, ...flags] = process.argv;
    const runtimeFlags = "Deno" in globalThis
      ? ["run", "-A"]
      : process.execArgv;
    return [...runtimeFlags, script, ...flagsOfWorker(flags, this.#port)];
  }
}
