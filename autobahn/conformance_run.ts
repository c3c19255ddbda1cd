/** Weir's own conformance: its server and its client on each runtime. */

import type { Runtime, RuntimeName } from "../tests/toolchain.ts";
import type { CaseResult } from "./case_result.ts";
import type { Scheme, WeirCommand } from "./command_line.ts";
import {
  reportOutcomes,
  type RunContext,
  type RunOutcome,
} from "./run_context.ts";
import type { AgentOutcome } from "./summary.ts";
import { testClient } from "./test_client.ts";
import { testServer } from "./test_server.ts";
import { startWeirServer } from "./weir_server.ts";

/** How runtimes are written. */
const titles: Record<RuntimeName, string> = {
  deno: "Deno",
  bun: "Bun",
  node: "Node",
};

/** What the reports call Weir on a runtime. */
export function agentName(runtime: RuntimeName, scheme: Scheme): string {
  return `Weir on ${titles[runtime]}, ${scheme}`;
}

/**
 * Tests Weir, one runtime after the other, and writes the reports into
 * `servers/` and `clients/`.
 *
 * @param command Which ends, on which runtimes, over which schemes.
 * @param runtimes The runtimes that are there.
 */
export async function testWeir(
  command: Pick<WeirCommand, "runtimes" | "schemes" | "roles">,
  runtimes: readonly Runtime[],
  context: RunContext,
): Promise<RunOutcome> {
  const run: RunOutcome = { outcomes: [], reports: [] };
  for (const role of command.roles) {
    const results: CaseResult[] = [];
    const outcomes: AgentOutcome[] = [];
    for (const name of command.runtimes) {
      const runtime = runtimes.find((runtime) => runtime.name === name);
      for (const scheme of command.schemes) {
        context.signal.throwIfAborted();
        const tested = await test(role, name, runtime, scheme, context);
        const agent = `${tested.outcome.agent} (${role})`;
        outcomes.push({ ...tested.outcome, agent });
        results.push(...tested.results);
      }
    }
    const folder = context.folders[`${role}s`];
    run.reports.push(
      ...await reportOutcomes(folder, results, outcomes, context.progress),
    );
    run.outcomes.push(...outcomes);
  }
  return run;
}

async function test(
  role: "server" | "client",
  name: RuntimeName,
  runtime: Runtime | undefined,
  scheme: Scheme,
  context: RunContext,
): Promise<{ outcome: AgentOutcome; results: CaseResult[] }> {
  const agent = agentName(name, scheme);
  const failed = (problem: string) => {
    context.progress.note(`${agent}: ${problem}`);
    const expected = context.cases.length;
    const outcome = { agent, expected, verdicts: [], seconds: 0, problem };
    return { outcome, results: [] };
  };
  if (runtime === undefined) return failed(`${titles[name]} is missing`);
  if (role === "client") {
    return await testClient(agent, runtime, scheme, context);
  }

  let server;
  try {
    server = await startWeirServer(runtime, scheme);
  } catch (error) {
    return failed((error as Error).message);
  }
  try {
    return await testServer({ agent, url: server.url }, context);
  } finally {
    await server.end();
  }
}
