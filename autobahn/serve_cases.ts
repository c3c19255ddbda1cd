/** The fuzzing server alone, for any client. */

import type { AgentExclusion } from "./case_selection.ts";
import { certificateFiles } from "./certificate_files.ts";
import { readCertificatePair } from "./certificate_pair.ts";
import {
  type FuzzingServer,
  type FuzzingServerOptions,
  startFuzzingServer,
} from "./fuzzing_server.ts";
import type { PeerTimeouts } from "./peer/peer_timers.ts";
import { report, type RunContext, type RunOutcome } from "./run_context.ts";
import type { AgentOutcome, Verdict } from "./summary.ts";
import { formatVerdict, isPassed } from "./summary.ts";

/** The fuzzing server cannot listen. Its message is one line for the user. */
export class ServeError extends Error {
  override name = "ServeError";
}

/** Where to listen, and for whom. */
export interface ServeOptions {
  hostname?: string;
  port: number;
  isSecure: boolean;
  /** PEM files for `wss:`; by default a certificate for `localhost`. */
  certificateFile?: string;
  privateKeyFile?: string;
  /** The subprotocols to agree to. */
  protocols?: readonly string[];
  excludeAgentCases?: readonly AgentExclusion[];
  timeouts?: Partial<PeerTimeouts>;
}

/**
 * Serves the cases until the user, or a client, wants an end. The reports are
 * written whenever a client asks for them.
 *
 * @throws {ServeError} If it cannot listen there.
 * @throws {CertificateError} If the certificate's files cannot be used.
 */
export async function serveCases(
  options: ServeOptions,
  { cases, folders, progress, signal }: RunContext,
): Promise<RunOutcome> {
  const started = performance.now();
  const reports = new Set<string>();
  let problem: string | undefined;
  const { isSecure, hostname, port, protocols, excludeAgentCases, timeouts } =
    options;
  const own = isSecure && options.certificateFile === undefined
    ? certificateFiles()
    : undefined;
  const certificateFile = options.certificateFile ?? own?.certificate;
  const privateKeyFile = options.privateKeyFile ?? own?.privateKey;
  const server = await listen({
    port,
    ...hostname === undefined ? {} : { hostname },
    ...isSecure ? readCertificatePair(certificateFile!, privateKeyFile!) : {},
    cases,
    ...protocols === undefined ? {} : { protocols },
    ...excludeAgentCases === undefined ? {} : { excludeAgentCases },
    ...timeouts === undefined ? {} : { timeouts },
    onResult(result) {
      if (!isPassed(result)) {
        progress.note(`${result.agent}: ${formatVerdict(result)}`);
      }
    },
    async onUpdateReports(results, agent) {
      try {
        const written = await report(folders.clients, results, progress);
        problem = undefined;
        for (const overview of written) {
          reports.add(overview);
          progress.note(`${agent}: see ${overview}`);
        }
      } catch (error) {
        problem = (error as Error).message;
        progress.note(`${agent}: ${problem}`);
        throw error;
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
    ...problem === undefined ? {} : { problem },
  }));
  return { outcomes, reports: [...reports] };
}

/** Starts the server, and says what is wrong where it does not start. */
async function listen(options: FuzzingServerOptions): Promise<FuzzingServer> {
  try {
    return await startFuzzingServer(options);
  } catch (error) {
    const { hostname = "127.0.0.1", port } = options;
    throw new ServeError(
      `Cannot listen on ${hostname}:${port}: ${reasonOf(error)}`,
      { cause: error },
    );
  }
}

function reasonOf(error: unknown): string {
  const { code, message } = error as { code?: string; message: string };
  switch (code) {
    case "EADDRINUSE":
      return "the port is in use, choose another";
    case "EACCES":
      return "permission denied, choose a port from 1024 on";
    case "EADDRNOTAVAIL":
    case "EINVAL": // on Deno
      return "this machine has no such address";
    case "ENOTFOUND":
      return "no such host";
    default:
      return message.replaceAll(/\s+/g, " ");
  }
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
