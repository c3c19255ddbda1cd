/** Brokers for tests: Debian's redis-server and nats-server, on free ports. */

import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { setTimeout as delay } from "node:timers/promises";
import { HeldPort } from "../support/held_port.ts";

/** The brokers that can be started. */
export type BrokerName = "redis" | "nats";

const configurationFile = "configuration";

const commands: Record<
  BrokerName,
  (port: number, folder: string) => [string, string[]]
> = {
  redis: (port, folder) => [
    "redis-server",
    ["--bind", "127.0.0.1", "--port", `${port}`, "--dir", folder].concat(
      ["--save", "", "--appendonly", "no"],
    ),
  ],
  nats: (port, folder) => [
    "nats-server",
    ["--config", join(folder, configurationFile)].concat(
      ["--addr", "127.0.0.1", "--port", `${port}`],
    ),
  ],
};

/** A broker in a process of its own, which can be killed and started again. */
export class Broker {
  readonly name: BrokerName;
  readonly #held: HeldPort;
  readonly #folder: string;
  #child: ChildProcess | null = null;

  private constructor(name: BrokerName, held: HeldPort, folder: string) {
    this.name = name;
    this.#held = held;
    this.#folder = folder;
  }

  /**
   * Starts one.
   *
   * @param configuration What NATS's file of configuration has.
   */
  static async start(name: BrokerName, configuration = ""): Promise<Broker> {
    const folder = await mkdtemp(join(tmpdir(), `weir-${name}-`));
    await writeFile(join(folder, configurationFile), configuration);
    const broker = new Broker(name, await HeldPort.take(), folder);
    await broker.start();
    return broker;
  }

  /** Where it listens whenever it runs, and nobody else. */
  get port(): number {
    return this.#held.port;
  }

  /** Starts it, on the same port as before, and waits until it listens. */
  async start(): Promise<void> {
    const [program, parameters] = commands[this.name](this.port, this.#folder);
    const child = spawn(program, parameters, {
      stdio: "ignore",
      // Where Debian has nats-server.
      env: { ...process.env, PATH: `${process.env.PATH}:/usr/sbin` },
    });
    this.#child = child;
    let failure: Error | null = null;
    child.on("error", (error) => failure = error);
    child.on("exit", (code) => failure ??= new Error(`exit status ${code}`));
    const deadline = performance.now() + 20_000;
    while (!await this.#listens()) {
      if (failure !== null || performance.now() > deadline) {
        throw new Error(
          `${program} does not run: apt-get install -y --no-install-recommends ${program}`,
          { cause: failure },
        );
      }
      await delay(20);
    }
  }

  /** Kills it, and waits until it is gone. */
  async kill(): Promise<void> {
    const child = this.#child;
    if (child === null) return;
    this.#child = null;
    if (child.exitCode !== null || child.signalCode !== null) return;
    const exit = once(child, "exit");
    child.kill("SIGKILL");
    await exit;
  }

  /** Kills it, and removes what it has left. */
  async end(): Promise<void> {
    await this.kill();
    this.#held.release();
    await rm(this.#folder, { recursive: true, force: true });
  }

  #listens(): Promise<boolean> {
    return new Promise((resolve) => {
      const socket = connect(this.port, "127.0.0.1");
      socket.on("connect", () => resolve(true));
      socket.on("error", () => resolve(false));
      socket.on("connect", () => socket.destroy());
    });
  }
}
