/** The servers that the features of are compared, and how one is asked. */

import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { type Runtime, scriptCommand } from "../../support/runtime.ts";
import {
  keepAliveProbe,
  probeKeepAlive,
  probes,
  probeShutdown,
  shutdownProbe,
} from "./probes.ts";

/** A server of the table. */
export interface Peer {
  /** The column. */
  readonly name: string;
  /** The program in `peers/`. */
  readonly program: string;
  /** Where it runs. */
  readonly runtimes: readonly Runtime[];
}

/** The columns of the table. */
export const peers: readonly Peer[] = [
  { name: "Weir", program: "weir.ts", runtimes: ["deno", "bun", "node"] },
  { name: "ws", program: "ws.ts", runtimes: ["node"] },
  { name: "Deno", program: "deno.ts", runtimes: ["deno"] },
  { name: "Bun", program: "bun.ts", runtimes: ["bun"] },
  { name: "crossws", program: "crossws.ts", runtimes: ["node"] },
];

/** What came of a probe: `null`, or why the server can't do it. */
export type Answers = Readonly<Record<string, string | null>>;

/**
 * Starts a server on a runtime, and asks it everything, or all but some rows.
 *
 * @param patienceFor How many milliseconds an answer may take, for a row; `null`
 * leaves the row out.
 */
export async function ask(
  peer: Peer,
  runtime: Runtime,
  patienceFor: (row: string) => number | null,
): Promise<Answers> {
  const answers: Record<string, string | null> = {};
  const askAll = async (
    rows: Record<string, (patience: number) => Promise<void>>,
  ): Promise<void> => {
    await Promise.all(
      Object.entries(rows).map(async ([row, probe]) => {
        const patience = patienceFor(row);
        if (patience !== null) answers[row] = await reasonOf(probe(patience));
      }),
    );
  };
  const usual = withServer(peer, runtime, [], async (port, shutDown) => {
    await askAll(
      Object.fromEntries(
        Object.entries(probes).map(([row, probe]) => [
          row,
          (patience) => probe(port, patience),
        ]),
      ),
    );
    await askAll({
      [shutdownProbe]: (patience) => probeShutdown(port, patience, shutDown),
    });
  });
  const keepingAlive = patienceFor(keepAliveProbe) === null
    ? Promise.resolve()
    : withServer(
      peer,
      runtime,
      ["--keep-alive"],
      (port) => askAll({ [keepAliveProbe]: () => probeKeepAlive(port) }),
    );
  await Promise.all([usual, keepingAlive]);
  return answers;
}

/** Runs `use` with a server, which is ended then. */
async function withServer(
  peer: Peer,
  runtime: Runtime,
  given: readonly string[],
  use: (port: number, shutDown: () => void) => Promise<void>,
): Promise<void> {
  const script = fileURLToPath(
    new URL(`peers/${peer.program}`, import.meta.url),
  );
  const command = scriptCommand(script, runtime);
  const child = spawn(command.program, [...command.arguments, ...given], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  try {
    const lines = createInterface({ input: child.stdout });
    const [line] = await once(lines, "line", {
      signal: AbortSignal.timeout(30_000),
    });
    await use(JSON.parse(line).port, () => child.stdin.write("shutdown\n"));
  } finally {
    child.kill("SIGKILL");
  }
}

async function reasonOf(answer: Promise<void>): Promise<string | null> {
  try {
    await answer;
    return null;
  } catch (error) {
    return String(error);
  }
}
