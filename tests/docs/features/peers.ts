/** The servers that the features of are compared, and how one is asked. */

import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { type Runtime, scriptCommand } from "../../support/runtime.ts";
import { probes, probeShutdown, shutdownProbe } from "./probes.ts";

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

/** Starts a server on a runtime, and asks it everything, or all but some rows. */
export async function ask(
  peer: Peer,
  runtime: Runtime,
  leftOut: readonly string[] = [],
): Promise<Answers> {
  const script = fileURLToPath(
    new URL(`peers/${peer.program}`, import.meta.url),
  );
  const command = scriptCommand(script, runtime);
  const child = spawn(command.program, [...command.arguments], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  try {
    const lines = createInterface({ input: child.stdout });
    const [line] = await once(lines, "line", {
      signal: AbortSignal.timeout(30_000),
    });
    const { port } = JSON.parse(line);
    const answers: Record<string, string | null> = {};
    await Promise.all(
      Object.entries(probes).map(async ([name, probe]) => {
        if (leftOut.includes(name)) return;
        answers[name] = await reasonOf(probe(port));
      }),
    );
    answers[shutdownProbe] = await reasonOf(
      probeShutdown(port, () => child.stdin.write("shutdown\n")),
    );
    return answers;
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
