/** One case's JSON file, in the reference's layout. */

import type { CaseResult, WireLogEntry } from "../case_result.ts";
import { isCaseId } from "./catalogue.ts";
import { referenceJson } from "./reference_json.ts";
import { behaviors, closeBehaviors } from "./verdict.ts";

/** The text of a case's JSON file. */
export function caseJson(result: CaseResult): string {
  return referenceJson(result);
}

/**
 * Reads a case's JSON file, of ours or of the reference suite.
 *
 * @returns `null` where it is not such a file, or is damaged.
 */
export function readCaseJson(text: string): CaseResult | null {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return null;
  }
  return isCaseResult(value) ? value : null;
}

type Check = (value: unknown) => boolean;

const isText: Check = (value) => typeof value === "string";
const isNumber: Check = (value) => typeof value === "number";
const isTruth: Check = (value) => typeof value === "boolean";
const isObject: Check = (value) =>
  typeof value === "object" && value !== null && !Array.isArray(value);
const orNull = (check: Check): Check => (value) =>
  value === null || check(value);
const isCounts: Check = (value) =>
  isObject(value) && Object.values(value as object).every(isNumber);
const isEvents: Check = (value) => Array.isArray(value) && value.every(isEvent);

/** What the pages rely on: a damaged file is left out, never half shown. */
const checks = {
  case: isNumber,
  id: (value) => typeof value === "string" && isCaseId(value),
  description: isText,
  expectation: isText,
  agent: isText,
  started: isText,
  duration: isNumber,
  reportTime: isTruth,
  reportCompressionRatio: isTruth,
  behavior: (value) => Object.hasOwn(behaviors, String(value)),
  behaviorClose: (value) => Object.hasOwn(closeBehaviors, String(value)),
  expected: (value) =>
    isObject(value) && Object.values(value as object).every(isEvents),
  expectedClose: (value) => isObject(value) && isExpectedClose(value as object),
  received: isEvents,
  result: isText,
  resultClose: isText,
  wirelog: (value) => Array.isArray(value) && value.every(isWireLogEntry),
  createWirelog: isTruth,
  closedByMe: isTruth,
  failedByMe: isTruth,
  droppedByMe: isTruth,
  wasClean: isTruth,
  wasNotCleanReason: orNull(isText),
  wasServerConnectionDropTimeout: isTruth,
  wasOpenHandshakeTimeout: isTruth,
  wasCloseHandshakeTimeout: isTruth,
  localCloseCode: orNull(isNumber),
  localCloseReason: orNull(isText),
  remoteCloseCode: orNull(isNumber),
  remoteCloseReason: orNull(isText),
  isServer: isTruth,
  createStats: isTruth,
  rxOctetStats: isCounts,
  rxFrameStats: isCounts,
  txOctetStats: isCounts,
  txFrameStats: isCounts,
  httpRequest: isText,
  httpResponse: isText,
  trafficStats: orNull((value) =>
    isObject(value) && Object.values(value as object).every(orNull(isNumber))
  ),
} satisfies Partial<Record<keyof CaseResult, Check>>;

function isCaseResult(value: unknown): value is CaseResult {
  return isObject(value) &&
    Object.entries(checks).every(([key, check]) =>
      check((value as Record<string, unknown>)[key])
    );
}

function isExpectedClose(value: CaseResult["expectedClose"]): boolean {
  const { closeCode = [] } = value;
  return Array.isArray(closeCode) && closeCode.every(isNumber);
}

function isEvent(value: unknown): boolean {
  if (!Array.isArray(value)) return false;
  const [kind, content, isBinary] = value;
  if (kind === "message") return isText(content) && isTruth(isBinary);
  return ["ping", "pong", "timeout"].includes(kind) && isText(content);
}

const isOctets: Check = (value) =>
  Array.isArray(value) && isNumber(value[0]) && isText(value[1]);

/** What follows the kind in each row of a wire log. */
const wireLogChecks: Record<WireLogEntry[0], readonly Check[]> = {
  RO: [isOctets],
  TO: [isOctets, isTruth],
  RF: [isOctets, isNumber, isTruth, isNumber, isTruth, orNull(isText)],
  TF: [
    isOctets,
    isNumber,
    isTruth,
    isNumber,
    orNull(isText),
    orNull(isNumber),
    orNull(isNumber),
    isTruth,
  ],
  CT: [isNumber, orNull(isText)],
  CTE: [orNull(isText)],
  KL: [isNumber],
  KLE: [],
  TI: [isNumber],
  TIE: [],
  WLM: [isTruth],
};

function isWireLogEntry(value: unknown): boolean {
  if (!Array.isArray(value)) return false;
  const [kind, ...fields] = value;
  return Object.hasOwn(wireLogChecks, kind) &&
    wireLogChecks[kind as WireLogEntry[0]].every((check, index) =>
      check(fields[index])
    );
}
