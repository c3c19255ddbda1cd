/** Which folders the reports of a run go into, and whether they can. */

import { existsSync, mkdirSync, mkdtempSync, rmdirSync } from "node:fs";
import { dirname, join, resolve } from "node:path";

/** A folder that reports cannot be written into. Its message is one line. */
export class ReportFolderError extends Error {
  override name = "ReportFolderError";

  /**
   * @param folder The folder.
   * @param cause What the file system said.
   */
  constructor(folder: string, cause: unknown) {
    super(
      `Cannot write reports into ${JSON.stringify(folder)}: ` +
        `${reasonOf(cause)}. Name another folder with --outdir.`,
      { cause },
    );
  }
}

/** Where the reports go, by what was tested. */
export interface ReportFolders {
  servers: string;
  clients: string;
  /** Where the reference suite in Docker has its configuration and reports. */
  docker: string;
}

/** Where reports go unless told otherwise. */
export const defaultOutdir = "reports";

/**
 * Finds the folders. The one that the user names, and the default, have one for
 * servers and one for clients in them; the one in a configuration file is itself
 * where the reports go, as it is for the reference suite.
 *
 * @param named What the command line says.
 * @param configured What the configuration file says, where there is one.
 */
export function foldersFor(
  named: string | undefined,
  configured?: string,
): ReportFolders {
  if (named === undefined && configured !== undefined) {
    return { servers: configured, clients: configured, docker: configured };
  }
  const folder = named ?? defaultOutdir;
  return {
    servers: join(folder, "servers"),
    clients: join(folder, "clients"),
    docker: join(folder, "docker"),
  };
}

/**
 * Makes a folder if it is not there, and tries to write into it: a long run is
 * lost if that turns out to be impossible at its end.
 *
 * @throws {ReportFolderError} If it cannot be made, or written into.
 */
export function prepareFolder(folder: string): void {
  try {
    make(resolve(folder));
    rmdirSync(mkdtempSync(join(folder, ".writable-")));
  } catch (error) {
    throw new ReportFolderError(folder, error);
  }
}

/** Node's own `recursive` runs for ever in `/proc`. */
function make(folder: string): void {
  if (existsSync(folder)) return;
  make(dirname(folder));
  mkdirSync(folder);
}

function reasonOf(error: unknown): string {
  const { code, message } = error as { code?: string; message: string };
  switch (code) {
    case "EEXIST":
    case "ENOTDIR":
      return "there is a file of that name";
    case "EACCES":
    case "EPERM":
      return "permission denied";
    case "EROFS":
      return "it can only be read";
    case "ENOSPC":
      return "the disk is full";
    default:
      return message.replaceAll(/\s+/g, " ");
  }
}
