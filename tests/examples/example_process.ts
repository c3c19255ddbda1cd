// Runs a program of examples/ as a process, as somebody who tries it does.

import { type ChildProcess, spawn } from "node:child_process";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { scriptCommand } from "../support/runtime.ts";

/** How long a program may take to listen, in milliseconds. */
const patience = 30_000;

const running = new Set<ChildProcess>();
process.on("exit", () => {
  for (const child of running) child.kill("SIGKILL");
});

/** A program of `examples/` that listens. */
export class ExampleProcess {
  readonly #child: ChildProcess;
  readonly #ended: Promise<unknown>;
  #output = "";
  #wake: () => void = () => {};

  /** The port that it said it listens on. */
  port = 0;

  private constructor(
    script: string,
    environment: Record<string, string>,
  ) {
    const path = fileURLToPath(
      new URL(`../../examples/${script}`, import.meta.url),
    );
    const command = scriptCommand(path);
    this.#child = spawn(command.program, command.arguments, {
      env: { ...process.env, NO_COLOR: "1", PORT: "0", ...environment },
      stdio: ["ignore", "pipe", "pipe"],
    });
    running.add(this.#child);
    for (const stream of [this.#child.stdout!, this.#child.stderr!]) {
      stream.setEncoding("utf8").on("data", (text: string) => {
        this.#output += text;
        this.#wake();
      });
    }
    this.#ended = new Promise((resolve) => {
      this.#child.on("error", resolve);
      this.#child.on("close", resolve);
    });
  }

  /** Starts a program on the runtime that runs the tests, and waits until it listens. */
  static async start(
    script: string,
    environment: Record<string, string> = {},
  ): Promise<ExampleProcess> {
    const example = new ExampleProcess(script, environment);
    try {
      const [, port] = await example.outputs(/\/\/localhost:(\d+)\/.*\n/);
      example.port = Number(port);
      return example;
    } catch (error) {
      await example.stop();
      throw error;
    }
  }

  /** The process's id. */
  get pid(): number {
    return this.#child.pid!;
  }

  /** All that it has printed. */
  get output(): string {
    return this.#output;
  }

  /** What it serves over HTTP. */
  http(path = "/"): string {
    return `http://127.0.0.1:${this.port}${path}`;
  }

  /** What it serves as WebSocket. */
  ws(path = "/"): string {
    return `ws://127.0.0.1:${this.port}${path}`;
  }

  /** Waits until it has printed something. */
  async outputs(pattern: RegExp): Promise<RegExpExecArray> {
    let found: RegExpExecArray | null;
    let ended = false;
    const limit = Promise.withResolvers<void>();
    const timer = setTimeout(limit.resolve, patience);
    const over = Promise.race([this.#ended, limit.promise]).then(() => {
      ended = true;
    });
    try {
      while ((found = pattern.exec(this.#output)) === null) {
        if (ended) {
          throw new Error(`it does not print ${pattern}, but: ${this.#output}`);
        }
        await Promise.race([
          over,
          new Promise<void>((resolve) => this.#wake = resolve),
        ]);
      }
      return found;
    } finally {
      clearTimeout(timer);
    }
  }

  /** Ends it. */
  async stop(): Promise<void> {
    this.#child.kill("SIGKILL");
    await this.#ended;
    running.delete(this.#child);
  }
}

/** What a program prints that does not start with this environment. */
export async function refusalOf(
  script: string,
  environment: Record<string, string>,
): Promise<string> {
  let example: ExampleProcess;
  try {
    example = await ExampleProcess.start(script, environment);
  } catch (error) {
    return (error as Error).message;
  }
  await example.stop();
  throw new Error(`it has started, with ${JSON.stringify(environment)}`);
}

/**
 * Starts programs side by side, for tests that come one after the other: each
 * takes its own, and ends it.
 */
export function startAll<Name extends string>(
  programs: Record<
    Name,
    [script: string, environment?: Record<string, string>]
  >,
): Record<
  Name,
  (use: (example: ExampleProcess) => Promise<void>) => Promise<void>
> {
  const entries = Object.entries(programs) as [
    Name,
    [string, Record<string, string>?],
  ][];
  return Object.fromEntries(entries.map(([name, [script, environment]]) => {
    const starting = ExampleProcess.start(script, environment);
    starting.catch(() => {}); // is told to the test
    return [name, async (use: (example: ExampleProcess) => Promise<void>) => {
      const example = await starting;
      try {
        await use(example);
      } catch (error) {
        console.log(`${script} printed: ${example.output}`);
        throw error;
      } finally {
        await example.stop();
      }
    }];
  })) as Record<
    Name,
    (use: (example: ExampleProcess) => Promise<void>) => Promise<void>
  >;
}
