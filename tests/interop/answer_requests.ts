/**
 * The child's side of `peer.ts`: a client that runs the scenarios it is asked
 * for. By hand: `echo '{"scenario":"text","url":"ws://127.0.0.1:8000/echo"}' |
 * node tests/interop/ws_peer.ts`.
 */

import process from "node:process";
import { createInterface } from "node:readline";
import type { PeerAnswer, PeerRequest } from "./peer.ts";

const scenarioTimeout = 30_000;

/**
 * Reads requests from standard input, a JSON object a line, and answers each
 * on standard output in the same way, until standard input ends.
 *
 * @param run Runs a scenario. What it returns, if anything, are the extensions
 * that were agreed.
 */
export async function answerRequests(
  run: (request: PeerRequest) => Promise<string | void>,
): Promise<void> {
  for await (const line of createInterface({ input: process.stdin })) {
    const answer: PeerAnswer = {};
    let timer: ReturnType<typeof setTimeout> | undefined;
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(() => {
        reject(new Error(`not done within ${scenarioTimeout} ms`));
      }, scenarioTimeout);
    });
    try {
      const extensions = await Promise.race([run(JSON.parse(line)), late]);
      if (extensions !== undefined) answer.extensions = extensions;
    } catch (error) {
      answer.error = error instanceof Error ? error.message : String(error);
    }
    clearTimeout(timer);
    process.stdout.write(`${JSON.stringify(answer)}\n`);
  }
}

/** The scenario called `name`; throws if this client has none of that name. */
export function pick<Value>(
  scenarios: Record<string, Value>,
  name: string,
): Value {
  if (!Object.hasOwn(scenarios, name)) {
    throw new Error(`this client has no scenario "${name}"`);
  }
  return scenarios[name];
}
