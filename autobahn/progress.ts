/** Says on stderr how far a run has come. */

import process from "node:process";
import { formatVerdict, isPassed, type Verdict } from "./summary.ts";

/** What {@linkcode Progress} writes to: stderr. */
export interface ProgressOutput {
  write(text: string): unknown;
  /** Whether lines can be written over. */
  isTTY?: boolean;
}

/**
 * On a terminal, a line that counts the cases of the agent at work, and a line
 * for each case that did not pass. Elsewhere the latter, and a line an agent.
 */
export class Progress {
  readonly #output: ProgressOutput;
  #agent = "";
  #total = 0;
  #done = 0;
  #notPassed = 0;
  #since = 0;
  #lineIsOpen = false;

  constructor(output: ProgressOutput = process.stderr) {
    this.#output = output;
  }

  /** An agent is going to be tested. */
  begin(agent: string, total: number): void {
    this.#agent = agent;
    this.#total = total;
    this.#done = this.#notPassed = 0;
    this.#since = performance.now();
    this.#show();
  }

  /** One of its cases has ended. */
  add(verdict: Verdict): void {
    this.#done++;
    if (!isPassed(verdict)) {
      this.#notPassed++;
      this.note(`${this.#agent}: ${formatVerdict(verdict)}`);
    }
    this.#show();
  }

  /** It has been tested. */
  end(): void {
    this.#clear();
    this.#output.write(`${this.#line()}\n`);
    this.#agent = "";
  }

  /** Says something else. */
  note(text: string): void {
    this.#clear();
    this.#output.write(`${text}\n`);
    this.#show();
  }

  #show(): void {
    if (!this.#output.isTTY || this.#agent === "") return;
    this.#clear();
    this.#output.write(this.#line());
    this.#lineIsOpen = true;
  }

  #clear(): void {
    if (!this.#lineIsOpen) return;
    this.#output.write("\r\x1b[K");
    this.#lineIsOpen = false;
  }

  #line(): string {
    const seconds = (performance.now() - this.#since) / 1000;
    return `${this.#agent}: ${this.#done} of ${this.#total} cases` +
      (this.#notPassed > 0 ? `, ${this.#notPassed} not passed` : "") +
      `, ${seconds.toFixed(0)} s`;
  }
}
