/** JSON as the reference suite writes it, to the octet. */

/** An object whose keys are any strings at all, `"__proto__"` included. */
type Entries = ReadonlyMap<string, unknown>;

/**
 * Writes JSON as Python's `json.dumps` does with sorted keys, an indent of
 * three spaces and ASCII only. `undefined` values are left out; maps with
 * string keys are objects; half surrogate pairs become U+FFFD.
 */
export function referenceJson(value: unknown): string {
  return write(value, "\n");
}

function write(value: unknown, newLine: string): string {
  const deeper = newLine + "   ";
  if (typeof value === "string") return writeString(value);
  if (Array.isArray(value)) {
    const items = value.map((item) => write(item ?? null, deeper));
    return bracketed("[", items, "]", newLine);
  }
  if (typeof value === "object" && value !== null) {
    const entries: Entries = value instanceof Map
      ? value
      : new Map(Object.entries(value));
    const members = [...entries.keys()]
      .filter((key) => entries.get(key) !== undefined)
      .sort(compareKeys)
      .map((key) => `${writeString(key)}: ${write(entries.get(key), deeper)}`);
    return bracketed("{", members, "}", newLine);
  }
  return JSON.stringify(value);
}

function bracketed(
  open: string,
  items: readonly string[],
  close: string,
  newLine: string,
): string {
  if (items.length === 0) return open + close;
  const deeper = newLine + "   ";
  return open + deeper + items.join("," + deeper) + newLine + close;
}

function writeString(text: string): string {
  return JSON.stringify(text.toWellFormed()).replace(
    /[\u007f-\uffff]/g,
    (unit) => "\\u" + unit.charCodeAt(0).toString(16).padStart(4, "0"),
  );
}

/** Sizes and opcodes are numbers in the reference, and sorted as such. */
function compareKeys(one: string, other: string): number {
  if (isNumber(one) && isNumber(other)) return Number(one) - Number(other);
  return one < other ? -1 : one > other ? 1 : 0;
}

function isNumber(key: string): boolean {
  return /^\d+$/.test(key);
}
