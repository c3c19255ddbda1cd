/**
 * The flags of the conformance run: what they are, how they are read, and which
 * of its tasks they ask for.
 */

import { parseArgs } from "node:util";
import { type RuntimeName, runtimeNames } from "../tests/toolchain.ts";
import { splitPatterns } from "./case_selection.ts";
import { isWebSocketUrl } from "./configuration.ts";

/** A command line that cannot be used. Its message is one line for the user. */
export class CommandLineError extends Error {
  override name = "CommandLineError";
}

/** `ws`, or `wss` for TLS. */
export type Scheme = "ws" | "wss";

/** Which end of Weir is tested. */
export type Role = "server" | "client";

/** What every task is told. */
export interface CommonFlags {
  /** Patterns of case numbers, or `undefined` where the user names none. */
  cases: string[] | undefined;
  /** Patterns of what is left out, likewise. */
  exclude: string[] | undefined;
  /** Where the reports go, likewise. */
  outdir: string | undefined;
  /** Whether the summary is wanted as JSON. */
  json: boolean;
  /** How many cases run at the same time, or `undefined` for the default. */
  parallel: number | undefined;
}

/** Weir on its runtimes, against this suite or the reference's in Docker. */
export interface WeirCommand extends CommonFlags {
  task: "weir" | "docker";
  runtimes: RuntimeName[];
  schemes: Scheme[];
  roles: Role[];
}

/** One server, given by its URL. */
export interface UrlCommand extends CommonFlags {
  task: "url";
  url: string;
  /** What the reports call it; `undefined` for the host in the URL. */
  agent: string | undefined;
}

/** What a configuration file says. */
export interface FileCommand extends CommonFlags {
  task: "file";
  file: string;
}

/** The fuzzing server alone. */
export interface ServeCommand extends CommonFlags {
  task: "serve";
  port: number;
  schemes: Scheme[];
}

/** What the user wants done. */
export type Command =
  | WeirCommand
  | UrlCommand
  | FileCommand
  | ServeCommand
  | { task: "help" };

/** The port that the fuzzing server has unless another is given. */
export const defaultServePort = 9001;

interface Flag {
  type: "string" | "boolean";
  short?: string;
  /** What stands for the value in the help text. */
  value?: string;
  about: string;
}

const flags: Record<string, Flag> = {
  "cases": {
    type: "string",
    value: "PATTERNS",
    about: "such as '5.*,9.1.*' or 7.7.1 (default: all)",
  },
  "exclude": {
    type: "string",
    value: "PATTERNS",
    about: "what to leave out of these",
  },
  "runtime": {
    type: "string",
    value: "NAMES",
    about: "of deno,bun,node (default: all)",
  },
  "scheme": {
    type: "string",
    value: "NAMES",
    about: "of ws,wss (default: both)",
  },
  "role": {
    type: "string",
    value: "NAMES",
    about: "of server,client: which end of Weir (default: both)",
  },
  "url": {
    type: "string",
    value: "URL",
    about: "test the echo server there instead of Weir",
  },
  "agent": {
    type: "string",
    value: "NAME",
    about: "what the reports call it (default: its host)",
  },
  "config": {
    type: "string",
    value: "FILE",
    about: "do what a fuzzingclient.json or fuzzingserver.json says",
  },
  "serve": {
    type: "boolean",
    value: "[PORT]",
    about: `only offer the cases to clients (default port ${defaultServePort})`,
  },
  "docker": {
    type: "boolean",
    about: "test Weir's servers with the official Docker image",
  },
  "parallel": {
    type: "string",
    value: "COUNT",
    about: "cases at the same time (default 16; 1: one after the other)",
  },
  "outdir": {
    type: "string",
    value: "FOLDER",
    about: "for servers/ and clients/, the reports (default reports/)",
  },
  "json": {
    type: "boolean",
    about: "print the summary as JSON; progress goes to stderr anyway",
  },
  "help": { type: "boolean", short: "h", about: "print this text" },
};

