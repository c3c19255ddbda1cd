/** Weir's demonstration server, `server.ts`, as the server under test. */

import type { Runtime } from "../tests/toolchain.ts";
import { certificateFiles } from "./certificate_files.ts";
import type { Scheme } from "./command_line.ts";
import { startScript } from "./processes.ts";

/** How long it may take to listen, in milliseconds. */
const patience = 30_000;

/** A server that listens on the loopback interface. */
export interface WeirServer {
  /** The URL of its echo. */
  url: string;
  end(): Promise<void>;
}

/**
 * Starts `server.ts` with its defaults, on a free port.
 *
 * @throws {Error} If it does not start; the message has what it printed.
 */
export async function startWeirServer(
  runtime: Runtime,
  scheme: Scheme,
): Promise<WeirServer> {
  const args = ["--port", "0"];
  if (scheme === "wss") {
    const { certificate, privateKey } = certificateFiles();
    args.push("--cert", certificate, "--key", privateKey);
  }
  const program = startScript(runtime, "server.ts", args);
  try {
    const [url] = await program.printed(/\bwss?:\S+\/echo(?=\s)/, patience);
    return { url, end: () => program.end() };
  } catch (error) {
    await program.end();
    throw error;
  }
}
