/**
 * Values in the texts of errors.
 *
 * @module
 */

/** How many characters of a string are shown. */
const shownLength = 100;

/**
 * Says what a value is, for an error that refuses it.
 *
 * @param value Anything; a long string is cut.
 */
export function describe(value: unknown): string {
  if (typeof value === "function") return "a function";
  if (typeof value === "string") {
    const text = JSON.stringify(value.slice(0, shownLength));
    return `${text}${value.length > shownLength ? "…" : ""}`;
  }
  if (value === null || typeof value !== "object") return String(value);
  return `an object of type ${value.constructor?.name ?? "null"}`;
}
