/** The cases and their places: what reports need to know of the suite. */

/** What reports say of a case where no result says it. */
export interface CatalogueCase {
  /** The case's number, such as `"5.17"`. */
  readonly id: string;
  /** What the case does. Plain text; lines are paragraphs. */
  readonly description: string;
  /** What it expects. Plain text; lines are paragraphs. */
  readonly expectation: string;
}

/** All the cases of the suite, whether they have been run or not. */
export interface CaseCatalogue {
  readonly cases: readonly CatalogueCase[];
  /** Names by number: `{ "5": "Fragmentation" }`. */
  readonly categories: Readonly<Record<string, string>>;
  /** Names by number: `{ "6.1": "Valid UTF-8, unfragmented" }`. */
  readonly subcategories: Readonly<Record<string, string>>;
}

/** What the reports are told besides the results. */
export interface ReportAbout {
  /** What made the reports, with its version: `"Weir 0.1.0"`. */
  readonly suite: string;
  /** When they were made, as an ISO 8601 date in UTC. */
  readonly generated: string;
  readonly catalogue: CaseCatalogue;
}

/** Whether this is a case's number: two or more decimal numbers and dots. */
export function isCaseId(text: string): boolean {
  return /^\d{1,4}(?:\.\d{1,4}){1,3}$/.test(text);
}

/** Orders case numbers by their parts: 2.9 before 2.10. */
export function compareCaseIds(one: string, other: string): number {
  const parts = one.split(".").map(Number);
  const otherParts = other.split(".").map(Number);
  for (const [index, part] of parts.entries()) {
    const difference = part - (otherParts[index] ?? -1);
    if (difference !== 0) return difference;
  }
  return parts.length - otherParts.length;
}

/** The number of a case's category: `"5"` for `"5.17"`. */
export function categoryOf(id: string): string {
  return id.split(".")[0];
}

/** The number that its subcategory would have: `"6.1"` for `"6.1.3"`. */
export function subcategoryOf(id: string): string {
  return id.split(".").slice(0, 2).join(".");
}

/** A category's name, with its number: `"5 Fragmentation"`. */
export function categoryTitle(catalogue: CaseCatalogue, id: string): string {
  const number = categoryOf(id);
  return `${number} ${ownValue(catalogue.categories, number) ?? "Other"}`;
}

/** A subcategory's name with its number, or `null` where it has none. */
export function subcategoryTitle(
  catalogue: CaseCatalogue,
  id: string,
): string | null {
  const number = subcategoryOf(id);
  const name = ownValue(catalogue.subcategories, number);
  return name === undefined ? null : `${number} ${name}`;
}

function ownValue(
  names: Readonly<Record<string, string>>,
  number: string,
): string | undefined {
  return Object.hasOwn(names, number) ? names[number] : undefined;
}
