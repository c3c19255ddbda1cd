/**
 * The reference suite itself, from its official Docker image, against Weir's
 * servers.
 */

import { spawnSync } from "node:child_process";
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import process from "node:process";
import { root, type Runtime } from "../tests/toolchain.ts";
import type { WeirCommand } from "./command_line.ts";
import { agentName } from "./conformance_run.ts";
import { startProgram } from "./processes.ts";
import type { RunContext, RunOutcome } from "./run_context.ts";
import type { AgentOutcome, Verdict } from "./summary.ts";
import { startWeirServer, type WeirServer } from "./weir_server.ts";

/** There is no Docker engine to work with. */
export class DockerError extends Error {
  override name = "DockerError";
}

/** The official image. */
export const image = "crossbario/autobahn-testsuite";

/** Where containers have the folder with the configuration and the reports. */
const mounted = "/weir";

/** How a container reaches the servers on this machine. */
interface HostAccess {
  hostname: string;
  /** What `docker run` needs for that. */
  flags: string[];
}

/**
 * Asks the Docker engine how its containers reach this machine.
 *
 * @throws {DockerError} If no engine answers; the message says what to do.
 */
export function findDocker(): HostAccess {
  const { error, status, stdout, stderr } = spawnSync(
    "docker",
    ["info", "--format", "{{.OperatingSystem}}"],
    { encoding: "utf8", timeout: 30_000 },
  );
  if (error !== undefined || status !== 0) {
    const { code } = (error ?? {}) as { code?: string };
    const why = code === "ENOENT"
      ? "there is no docker command"
      : (stderr ?? "").trim() || error?.message || `exit status ${status}`;
    throw new DockerError(
      `No Docker engine answers (${why}). Install and start Docker, or run ` +
        `the cases without --docker: that needs nothing.`,
    );
  }
  const isNative = process.platform === "linux" &&
    !stdout.includes("Docker Desktop");
  return isNative
    ? { hostname: "127.0.0.1", flags: ["--network", "host"] }
    : { hostname: "host.docker.internal", flags: [] };
}

/**
 * Runs the image's fuzzing client against Weir's servers. The configuration is
 * `fuzzingclient.json` with these servers and cases.
 *
 * @param command Which runtimes and schemes.
 * @param runtimes The runtimes that are there.
 * @throws {DockerError} If no engine answers.
 */
export async function testInDocker(
  command: Pick<WeirCommand, "runtimes" | "schemes">,
  runtimes: readonly Runtime[],
  context: RunContext,
): Promise<RunOutcome> {
  const access = findDocker();
  const folder = resolve(context.folders.docker);
  mkdirSync(folder, { recursive: true });
  rmSync(join(folder, "servers"), { recursive: true, force: true });

  const started = performance.now();
  const servers: (WeirServer & { agent: string })[] = [];
  const outcomes: AgentOutcome[] = [];
  try {
    for (const name of command.runtimes) {
      for (const scheme of command.schemes) {
        const agent = agentName(name, scheme);
        try {
          const runtime = runtimes.find((runtime) => runtime.name === name);
          if (runtime === undefined) throw new Error(`${name} is missing`);
          const server = await startWeirServer(runtime, scheme);
          servers.push({ ...server, agent });
        } catch (error) {
          const problem = (error as Error).message;
          const expected = context.cases.length;
          outcomes.push({ agent, expected, verdicts: [], seconds: 0, problem });
        }
      }
    }
    if (servers.length === 0) return { outcomes, reports: [] };
    writeConfiguration(folder, access, servers, context);
    const problem = await runContainer(folder, access, context);
    const seconds = (performance.now() - started) / 1000 / servers.length;
    for (const { agent } of servers) {
      outcomes.push({ agent, seconds, ...outcomeOf(folder, agent, context) });
    }
    for (const outcome of outcomes) {
      if (problem !== undefined) outcome.problem ??= problem;
    }
  } finally {
    await Promise.all(servers.map((server) => server.end()));
  }
  return { outcomes, reports: [join(folder, "servers", "index.html")] };
}

function writeConfiguration(
  folder: string,
  { hostname }: HostAccess,
  servers: readonly { agent: string; url: string }[],
  { cases }: RunContext,
): void {
  const file = join(root, "autobahn", "fuzzingclient.json");
  const configuration = {
    ...JSON.parse(readFileSync(file, "utf8")),
    outdir: `${mounted}/servers`,
    servers: servers.map(({ agent, url }) => {
      const reached = new URL(url);
      reached.hostname = hostname;
      return { agent, url: reached.href };
    }),
    cases: cases.map(({ id }) => id),
    "exclude-cases": [],
  };
  writeFileSync(
    join(folder, "fuzzingclient.json"),
    JSON.stringify(configuration, null, 2),
  );
}

/** Runs the image; returns what was wrong with that, if anything. */
async function runContainer(
  folder: string,
  { flags }: HostAccess,
  { progress, signal }: RunContext,
): Promise<string | undefined> {
  const name = `weir-autobahn-${process.pid}`;
  const container = startProgram("docker", [
    "run",
    "--rm",
    ...["--name", name],
    ...flags,
    ...["--volume", `${folder}:${mounted}`],
    image,
    ...["wstest", "-m", "fuzzingclient", "-s", `${mounted}/fuzzingclient.json`],
  ]);
  // Ending the command alone would leave the container running.
  const stop = (): void => {
    spawnSync("docker", ["kill", name], { stdio: "ignore", timeout: 30_000 });
    void container.end();
  };
  signal.addEventListener("abort", stop);
  const seen = new Set<string>();
  const watch = setInterval(() => {
    for (
      const [, agent] of container.output.matchAll(
        /^Running test case ID \S+ for agent (.+) from peer/gm,
      )
    ) {
      if (!seen.has(agent)) progress.note(`${agent}: begins`);
      seen.add(agent);
    }
  }, 1000);
  progress.note(`Running ${image}`);
  const code = await container.finished;
  clearInterval(watch);
  signal.removeEventListener("abort", stop);
  signal.throwIfAborted();
  if (code === 0) return undefined;
  const end = container.output.trim().split("\n").slice(-5).join("\n");
  return `the container ended with ${code}: ${end}`;
}

/** Reads the reports of the reference suite. */
function outcomeOf(
  folder: string,
  agent: string,
  { cases }: RunContext,
): Pick<AgentOutcome, "expected" | "verdicts" | "problem"> {
  const expected = cases.length;
  const verdicts: Verdict[] = [];
  const read = (file: string) =>
    JSON.parse(readFileSync(join(folder, "servers", file), "utf8"));
  try {
    const entries = read("index.json")[agent] ?? {};
    for (const { id } of cases) {
      if (!Object.hasOwn(entries, id)) continue;
      const { behavior, behaviorClose, reportfile } = entries[id];
      const { result, resultClose } = read(reportfile);
      verdicts.push({ id, behavior, behaviorClose, result, resultClose });
    }
  } catch (error) {
    const problem = `no reports to read: ${(error as Error).message}`;
    return { expected, verdicts, problem };
  }
  if (verdicts.length === expected) return { expected, verdicts };
  const problem = `${expected - verdicts.length} cases have no result`;
  return { expected, verdicts, problem };
}
