/** Tests Weir's client on a runtime, with the fuzzing server. */

import type { Runtime } from "../tests/toolchain.ts";
import {
  signedCertificate,
  signedPrivateKey,
} from "../tests/support/private_authority.ts";
import type { CaseResult } from "./case_result.ts";
import { certificateFiles } from "./certificate_files.ts";
import type { Scheme } from "./command_line.ts";
import { startFuzzingServer } from "./fuzzing_server.ts";
import { startScript } from "./processes.ts";
import type { RunContext } from "./run_context.ts";
import type { AgentOutcome } from "./summary.ts";

/** How long no case may end, in milliseconds: longer than any may take. */
const patience = 600_000;

/**
 * Runs the cases with `autobahn/testee.ts`.
 *
 * @param agent What the reports call it.
 * @returns The outcome, and the results for the reports.
 */
export async function testClient(
  agent: string,
  runtime: Runtime,
  scheme: Scheme,
  context: RunContext,
): Promise<{ outcome: AgentOutcome; results: CaseResult[] }> {
  const { cases, parallel, progress } = context;
  const started = performance.now();
  progress.begin(agent, cases.length);
  const results: CaseResult[] = [];
  let problem: string | undefined;
  // Side by side, measured cases would be slower, and some have little time.
  const rounds = [
    { cases: cases.filter(({ isMeasured }) => !isMeasured), parallel },
    {
      cases: cases.filter(({ isMeasured }) => isMeasured),
      parallel: Math.min(parallel, 2),
    },
  ];
  for (const round of rounds) {
    if (round.cases.length === 0 || problem !== undefined) continue;
    const ran = await runRound(agent, runtime, scheme, {
      ...context,
      ...round,
    });
    results.push(...ran.results);
    problem = ran.problem;
  }
  if (results.length < cases.length) {
    problem ??= `${cases.length - results.length} cases have no result`;
  }
  if (problem !== undefined) progress.note(`${agent}: ${problem}`);
  progress.end();
  return {
    outcome: {
      agent,
      expected: cases.length,
      verdicts: results,
      seconds: (performance.now() - started) / 1000,
      ...problem === undefined ? {} : { problem },
    },
    results,
  };
}

/** Has the testee go through some of the cases, `parallel` at a time. */
async function runRound(
  agent: string,
  runtime: Runtime,
  scheme: Scheme,
  { cases, parallel, progress, signal }: RunContext,
): Promise<{ results: CaseResult[]; problem?: string }> {
  const isSecure = scheme === "wss";
  let problem: string | undefined;
  let watchdog: ReturnType<typeof setTimeout> | undefined;
  let end = (): void => {};
  const keepWaiting = (): void => {
    clearTimeout(watchdog);
    watchdog = setTimeout(() => {
      problem = `no case has ended for ${patience / 1000} s`;
      end();
    }, patience);
  };
  const server = await startFuzzingServer({
    cases,
    ...isSecure ? { cert: signedCertificate, key: signedPrivateKey } : {},
    onResult(result) {
      progress.add(result);
      keepWaiting();
    },
  });
  const testee = startScript(runtime, "autobahn/testee.ts", [
    "--url",
    server.url,
    "--agent",
    agent,
    "--parallel",
    String(parallel),
    ...isSecure ? ["--ca", certificateFiles().authority] : [],
  ]);
  end = (): void => void testee.end();
  signal.addEventListener("abort", end);
  keepWaiting();
  const code = await testee.finished;
  clearTimeout(watchdog);
  signal.removeEventListener("abort", end);
  const results = [...server.results];
  await server.stop();
  signal.throwIfAborted();
  if (code !== 0) problem ??= `ended with ${code}: ${testee.output.trim()}`;
  return { results, ...problem === undefined ? {} : { problem } };
}
