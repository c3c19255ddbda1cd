/** The fuzzing server alone, for any client. */

import { join } from "node:path";
import { readFileSync } from "node:fs";
import type { AgentExclusion } from "./case_selection.ts";
import { certificateFiles } from "./certificate_files.ts";
import { startFuzzingServer } from "./fuzzing_server.ts";
import type { PeerTimeouts } from "./peer/peer_timers.ts";
import { report, type RunContext, type RunOutcome } from "./run_context.ts";
import type { AgentOutcome, Verdict } from "./summary.ts";
import { formatVerdict, isPassed } from "./summary.ts";

/** Where to listen, and for whom. */
export interface ServeOptions {
  hostname?: string;
  port: number;
  isSecure: boolean;
  /** PEM files for `wss:`; by default a certificate for `localhost`. */
  certificateFile?: string;
  privateKeyFile?: string;
  excludeAgentCases?: readonly AgentExclusion[];
  timeouts?: Partial<PeerTimeouts>;
}

/**
 * Serves the cases until the user, or a client, wants an end. The reports are
 * written into `clients/` whenever a client asks for them.
 *
 * @throws {Error} If it cannot listen there, or a file cannot be read.
 */
export async function serveCases(
  options: ServeOptions,
  { cases, outdir, progress, signal }: RunContext,
): Promise<RunOutcome> {
  const started = performance.now();
  const folder = join(outdir, "clients");
  const reports = new Set<string>();
  const { isSecure, hostname, port, excludeAgentCases, timeouts } = options;
  const own = isSecure && options.certificateFile === undefined
    ? certificateFiles()
    : undefined;
  const certificateFile = options.certificateFile ?? own?.certificate;
  const privateKeyFile = options.privateKeyFile ?? own?.privateKey;
  const server = await startFuzzingServer({
    port,
    ...hostname === undefined ? {} : { hostname },
    ...isSecure
      ? {
        cert: readFileSync(certificateFile!, "utf8"),
        key: readFileSync(privateKeyFile!, "utf8"),
      }
      : {},
    cases,
    ...excludeAgentCases === undefined ? {} : { excludeAgentCases },
    ...timeouts === undefined ? {} : { timeouts },
    onResult(result) {
      if (!isPassed(result)) {
        progress.note(`${result.agent}: ${formatVerdict(result)}`);
      }
    },
    async onUpdateReports(results, agent) {
      for (const overview of await report(folder, results)) {
        reports.add(overview);
        progress.note(`${agent}: see ${overview}`);
      }
    },
  });
  progress.note(instructions(server.url, cases.length, own?.authority));
  const stop = (): void => void server.stop();
  signal.addEventListener("abort", stop);
  if (signal.aborted) stop();
  await server.finished;
  signal.removeEventListener("abort", stop);

  const seconds = (performance.now() - started) / 1000;
  const agents = Map.groupBy(server.results, ({ agent }) => agent);
  const outcomes = [...agents].map(([agent, results]): AgentOutcome => ({
    agent,
    expected: results.length,
    verdicts: results satisfies Verdict[],
    seconds,
  }));
  return { outcomes, reports: [...reports] };
}

function instructions(
  url: string,
  count: number,
  authority: string | undefined,
): string {
  const trust = authority === undefined ? "" : ` --ca ${authority}`;
  return [
    `The fuzzing server listens on ${url} with ${count} cases. A client connects to`,
    "",
    `  ${url}/getCaseCount                    and gets their number, ${count}`,
    `  ${url}/runCase?case=1&agent=NAME       once for each, and echoes all it gets`,
    `  ${url}/updateReports?agent=NAME        to have the reports written`,
    "",
    "Client testees for the reference suite do just that. Weir's own is",
    "",
    `  deno run -A autobahn/testee.ts --url ${url} --agent Weir${trust}`,
    "",
    "Ctrl-C stops it.",
  ].join("\n");
}