/** Which flags each task has beside those that all have. */
const flagsOfTasks: Record<Exclude<Command["task"], "help">, string[]> = {
  weir: ["runtime", "scheme", "role"],
  docker: ["docker", "runtime", "scheme", "role"],
  url: ["url", "agent"],
  file: ["config"],
  serve: ["serve", "scheme"],
};
const flagsOfAll = ["cases", "exclude", "outdir", "json", "parallel"];

/** The text that `--help` prints. */
export function helpText(): string {
  const rows = Object.entries(flags).map(([name, { value, about }]) => ({
    left: `--${name}${value === undefined ? "" : ` ${value}`}`,
    about,
  }));
  const width = Math.max(...rows.map(({ left }) => left.length));
  return [
    "Runs the cases of the Autobahn test suite: against Weir's server on Deno,",
    "Bun and Node, then with Weir's client against the fuzzing server, unless",
    "told otherwise. Exits with 1 if any verdict is neither OK nor INFORMATIONAL.",
    "",
    "Usage: deno task autobahn [flags]",
    "",
    ...rows.map(({ left, about }) => `  ${left.padEnd(width)}  ${about}`),
    "",
    "Examples:",
    "",
    "  deno task autobahn --runtime deno --role server --cases '1.*,2.*'",
    "  deno task autobahn --url ws://localhost:8080/echo --agent mine",
    "  deno task autobahn --serve",
  ].join("\n");
}

/**
 * Reads the flags.
 *
 * @param args The arguments after the script's name. Lists are separated by
 * commas; of a flag given twice the last one counts.
 * @throws {CommandLineError} For what is unknown, missing, unusable, or does not
 * go together.
 */
export function parseCommandLine(args: readonly string[]): Command {
  const { values, port } = readFlags(args);
  if (values.has("help")) return { task: "help" };

  const task = taskOf(values);
  const allowed = [...flagsOfTasks[task], ...flagsOfAll];
  for (const name of values.keys()) {
    if (allowed.includes(name)) continue;
    throw new CommandLineError(
      task === "weir"
        ? `--${name} needs --url`
        : `--${name} does not go with --${flagsOfTasks[task][0]}`,
    );
  }
  const cases = readPatterns("cases", values);
  const exclude = readPatterns("exclude", values);
  const common: CommonFlags = {
    cases,
    exclude,
    outdir: values.get("outdir"),
    json: values.has("json"),
    parallel: readParallel(values),
  };
  const schemes = (otherwise: Scheme[]) =>
    readList<Scheme>("scheme", values, ["ws", "wss"], otherwise);

  switch (task) {
    case "url":
      return {
        task,
        ...common,
        url: readUrl(values.get("url")!),
        agent: values.get("agent"),
      };
    case "file":
      return { task, ...common, file: values.get("config")! };
    case "serve":
      return {
        task,
        ...common,
        port: port === undefined ? defaultServePort : readPort(port),
        schemes: readServeSchemes(schemes(["ws"])),
      };
    case "weir":
    case "docker":
      return {
        task,
        ...common,
        runtimes: readList("runtime", values, runtimeNames, runtimeNames),
        schemes: schemes(["ws", "wss"]),
        roles: task === "docker"
          ? readDockerRoles(values)
          : readList<Role>("role", values, ["server", "client"], [
            "server",
            "client",
          ]),
      };
  }
}

function taskOf(
  values: Map<string, string>,
): keyof typeof flagsOfTasks {
  if (values.has("url")) return "url";
  if (values.has("config")) return "file";
  if (values.has("serve")) return "serve";
  return values.has("docker") ? "docker" : "weir";
}

