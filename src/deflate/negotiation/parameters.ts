/**
 * The parameters of permessage-deflate in a header (RFC 7692 section 7.1), for
 * either side.
 *
 * @module
 */
import type {
  ExtensionOffer,
  ExtensionParameter,
} from "../../handshake/extension_header.ts";
import { quote } from "../../handshake/header_syntax.ts";

/**
 * The extension's name (RFC 7692 section 7). It is compared as it is written,
 * case included, like its parameters.
 */
export const extensionName = "permessage-deflate";

/** The parameters of an offer or a response as they were stated. */
export interface StatedParameters {
  /** Whether it is stated. */
  serverNoContextTakeover: boolean;
  /** Whether it is stated. */
  clientNoContextTakeover: boolean;
  /** `null` where nothing is said of it. */
  serverMaxWindowBits: number | null;
  /** `"any"` stands for the name without a value, which only offers have. */
  clientMaxWindowBits: number | "any" | null;
}

/** Reads parameters, or says what is wrong with them. */
export function readParameters(
  parameters: readonly ExtensionParameter[],
  where: "offer" | "response",
): StatedParameters | string {
  const stated: StatedParameters = {
    serverNoContextTakeover: false,
    clientNoContextTakeover: false,
    serverMaxWindowBits: null,
    clientMaxWindowBits: null,
  };
  const seen = new Set<string>();
  for (const { name, value } of parameters) {
    const bits = windowBits(value);
    switch (name) {
      case "server_no_context_takeover":
        if (value !== null) return wrongValue(name, value, "no value");
        stated.serverNoContextTakeover = true;
        break;
      case "client_no_context_takeover":
        if (value !== null) return wrongValue(name, value, "no value");
        stated.clientNoContextTakeover = true;
        break;
      case "server_max_window_bits":
        if (bits === null) return wrongValue(name, value, "8 to 15");
        stated.serverMaxWindowBits = bits;
        break;
      case "client_max_window_bits":
        if (value === null && where === "offer") {
          stated.clientMaxWindowBits = "any";
          break;
        }
        if (bits === null) return wrongValue(name, value, "8 to 15");
        stated.clientMaxWindowBits = bits;
        break;
      default:
        return `${extensionName} has no parameter ${quote(name)}`;
    }
    if (seen.has(name)) return `the parameter ${name} occurs twice`;
    seen.add(name);
  }
  return stated;
}

/** Reads a decimal integer from 8 to 15 without leading zeros. */
function windowBits(value: string | null): number | null {
  const bits = Number(value);
  return String(bits) === value && Number.isInteger(bits) && bits >= 8 &&
      bits <= 15
    ? bits
    : null;
}

function wrongValue(
  name: string,
  value: string | null,
  expected: string,
): string {
  return `the parameter ${name} has ${
    value === null ? "no value" : `the value ${quote(value)}`
  } where ${expected} is expected`;
}

/** Writes parameters in the order in which section 7.1 has them. */
export function formatParameters(stated: StatedParameters): ExtensionOffer {
  const parameters: ExtensionParameter[] = [];
  const add = (name: string, value: string | null = null) =>
    parameters.push({ name, value });
  if (stated.serverNoContextTakeover) add("server_no_context_takeover");
  if (stated.clientNoContextTakeover) add("client_no_context_takeover");
  if (stated.serverMaxWindowBits !== null) {
    add("server_max_window_bits", String(stated.serverMaxWindowBits));
  }
  if (stated.clientMaxWindowBits === "any") {
    add("client_max_window_bits");
  } else if (stated.clientMaxWindowBits !== null) {
    add("client_max_window_bits", String(stated.clientMaxWindowBits));
  }
  return { name: extensionName, parameters };
}

/** The window's bits where nothing limits them. */
export const largestWindowBits = 15;

/** What stated bits come to. */
export function limit(bits: number | "any" | null): number {
  return typeof bits === "number" ? bits : largestWindowBits;
}

/** How bits are stated: not at all where they limit nothing. */
export function unlessLargest(bits: number): number | null {
  return bits === largestWindowBits ? null : bits;
}
