/**
 * The conformance run: `deno task autobahn`, with `--help` for its flags.
 *
 * Exits with 0 if all verdicts are OK or INFORMATIONAL, with 1 if one is not,
 * or something could not be tested, and with 2 if there was nothing to do: a
 * flag or file that cannot be used, or no Docker engine.
 */

import process from "node:process";
import { findRuntimes, type Runtime } from "../tests/toolchain.ts";
import { CaseSelectionError } from "./case_selection.ts";
import { CertificateError } from "./certificate_pair.ts";
import {
  type Command,
  CommandLineError,
  type CommonFlags,
  type FileCommand,
  helpText,
  parseCommandLine,
} from "./command_line.ts";
import {
  ConfigurationError,
  type FuzzingClientConfiguration,
  type FuzzingServerConfiguration,
  readConfiguration,
} from "./configuration.ts";
import { testWeir } from "./conformance_run.ts";
import { DockerError, findDocker, testInDocker } from "./docker.ts";
import { Progress } from "./progress.ts";
import {
  foldersFor,
  prepareFolder,
  ReportFolderError,
  type ReportFolders,
} from "./report_folders.ts";
import {
  casesFor,
  casesForAgent,
  defaultParallel,
  reportOutcomes,
  type RunContext,
  type RunOutcome,
} from "./run_context.ts";
import { serveCases, ServeError } from "./serve_cases.ts";
import { formatSummary, summaryJson, totalsOf } from "./summary.ts";
import { testServer } from "./test_server.ts";

const progress = new Progress();
const stopping = new AbortController();
for (const signal of ["SIGINT", "SIGTERM"] as const) {
  process.on(signal, () => {
    // A second one does not wait for anything.
    if (stopping.signal.aborted) process.exit(exitCodes[signal]);
    stopping.abort(new Stopped(signal));
  });
}

const exitCodes = { SIGINT: 130, SIGTERM: 143 };

/** The user wants an end. */
class Stopped extends Error {
  readonly signal: keyof typeof exitCodes;

  constructor(signal: keyof typeof exitCodes) {
    super(`ended by ${signal}`);
    this.signal = signal;
  }
}

try {
  const command = parseCommandLine(process.argv.slice(2));
  if (command.task === "help") {
    console.log(helpText());
    process.exit(0);
  }
  const outcome = await run(command);
  print(command, outcome);
  const { passed, failed } = totalsOf(outcome.outcomes);
  const isServing = outcome.isServing ?? false;
  process.exit(failed === 0 && (passed > 0 || isServing) ? 0 : 1);
} catch (error) {
  if (error instanceof Stopped) {
    progress.note(`autobahn: ${error.message}`);
    process.exit(exitCodes[error.signal]);
  }
  const isExplained = [
    CommandLineError,
    ConfigurationError,
    CaseSelectionError,
    CertificateError,
    DockerError,
    ReportFolderError,
    ServeError,
  ].some((type) => error instanceof type);
  if (!isExplained) throw error;
  console.error(`autobahn: ${(error as Error).message}`);
  process.exit(2);
}

/** Does what the user wants. */
function run(
  command: Exclude<Command, { task: "help" }>,
): Promise<RunOutcome & { isServing?: boolean }> {
  switch (command.task) {
    case "weir":
      return testWeir(
        command,
        runtimes(),
        contextFor(command, command.roles.map((role) => `${role}s` as const)),
      );
    case "docker": {
      findDocker();
      const context = contextFor(command, ["docker"]);
      return testInDocker(command, runtimes(), context);
    }
    case "url": {
      const { url, agent = new URL(url).host } = command;
      return testServers(contextFor(command, ["servers"]), [{ agent, url }]);
    }
    case "file":
      return runFile(command);
    case "serve": {
      const { port, schemes: [scheme] } = command;
      const options = { port, isSecure: scheme === "wss" };
      return serve(options, contextFor(command, ["clients"]));
    }
  }
}

/** Does what a configuration file says. */
function runFile(
  command: FileCommand,
): Promise<RunOutcome & { isServing?: boolean }> {
  const configuration = readConfiguration(command.file);
  for (const warning of configuration.warnings) progress.note(warning);
  if (configuration.kind === "client") {
    const context = contextFor(command, ["servers"], configuration);
    const { excludeAgentCases } = configuration;
    const servers = configuration.servers.map((server) => ({
      ...server,
      cases: casesForAgent(context.cases, server.agent, excludeAgentCases),
    }));
    return testServers(context, servers);
  }
  const { url, protocols, certificateFile, privateKeyFile } = configuration;
  const { hostname, port, protocol } = new URL(url);
  const isSecure = protocol === "wss:";
  return serve({
    hostname: hostname.replace(/^\[|\]$/g, ""),
    port: Number(port || (isSecure ? 443 : 80)),
    isSecure,
    protocols,
    ...certificateFile === undefined ? {} : { certificateFile, privateKeyFile },
    excludeAgentCases: configuration.excludeAgentCases,
    timeouts: configuration.timeouts,
  }, contextFor(command, ["clients"], configuration));
}

/** Tests servers, one after the other, and writes the reports. */
async function testServers(
  context: RunContext,
  servers: readonly Parameters<typeof testServer>[0][],
): Promise<RunOutcome> {
  const run: RunOutcome = { outcomes: [], reports: [] };
  const results = [];
  for (const server of servers) {
    const tested = await testServer(server, context);
    run.outcomes.push(tested.outcome);
    results.push(...tested.results);
  }
  const { folders, progress } = context;
  run.reports.push(
    ...await reportOutcomes(folders.servers, results, run.outcomes, progress),
  );
  return run;
}

async function serve(
  options: Parameters<typeof serveCases>[0],
  context: RunContext,
): Promise<RunOutcome & { isServing: boolean }> {
  return { ...await serveCases(options, context), isServing: true };
}

/** How to run the cases, with the folders ready for reports of some kinds. */
function contextFor(
  flags: CommonFlags,
  kinds: readonly (keyof ReportFolders)[],
  file?: FuzzingClientConfiguration | FuzzingServerConfiguration,
): RunContext {
  const context: RunContext = {
    cases: casesFor(
      flags.cases ?? file?.cases ?? ["*"],
      flags.exclude ?? file?.excludeCases ?? [],
    ),
    parallel: flags.parallel ?? defaultParallel,
    folders: foldersFor(flags.outdir, file?.outdir),
    progress,
    signal: stopping.signal,
  };
  for (const kind of kinds) prepareFolder(context.folders[kind]);
  return context;
}

/** The runtimes that are there; says what is missing. */
function runtimes(): Runtime[] {
  try {
    return findRuntimes();
  } catch (error) {
    progress.note((error as Error).message);
    return [];
  }
}

function print(command: CommonFlags, { outcomes, reports }: RunOutcome): void {
  if (command.json) {
    console.log(summaryJson(outcomes, reports));
    return;
  }
  if (outcomes.length === 0) return;
  const { passed, failed } = totalsOf(outcomes);
  console.log(`\n${formatSummary(outcomes)}\n`);
  for (const overview of reports) console.log(`Reports: ${overview}`);
  console.log(`${passed} passed, ${failed} failed`);
}