/** Collects the flags by name, and the port behind `--serve`. */
function readFlags(
  args: readonly string[],
): { values: Map<string, string>; port: string | undefined } {
  const { tokens } = parseArgs({
    args: [...args],
    options: Object.fromEntries(
      Object.entries(flags).map(([name, { type, short }]) => [
        name,
        short === undefined ? { type } : { type, short },
      ]),
    ),
    strict: false,
    allowPositionals: true,
    tokens: true,
  });
  const values = new Map<string, string>();
  let port: string | undefined;
  let servedAt = -2;
  for (const token of tokens) {
    if (token.kind === "option-terminator") continue;
    if (token.kind === "positional") {
      if (token.index !== servedAt + 1) {
        throw new CommandLineError(
          `Unexpected argument ${JSON.stringify(token.value)}: see --help`,
        );
      }
      port = token.value;
      continue;
    }
    const { name, rawName, value } = token;
    const flag = Object.hasOwn(flags, name) ? flags[name] : undefined;
    if (flag === undefined) {
      throw new CommandLineError(`Unknown flag ${rawName}, see --help`);
    }
    if (name === "serve") {
      servedAt = token.index;
      port = value;
    } else if (flag.type === "boolean") {
      if (value !== undefined) {
        throw new CommandLineError(`${rawName} takes no value`);
      }
    } else {
      const isNextFlag = !token.inlineValue && value?.startsWith("--");
      if (value === undefined || value === "" || isNextFlag) {
        throw new CommandLineError(
          `${rawName} needs a value: ${rawName} ${flag.value}`,
        );
      }
    }
    values.set(name, value ?? "");
  }
  return { values, port };
}

function readPatterns(
  name: string,
  values: Map<string, string>,
): string[] | undefined {
  const list = values.get(name);
  if (list === undefined) return undefined;
  const patterns = splitPatterns(list);
  const wrong = patterns.find((pattern) => !/^[\d.*]+$/.test(pattern));
  if (patterns.length === 0 || wrong !== undefined) {
    throw new CommandLineError(
      `--${name} must be case numbers such as '5.*,9.1.*', ` +
        `not ${JSON.stringify(wrong ?? list)}`,
    );
  }
  return patterns;
}

function readList<Name extends string>(
  flag: string,
  values: Map<string, string>,
  known: readonly Name[],
  otherwise: readonly Name[],
): Name[] {
  const list = values.get(flag);
  if (list === undefined) return [...otherwise];
  const given = list.split(",").map((name) => name.trim());
  for (const name of given) {
    if ((known as readonly string[]).includes(name)) continue;
    throw new CommandLineError(
      `--${flag} must be of ${known.join(",")}, not ${JSON.stringify(name)}`,
    );
  }
  return known.filter((name) => given.includes(name));
}

function readServeSchemes(schemes: Scheme[]): Scheme[] {
  if (schemes.length === 1) return schemes;
  throw new CommandLineError("--serve has one scheme: --scheme ws or wss");
}

function readDockerRoles(values: Map<string, string>): Role[] {
  const roles = readList<Role>("role", values, ["server", "client"], [
    "server",
  ]);
  if (roles.includes("client")) {
    throw new CommandLineError("--docker tests servers only: --role server");
  }
  return roles;
}

function readUrl(text: string): string {
  if (isWebSocketUrl(text)) return text;
  throw new CommandLineError(
    `--url must be a ws: or wss: URL, not ${JSON.stringify(text)}`,
  );
}

function readPort(text: string): number {
  const port = Number(text);
  if (/^\d+$/.test(text) && port <= 65535) return port;
  throw new CommandLineError(
    `--serve must be a port from 0 to 65535, not ${JSON.stringify(text)}`,
  );
}

function readParallel(values: Map<string, string>): number | undefined {
  const text = values.get("parallel");
  if (text === undefined) return undefined;
  const count = Number(text);
  if (/^\d+$/.test(text) && count >= 1) return count;
  throw new CommandLineError(
    `--parallel must be a whole number from 1, not ${JSON.stringify(text)}`,
  );
}
