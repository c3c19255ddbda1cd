/** The results that a fuzzing server has so far, and who waits for more. */

import type { CaseResult } from "./case_result.ts";

type ResultListener = (result: CaseResult) => void;

/** Results by agent and case; a case run again replaces its result. */
export class ResultBook {
  #results = new Map<string, Map<string, CaseResult>>();
  #listeners = new Map<string, ResultListener[]>();

  /** All results, agent by agent, each in the order of the cases. */
  get all(): CaseResult[] {
    return [...this.#results.values()].flatMap((ofAgent) =>
      [...ofAgent.values()].sort((one, other) => one.case - other.case)
    );
  }

  /** Adds a result and tells it to those who wait for it. */
  add(result: CaseResult): void {
    const ofAgent = this.#results.get(result.agent) ?? new Map();
    ofAgent.set(result.id, result);
    this.#results.set(result.agent, ofAgent);
    const key = keyOf(result.agent, result.id);
    const listeners = this.#listeners.get(key) ?? [];
    this.#listeners.delete(key);
    for (const listener of listeners) listener(result);
  }

  /**
   * Calls the listener once with the result of a case for an agent: at once
   * if there is one, or else when there is.
   */
  whenKnown(agent: string, id: string, listener: ResultListener): void {
    const known = this.#results.get(agent)?.get(id);
    if (known !== undefined) return listener(known);
    const key = keyOf(agent, id);
    this.#listeners.set(key, [...this.#listeners.get(key) ?? [], listener]);
  }
}

function keyOf(agent: string, id: string): string {
  return `${id} ${agent}`;
}
