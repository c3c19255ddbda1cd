/**
 * The configuration files of the reference suite: `fuzzingclient.json`, which
 * names servers to test, and `fuzzingserver.json`, which says where clients find
 * their cases.
 */

import { readFileSync } from "node:fs";
import type { AgentExclusion } from "./case_selection.ts";
import type { PeerTimeouts } from "./peer/peer_timers.ts";

/** A file that cannot be used. Its message is one line for the user. */
export class ConfigurationError extends Error {
  override name = "ConfigurationError";
}

/** A server that a file names. */
export interface TestedServer {
  /** What the reports call it; by default the host in its URL. */
  agent: string;
  /** A `ws:` or `wss:` URL. */
  url: string;
  /** The name to ask for in the TLS handshake, if not the URL's. */
  hostname?: string;
  /** The `Origin` header to send. */
  origin?: string;
  /** The subprotocols to offer. */
  protocols: string[];
  /** The file's timeouts, with those of this server over them. */
  timeouts: Partial<PeerTimeouts>;
}

/** What both files have. */
export interface CaseConfiguration {
  /** The folder for the reports themselves, or `undefined` for the default. */
  outdir: string | undefined;
  /** Patterns of case numbers, see `case_selection.ts`. */
  cases: string[];
  /** Patterns of what is left out. */
  excludeCases: string[];
  /** What is left out for single agents. */
  excludeAgentCases: AgentExclusion[];
  /** What of the file has no meaning here, a sentence each. */
  warnings: string[];
}

/** What a `fuzzingclient.json` says. */
export interface FuzzingClientConfiguration extends CaseConfiguration {
  kind: "client";
  servers: TestedServer[];
}

/** What a `fuzzingserver.json` says. */
export interface FuzzingServerConfiguration extends CaseConfiguration {
  kind: "server";
  /** Where to listen: `ws://hostname:port`, or `wss:`. */
  url: string;
  /** The subprotocols to agree to. */
  protocols: string[];
  timeouts: Partial<PeerTimeouts>;
  /** The PEM files for `wss:`. */
  certificateFile: string | undefined;
  privateKeyFile: string | undefined;
}

/** What a file says, of either kind. */
export type Configuration =
  | FuzzingClientConfiguration
  | FuzzingServerConfiguration;

const commonKeys = [
  "outdir",
  "cases",
  "exclude-cases",
  "exclude-agent-cases",
  "options",
];
const clientKeys = [...commonKeys, "servers"];
const serverKeys = [...commonKeys, "url", "protocols", "cert", "key"];
const testedServerKeys = [
  "agent",
  "url",
  "hostname",
  "origin",
  "protocols",
  "options",
];

/**
 * Reads a file.
 *
 * @param file Its path.
 * @throws {ConfigurationError} If it cannot be read or used.
 */
export function readConfiguration(file: string): Configuration {
  let text: string;
  try {
    text = readFileSync(file, "utf8");
  } catch (error) {
    const { code } = error as { code?: string };
    const why = code === "ENOENT" ? "no such file" : code ?? String(error);
    throw new ConfigurationError(
      `Cannot read ${JSON.stringify(file)}: ${why}`,
    );
  }
  return parseConfiguration(text, file);
}

/**
 * Makes sense of a file's text: one with `servers` is a `fuzzingclient.json`,
 * one with `url` a `fuzzingserver.json`.
 *
 * @param text JSON.
 * @param file The file's name, for messages.
 * @throws {ConfigurationError} If it cannot be used; it says where.
 */
export function parseConfiguration(text: string, file: string): Configuration {
  let content: unknown;
  try {
    content = JSON.parse(text);
  } catch (error) {
    throw new ConfigurationError(
      `${file} is not JSON: ` +
        (error as Error).message.replaceAll(/\s+/g, " "),
    );
  }
  const reader = new ObjectReader(file, "", content);
  const isClient = reader.has("servers");
  if (!isClient && !reader.has("url")) {
    throw new ConfigurationError(
      `${file} has neither "servers", which the fuzzing client tests, nor ` +
        `"url", where the fuzzing server listens`,
    );
  }
  reader.warnAboutUnknown(isClient ? clientKeys : serverKeys);
  const timeouts = readTimeouts(reader);
  const common: CaseConfiguration = {
    outdir: reader.text("outdir"),
    cases: reader.texts("cases") ?? ["*"],
    excludeCases: reader.texts("exclude-cases") ?? [],
    excludeAgentCases: readAgentExclusions(reader),
    warnings: reader.warnings,
  };
  if (isClient) {
    return {
      kind: "client",
      ...common,
      servers: readServers(reader, timeouts),
    };
  }
  const certificateFile = reader.text("cert");
  const privateKeyFile = reader.text("key");
  if ((certificateFile === undefined) !== (privateKeyFile === undefined)) {
    throw reader.error("cert", `and "key" need each other`);
  }
  return {
    kind: "server",
    ...common,
    url: reader.webSocketUrl("url"),
    protocols: reader.texts("protocols") ?? [],
    timeouts,
    certificateFile,
    privateKeyFile,
  };
}

function readServers(
  reader: ObjectReader,
  common: Partial<PeerTimeouts>,
): TestedServer[] {
  const servers = reader.objects("servers").map((server) => {
    server.warnAboutUnknown(testedServerKeys);
    const url = server.webSocketUrl("url");
    const optional = Object.fromEntries(
      ["hostname", "origin"]
        .map((key) => [key, server.text(key)] as const)
        .filter(([, value]) => value !== undefined),
    );
    return {
      agent: server.text("agent") ?? new URL(url).host,
      url,
      ...optional,
      protocols: server.texts("protocols") ?? [],
      timeouts: { ...common, ...readTimeouts(server) },
    };
  });
  if (servers.length === 0) throw reader.error("servers", "has no server");
  const names = servers.map(({ agent }) => agent);
  const twice = names.find((name, index) => names.indexOf(name) !== index);
  if (twice !== undefined) {
    throw reader.error(
      "servers",
      `has two agents ${JSON.stringify(twice)}: the reports need other names`,
    );
  }
  return servers;
}

