/**
 * The command line.
 *
 * @module
 */
import { parseArgs } from "node:util";
import { type RuntimeName, runtimeNames } from "../tests/toolchain.ts";
import { contenders } from "./contenders.ts";
import { workloads } from "./workloads/all.ts";

/** What is to be measured, and how. */
export interface Options {
  /** On which runtimes. */
  runtimes: readonly RuntimeName[];
  /** Which contenders. */
  peers: readonly string[];
  /** Which workloads. */
  workloads: readonly string[];
  /** How long each round is measured, in milliseconds. */
  duration: number;
  /** How often each contender is measured. */
  rounds: number;
  /** How long each is loaded before its first round, in milliseconds. */
  warmUp: number;
  /** Whether this is the short run. */
  quick: boolean;
  /** Whether everything is measured, as thoroughly as it is documented. */
  full: boolean;
  /** The files that are written, without their extensions. */
  output: string;
}

/** A command line that cannot be used. Its message is for the user. */
export class OptionsError extends Error {}

/** What `--help` prints. */
export const help =
  `Measures Weir beside what users have today, on the same runtime.

  deno task bench                     everything, in less than 20 minutes
  deno task bench --quick             the most important, in less than 2
  deno task bench --runtime=node --workload=echo-64-1,echo-64-32
  deno task bench --workload=deflate --peer=weir,weir-zlib,ws

  --runtime=NAMES    of ${runtimeNames.join(", ")}; default: all
  --peer=NAMES       of ${contenders.map(({ name }) => name).join(", ")};
                     default: all
  --workload=NAMES   names or beginnings of names; default: all of
                     ${wrap(workloads.map(({ name }) => name), 21)}
  --duration=MS      milliseconds that each round measures; default 400
  --rounds=N         how often each is measured, in turns; default 5, and no
                     more than 3 where that takes long or varies little
  --quick            fewer workloads and contenders, 2 rounds of 200 ms,
                     less time to warm up
  --output=PATH      writes PATH.json, PATH.md and PATH.svg; default bench/results
                     for a full run, bench/results-partial for any other
  --help             prints this

NAMES are separated by commas.`;

/**
 * Reads the arguments.
 *
 * @returns The options, or `"help"`.
 * @throws {OptionsError} If something is wrong with them.
 */
export function parseOptions(given: string[]): Options | "help" {
  const values = readFlags(given);
  if (values.help) return "help";
  const quick = values.quick ?? false;
  const runtimes = choose("--runtime", values.runtime, runtimeNames);
  const peers = choose(
    "--peer",
    values.peer,
    contenders.filter(({ takesPart }) =>
      takesPart.quick || !quick || values.peer
    )
      .map(({ name }) => name),
  );
  const chosen = choose(
    "--workload",
    values.workload,
    workloads.filter(({ long }) => !long || !quick || values.workload)
      .map(({ name }) => name),
    true,
  );
  if (!takesPart(runtimes, peers, chosen, quick)) {
    throw new OptionsError(
      `no contender is left: ${peers.join(", ")} on ${runtimes.join(", ")} ` +
        `takes part in none of the workloads that were chosen`,
    );
  }
  // Its results stand in the documents, which settings of one's own must not.
  const full = Object.keys(values).length === 0;
  return {
    runtimes,
    peers,
    workloads: chosen,
    duration: number("--duration", values.duration, quick ? 200 : 400, [
      50,
      60_000,
    ]),
    rounds: number("--rounds", values.rounds, quick ? 2 : 5, [1, 1000]),
    // It takes just-in-time compilers a second or two to be done.
    warmUp: quick ? 200 : 1_600,
    quick,
    full,
    output: values.output ?? `bench/results${full ? "" : "-partial"}`,
  };
}

function readFlags(given: string[]) {
  try {
    return parseArgs({
      args: given,
      options: {
        runtime: { type: "string" },
        peer: { type: "string" },
        workload: { type: "string" },
        duration: { type: "string" },
        rounds: { type: "string" },
        quick: { type: "boolean" },
        output: { type: "string" },
        help: { type: "boolean", short: "h" },
      },
    }).values;
  } catch (error) {
    throw new OptionsError(`${(error as Error).message}; see --help`);
  }
}

/** Those of the names that were asked for, in their own order. */
function choose<Name extends string>(
  flag: string,
  given: string | undefined,
  names: readonly Name[],
  beginnings = false,
): readonly Name[] {
  if (given === undefined) return names;
  const matches = (name: string, word: string) =>
    name === word || beginnings && name.startsWith(word);
  const words = given.split(",").map((word) => word.trim());
  for (const word of words) {
    if (word === "" || !names.some((name) => matches(name, word))) {
      throw new OptionsError(
        `${flag} knows no ${JSON.stringify(word)}, only ${names.join(", ")}`,
      );
    }
  }
  // An exact name means that one, also where others begin with it.
  const exact = words.map((word) =>
    names.includes(word as Name)
      ? { word, exact: true }
      : { word, exact: false }
  );
  return names.filter((name) =>
    exact.some(({ word, exact }) => exact ? name === word : matches(name, word))
  );
}

/** Whether any of the contenders is measured at all. */
function takesPart(
  runtimes: readonly RuntimeName[],
  peers: readonly string[],
  chosen: readonly string[],
  quick: boolean,
): boolean {
  const taking = contenders.filter((contender) =>
    peers.includes(contender.name) &&
    contender.runtimes.some((name) => runtimes.includes(name))
  );
  return workloads.some((workload) =>
    chosen.includes(workload.name) &&
    taking.some((contender) => workload.takesPart(contender, quick))
  );
}

function number(
  flag: string,
  given: string | undefined,
  otherwise: number,
  [least, most]: [least: number, most: number],
): number {
  if (given === undefined) return otherwise;
  const value = Number(given);
  if (!Number.isInteger(value) || value < least || value > most) {
    throw new OptionsError(
      `${flag} takes a whole number from ${least} to ${most}, not ${
        JSON.stringify(given)
      }`,
    );
  }
  return value;
}

function wrap(words: string[], indent: number): string {
  const lines: string[] = [""];
  for (const word of words) {
    const last = lines.length - 1;
    const separator = lines[last] === "" ? "" : ", ";
    if (lines[last].length + separator.length + word.length > 56) {
      lines[last] += ",";
      lines.push(word);
    } else lines[last] += separator + word;
  }
  return lines.join("\n" + " ".repeat(indent));
}
