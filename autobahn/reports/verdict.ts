/** How verdicts are called on the pages, what they mean, which are good. */

import type { Behavior, BehaviorClose, CaseResult } from "../case_result.ts";

/** The colours that verdicts have on the pages. */
export type Tone =
  | "passed"
  | "information"
  | "lenient"
  | "unimplemented"
  | "failed";

/** How a verdict is shown. Never by its tone alone. */
export interface VerdictText {
  readonly tone: Tone;
  /** A sign that differs from tone to tone, for those who see no colours. */
  readonly sign: string;
  readonly label: string;
  readonly meaning: string;
}

/** The verdicts on the case itself, best first. */
export const behaviors: Readonly<Record<Behavior, VerdictText>> = {
  "OK": {
    tone: "passed",
    sign: "✓",
    label: "Pass",
    meaning: "What was observed is what the specification asks for.",
  },
  "INFORMATIONAL": {
    tone: "information",
    sign: "i",
    label: "Info",
    meaning:
      "The specification leaves this open; the case only shows what the agent does.",
  },
  "NON-STRICT": {
    tone: "lenient",
    sign: "≈",
    label: "Non-strict",
    meaning:
      "Conforming, but not as strict, or not as early, as the specification recommends.",
  },
  "UNIMPLEMENTED": {
    tone: "unimplemented",
    sign: "○",
    label: "Unimplemented",
    meaning:
      "The agent did not agree to the extension that the case needs, so nothing was tested.",
  },
  "FAILED": {
    tone: "failed",
    sign: "✗",
    label: "Fail",
    meaning:
      "The specification is violated; in the cases of category 9, a limit was reached or time ran out.",
  },
};

/** The verdicts on how the connection was closed, best first. */
export const closeBehaviors: Readonly<Record<BehaviorClose, VerdictText>> = {
  "OK": {
    tone: "passed",
    sign: "✓",
    label: "Clean",
    meaning:
      "The connection was closed by the right side and in the right way.",
  },
  "INFORMATIONAL": {
    tone: "information",
    sign: "i",
    label: "Info",
    meaning: "How it was closed is shown, but not judged.",
  },
  "WRONG CODE": {
    tone: "lenient",
    sign: "≠",
    label: "Wrong code",
    meaning: "The agent's close code is not one that the case allows.",
  },
  "FAILED BY CLIENT": {
    tone: "lenient",
    sign: "≈",
    label: "By client",
    meaning:
      "The client dropped TCP, where the specification wants the server to do so first.",
  },
  "UNCLEAN": {
    tone: "failed",
    sign: "!",
    label: "Unclean",
    meaning:
      "TCP ended without close frames in both directions, or was not dropped by the server.",
  },
  "FAILED": {
    tone: "failed",
    sign: "✗",
    label: "Fail",
    meaning: "The wrong side closed the connection, or it was never opened.",
  },
};

/** Whether a verdict counts as success: OK and INFORMATIONAL do. */
export function isGoodVerdict(verdict: Behavior | BehaviorClose): boolean {
  return verdict === "OK" || verdict === "INFORMATIONAL";
}

/** Whether both verdicts of a result count as success. */
export function isGood(
  result: Pick<CaseResult, "behavior" | "behaviorClose">,
): boolean {
  return isGoodVerdict(result.behavior) && isGoodVerdict(result.behaviorClose);
}
