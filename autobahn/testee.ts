/**
 * The client under test: goes through the cases of a fuzzing server with
 * Weir's `WebSocketStream`, sending back every message it gets.
 *
 *     deno run -A autobahn/testee.ts --url ws://127.0.0.1:9001 --agent Weir
 *     bun autobahn/testee.ts --url …
 *     node autobahn/testee.ts --url …
 *
 * It says nothing unless something is wrong that no verdict would show: a
 * fuzzing server that is not there, or that ends in the middle. What came of the
 * cases is in the server's reports.
 */

import { readFileSync } from "node:fs";
import process from "node:process";
import { parseArgs } from "node:util";
import { type WebSocketConnection, WebSocketStream } from "../mod.ts";
import { isWebSocketUrl } from "./configuration.ts";

const help = `Goes through the cases of a fuzzing server with Weir's client.

Usage: testee.ts --url URL [flags]

  --url URL         the fuzzing server, such as ws://127.0.0.1:9001
  --agent NAME      what the reports call this client (default Weir)
  --ca FILE         PEM certificate of an authority to trust for wss:
  --parallel COUNT  how many cases at the same time (default 1)
  --shutdown        have the server end when its reports are written
  --help            print this text`;

/** How long an answer may take that belongs to no case, in milliseconds. */
const patience = 60_000;

/** Where the cases are, and how to go through them. */
interface TesteeOptions {
  url: string;
  agent: string;
  caCerts: string[];
  parallel: number;
  shutdown: boolean;
}

try {
  const options = readOptions();
  const count = Number(await ask(options, "/getCaseCount"));
  if (!Number.isInteger(count) || count < 0) {
    throw new Error(`${options.url} did not say how many cases it has`);
  }
  await runCases(options, count);
  const reports = ask(options, "/updateReports");
  // A server that ends at once may not even answer.
  await (options.shutdown ? reports.catch(() => {}) : reports);
} catch (error) {
  stop(1, (error as Error).message);
}

/** Reads the command line; ends the process where there is nothing to run. */
function readOptions(): TesteeOptions {
  let values;
  try {
    ({ values } = parseArgs({
      options: {
        url: { type: "string" },
        agent: { type: "string", default: "Weir" },
        ca: { type: "string" },
        parallel: { type: "string", default: "1" },
        shutdown: { type: "boolean", default: false },
        help: { type: "boolean", default: false },
      },
    }));
  } catch (error) {
    return stop(2, (error as Error).message);
  }
  if (values.help) {
    console.log(help);
    process.exit(0);
  }
  if (values.url === undefined) return stop(2, "--url is missing, see --help");
  if (!isWebSocketUrl(values.url)) {
    const given = JSON.stringify(values.url);
    return stop(2, `--url must be a ws: or wss: URL, not ${given}`);
  }
  const parallel = Number(values.parallel);
  if (!Number.isInteger(parallel) || parallel < 1) {
    const given = JSON.stringify(values.parallel);
    return stop(2, `--parallel must be a number from 1, not ${given}`);
  }
  return {
    url: values.url,
    agent: values.agent,
    caCerts: values.ca === undefined ? [] : [readAuthority(values.ca)],
    parallel,
    shutdown: values.shutdown,
  };
}

/** Reads the certificate of an authority; ends the process where it cannot. */
function readAuthority(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch (error) {
    const { message } = error as Error;
    return stop(2, `--ca ${JSON.stringify(file)} cannot be read: ${message}`);
  }
}

/** Goes through all the cases, a few of them at the same time. */
async function runCases(options: TesteeOptions, count: number): Promise<void> {
  let next = 1;
  async function work(): Promise<void> {
    while (next <= count) await runCase(options, next++);
  }
  await Promise.all(Array.from({ length: options.parallel }, work));
}

/** Goes through one case. How it ends is for the server to judge. */
async function runCase(options: TesteeOptions, number: number): Promise<void> {
  const { opened, closed } = connect(options, "/runCase", number);
  let connection: WebSocketConnection;
  try {
    connection = await opened;
  } catch (error) {
    // Also a verdict, unless the server is gone.
    if ((error as { cause?: { code?: string } }).cause?.code !== undefined) {
      throw error;
    }
    return;
  }
  const { readable, writable } = connection;
  await Promise.allSettled([readable.pipeTo(writable), closed]);
}

/** Opens a connection that has no case, and returns the first message. */
async function ask(options: TesteeOptions, path: string): Promise<unknown> {
  const stream = connect(options, path);
  const late = setTimeout(
    () => stop(1, `${options.url}${path} took over ${patience / 1000} s`),
    patience,
  );
  const { readable } = await stream.opened;
  let first: unknown;
  for await (const message of readable) first ??= message;
  await stream.closed.catch(() => {});
  clearTimeout(late);
  return first;
}

/** Connects to one of the paths of the fuzzing server. */
function connect(
  { url, agent, caCerts, shutdown }: TesteeOptions,
  path: string,
  number?: number,
): WebSocketStream {
  const target = new URL(path, url);
  if (number !== undefined) target.searchParams.set("case", String(number));
  target.searchParams.set("agent", agent);
  if (shutdown && path === "/updateReports") {
    target.searchParams.set("shutdownOnComplete", "true");
  }
  return new WebSocketStream(target, { caCerts });
}

/** Says why it cannot go on, and ends. */
function stop(code: number, reason: string): never {
  console.error(`autobahn/testee.ts: ${reason}`);
  process.exit(code);
}
