/** Python's zlib, as an inflater that owes nothing to the library or the runtime. */

import { type ChildProcess, spawn } from "node:child_process";
import { dirname, join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { fromHex, toHex } from "./frames.ts";
import { findPython } from "./python.ts";

/** What the messages of one direction of a connection were compressed with. */
export interface InflaterJob {
  /** The base-2 logarithm of the window, 8 to 15. */
  wbits: number;
  /** Whether the window is kept from message to message. */
  takeover: boolean;
  /** The payloads as they stand on the wire, without the trailer. */
  messages: readonly Uint8Array[];
}

/** One Python process, for many jobs. */
export class PythonInflater {
  readonly #process: ChildProcess;
  readonly #answers: ((line: string | null) => void)[] = [];
  #over = false;

  /** Starts it; {@linkcode stop} ends it. */
  constructor() {
    const script = join(
      dirname(fileURLToPath(import.meta.url)),
      "python_inflater.py",
    );
    this.#process = spawn(findPython("websockets"), [script], {
      stdio: ["pipe", "pipe", "inherit"],
    });
    createInterface({ input: this.#process.stdout! }).on(
      "line",
      (line) => this.#answers.shift()?.(line),
    );
    this.#process.on("close", () => {
      this.#over = true;
      for (const answer of this.#answers.splice(0)) answer(null);
    });
  }

  /**
   * Inflates all messages.
   *
   * @throws {Error} If one can't be inflated within the window, or ends in a
   * block that has BFINAL set.
   */
  async inflate(
    { wbits, takeover, messages }: InflaterJob,
  ): Promise<Uint8Array[]> {
    const job = { wbits, takeover, messages: messages.map(toHex) };
    const line = await new Promise<string | null>((resolve) => {
      if (this.#over) return resolve(null);
      this.#answers.push(resolve);
      this.#process.stdin!.write(JSON.stringify(job) + "\n");
    });
    if (line === null) throw new Error("Python has ended");
    const { outputs, error } = JSON.parse(line) as {
      outputs: string[];
      error: string | null;
    };
    if (error !== null) throw new Error(`Python's zlib: ${error}`);
    return outputs.map(fromHex);
  }

  /** Ends the process. */
  async stop(): Promise<void> {
    if (this.#over) return;
    const ended = new Promise((resolve) => this.#process.on("close", resolve));
    this.#process.stdin!.end();
    await ended;
  }
}
