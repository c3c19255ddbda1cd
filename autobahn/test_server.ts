/** Tests a server that is running, with the fuzzing client. */

import type { CaseResult } from "./case_result.ts";
import { runFuzzingClient, UnreachableError } from "./fuzzing_client.ts";
import type { Case } from "./case.ts";
import type { PeerTimeouts } from "./peer/peer_timers.ts";
import type { RunContext } from "./run_context.ts";
import type { AgentOutcome } from "./summary.ts";

/** A server, and what is special about testing it. */
export interface ServerToTest {
  /** What the reports call it. */
  agent: string;
  /** A `ws:` or `wss:` URL. */
  url: string;
  /** The name to ask for in the TLS handshake, if not the URL's. */
  hostname?: string;
  /** The `Origin` header to send. */
  origin?: string;
  /** The subprotocols to offer. */
  protocols?: readonly string[];
  timeouts?: Partial<PeerTimeouts>;
  /** In place of all the cases that were asked for. */
  cases?: readonly Case[];
}

/**
 * Runs the cases against a server. Its certificate is not checked: servers under
 * test seldom have one that anybody knows.
 *
 * @returns The outcome, and the results for the reports.
 */
export async function testServer(
  server: ServerToTest,
  { cases: allOfThem, parallel, progress, signal }: RunContext,
): Promise<{ outcome: AgentOutcome; results: CaseResult[] }> {
  const { agent, url, hostname, cases = allOfThem, ...options } = server;
  const started = performance.now();
  const results: CaseResult[] = [];
  let problem: string | undefined;
  progress.begin(agent, cases.length);
  try {
    for await (
      const result of runFuzzingClient({
        ...options,
        url,
        agent,
        cases,
        servername: hostname,
        atOnce: parallel,
        signal,
      })
    ) {
      results.push(result);
      progress.add(result);
    }
  } catch (error) {
    signal.throwIfAborted();
    if (!(error instanceof UnreachableError)) throw error;
    problem = error.message;
    progress.note(`${agent}: ${problem}`);
  }
  progress.end();
  return {
    outcome: {
      agent,
      expected: cases.length,
      verdicts: results.toSorted((one, other) => one.case - other.case),
      seconds: (performance.now() - started) / 1000,
      ...problem === undefined ? {} : { problem },
    },
    results,
  };
}