/** The names that the reference has for timeouts. */
const timeoutNames: Record<string, keyof PeerTimeouts> = {
  openHandshakeTimeout: "openingHandshake",
  closeHandshakeTimeout: "closingHandshake",
  serverConnectionDropTimeout: "serverDrop",
};

/** Reads `options`, where the reference has seconds. */
function readTimeouts(reader: ObjectReader): Partial<PeerTimeouts> {
  const timeouts: Partial<PeerTimeouts> = {};
  const options = reader.object("options");
  if (options === undefined) return timeouts;
  for (const key of options.keys()) {
    if (Object.hasOwn(timeoutNames, key)) {
      timeouts[timeoutNames[key]] = 1000 * options.seconds(key);
    } else if (key === "version") {
      options.mustBe(key, [13, 14, 15, 16, 17, 18], "RFC 6455 is 13");
    } else if (key === "failByDrop") {
      options.mustBe(key, [false], "the cases need closing handshakes");
    } else {
      options.warn(key, "has no meaning here and is ignored");
    }
  }
  return timeouts;
}

function readAgentExclusions(reader: ObjectReader): AgentExclusion[] {
  const exclusions = reader.object("exclude-agent-cases");
  if (exclusions === undefined) return [];
  return exclusions.keys().map((agent) => ({
    agent,
    cases: exclusions.texts(agent) ?? [],
  }));
}

/** Reads a JSON object, and says where something in it is wrong. */
class ObjectReader {
  readonly warnings: string[];
  readonly #file: string;
  /** Where the object is in the file, such as `servers[0].`. */
  readonly #place: string;
  readonly #content: Record<string, unknown>;

  constructor(
    file: string,
    place: string,
    content: unknown,
    warnings: string[] = [],
  ) {
    if (
      typeof content !== "object" || content === null || Array.isArray(content)
    ) {
      const what = place === "" ? file : `${file}: ${place.slice(0, -1)}`;
      throw new ConfigurationError(
        `${what} must be an object, not ${JSON.stringify(content)}`,
      );
    }
    this.#file = file;
    this.#place = place;
    this.#content = content as Record<string, unknown>;
    this.warnings = warnings;
  }

  keys(): string[] {
    return Object.keys(this.#content);
  }

  has(key: string): boolean {
    return Object.hasOwn(this.#content, key);
  }

  error(key: string, what: string): ConfigurationError {
    return new ConfigurationError(`${this.#where(key)} ${what}`);
  }

  warn(key: string, what: string): void {
    this.warnings.push(`${this.#where(key)} ${what}`);
  }

  warnAboutUnknown(known: readonly string[]): void {
    for (const key of this.keys()) {
      if (known.includes(key)) continue;
      this.warn(key, `is unknown and ignored; known are ${known.join(", ")}`);
    }
  }

  text(key: string): string | undefined {
    const value = this.#get(key);
    if (value === undefined || value === null) return undefined;
    if (typeof value !== "string" || value === "") {
      throw this.error(key, `must be a text, not ${JSON.stringify(value)}`);
    }
    return value;
  }

  texts(key: string): string[] | undefined {
    const value = this.#get(key);
    if (value === undefined || value === null) return undefined;
    if (
      !Array.isArray(value) ||
      value.some((item) => typeof item !== "string" || item === "")
    ) {
      throw this.error(
        key,
        `must be a list of texts, not ${JSON.stringify(value)}`,
      );
    }
    return value;
  }

  seconds(key: string): number {
    const value = this.#get(key);
    if (typeof value !== "number" || !(value > 0)) {
      throw this.error(
        key,
        `must be seconds, a number above 0, not ${JSON.stringify(value)}`,
      );
    }
    return value;
  }

  mustBe(key: string, allowed: readonly unknown[], why: string): void {
    if (allowed.includes(this.#get(key))) return;
    throw this.error(
      key,
      `must be ${allowed.join(" or ")}, not ` +
        `${JSON.stringify(this.#get(key))}: ${why}`,
    );
  }

  webSocketUrl(key: string): string {
    const value = this.text(key);
    if (value === undefined) throw this.error(key, "is missing");
    if (!isWebSocketUrl(value)) {
      throw this.error(
        key,
        `must be a ws: or wss: URL, not ${JSON.stringify(value)}`,
      );
    }
    return value;
  }

  object(key: string): ObjectReader | undefined {
    const value = this.#get(key);
    if (value === undefined || value === null) return undefined;
    return this.#reader(`${this.#place}${key}.`, value);
  }

  objects(key: string): ObjectReader[] {
    const value = this.#get(key);
    if (!Array.isArray(value)) {
      throw this.error(key, `must be a list, not ${JSON.stringify(value)}`);
    }
    return value.map((item, index) =>
      this.#reader(`${this.#place}${key}[${index}].`, item)
    );
  }

  #reader(place: string, content: unknown): ObjectReader {
    return new ObjectReader(this.#file, place, content, this.warnings);
  }

  #get(key: string): unknown {
    return this.has(key) ? this.#content[key] : undefined;
  }

  #where(key: string): string {
    return `${this.#file}: ${this.#place}${key}`;
  }
}

/** Whether a text is an absolute `ws:` or `wss:` URL. */
export function isWebSocketUrl(text: string): boolean {
  return URL.canParse(text) && /^wss?:\/\//i.test(text);
}
