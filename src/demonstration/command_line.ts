/**
 * The flags of the demonstration server: what they are, how they are read and
 * what is wrong with those that cannot be used.
 *
 * @module
 */

import { readFileSync } from "node:fs";
import { parseArgs } from "node:util";
import type { ServeOptions } from "../../mod.ts";

/** A command line that cannot be used. Its message is one line for the user. */
export class CommandLineError extends Error {
  override name = "CommandLineError";
}

/** What the flags say. */
export interface CommandLine extends ServeOptions {
  /** How many processes are to serve. Default 1. */
  workers?: number;
}

interface Flag {
  type: "string" | "boolean";
  short?: string;
  /** What stands for the value in the help text. */
  value?: string;
  about: string;
}

const flags: Record<string, Flag> = {
  port: {
    type: "string",
    value: "NUMBER",
    about: "TCP port, 0 for any free one (default 8000)",
  },
  hostname: {
    type: "string",
    value: "NAME",
    about: "name or address to listen on (default 127.0.0.1)",
  },
  cert: {
    type: "string",
    value: "FILE",
    about: "PEM certificate: serve https: and wss: (needs --key)",
  },
  key: {
    type: "string",
    value: "FILE",
    about: "PEM private key of --cert",
  },
  unix: {
    type: "string",
    value: "PATH",
    about: "listen on a Unix socket instead of a port",
  },
  deflate: {
    type: "string",
    value: "off|auto|standard|zlib",
    about: "compression of messages (default auto)",
  },
  workers: {
    type: "string",
    value: "NUMBER",
    about: "processes that share the port (default 1)",
  },
  help: { type: "boolean", short: "h", about: "print this text" },
};

/** The text that `--help` prints. */
export function helpText(): string {
  const rows = Object.entries(flags).map(([name, flag]) => ({
    left: `--${name}${flag.value === undefined ? "" : ` ${flag.value}`}`,
    about: flag.about,
  }));
  const width = Math.max(...rows.map(({ left }) => left.length));
  return [
    "The demonstration server of Weir, a WebSocket server made of Web Streams.",
    "",
    "Usage: server.ts [flags]",
    "",
    ...rows.map(({ left, about }) => `  ${left.padEnd(width)}  ${about}`),
  ].join("\n");
}

/**
 * Reads the flags.
 *
 * @param args The arguments after the script's name; `--name value` and
 *   `--name=value` mean the same, and of a flag given twice the last one counts.
 * @returns The options for `serve()` and the number of workers, or `"help"` when help was asked for.
 * @throws {CommandLineError} For an unknown flag, a value that is missing or
 *   unusable, flags that exclude each other, and a file that cannot be read.
 */
export function parseCommandLine(args: string[]): CommandLine | "help" {
  const values = readFlags(args);
  if (values.has("help")) return "help";

  const cert = values.get("cert");
  const key = values.get("key");
  if (cert !== undefined && key === undefined) {
    throw new CommandLineError("--cert needs --key, its private key, as well");
  }
  if (key !== undefined && cert === undefined) {
    throw new CommandLineError("--key needs --cert, its certificate, as well");
  }

  const options: CommandLine = readAddress(values);
  if (cert !== undefined && key !== undefined) {
    options.cert = readPem("--cert", cert, "CERTIFICATE");
    options.key = readPem("--key", key, "PRIVATE KEY");
  }
  const deflate = values.get("deflate");
  if (deflate !== undefined) options.deflate = readDeflate(deflate);
  const workers = values.get("workers");
  if (workers !== undefined) options.workers = readWorkers(workers, options);
  return options;
}

/** Collects the flags by name. `parseArgs` splits, the checks have the same words on every runtime. */
function readFlags(args: string[]): Map<string, string> {
  const { tokens } = parseArgs({
    args,
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
  for (const token of tokens) {
    if (token.kind === "option-terminator") continue;
    if (token.kind === "positional") {
      throw new CommandLineError(
        `Unexpected argument ${quote(token.value)}: there are only flags, ` +
          `see --help`,
      );
    }
    const { name, rawName, value } = token;
    if (!Object.hasOwn(flags, name)) {
      throw new CommandLineError(`Unknown flag ${rawName}, see --help`);
    }
    if (flags[name].type === "boolean") {
      if (value !== undefined) {
        throw new CommandLineError(`${rawName} takes no value`);
      }
      values.set(name, "");
      continue;
    }
    const isNextFlag = !token.inlineValue && value?.startsWith("--");
    if (value === undefined || value === "" || isNextFlag) {
      throw new CommandLineError(
        `${rawName} needs a value: ${rawName} ${flags[name].value}`,
      );
    }
    values.set(name, value);
  }
  return values;
}

function readAddress(values: Map<string, string>): ServeOptions {
  const path = values.get("unix");
  if (path === undefined) {
    return {
      port: readPort(values.get("port") ?? "8000"),
      hostname: values.get("hostname") ?? "127.0.0.1",
    };
  }
  for (const name of ["port", "hostname", "cert"]) {
    if (values.has(name)) {
      throw new CommandLineError(
        `--unix and --${name} exclude each other: leave one out`,
      );
    }
  }
  return { path };
}

function readPort(text: string): number {
  const port = Number(text);
  if (!/^\d+$/.test(text) || port > 65535) {
    throw new CommandLineError(
      `--port must be a whole number from 0 to 65535, not ${quote(text)}`,
    );
  }
  return port;
}

function readWorkers(text: string, { path }: ServeOptions): number {
  const workers = Number(text);
  if (!/^\d+$/.test(text) || workers < 1 || workers > 1024) {
    throw new CommandLineError(
      `--workers must be a whole number from 1 to 1024, not ${quote(text)}`,
    );
  }
  if (workers > 1 && path !== undefined) {
    throw new CommandLineError(
      "--workers needs a port, as a Unix socket can't be shared: leave out --unix",
    );
  }
  return workers;
}

function readDeflate(text: string): ServeOptions["deflate"] {
  switch (text) {
    case "off":
      return false;
    case "auto":
    case "standard":
    case "zlib":
      return { backend: text };
  }
  throw new CommandLineError(
    `--deflate must be off, auto, standard or zlib, not ${quote(text)}`,
  );
}

function readPem(flag: string, file: string, label: string): string {
  let text: string;
  try {
    text = readFileSync(file, "utf8");
  } catch (error) {
    throw new CommandLineError(
      `${flag}: cannot read ${quote(file)} (${reasonOf(error)})`,
    );
  }
  if (!text.includes(`${label}-----`)) {
    throw new CommandLineError(
      `${flag}: ${quote(file)} holds no PEM block "${label}"`,
    );
  }
  if (text.includes("ENCRYPTED")) {
    throw new CommandLineError(
      `${flag}: ${quote(file)} is encrypted, and can't be used: decrypt it ` +
        `with openssl pkey -in FILE -out OTHER`,
    );
  }
  return text;
}

function reasonOf(error: unknown): string {
  switch ((error as { code?: unknown }).code) {
    case "ENOENT":
      return "no such file";
    case "EACCES":
      return "permission denied";
    case "EISDIR":
      return "it is a directory";
    default:
      return oneLine(String(error));
  }
}

/** Quotes a value so that it stays on one line whatever it contains. */
function quote(value: string): string {
  return JSON.stringify(value);
}

function oneLine(text: string): string {
  return text.replaceAll(/\s+/g, " ");
}
