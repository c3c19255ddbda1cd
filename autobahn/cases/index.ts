/** All cases in the order of their numbers, and what the sections are about. */
import type { Case } from "../case.ts";
import { autoFragmentCases } from "./auto_fragment.ts";
import { closeCases } from "./close.ts";
import { compressionCases, compressionSubcategories } from "./compression.ts";
import { fragmentationCases } from "./fragmentation.ts";
import { framingCases } from "./framing.ts";
import { limitCases } from "./limits.ts";
import { opcodeCases } from "./opcodes.ts";
import { pingCases } from "./pings.ts";
import { reservedBitsCases } from "./reserved_bits.ts";
import { utf8Cases, utf8Subcategories } from "./utf8.ts";

/**
 * All 517 cases, 1.1.1 to 13.7.18. A case's number in reports is its place in
 * this list, from 1.
 */
export const allCases: readonly Case[] = [
  ...framingCases,
  ...pingCases,
  ...reservedBitsCases,
  ...opcodeCases,
  ...fragmentationCases,
  ...utf8Cases,
  ...closeCases,
  ...limitCases,
  ...autoFragmentCases,
  ...compressionCases,
];

/** What the first part of a case's number stands for. */
export const caseCategories: Readonly<Record<string, string>> = {
  "1": "Framing",
  "2": "Pings and pongs",
  "3": "Reserved bits",
  "4": "Opcodes",
  "5": "Fragmentation",
  "6": "UTF-8",
  "7": "Closing handshake",
  "9": "Limits and performance",
  "10": "Automatic fragmentation",
  "12": "Compression: payloads",
  "13": "Compression: parameters",
};

/** What the first two parts of a case's number stand for. */
export const caseSubcategories: Readonly<Record<string, string>> = {
  "1.1": "Text messages",
  "1.2": "Binary messages",
  "4.1": "Data opcodes",
  "4.2": "Control opcodes",
  "6.1": "Valid text with empty fragments",
  "6.2": "Valid text, divided between and within code points",
  "6.3": "Invalid text",
  "6.4": "Invalid text, noticed as early as can be",
  ...utf8Subcategories,
  "7.1": "What follows a close frame",
  "7.3": "Length of a close frame",
  "7.5": "Reason of a close frame",
  "7.7": "Valid close codes",
  "7.9": "Invalid close codes",
  "7.13": "Undefined close codes",
  "9.1": "Text messages of growing size",
  "9.2": "Binary messages of growing size",
  "9.3": "Text messages in fragments of growing size",
  "9.4": "Binary messages in fragments of growing size",
  "9.5": "Text messages in chops of growing size",
  "9.6": "Binary messages in chops of growing size",
  "9.7": "Round trips of text messages",
  "9.8": "Round trips of binary messages",
  "10.1": "Text messages",
  ...compressionSubcategories,
};

const casesById = new Map(allCases.map((one) => [one.id, one]));
const numbersById = new Map(allCases.map((one, index) => [one.id, index + 1]));

/** The case with this number, such as `"5.17"`, or `undefined`. */
export function findCase(id: string): Case | undefined {
  return casesById.get(id);
}

/**
 * The place of a case in {@linkcode allCases}, from 1.
 *
 * @throws {RangeError} If there is no such case.
 */
export function caseNumberOf(id: string): number {
  const number = numbersById.get(id);
  if (number === undefined) {
    throw new RangeError(`there is no case "${id}"`);
  }
  return number;
}
