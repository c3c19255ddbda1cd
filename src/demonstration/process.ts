/**
 * What the demonstration server has to do with its process: arguments, output,
 * signals and exit codes.
 *
 * @module
 */

import { existsSync, statSync } from "node:fs";
import { dirname } from "node:path";
import process from "node:process";
import type { ServeOptions, Server } from "../../mod.ts";
import {
  type CommandLine,
  CommandLineError,
  helpText,
  parseCommandLine,
} from "./command_line.ts";
import { describePaths } from "./paths.ts";
import type { Paths } from "./paths.ts";

/**
 * Ctrl-C reaches a server under `npx deno task` two or three times at once:
 * from the terminal and from each parent that passes it on. Signals this close
 * to the first one, in milliseconds, are the same request to stop.
 */
const sameSignalWithin = 500;

/** How long clients get to answer the close frame, in milliseconds. */
export const shutdownTimeout = 3_000;

/**
 * Goes on, and shuts down as usual, when nobody reads the output any more, as in
 * `server.ts | head -1`. Node would end with an unhandled error.
 */
export function outliveReaders(): void {
  for (const stream of [process.stdout, process.stderr]) {
    stream.on("error", () => {});
  }
}

/** Reads the process's flags; help ends the process with 0, bad flags with 2. */
export function readCommandLine(): CommandLine {
  try {
    const options = parseCommandLine(process.argv.slice(2));
    if (options !== "help") return options;
    console.log(helpText());
    process.exit(0);
  } catch (error) {
    if (!(error instanceof CommandLineError)) throw error;
    console.error(error.message);
    process.exit(2);
  }
}

/** What is announced of a server. */
export type Announced = Pick<Server, "addr" | "url">;

/** Prints where the server listens and what each path does. */
export function announce(server: Announced, paths: Paths): void {
  const { addr, url } = server;
  const isUnix = addr.transport === "unix";
  const address = isUnix ? addr.path : url.replace("ws", "http");
  const base = isUnix ? `ws+unix:${addr.path}:` : url.slice(0, -1);
  console.log(`Weir listens on ${address}`);
  console.log(describePaths(paths, base));
  console.log("Ctrl-C stops it.");
}

/** Says in one line why the server cannot listen and ends the process with 1. */
export function exitUnheard(error: unknown, options: ServeOptions): never {
  const { path, hostname, port } = options;
  const address = path ?? `${hostname}:${port}`;
  console.error(`Cannot listen on ${address}: ${reasonOf(error, options)}`);
  process.exit(1);
}

function reasonOf(error: unknown, { path }: ServeOptions): string {
  switch ((error as { code?: unknown } | undefined)?.code) {
    case "EADDRINUSE":
      if (path === undefined) {
        return "the port is in use, choose another with --port";
      }
      return isDirectory(path)
        ? "it is a directory, choose another path with --unix"
        : "it is in use, remove it or choose another with --unix";
    case "EACCES":
      // Node says this of a directory that is not there, too.
      return path === undefined || existsSync(dirname(path))
        ? "permission denied"
        : "no such directory";
    case "EADDRNOTAVAIL":
      return "this machine has no such address";
    case "ENOTSUP":
      return "this system can't share a port, leave out --workers";
    case "ENOENT":
      return "no such directory";
    case "ENOTFOUND":
      return "no such host";
    default:
      return (error instanceof Error ? error.message : String(error))
        .replaceAll(/\s+/g, " ");
  }
}

function isDirectory(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false;
}

/** Closes every connection with 1001, and drops what is left after a while. */
export function shutDown(server: Server): Promise<void> {
  return server.shutdown({
    reason: "The server stops",
    timeout: shutdownTimeout,
  });
}

/**
 * On Ctrl-C and SIGTERM closes every connection with 1001 and ends the process
 * with 0. A second signal ends it at once.
 *
 * @returns Whether there was one.
 */
export function shutdownOnSignals(server: Server): () => boolean {
  return stopOnSignals(
    () => `${server.sockets.size} connections`,
    () => shutDown(server),
  );
}

/**
 * On Ctrl-C and SIGTERM stops something and ends the process with 0. A second
 * signal ends it at once.
 *
 * @param what Says what is closed.
 * @param stop Closes it.
 * @param kill Is called before the process ends at once.
 * @returns Whether there was one.
 */
export function stopOnSignals(
  what: () => string,
  stop: () => Promise<void>,
  kill: () => void = () => {},
): () => boolean {
  let stoppingSince: number | undefined;
  const onSignal = async (signal: "SIGINT" | "SIGTERM") => {
    if (stoppingSince !== undefined) {
      if (performance.now() - stoppingSince < sameSignalWithin) return;
      kill();
      process.exit(signal === "SIGINT" ? 130 : 143);
    }
    stoppingSince = performance.now();
    console.log(`${signal}: closing ${what()}.`);
    try {
      await stop();
      console.log("Closed.");
      process.exit(0);
    } catch (error) {
      console.error(error);
      process.exit(1);
    }
  };
  process.on("SIGINT", () => void onSignal("SIGINT"));
  process.on("SIGTERM", () => void onSignal("SIGTERM"));
  return () => stoppingSince !== undefined;
}
